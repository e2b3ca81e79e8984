"""Chat templates as models ship them: where they lie, and what form of a conversation they read."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ttscale.types import Message

PROCESSORS_FILE = "chat_template.json"
"""Where models that also see pictures may keep their template: with the processor, where no tokenizer looks."""


def processors_template(tokenizer: Any, revision: str | None) -> str | None:
    """Return the template that lies with the processor of a tokenizer's model, if there is one."""
    source = getattr(tokenizer, "name_or_path", None)
    if not source:
        return None
    from transformers.utils.hub import cached_file

    try:
        path = cached_file(
            source, PROCESSORS_FILE, revision=revision, _raise_exceptions_for_missing_entries=False
        )
    except OSError:  # the tokenizer came from elsewhere, or nobody can be asked
        return None
    return None if path is None else read_processors(Path(path))


def read_processors(path: Path) -> str | None:
    """Return the template in a processor's file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["chat_template"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, str) else None


def written(render: Callable[[list[dict[str, Any]]], str], conversation: Sequence[Message]) -> str:
    """Return a conversation as a template writes it.

    Templates of models that also see pictures may expect a turn's content as a list of parts, and write nothing of a text.
    """
    last = conversation[-1].content.strip()
    text = render([{"role": turn.role, "content": turn.content} for turn in conversation])
    if last in text:
        return text
    parts = render(
        [{"role": turn.role, "content": [{"type": "text", "text": turn.content}]} for turn in conversation]
    )
    return parts if last in parts else text
