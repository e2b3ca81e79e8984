"""From a problem to a request's body, in the two endpoints' dialects; answers are read by `ttscale.samplers.openai.reading`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ttscale.errors import SamplerError
from ttscale.samplers.conversations import turns_of, why_turns
from ttscale.samplers.openai.continuing import Continuation
from ttscale.samplers.openai.options import OpenAIOptions
from ttscale.samplers.openai.reading import Reader
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.types import CallSettings, Problem

TRUNCATING = ("top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty", "repetition_penalty")
"""Sampling settings besides the temperature that change the distribution, and that a server fills in where they are not said."""
_EVERY_TOKEN = -1
"""`top_k: null` as vLLM, SGLang and llama.cpp take it."""


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
        token_ids: Whether the server tells a choice's tokens, and the text that ended it (vLLM).
        continues: How it goes on from what was generated before.
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
    continues: Continuation = "none"
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


class Dialect:
    """Writes requests under given terms; its `reader` reads the answers."""

    def __init__(
        self, model: ModelSettings, sampling: SamplingSettings, options: OpenAIOptions, terms: Terms
    ) -> None:
        self.terms = terms
        self.reader = Reader(
            chat=terms.chat, keep_reasoning=options.keep_reasoning, keep_top_logprobs=terms.keep_top_logprobs
        )
        self._base = _base(model, sampling, options, terms)
        self._settings = model, sampling, options
        self._system_prompt = model.system_prompt

    @property
    def said(self) -> dict[str, Any]:
        """What every request says of how to sample: all of it but the model's name."""
        return {key: value for key, value in self._base.items() if key != "model"}

    def continuing(self) -> "Dialect":
        """Return the dialect in which a completion is continued: the completions endpoint's."""
        terms = (
            replace(self.terms, chat=False, max_tokens_name="max_tokens") if self.terms.chat else self.terms
        )
        return Dialect(*self._settings, terms)

    def tokenized(self) -> dict[str, Any]:
        """Return what a question for a prompt's tokens says beside it."""
        return {key: self._base[key] for key in ("model", "chat_template_kwargs") if key in self._base}

    def body(
        self, asked: Mapping[str, Any], n: int, seed: int | None, call: CallSettings | None = None
    ) -> dict[str, Any]:
        """Return the request's body.

        Args:
            asked: The prompt, as `prompt` returns it.
            n: Choices.
            seed: Of the first.
            call: What differs from the run's settings.
        """
        body = {**self._base, **asked, **({} if call is None else self._own(call))}
        if n > 1:
            body["n"] = n
        if seed is not None:
            body["seed"] = seed
        return body

    def _own(self, call: CallSettings) -> dict[str, Any]:
        """Return the keys in which a call differs from the run."""
        own: dict[str, Any] = {}
        if call.temperature is not None:
            own["temperature"] = call.temperature
        if call.max_tokens is not None:
            names = ("max_tokens", "max_completion_tokens")  # `extra_body` may put one in the other's place
            own[next((name for name in names if name in self._base), self.terms.max_tokens_name)] = (
                call.max_tokens
            )
        if call.stop is not None:
            own["stop"] = list(call.stop)
            own |= {"include_stop_str_in_output": True} if self.terms.token_ids else {}
        if call.keep_logprobs:
            own["logprobs"] = True if self.terms.chat else self.terms.top_logprobs
        return own

    def prompt(self, problem: Problem) -> dict[str, Any]:
        """Return a problem's prompt as a request says it.

        Raises:
            SamplerError: The problem is a conversation, and the endpoint takes plain prompts.
        """
        if self.terms.chat:
            turns = turns_of(problem, self._system_prompt)
            return {"messages": [{"role": turn.role, "content": turn.content} for turn in turns]}
        if problem.messages is not None or self._system_prompt is not None:
            raise SamplerError(
                f"{why_turns(problem)}, but prompts go to the completions endpoint. Set engine_options.endpoint to chat, or "
                "use a task that gives plain prompts, and no system prompt."
            )
        return {"prompt": problem.prompt or ""}


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
    body |= sampling.extra | options.extra_body
    return {key: value for key, value in body.items() if value is not None}
