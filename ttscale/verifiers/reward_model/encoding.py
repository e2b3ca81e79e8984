"""From a passage to token ids, and where a reward is read."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ttscale.errors import VerifierError
from ttscale.plain_files import user_path
from ttscale.types import Message
from ttscale.verifiers.reward_model.options import Passage, RewardModelOptions

SEQUENCE, TOKEN = "ForSequenceClassification", "ForTokenClassification"


@dataclass(frozen=True, slots=True)
class Encoded:
    """One text for the model.

    Attributes:
        ids: Its tokens.
        positions: Where the head's logits are read; None: the model pools them itself.
    """

    ids: tuple[int, ...]
    positions: tuple[int, ...] | None


class PassageEncoder:
    """Writes passages as a model was trained to read them.

    Args:
        tokenizer: The model's.
        options: Of the verifier.
        per_token: Whether the model has logits for every token.
    """

    def __init__(self, tokenizer: Any, options: RewardModelOptions, *, per_token: bool) -> None:
        self._tokenizer = tokenizer
        self._options = options
        self._per_token = per_token
        asked = options.chat_template
        self._as_chat = bool(tokenizer.chat_template) if asked == "auto" else asked

    def encode(self, passage: Passage) -> list[Encoded]:
        """Return the texts whose rewards, in order, are those of the passage's steps."""
        if self._per_token:
            return [self._with_step_ends(passage)]
        return [
            Encoded(self._whole(passage.turns, text), None) for text in beginnings(passage, self._options)
        ]

    def _whole(self, turns: Sequence[Message], text: str) -> tuple[int, ...]:
        """Encode problem and completion as one text."""
        if not self._as_chat:
            return self._ids("".join(turn.content for turn in turns) + text, special=True)
        conversation = [*_as_dicts(turns), {"role": "assistant", "content": text}]
        return self._ids(self._tokenizer.apply_chat_template(conversation, tokenize=False), special=False)

    def _with_step_ends(self, passage: Passage) -> Encoded:
        """Encode the steps one by one, so that no token reaches over the end of a step."""
        ids = list(self._prompt(passage.turns))
        end = self._ids(self._options.step_token or self._options.separator, special=False)
        positions = []
        for step in passage.steps:
            ids += (*self._ids(step, special=False), *end)
            positions.append(len(ids) - 1)
        return Encoded(tuple(ids), tuple(positions))

    def _prompt(self, turns: Sequence[Message]) -> tuple[int, ...]:
        if not self._as_chat:
            return self._ids("".join(turn.content for turn in turns), special=True)
        text = self._tokenizer.apply_chat_template(
            _as_dicts(turns), tokenize=False, add_generation_prompt=True
        )
        return self._ids(text, special=False)

    def _ids(self, text: str, *, special: bool) -> tuple[int, ...]:
        return tuple(self._tokenizer(text, add_special_tokens=special)["input_ids"])


def beginnings(passage: Passage, options: RewardModelOptions) -> list[str]:
    """Return the completion up to the end of each step; the whole of it comes last."""
    return [options.separator.join(passage.steps[: count + 1]) for count in range(len(passage.steps))]


def head_of(path: str, architectures: Sequence[str]) -> str:
    """Return which kind of classification head a model has.

    Raises:
        VerifierError: It has none.
    """
    for head in (SEQUENCE, TOKEN):
        if any(name.endswith(head) for name in architectures):
            return head
    raise VerifierError(
        f"'{path}' is no reward model ({', '.join(architectures) or 'no architecture named'}). "
        f"Give a model with a head for sequence or token classification, or use the verifier 'judge'."
    )


def check_folder(path: str) -> None:
    """Refuse a local path that holds no model; a hub id passes.

    Raises:
        VerifierError: It looks like a folder and is none, or has no config.json.
    """
    folder = user_path(path, VerifierError)
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise VerifierError(f"Reward model '{path}' is no model folder: it has no config.json.")
    elif path.startswith((".", "/", "~")) or path.count("/") > 1:
        raise VerifierError(f"Reward model folder '{path}' does not exist. Correct 'path', or give a hub id.")


def weights_bytes(path: str) -> int | None:
    """Return the size of a local model's weights, or None where it cannot be told."""
    folder = user_path(path, VerifierError)
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        try:
            return int(json.loads(index.read_text(encoding="utf-8"))["metadata"]["total_size"])
        except (ValueError, KeyError, TypeError):
            return None
    sizes = [file.stat().st_size for file in folder.glob("*.safetensors")]
    return sum(sizes) or None


def _as_dicts(turns: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": turn.role, "content": turn.content} for turn in turns]
