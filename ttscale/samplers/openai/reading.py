"""From a server's answer to choices, whatever it holds: nothing that a server may send leaves a wrong sample or none for others.

One choice that cannot be read, or that the server broke off, is no sample and is drawn again; the others of its answer stay.
Reasons to finish go through one table: those of `ttscale.types.TRUNCATED` are truncated, those that `is_broken_off` knows are the
server's and not the model's, and any other is kept as it is.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from ttscale.samplers.channels import with_reasoning
from ttscale.types import TRUNCATED

_BROKEN_OFF = re.compile(
    r"abort|error|cancel|fail|insufficient|overload|unavailable|interrupt|preempt|disconnect|time_?d?_?out|shut_?down|"
    r"dropped|killed|crash|exception|malformed|network",
    re.IGNORECASE,
)
_LONGEST_REASON = 100
_LARGEST_COUNT = 2**31 - 1
_LARGEST_FLOAT = 3e38
"""What is stored has 32 bits."""
_THOUGHTS = ("thinking", "reasoning")
"""Types of parts of a content that are no part of the answer."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One completion of an answer."""

    index: int | None
    text: str
    finish_reason: str
    logprobs: tuple[float, ...] | None
    n_tokens: int
    top_logprobs: NDArray[np.float32] | None = field(default=None, compare=False)
    token_ids: tuple[int, ...] | None = None
    """Where the server tells them, the end token included."""
    stop_text: str | None = None
    """The text that ended it, where the server says so."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server sent back; token counts are None where it does not say."""

    choices: list[Choice]
    prompt_tokens: int | None
    cached_tokens: int | None
    completion_tokens: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads answers of one endpoint.

    Attributes:
        chat: Whether it is the chat endpoint.
        keep_reasoning: Whether a reasoning that the server gives apart is put before the completion.
        keep_top_logprobs: How many of the most probable tokens are kept, 0 for none.
    """

    chat: bool
    keep_reasoning: bool
    keep_top_logprobs: int

    def read(self, answer: Any) -> Answer:
        """Read an answer; choices that are no samples are left out.

        Raises:
            ValueError, KeyError, TypeError: It is not of the agreed shape, or has no choice that is a sample.
        """
        if "choices" not in answer and "error" in answer:
            raise ValueError(f"an error inside a success: {answer['error']}")
        usage = _mapping(answer.get("usage"))
        details = _mapping(usage.get("prompt_tokens_details"))
        total = count(usage.get("completion_tokens"))
        read, records = self._samples(answer["choices"], is_counted=bool(usage))
        of_all = (
            total if len(read) == len(answer["choices"]) else None
        )  # else it counts what was broken off, too
        counts = token_counts(read, [_own_count(record) for record in records], of_all)
        return Answer(
            [replace(choice, n_tokens=n) for choice, n in zip(read, counts, strict=True)],
            count(usage.get("prompt_tokens")),
            count(details.get("cached_tokens")),
            total,
        )

    def _samples(self, records: Any, *, is_counted: bool) -> tuple[list[Choice], list[Mapping[str, Any]]]:
        if not isinstance(records, list):
            raise TypeError("its choices are no list")
        read: list[tuple[Choice, Mapping[str, Any]]] = []
        failure: Exception | None = None
        for record in records:
            try:
                read.append((self._choice(record, is_counted=is_counted), record))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                failure = error
        if failure is not None and not read:
            raise failure
        return [choice for choice, _ in read], [record for _, record in read]

    def _choice(self, choice: Mapping[str, Any], *, is_counted: bool) -> Choice:
        reason = _reason(choice.get("finish_reason"))
        if choice.get("error"):
            raise ValueError(f"the server broke the completion off: {choice['error']}")
        if is_broken_off(reason):
            raise ValueError(f"the server broke the completion off ('{reason}')")
        text, record, k = self._text(choice, reason), choice.get("logprobs"), self.keep_top_logprobs
        if text is None and reason == "stop" and not is_counted:
            raise ValueError("a text is null, and nothing says that the model ended there")
        top = _top_logprobs(record, k) if k else None
        stop_text = _string_or_none(choice.get("stop_reason"))
        ids = _token_ids(choice.get("token_ids"))
        return Choice(
            _index(choice.get("index")), text or "", reason, _logprobs(record), 0, top, ids, stop_text
        )

    def _text(self, choice: Mapping[str, Any], reason: str) -> str | None:
        """Return the text with its reasoning; None where there is neither."""
        if not self.chat:
            return _string(choice["text"])
        message = choice["message"]
        if message is None:
            if reason in ("stop", "unknown"):
                raise ValueError("a message is null")
            return ""  # what a filter held back
        content, thought = _parts(message.get("content"))
        reasoning = thought or _string(message.get("reasoning") or message.get("reasoning_content"))
        if not reasoning or not self.keep_reasoning:
            return content
        return with_reasoning(reasoning, content or "", is_cut=reason in TRUNCATED)


def is_broken_off(reason: str) -> bool:
    """Say whether a reason to finish is the server's and not the model's: such a text is no sample.

    >>> is_broken_off("insufficient_system_resource"), is_broken_off("content_filter"), is_broken_off("max_tokens")
    (True, False, False)
    """
    return _BROKEN_OFF.search(reason) is not None


def count(value: Any) -> int | None:
    """Return a number of tokens as a server may write it, None for what is none.

    >>> count(12), count("12"), count(12.0), count(-1), count(1e30), count(None)
    (12, 12, 12, None, None, None)
    """
    if isinstance(value, str) and re.fullmatch(r"\d{1,10}", value, re.ASCII):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LARGEST_COUNT:
        return None
    return int(value)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _reason(value: Any) -> str:
    """Return a reason to finish as text that can be stored."""
    text = (
        value
        if isinstance(value, str)
        else ("" if value is None or isinstance(value, list | dict) else str(value))
    )
    return text.encode(errors="replace").decode()[:_LONGEST_REASON] or "unknown"


def _index(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _token_ids(value: Any) -> tuple[int, ...] | None:
    is_list = isinstance(value, list) and all(isinstance(token, int) for token in value)
    return tuple(value) if is_list else None


def _string_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _string(value: Any) -> str | None:
    """Return a text, None for null; anything else is no text."""
    if value is not None and not isinstance(value, str):
        raise TypeError(f"a text is {type(value).__name__}")
    return value


def _parts(content: Any) -> tuple[str | None, str]:
    """Return the answer and the reasoning of a content: a text, or a list of parts."""
    if not isinstance(content, list):
        return _string(content), ""
    answer: list[str] = []
    thought: list[str] = []
    for part in content:
        kind = part.get("type") if isinstance(part, Mapping) else "text"
        (thought if kind in _THOUGHTS else answer).append(_text_of_part(part))
    return "".join(answer), "".join(thought)


def _text_of_part(part: Any) -> str:
    """Return the text of a part, which may hold parts again; one that has no text, such as an image, says nothing."""
    if isinstance(part, str):
        return part
    if isinstance(part, list):
        return "".join(map(_text_of_part, part))
    inner = next((part[name] for name in ("text", *_THOUGHTS, "content") if part.get(name) is not None), "")
    return _text_of_part(inner) if isinstance(inner, str | list) else ""


def _logprobs(record: Any) -> tuple[float, ...] | None:
    """Return the drawn tokens' log-probabilities from either endpoint's record; None where one is unknown.

    A server may write null for minus infinity.
    """
    values = _listed_logprobs(record)
    if values is None or not all(_is_finite(value) for value in values):
        return None
    return tuple(float(value) for value in values)


def _listed_logprobs(record: Any) -> list[Any] | None:
    found = _mapping(record)
    if isinstance(found.get("content"), list):
        return [_mapping(token).get("logprob") for token in found["content"]]
    listed = found.get("token_logprobs")
    return listed if isinstance(listed, list) else None


def _is_finite(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST_FLOAT


def _top_logprobs(record: Any, k: int) -> NDArray[np.float32] | None:
    """Return the k greatest log-probabilities at every token from either endpoint's record, (T, k); NaN where fewer are listed."""
    found = _mapping(record)
    if isinstance(found.get("content"), list):
        tokens = [_mapping(token).get("top_logprobs") or () for token in found["content"]]
        listed = [[_mapping(entry).get("logprob") for entry in entries] for entries in tokens]
    else:
        listed = [list(_mapping(token).values()) for token in found.get("top_logprobs") or ()]
    if not any(listed):
        return None
    greatest = np.full((len(listed), k), np.nan, np.float32)
    for row, values in zip(greatest, listed, strict=True):
        # The drawn token may stand first, or be one too many: the greatest are the most probable tokens' all the same.
        kept = sorted((float(value) for value in values if _is_finite(value)), reverse=True)[:k]
        row[: len(kept)] = kept
    return greatest


def places(choices: Sequence[Choice], n: int, *, seeded: bool) -> dict[int, Choice]:
    """Return choices by their place 0..n-1 in the request; surplus ones are left out.

    Some servers give every choice the same index or none. Without seeds any order will do.

    Raises:
        ValueError: Seeds were sent, and the indices do not say whose choice is whose.
    """
    indices = [choice.index for choice in choices]
    if all(index is not None for index in indices) and len(set(indices)) == len(indices):
        return {
            index: choice
            for index, choice in zip(indices, choices, strict=True)
            if index is not None and 0 <= index < n
        }
    if seeded and len(choices) > 1:
        raise ValueError(f"the choices' indices are {indices}")
    return dict(enumerate(choices[:n]))


def token_counts(choices: Sequence[Choice], own: Sequence[int | None], total: int | None) -> list[int]:
    """Return the completion tokens of every choice.

    What a choice says of itself goes first where there are several; else the total is shared out by the texts'
    lengths; where a server counts nothing, four bytes are taken for a token.

    Args:
        choices: The choices.
        own: What each says of its own tokens, or None.
        total: The tokens of all, or None.
    """
    if len(choices) == 1 and total is not None:
        return [total]
    counted = [count for count in own if count is not None]
    if len(counted) == len(choices):
        return counted
    sizes = [len(choice.text.encode(errors="replace")) for choice in choices]
    return [math.ceil(size / 4) for size in sizes] if total is None else _shared_out(total, sizes)


def _own_count(choice: Mapping[str, Any]) -> int | None:
    """Return a choice's tokens where it lists them."""
    ids = choice.get("token_ids")
    listed = ids if isinstance(ids, list) else _listed_logprobs(choice.get("logprobs"))
    return None if listed is None else len(listed)


def _shared_out(total: int, sizes: Sequence[int]) -> list[int]:
    """Split a total in proportion to sizes; the parts sum to it."""
    whole = sum(sizes) or 1
    ends = [round(total * sum(sizes[: i + 1]) / whole) for i in range(len(sizes))]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]
