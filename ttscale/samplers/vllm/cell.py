"""What one cell asks of an engine, and how its samples are read: several cells may be under way in one engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ttscale.errors import EngineDiedError, SamplerError
from ttscale.samplers.prompts import PrefixEncoder, PromptEncoder, StreamDecoder
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.samplers.vllm.collector import Growing, Kept, Looking
from ttscale.samplers.vllm.parameters import READING, common_parameters
from ttscale.samplers.vllm.starting import is_apart, is_seeded
from ttscale.types import STOP_TEXT, CallSample, CallSettings, Sample, SampleRequest, shared

_BROKEN_OFF = frozenset({"abort", "error"})
"""Reasons to finish that are the engine's and not the model's: such a text is no sample."""
_PLAIN = CallSettings()


@dataclass(frozen=True, slots=True)
class InFlight:
    """A request inside the engine, with what is needed to read its samples.

    Attributes:
        cell: Whose it is.
        request: As it was asked.
        prompt_tokens: The prompt, and behind it what the call goes on from.
        prefix_text: That as text.
    """

    cell: "EngineCell"
    request: SampleRequest
    prompt_tokens: list[int]
    prefix_text: str = ""

    @property
    def call(self) -> CallSettings:
        """What differs from the run's settings."""
        return self.request.call or _PLAIN


class EngineCell:
    """A cell's settings, made ready for a running engine.

    Args:
        engine: A `vllm.LLMEngine`.
        model: Its prompts.
        sampling: Its sampling parameters.

    Attributes:
        seeded: Whether each sample has its own seed.
        kept: What is kept of log-probabilities.
        looking: Whether texts must be looked at as they grow. Elsewhere one pass at the end decodes them.
        uses_chat_template: Whether prompts go through it.
    """

    def __init__(self, engine: Any, model: ModelSettings, sampling: SamplingSettings) -> None:
        config, tokenizer = engine.vllm_config, engine.get_tokenizer()
        self._sampling = sampling
        self._parameters = common_parameters(sampling)
        self.seeded = is_seeded(sampling, config)
        self._encoder = PromptEncoder(tokenizer, model, config.model_config.max_model_len)
        looked_at = bool(sampling.stop) or not READING.isdisjoint(sampling.extra)
        decodes_at_the_end = not looked_at and StreamDecoder.supports(tokenizer)
        self._decoder = StreamDecoder(tokenizer) if decodes_at_the_end else None
        self._continued = PrefixEncoder(tokenizer, config.model_config.max_model_len)
        self.kept = Kept(
            sums=not is_apart(engine) if sampling.logprobs == "auto" else sampling.logprobs,
            tokens=sampling.token_logprobs,
            alternatives=min(sampling.top_logprobs, config.model_config.get_vocab_size()),
        )
        _refuse_a_budget_of_what(sampling.extra, config)
        _refuse_more_alternatives(self.kept.alternatives, config.model_config.max_logprobs)
        self.looking = Looking(tokenizer, always=not decodes_at_the_end)
        self.uses_chat_template = self._encoder.uses_chat_template

    # ---- asking -----------------------------------------------------------------------------------

    def encoded(self, request: SampleRequest) -> InFlight:
        """Return a request with its prompt's tokens."""
        prompt = self._encoder.encode(request.problem)
        if request.call is None or not request.call.prefix:
            return InFlight(self, request, prompt)
        tokens, text = self._continued.encode(request.problem.problem_id, prompt, request.call.prefix)
        return InFlight(self, request, prompt + tokens, text)

    def kept_of(self, call: CallSettings) -> Kept:
        """Return what is kept of a call's log-probabilities."""
        return replace(self.kept, tokens=True) if call.keep_logprobs else self.kept

    def parameters_of(self, request: SampleRequest, call: CallSettings) -> Any:
        """Return the request's `vllm.SamplingParams`."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        kept = self.kept_of(call)
        stop = self._sampling.stop if call.stop is None else call.stop
        return SamplingParams(
            **self._parameters | _differing(call),
            n=1 if self._is_greedy(call) else request.n,  # vLLM refuses several greedy samples
            seed=request.seed if self.seeded else None,
            logprobs=kept.alternatives if kept else None,
            detokenize=self._decoder is None or bool(stop),
            output_kind=RequestOutputKind.FINAL_ONLY,
        )

    def _is_greedy(self, call: CallSettings) -> bool:
        return (self._sampling.temperature if call.temperature is None else call.temperature) == 0

    # ---- reading ----------------------------------------------------------------------------------

    def samples(self, ended: Growing) -> list[Sample]:
        """Return the sample that ended; for a greedy request all those that are like it."""
        if ended.finish_reason in _BROKEN_OFF:
            raise EngineDiedError(f"The vLLM engine broke a sample off ('{ended.finish_reason}').")
        n = ended.owner.request.n if self._is_greedy(ended.owner.call) else 1
        first = self._sample(ended)
        return [first, *(self._sample(ended, place) for place in range(1, n))]

    def _sample(self, ended: Growing, place: int | None = None) -> Sample:
        flight: InFlight = ended.owner
        request, kept = flight.request, ended.kept
        j = ended.place if place is None else place
        sample = Sample(
            problem_id=request.problem.problem_id,
            sample_index=request.first_index + j,
            completion=self._text(ended, flight.prompt_tokens),
            finish_reason=str(ended.finish_reason),
            prompt_tokens=len(flight.prompt_tokens),
            completion_tokens=len(ended.tokens),
            cumulative_logprob=ended.logprob if kept else None,
            token_logprobs=tuple(ended.token_logprobs) if kept.tokens else None,
            top_logprobs=ended.top_logprobs() if kept.alternatives else None,
            seed=request.seed + j if self.seeded else None,
        )
        return sample if request.call is None else _call_sample(sample, flight, ended)

    def _text(self, ended: Growing, prompt: list[int]) -> str:
        if ended.detokenizer is not None or self._decoder is None:
            return ended.text
        return self._decoder.decode(prompt, _without_end(ended), is_cut=ended.finish_reason == "length")


def _refuse_a_budget_of_what(extra: Mapping[str, Any], config: Any) -> None:
    """Refuse a budget for thinking where the engine was not told what begins and ends a thought."""
    reasoning = getattr(config, "reasoning_config", None)
    if extra.get("thinking_token_budget") is not None and not getattr(reasoning, "enabled", False):
        raise SamplerError(
            "sampling.extra.thinking_token_budget needs to know what begins and ends a thought. Set engine_options.reasoning_config: "
            '{reasoning_start_str: "<think>", reasoning_end_str: "</think>"}, or engine_options.reasoning_parser to the name of vLLM\'s '
            "parser for this model."
        )


def _refuse_more_alternatives(wanted: int, most: int) -> None:
    if 0 <= most < wanted:
        raise SamplerError(
            f"sampling.top_logprobs is {wanted}, but this engine was started for {most} at most. Set "
            "engine_options.max_logprobs, or start an engine of its own for this cell."
        )


def _differing(call: CallSettings) -> dict[str, Any]:
    """Return the keywords of `SamplingParams` in which a call differs from the run."""
    own = {"temperature": call.temperature, "max_tokens": call.max_tokens}
    differing: dict[str, Any] = {name: value for name, value in own.items() if value is not None}
    if call.stop is not None:
        differing |= {"stop": list(call.stop), "include_stop_str_in_output": True}
    return differing


def _call_sample(sample: Sample, flight: InFlight, ended: Growing) -> CallSample:
    """Add what a strategy's attempt needs to go on."""
    own = shared(sample, Sample)
    if flight.call.stop is not None and ended.ended_in_text:
        own["finish_reason"] = STOP_TEXT
    return CallSample(
        **own,
        prefix_text=flight.prefix_text,
        token_ids=tuple(_without_end(ended)) if flight.call.keep_tokens else None,
        cached_tokens=ended.cached_tokens,
    )


def _without_end(ended: Growing) -> Sequence[int]:
    """Return the tokens drawn without the one with which the model ended, if it did."""
    return ended.tokens[:-1] if ended.finish_reason == "stop" and not ended.ended_in_text else ended.tokens
