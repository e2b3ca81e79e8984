"""The sampler `vllm`: samples from a vLLM engine in this process or in one of its own.

The engine's own loop is driven directly (`add_request`, `step`), and what comes out of it is collected here:
`vllm.LLM.generate` returns nothing before its last request is done, while here every sample is handed out, and can be
stored, when it ends.
"""

import gc
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel

from ttscale.errors import EngineDiedError, SamplerError
from ttscale.execution.masking import mask_broken
from ttscale.samplers.adapters import adapter_rank
from ttscale.samplers.contract import EngineInfo
from ttscale.samplers.locate import locate_model, resolved_commit
from ttscale.samplers.messages import one_line
from ttscale.samplers.prompts import PrefixEncoder, PromptEncoder, StreamDecoder
from ttscale.samplers.resolve import require_vllm
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.samplers.vllm.child_log import ChildLog
from ttscale.samplers.vllm.collector import Collector, Growing, Kept
from ttscale.samplers.vllm.environment import engine_environment, runs_on_cpu
from ttscale.samplers.vllm.options import VllmOptions
from ttscale.samplers.vllm.parameters import READING, common_parameters, is_refusal
from ttscale.samplers.vllm.starting import (
    cause_of_death,
    engine_arguments,
    is_apart,
    is_seeded,
    start_engine,
    tell_short_context,
)
from ttscale.samplers.vllm.watching import watch_engine
from ttscale.samplers.vllm.wire import lightened
from ttscale.types import STOP_TEXT, CallSample, CallSettings, Sample, SampleRequest

logger = logging.getLogger(__name__)

_BROKEN_OFF = frozenset({"abort", "error"})
"""Reasons to finish that are the engine's and not the model's: such a text is no sample."""


_PLAIN = CallSettings()


@dataclass(frozen=True, slots=True)
class _InFlight:
    """A request inside the engine, with what is needed to read its samples."""

    request: SampleRequest
    prompt_tokens: list[int]
    """The prompt, and behind it what the call goes on from."""
    prefix_text: str = ""
    """That as text."""

    @property
    def call(self) -> CallSettings:
        """What differs from the run's settings."""
        return self.request.call or _PLAIN


@dataclass(frozen=True, slots=True)
class EngineUsage:
    """What a session's record keeps of an engine's work besides its samples.

    Attributes:
        preemptions: Times that a sample lost its place in the cache and was computed again.
    """

    preemptions: int


class VllmSampler:
    """Draws samples from a vLLM engine on this machine.

    Log-probabilities are those of the model's own distribution, before temperature and truncation.
    """

    Options: ClassVar[type[BaseModel]] = VllmOptions
    supports_lora = True
    serves: ClassVar[frozenset[str]] = frozenset({"calls", "prefix", "tokens", "stop", "logprobs"})

    def __init__(self, model: ModelSettings, sampling: SamplingSettings, options: VllmOptions) -> None:
        self._model = model
        self._sampling = sampling
        self._options = options
        self._lora: Any = None
        self._engine: Any = None
        self._log: ChildLog | None = None
        self._requests_added = 0

    def start(self) -> EngineInfo:
        """Load the model; see `Sampler.start`."""
        require_vllm()
        path = locate_model(self._model.path)
        rank = None if self._model.lora is None else adapter_rank(Path(self._model.lora))
        self._log = ChildLog()
        with engine_environment(self._options.own_process):
            engine = start_engine(path, self.engine_arguments(path, lora_rank=rank), self._log)
            if self._model.lora is not None:
                from vllm.lora.request import LoRARequest

                self._lora = LoRARequest("adapter", 1, self._model.lora)
        watch_engine(engine)
        return self.adopt(engine)

    def reuse(self, model: ModelSettings, sampling: SamplingSettings) -> EngineInfo:
        """Serve another cell with the running engine: other prompts or sampling parameters, the same weights."""
        self._model, self._sampling = model, sampling
        return self.adopt(self._engine)

    @property
    def engine(self) -> Any:
        """The running `vllm.LLMEngine`, or None."""
        return self._engine

    def adopt(self, engine: Any) -> EngineInfo:
        """Use a `vllm.LLMEngine` that runs already (an `LLM` has one as `llm_engine`); `close` ends it."""
        self._engine = engine
        config, tokenizer, sampling = engine.vllm_config, engine.get_tokenizer(), self._sampling
        tell_short_context(config, sampling)
        self._parameters = common_parameters(sampling)
        self._seeded = is_seeded(sampling, config)
        self._encoder = PromptEncoder(tokenizer, self._model, config.model_config.max_model_len)
        # Where stop strings are searched, every token must be decoded as it comes. Otherwise one pass at the end does.
        looked_at = bool(sampling.stop) or not READING.isdisjoint(sampling.extra)
        decodes_at_the_end = not looked_at and StreamDecoder.supports(tokenizer)
        self._decoder = StreamDecoder(tokenizer) if decodes_at_the_end else None
        self._continued = PrefixEncoder(tokenizer, config.model_config.max_model_len)
        self._kept = Kept(
            sums=not is_apart(engine) if sampling.logprobs == "auto" else sampling.logprobs,
            tokens=sampling.token_logprobs,
            alternatives=min(sampling.top_logprobs, config.model_config.get_vocab_size()),
        )
        _refuse_more_alternatives(self._kept.alternatives, config.model_config.max_logprobs)
        self._preemptions_told = 0
        self._collector = Collector(self._kept, tokenizer, looks_always=not decodes_at_the_end)
        self._max_in_flight = 2 * config.scheduler_config.max_num_seqs
        return self._engine_info(config)

    def sample(self, requests: Iterable[SampleRequest]) -> Iterator[list[Sample]]:
        """Draw what is asked; see `Sampler.sample`."""
        if self._engine is None:
            raise SamplerError("The engine is not running: call start() first.")
        waiting = iter(requests)
        with self._collecting(self._engine):
            while self._fill(waiting):
                yield from self._by_problem(self._step())
        self._tell_preemptions()

    def close(self) -> None:
        """Free the engine; safe to call twice."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.engine_core.shutdown()
            del engine
            gc.collect()
        if self._log is not None:
            self._log.close()

    def engine_arguments(self, path: str, *, lora_rank: int | None = None) -> dict[str, Any]:
        """Return what this sampler starts vLLM with: keywords of `vllm.EngineArgs` or `vllm.LLM`."""
        return engine_arguments(path, self._model, self._sampling, lora_rank=lora_rank)

    def _engine_info(self, config: Any) -> EngineInfo:
        import torch
        import vllm

        model, scheduler, cache = config.model_config, config.scheduler_config, config.cache_config
        return EngineInfo(
            engine="vllm",
            version=vllm.__version__,
            device="cpu" if runs_on_cpu() else torch.cuda.get_device_name(),
            dtype=str(model.dtype).removeprefix("torch."),
            model_path=self._model.path,
            chat_template=self._encoder.uses_chat_template,
            per_sample_seeds=self._seeded,
            detail={
                "torch": torch.__version__,
                "threads": torch.get_num_threads(),
                "seed": None if self._seeded else model.seed,
                "max_num_seqs": scheduler.max_num_seqs,
                "max_model_len": model.max_model_len,
                "block_size": cache.block_size,
                "kv_cache_bytes": cache.kv_cache_memory_bytes,
                "batch_invariant": runs_on_cpu() and model.dtype == torch.float32,
                "logprobs": bool(self._kept),
                "commit": resolved_commit(
                    self._model.path,
                    self._model.revision,
                    cache=self._model.engine_options.get("download_dir"),
                ),
                "masked_modules": list(mask_broken()),
            },
        )

    @property
    def usage(self) -> EngineUsage:
        """What the engine did besides, since it was given these settings."""
        return EngineUsage(preemptions=self._collector.n_preemptions)

    def _tell_preemptions(self) -> None:
        n = self._collector.n_preemptions
        if n > self._preemptions_told:
            self._preemptions_told = n
            logger.warning(
                "vLLM's cache was too small for what was under way: %d times a sample was thrown out and computed again. "
                "Raise engine_options.gpu_memory_utilization, or lower max_num_seqs (now %d).",
                n,
                self._max_in_flight // 2,
            )

    @contextmanager
    def _collecting(self, engine: Any) -> Iterator[None]:
        """Take the engine's outputs in the place of its own processor; what is under way at the end is aborted."""
        theirs, engine.output_processor = engine.output_processor, self._collector
        try:
            with lightened(engine.engine_core):
                yield
        finally:
            engine.output_processor = theirs
            left = self._collector.abort_requests(self._collector.under_way())
            if left and self._engine is not None:
                engine.engine_core.abort_requests(left)

    def _fill(self, waiting: Iterator[SampleRequest]) -> bool:
        """Take requests until the engine has as many again waiting as it runs; False when all is done.

        FIFO, so that the requests of one problem follow each other and reuse its cached prompt.
        """
        while self._collector.get_num_unfinished_requests() < self._max_in_flight:
            request = next(waiting, None)
            if request is None:  # no more, or nothing now
                break
            self._add(self._encoded(request))
        return self._collector.has_unfinished_requests()

    def _encoded(self, request: SampleRequest) -> _InFlight:
        prompt = self._encoder.encode(request.problem)
        if request.call is None or not request.call.prefix:
            return _InFlight(request, prompt)
        tokens, text = self._continued.encode(request.problem.problem_id, prompt, request.call.prefix)
        return _InFlight(request, prompt + tokens, text)

    def _kept_of(self, call: CallSettings) -> Kept:
        return replace(self._kept, tokens=True) if call.keep_logprobs else self._kept

    def _add(self, flight: _InFlight) -> None:
        self._collector.owner, self._collector.kept = flight, self._kept_of(flight.call)
        self._requests_added += 1
        try:
            self._engine.add_request(
                str(self._requests_added),
                {"type": "token", "prompt_token_ids": flight.prompt_tokens},
                self._parameters_of(flight.request, flight.call),
                lora_request=self._lora,
            )
        except Exception as error:  # whatever the engine dies of, the run must end in one clear message
            if is_refusal(error):
                name = flight.request.problem.problem_id
                raise SamplerError(
                    f"vLLM refuses the request for problem '{name}': {one_line(error)}"
                ) from error
            raise EngineDiedError(f"The vLLM engine stopped: {cause_of_death(error, self._log)}") from error

    def _parameters_of(self, request: SampleRequest, call: CallSettings) -> Any:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        kept = self._kept_of(call)
        stop = self._sampling.stop if call.stop is None else call.stop
        return SamplingParams(
            **self._parameters | _differing(call),
            n=1 if self._is_greedy(call) else request.n,  # vLLM refuses several greedy samples
            seed=request.seed if self._seeded else None,
            logprobs=kept.alternatives if kept else None,
            detokenize=self._decoder is None or bool(stop),
            output_kind=RequestOutputKind.FINAL_ONLY,
        )

    def _temperature(self, call: CallSettings) -> float:
        return self._sampling.temperature if call.temperature is None else call.temperature

    def _is_greedy(self, call: CallSettings) -> bool:
        return self._temperature(call) == 0

    def _step(self) -> list[Growing]:
        try:
            return list(self._engine.step())
        except Exception as error:  # whatever the engine dies of, the run must end in one clear message
            raise EngineDiedError(f"The vLLM engine stopped: {cause_of_death(error, self._log)}") from error

    def _by_problem(self, ended: list[Growing]) -> Iterable[list[Sample]]:
        """Return samples that ended together, a list for every problem."""
        lists: dict[str, list[Sample]] = {}
        for grown in ended:
            lists.setdefault(grown.owner.request.problem.problem_id, []).extend(self._samples(grown))
        return lists.values()

    def _samples(self, ended: Growing) -> list[Sample]:
        """Return the sample that ended; for a greedy request all those that are like it."""
        if ended.finish_reason in _BROKEN_OFF:
            raise EngineDiedError(f"The vLLM engine broke a sample off ('{ended.finish_reason}').")
        n = ended.owner.request.n if self._is_greedy(ended.owner.call) else 1
        first = self._sample(ended)
        return [first, *(self._sample(ended, place) for place in range(1, n))]

    def _sample(self, ended: Growing, place: int | None = None) -> Sample:
        flight: _InFlight = ended.owner
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
            seed=request.seed + j if self._seeded else None,
        )
        return sample if request.call is None else _call_sample(sample, flight, ended)

    def _text(self, ended: Growing, prompt: list[int]) -> str:
        if ended.detokenizer is not None or self._decoder is None:
            return ended.text
        return self._decoder.decode(prompt, _without_end(ended), is_cut=ended.finish_reason == "length")


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


def _call_sample(sample: Sample, flight: _InFlight, ended: Growing) -> CallSample:
    """Add what a strategy's attempt needs to go on."""
    own = {field.name: getattr(sample, field.name) for field in fields(Sample)}
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
