"""The first prompt as the model will see it, before any engine is loaded.

Engines render chat templates with their own tokenizers; this reads the same template from the model's folder, with Jinja alone
and in a fraction of a second. A test holds both together.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from ttscale.errors import SamplerError
from ttscale.samplers.conversations import turns_of
from ttscale.samplers.locate import locate_model
from ttscale.samplers.settings import ModelSettings
from ttscale.samplers.templates import PROCESSORS_FILE, read_processors, written
from ttscale.types import Message, Problem

_SPECIAL = ("bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token")


_HERE = frozenset({"vllm", "transformers", "none installed"})
"""Engines that load a model's folder here, and what stands for one that is not installed."""
_ELSEWHERE = {"openai": "the server writes it with its own template", "replay": "as stored"}


@dataclass(frozen=True, slots=True)
class Preview:
    """A prompt, and who has written it so.

    Attributes:
        text: What the model reads, or the turns of a conversation where only the engine can tell.
        how: In a few words.
    """

    text: str
    how: str


def preview(model: ModelSettings, problem: Problem, *, engine: str) -> Preview:
    """Return a problem's prompt as the model will see it.

    Args:
        model: Its settings.
        problem: Any problem of the cell.
        engine: The sampler's name, or what stands for it where none is installed.

    Raises:
        SamplerError: A model folder that is not there, or a template that cannot be rendered.
    """
    turns = turns_of(problem, model.system_prompt)
    as_turns = "\n".join(f"[{turn.role}] {turn.content}" for turn in turns)
    if engine not in _HERE:
        return Preview(as_turns, _ELSEWHERE.get(engine, "its sampler writes it"))
    located = Path(locate_model(model.path))
    if not located.is_dir():
        return Preview(as_turns, "a hub model: its own template, if it has one, comes around it")
    template = _template(located)
    if template is None or model.chat_template is False:
        plain = problem.messages is None and model.system_prompt is None
        why = "no chat template" if template is None else "model.chat_template is false"
        return Preview(problem.prompt or "" if plain else as_turns, f"as it is: {why}")
    return Preview(
        _rendered(template, turns, located, model.chat_template_options), "with the model's chat template"
    )


def _template(folder: Path) -> str | None:
    """Return a folder's chat template: a file of its own, or in the tokenizer's configuration, perhaps among several."""
    own = folder / "chat_template.jinja"
    if own.is_file():
        return own.read_text(encoding="utf-8")
    found = _tokenizer_config(folder).get("chat_template")
    if isinstance(found, list):
        named = {one.get("name"): one.get("template") for one in found if isinstance(one, Mapping)}
        found = named.get("default")
    return found if isinstance(found, str) else read_processors(folder / PROCESSORS_FILE)


def _tokenizer_config(folder: Path) -> Mapping[str, Any]:
    try:
        read = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, Mapping) else {}


def _rendered(template: str, turns: tuple[Message, ...], folder: Path, options: Mapping[str, Any]) -> str:
    from jinja2 import TemplateError

    config = _tokenizer_config(folder)
    special = {name: _token(config[name]) for name in _SPECIAL if config.get(name) is not None}
    try:
        compiled = _environment().from_string(template)
        return written(
            lambda messages: str(
                compiled.render(messages=messages, add_generation_prompt=True, **special, **options)
            ),
            turns,
        )
    except (TemplateError, TypeError, ValueError, RecursionError) as error:
        raise SamplerError(f"The chat template of {folder} cannot be rendered: {error}") from error


def _environment() -> Any:
    """Return what chat templates may use: Jinja without a way out, and the few helpers that they know."""
    from jinja2.ext import Extension, loopcontrols
    from jinja2.nodes import Node
    from jinja2.parser import Parser
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """Templates mark what the assistant says, for training: to a reader the mark is nothing."""

        tags = {"generation"}  # noqa: RUF012 - as its base class declares it

        def parse(self, parser: Parser) -> list[Node]:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, Generation]
    )
    environment.filters["tojson"] = lambda value, **how: json.dumps(value, ensure_ascii=False, **how)
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = lambda form: datetime.now(UTC).strftime(form)
    return environment


def _token(value: Any) -> str:
    return str(value["content"] if isinstance(value, Mapping) else value)


def _refuse(message: str) -> NoReturn:
    raise ValueError(message)
