"""Sampling in an in-process vLLM engine, CPU and GPU builds through the same code.

The engine's own loop is driven directly (`add_request`, `step`): `vllm.LLM.generate` returns nothing before
its last request is done, while here every request is handed out, and can be stored, when it finishes.
"""

import gc
import logging
import secrets
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ttscale.errors import EngineDiedError, SamplerError, did_you_mean
from ttscale.execution.environment import environment
from ttscale.execution.masking import children_masked, mask_broken
from ttscale.samplers.adapters import adapter_rank
from ttscale.samplers.contract import EngineInfo
from ttscale.samplers.hardware import GIB, available_memory, cpu_dtype, kv_cache_gib
from ttscale.samplers.locate import locate_model
from ttscale.samplers.messages import one_line
from ttscale.samplers.prompts import PromptEncoder, StreamDecoder
from ttscale.samplers.resolve import require_vllm
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.samplers.watching import watch_engine
from ttscale.types import Sample, SampleRequest

logger = logging.getLogger(__name__)

_CPU_ARGUMENTS = MappingProxyType(
    {
        "enforce_eager": True,  # compiling takes 100 s and gains a fifth: for long runs only
        "block_size": 32,  # vLLM's own 128 is 15 % slower, and shares no prefix shorter than that
        "max_num_seqs": 256,  # 512 was no faster for a model of 2 million parameters
        # A prompt prefilled in pieces makes vLLM rewind the sample's generator, which a CPU's cannot do.
        "enable_chunked_prefill": False,
        "max_model_len": -1,  # the model's own, or less where the cache cannot hold one such sequence
    }
)
"""Settings for a CPU engine, measured on two cores; `engine_options` may override each. On a CPU an engine process
of its own would compete with us for the cores, and takes 25 s longer to start."""

_MOST_LOGPROBS = 20
"""The most per token that vLLM gives unless told otherwise when it starts (`max_logprobs`)."""

_QUIET = {"VLLM_LOGGING_LEVEL": "ERROR", "TORCH_CPP_LOG_LEVEL": "ERROR", "GLOO_LOG_LEVEL": "ERROR"}


class VllmOptions(BaseModel):
    """vLLM takes the other keys of ``model.engine_options`` itself: they are the fields of its `EngineArgs`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    NOT_PART_OF_A_SAMPLE: ClassVar[frozenset[str]] = frozenset(
        {"own_process", "gpu_memory_utilization", "kv_cache_memory_bytes", "max_num_seqs"}
    )
    """Options that change no sample: a run may go on with others."""

    own_process: bool | None = None
    """Whether the engine runs in a process of its own, whose death ttscale survives. None: on a GPU."""


@dataclass(frozen=True, slots=True)
class _InFlight:
    """A request inside the engine, with what is needed to read its output."""

    request: SampleRequest
    prompt_tokens: list[int]


class VllmSampler:
    """Draws samples from a vLLM engine in this process.

    Log-probabilities are those of the model's own distribution, before temperature and truncation.
    """

    Options: ClassVar[type[BaseModel]] = VllmOptions
    supports_lora = True

    def __init__(self, model: ModelSettings, sampling: SamplingSettings, options: VllmOptions) -> None:
        self._model = model
        self._sampling = sampling
        self._options = options
        self._lora: Any = None
        self._engine: Any = None
        self._requests_added = 0

    def start(self) -> EngineInfo:
        """Load the model; see `Sampler.start`."""
        require_vllm()
        path = locate_model(self._model.path)
        rank = None if self._model.lora is None else adapter_rank(Path(self._model.lora))
        with engine_environment(self._options.own_process):
            engine = _start_engine(path, self.engine_arguments(path, lora_rank=rank))
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
        config, tokenizer = engine.vllm_config, engine.get_tokenizer()
        self._seeded = self._is_seeded()
        self._encoder = PromptEncoder(tokenizer, self._model, config.model_config.max_model_len)
        # Where stop strings are searched, the engine must decode every token as it comes. Otherwise one pass
        # at the end does: the engine decodes twice, once for the text and once for its log-probability records.
        decodes_here = not self._sampling.stop and StreamDecoder.supports(tokenizer)
        self._decoder = StreamDecoder(tokenizer) if decodes_here else None
        self._top_logprobs = min(self._sampling.top_logprobs, config.model_config.get_vocab_size())
        self._max_in_flight = 2 * config.scheduler_config.max_num_seqs
        return self._engine_info(config)

    def sample(self, requests: Iterable[SampleRequest]) -> Iterator[list[Sample]]:
        """Draw what is asked; see `Sampler.sample`."""
        if self._engine is None:
            raise SamplerError("The engine is not running: call start() first.")
        waiting = iter(requests)
        flying: dict[str, _InFlight] = {}
        try:
            while self._fill(waiting, flying):
                for output in self._step():
                    yield self._samples(flying.pop(output.request_id), output.outputs)
        finally:
            if flying and self._engine is not None:
                self._engine.abort_request(list(flying))

    def close(self) -> None:
        """Free the engine; safe to call twice."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.engine_core.shutdown()
            del engine
            gc.collect()

    def engine_arguments(self, path: str, *, lora_rank: int | None = None) -> dict[str, Any]:
        """Return what this sampler starts vLLM with: keywords of `vllm.EngineArgs` or `vllm.LLM`."""
        arguments: dict[str, Any] = {
            "model": path,
            "revision": self._model.revision,
            "dtype": self._model.dtype,
            "disable_log_stats": True,
            "use_tqdm_on_load": False,
        }
        if _runs_on_cpu():
            arguments |= _CPU_ARGUMENTS | {"kv_cache_memory_bytes": kv_cache_gib(available_memory()) * GIB}
            if self._model.dtype == "auto":
                arguments["dtype"] = cpu_dtype(batch_invariant=self._is_seeded())
        if lora_rank is not None:
            arguments |= {"enable_lora": True, "max_loras": 1, "max_lora_rank": _allowed_rank(lora_rank)}
        if not self._is_seeded():
            # vLLM's own default is the same for every engine: a second one would draw the first one's samples again.
            arguments["seed"] = secrets.randbits(31)
        if self._sampling.max_concurrent is not None:
            arguments["max_num_seqs"] = self._sampling.max_concurrent
        if self._sampling.top_logprobs > _MOST_LOGPROBS:
            arguments["max_logprobs"] = self._sampling.top_logprobs
        return arguments | self._model.engine_options

    def _is_seeded(self) -> bool:
        """Seeds cost 0 to 15 % on a CPU; a GPU draws seeded noise one request at a time, so there they are asked for."""
        seeds = self._sampling.per_sample_seeds
        return _runs_on_cpu() if seeds == "auto" else seeds

    def _engine_info(self, config: Any) -> EngineInfo:
        import torch
        import vllm

        model, scheduler, cache = config.model_config, config.scheduler_config, config.cache_config
        return EngineInfo(
            engine="vllm",
            version=vllm.__version__,
            device="cpu" if _runs_on_cpu() else torch.cuda.get_device_name(),
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
                "batch_invariant": _runs_on_cpu() and model.dtype == torch.float32,
                "masked_modules": list(mask_broken()),
            },
        )

    def _fill(self, waiting: Iterator[SampleRequest], flying: dict[str, _InFlight]) -> bool:
        """Take requests until the engine has as many again waiting as it runs; False when all is done.

        FIFO, so that the requests of one problem follow each other and reuse its cached prompt.
        """
        while self._engine.get_num_unfinished_requests() < self._max_in_flight:
            request = next(waiting, None)
            if request is None:
                break
            prompt = self._encoder.encode(request.problem)
            flying[self._add(request, prompt)] = _InFlight(request, prompt)
        return bool(flying)

    def _add(self, request: SampleRequest, prompt: list[int]) -> str:
        request_id = str(self._requests_added)
        self._requests_added += 1
        try:
            self._engine.add_request(
                request_id,
                {"type": "token", "prompt_token_ids": prompt},
                self._parameters(request),
                lora_request=self._lora,
            )
        except ValueError as error:
            raise SamplerError(
                f"vLLM refuses the request for problem '{request.problem.problem_id}': {one_line(error)}"
            ) from error
        return request_id

    def _parameters(self, request: SampleRequest) -> Any:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        sampling = self._sampling
        return SamplingParams(
            n=1 if self._is_greedy else request.n,  # vLLM refuses several greedy samples
            seed=request.seed if self._seeded else None,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k or 0,
            min_p=sampling.min_p,
            presence_penalty=sampling.presence_penalty,
            frequency_penalty=sampling.frequency_penalty,
            repetition_penalty=sampling.repetition_penalty,
            max_tokens=sampling.max_tokens,
            stop=list(sampling.stop),
            logprobs=self._top_logprobs if self._wants_logprobs else None,
            flat_logprobs=True,
            detokenize=self._decoder is None,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )

    @property
    def _wants_logprobs(self) -> bool:
        sampling = self._sampling
        return sampling.logprobs or sampling.token_logprobs or sampling.top_logprobs > 0

    @property
    def _is_greedy(self) -> bool:
        return self._sampling.temperature == 0

    def _step(self) -> list[Any]:
        try:
            return list(self._engine.step())
        except Exception as error:  # whatever the engine dies of, the run must end in one clear message
            raise EngineDiedError(f"The vLLM engine stopped: {_cause_of_death(error)}") from error

    def _samples(self, flight: _InFlight, outputs: list[Any]) -> list[Sample]:
        if self._is_greedy:
            return [self._sample(flight, j, outputs[0]) for j in range(flight.request.n)]
        return [self._sample(flight, output.index, output) for output in outputs]

    def _sample(self, flight: _InFlight, j: int, output: Any) -> Sample:
        request, prompt = flight.request, flight.prompt_tokens
        return Sample(
            problem_id=request.problem.problem_id,
            sample_index=request.first_index + j,
            completion=output.text if self._decoder is None else self._text(prompt, output),
            finish_reason=output.finish_reason,
            prompt_tokens=len(prompt),
            completion_tokens=len(output.token_ids),
            cumulative_logprob=output.cumulative_logprob,
            token_logprobs=_token_logprobs(output) if self._sampling.token_logprobs else None,
            top_logprobs=_top_logprobs(output) if self._top_logprobs else None,
            seed=request.seed + j if self._seeded else None,
        )

    def _text(self, prompt: list[int], output: Any) -> str:
        assert self._decoder is not None
        tokens = output.token_ids
        return self._decoder.decode(prompt, tokens[:-1] if output.finish_reason == "stop" else tokens)


@contextmanager
def engine_environment(own_process: bool | None = None) -> Iterator[None]:
    """Everything that vLLM needs around it while it is imported and started: see the modules this draws on.

    Args:
        own_process: Whether the engine gets a process of its own; None: on a GPU, as vLLM does.
    """
    quiet = not logger.isEnabledFor(logging.DEBUG)
    with environment(_QUIET if quiet else {}), warnings.catch_warnings():
        if quiet:
            warnings.simplefilter("ignore")
            logging.getLogger("vllm").setLevel(logging.ERROR)  # it speaks before it reads its own variable
        with children_masked(mask_broken()):
            apart = own_process if own_process is not None else not _runs_on_cpu()
            with environment({"VLLM_ENABLE_V1_MULTIPROCESSING": "1" if apart else "0"}):
                yield


def _runs_on_cpu() -> bool:
    from vllm.platforms import current_platform

    return bool(current_platform.is_cpu())


def _start_engine(path: str, arguments: dict[str, Any]) -> Any:
    from vllm import EngineArgs, LLMEngine
    from vllm.usage.usage_lib import UsageContext

    known = {field.name for field in fields(EngineArgs)}
    for name in arguments:
        if name not in known:
            raise SamplerError(
                f"vLLM has no engine option '{name}'.{did_you_mean(name, known)} "
                "engine_options takes the fields of vLLM's EngineArgs."
            )
    try:
        return LLMEngine.from_engine_args(EngineArgs(**arguments), usage_context=UsageContext.LLM_CLASS)
    except Exception as error:  # vLLM raises anything from pydantic's ValidationError to a bare RuntimeError
        raise SamplerError(_start_failure(path, error)) from error


def _start_failure(path: str, error: Exception) -> str:
    reason = one_line(error)
    if isinstance(error, MemoryError) or "memory" in reason.lower() or "kv cache" in reason.lower():
        return (
            f"vLLM has too little memory for model '{path}': {reason} "
            "Lower engine_options.max_model_len or kv_cache_memory_bytes, or choose a smaller model."
        )
    return f"vLLM cannot start model '{path}': {reason} Its log: VLLM_LOGGING_LEVEL=INFO."


def _cause_of_death(error: Exception) -> str:
    if type(error).__name__ == "EngineDeadError":
        return "its process is gone: killed, or out of memory (`dmesg` may say)."
    return one_line(error)


def _allowed_rank(rank: int) -> int:
    """Return the smallest rank that vLLM can be started with and that holds an adapter's."""
    from vllm.config.lora import MaxLoRARanks

    return int(min((allowed for allowed in get_args(MaxLoRARanks) if allowed >= rank), default=rank))


def _token_logprobs(output: Any) -> tuple[float, ...] | None:
    """Pick the sampled token's log-probability at every position: vLLM keeps it first."""
    records = output.logprobs
    return None if records is None else tuple(records.logprobs[start] for start in records.start_indices)


def _top_logprobs(output: Any) -> NDArray[np.float32] | None:
    """Return the most probable tokens' log-probabilities, (T, k): at every position they follow the sampled token's."""
    records = output.logprobs
    if records is None:
        return None
    at_each = np.array(records.logprobs, np.float32).reshape(len(records.start_indices), -1)  # (T, 1 + k)
    return at_each[:, 1:].copy()
