"""From a problem to a request's body, and from an answer to choices: the two endpoints' dialects."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ttscale.errors import SamplerError
from ttscale.samplers.openai.options import OpenAIOptions
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.types import Message, Problem

TRUNCATING = ("top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty", "repetition_penalty")
"""Sampling settings besides the temperature that change the distribution, and that a server fills in where they are not said."""
_EVERY_TOKEN = -1
"""`top_k: null` as vLLM, SGLang and llama.cpp take it."""
_BROKEN_OFF = frozenset({"abort", "aborted", "error", "cancelled"})
"""Reasons to finish that are the server's and not the model's: such a text is no sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the servers agreed to when they were asked first.

    Attributes:
        chat: Whether the chat endpoint is used.
        most_per_request: Most choices of one request.
        seeds: "counted": choice j of a request uses its seed + j. "single": one choice per request, with its
            own seed. "none": no seed is sent.
        seed_bits: How long a seed the servers can take.
        logprobs: Whether log-probabilities are served.
        top_logprobs: How many of the most probable tokens are asked for at every place. The completions endpoint may have
            to be asked for one to give the drawn token's own.
        token_ids: Whether the server tells a choice's tokens (vLLM).
        max_tokens_name: "max_tokens", or "max_completion_tokens" where the server insists.
        keep_token_logprobs: Whether the log-probability of every token is kept.
        keep_top_logprobs: How many of the most probable tokens' are kept, 0 for none.
        parameters: See `Kind`, as far as all servers take them.
        also: See `Kind`.
    """

    chat: bool = True
    most_per_request: int = 1
    seeds: str = "none"
    seed_bits: int = 63
    logprobs: bool = False
    top_logprobs: int = 1
    token_ids: bool = False
    max_tokens_name: str = "max_tokens"
    keep_token_logprobs: bool = False
    keep_top_logprobs: int = 0
    parameters: Mapping[str, str] = field(default_factory=dict)
    also: Mapping[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Below the base URL."""
        return "chat/completions" if self.chat else "completions"

    def seed(self, seed: int) -> int:
        """Return a seed as the servers can take it."""
        return seed & ((1 << self.seed_bits) - 1)


@dataclass(frozen=True, slots=True)
class Choice:
    """One completion of an answer."""

    index: int | None
    text: str
    finish_reason: str
    logprobs: tuple[float, ...] | None
    n_tokens: int
    top_logprobs: NDArray[np.float32] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server sent back; token counts are None where it does not say."""

    choices: list[Choice]
    prompt_tokens: int | None
    cached_tokens: int | None
    completion_tokens: int | None


class Dialect:
    """Writes requests and reads answers under given terms."""

    def __init__(
        self, model: ModelSettings, sampling: SamplingSettings, options: OpenAIOptions, terms: Terms
    ) -> None:
        self.terms = terms
        self._keep_reasoning = options.keep_reasoning
        self._base = _base(model, sampling, options, terms)

    @property
    def said(self) -> dict[str, Any]:
        """What every request says of how to sample: all of it but the model's name."""
        return {key: value for key, value in self._base.items() if key != "model"}

    def body(self, problem: Problem, n: int, seed: int | None) -> dict[str, Any]:
        """Return the request's body.

        Raises:
            SamplerError: The problem is a conversation, and the endpoint takes plain prompts.
        """
        body = self._base | self._prompt(problem)
        if n > 1:
            body["n"] = n
        if seed is not None:
            body["seed"] = seed
        return body

    def _prompt(self, problem: Problem) -> dict[str, Any]:
        if self.terms.chat:
            turns = problem.messages or (Message("user", problem.prompt or ""),)
            return {"messages": [{"role": turn.role, "content": turn.content} for turn in turns]}
        if problem.messages is not None:
            raise SamplerError(
                f"Problem '{problem.problem_id}' is a conversation (messages), but prompts go to the completions "
                "endpoint. Set engine_options.endpoint to chat, or use a task that gives plain prompts."
            )
        return {"prompt": problem.prompt or ""}

    def read(self, answer: Any) -> Answer:
        """Read an answer.

        Raises:
            ValueError, KeyError, TypeError: It is not of the agreed shape.
        """
        if "choices" not in answer and "error" in answer:
            raise ValueError(f"an error inside a success: {answer['error']}")
        usage = answer.get("usage") or {}
        details = usage.get("prompt_tokens_details") or {}
        total = usage.get("completion_tokens")
        choices = [self._choice(choice) for choice in answer["choices"]]
        counts = token_counts(choices, [_own_count(choice) for choice in answer["choices"]], total)
        return Answer(
            [replace(choice, n_tokens=n) for choice, n in zip(choices, counts, strict=True)],
            usage.get("prompt_tokens"),
            details.get("cached_tokens"),
            total,
        )

    def _choice(self, choice: Mapping[str, Any]) -> Choice:
        reason = choice.get("finish_reason") or "unknown"
        if reason in _BROKEN_OFF:
            raise ValueError(f"the server broke the completion off ('{reason}')")
        record, k = choice.get("logprobs"), self.terms.keep_top_logprobs
        top = _top_logprobs(record, k) if k else None
        return Choice(choice.get("index"), self._text(choice, reason), reason, _logprobs(record), 0, top)

    def _text(self, choice: Mapping[str, Any], reason: str) -> str:
        if not self.terms.chat:
            return _string(choice["text"])
        message = choice["message"]
        content = _string(message.get("content"))
        reasoning = _string(message.get("reasoning") or message.get("reasoning_content"))
        if not reasoning or not self._keep_reasoning:
            return content
        end = "" if reason == "length" and not content else "\n</think>\n\n"
        return f"<think>\n{reasoning}{end}{content}"


def is_neutral(sampling: SamplingSettings, name: str) -> bool:
    """Whether a setting of `TRUNCATING` is at the value that changes nothing."""
    return bool(getattr(sampling, name) == SamplingSettings.model_fields[name].default)


def _base(
    model: ModelSettings, sampling: SamplingSettings, options: OpenAIOptions, terms: Terms
) -> dict[str, Any]:
    """Return what all requests share; neutral values that a server may not know are left out."""
    body: dict[str, Any] = {
        "model": options.served_model or model.path,
        "temperature": sampling.temperature,
        terms.max_tokens_name: sampling.max_tokens,
    }
    for name in TRUNCATING:
        value = getattr(sampling, name)
        if name in terms.parameters or not is_neutral(sampling, name):
            body[terms.parameters.get(name, name)] = _EVERY_TOKEN if value is None else value
    body |= terms.also
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if terms.logprobs:
        body["logprobs"] = True if terms.chat else terms.top_logprobs
        if terms.chat and terms.keep_top_logprobs:
            body["top_logprobs"] = terms.top_logprobs
    if terms.token_ids:
        body["return_token_ids"] = True
        if terms.keep_top_logprobs and not terms.chat:
            body["return_tokens_as_token_ids"] = True  # tokens of one text would be one entry
    if terms.chat and model.chat_template_options:
        body["chat_template_kwargs"] = dict(model.chat_template_options)
    body |= options.extra_body
    return {key: value for key, value in body.items() if value is not None}


def _logprobs(record: Any) -> tuple[float, ...] | None:
    """Return the drawn tokens' log-probabilities from either endpoint's record."""
    if not record:
        return None
    if record.get("content") is not None:
        values = [token["logprob"] for token in record["content"]]
    elif record.get("token_logprobs") is not None:
        values = record["token_logprobs"]
    else:
        return None
    return tuple(float(value) for value in values)


def _top_logprobs(record: Any, k: int) -> NDArray[np.float32] | None:
    """Return the k greatest log-probabilities at every token from either endpoint's record, (T, k); NaN where fewer are listed."""
    if not record:
        return None
    if record.get("content") is not None:
        listed = [
            [entry["logprob"] for entry in token.get("top_logprobs") or ()] for token in record["content"]
        ]
    else:
        listed = [list((token or {}).values()) for token in record.get("top_logprobs") or ()]
    if not any(listed):
        return None
    greatest = np.full((len(listed), k), np.nan, np.float32)
    for row, values in zip(greatest, listed, strict=True):
        # The drawn token may stand first, or be one too many: the greatest are the most probable tokens' all the same.
        kept = sorted(values, reverse=True)[:k]
        row[: len(kept)] = kept
    return greatest


def _string(value: Any) -> str:
    """Return a text, empty for null; anything else is no text."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(f"a text is {type(value).__name__}")
    return value


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
    if ids is not None:
        return len(ids)
    logprobs = _logprobs(choice.get("logprobs"))
    return None if logprobs is None else len(logprobs)


def _shared_out(total: int, sizes: Sequence[int]) -> list[int]:
    """Split a total in proportion to sizes; the parts sum to it."""
    whole = sum(sizes) or 1
    ends = [round(total * sum(sizes[: i + 1]) / whole) for i in range(len(sizes))]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]
