"""The sampler `vllm`: samples from a vLLM engine in this process or in one of its own.

The engine's own loop is driven directly (`add_request`, `step`), and what comes out of it is collected here:
`vllm.LLM.generate` returns nothing before its last request is done, while here every sample is handed out, and can be
stored, when it ends.
"""

import gc
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel

from ttscale.errors import EngineDiedError, SamplerError
from ttscale.execution.engine_folder import EngineFolder
from ttscale.execution.masking import mask_broken
from ttscale.samplers.adapters import adapter_rank
from ttscale.samplers.contract import EngineInfo, refused_call
from ttscale.samplers.locate import locate_model, resolved_commit
from ttscale.samplers.messages import one_line
from ttscale.samplers.preemptions import told_of_preemptions
from ttscale.samplers.resolve import require_vllm
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.samplers.vllm.cell import EngineCell, InFlight
from ttscale.samplers.vllm.child_log import ChildLog
from ttscale.samplers.vllm.collector import Collector, Growing
from ttscale.samplers.vllm.environment import engine_environment, runs_on_cpu
from ttscale.samplers.vllm.options import VllmOptions
from ttscale.samplers.vllm.parameters import is_refusal
from ttscale.samplers.vllm.starting import (
    cause_of_death,
    engine_arguments,
    start_engine,
    tell_short_context,
)
from ttscale.samplers.vllm.watching import watch_engine
from ttscale.samplers.vllm.wire import lightened
from ttscale.types import Sample, SampleRequest

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EngineUsage:
    """What a session's record keeps of an engine's work besides its samples.

    Attributes:
        preemptions: Times that a sample lost its place in the cache and was computed again.
    """

    preemptions: int


@dataclass(frozen=True, slots=True)
class _Known:
    """What was made of settings, with these, so that no others come to have their addresses."""

    model: ModelSettings
    sampling: SamplingSettings
    cell: EngineCell
    info: EngineInfo


class VllmSampler:
    """Draws samples from a vLLM engine on this machine.

    Log-probabilities are those of the model's own distribution, before temperature and truncation.
    """

    Options: ClassVar[type[BaseModel]] = VllmOptions
    supports_lora = True
    serves: ClassVar[frozenset[str]] = frozenset({"calls", "prefix", "tokens", "stop", "logprobs", "cells"})

    def __init__(self, model: ModelSettings, sampling: SamplingSettings, options: VllmOptions) -> None:
        self._model = model
        self._sampling = sampling
        self._options = options
        self._lora: Any = None
        self._engine: Any = None
        self._folder: EngineFolder | None = None
        self._log: ChildLog | None = None
        self._requests_added = self._preemptions_told = 0
        self._known: dict[tuple[int, int], _Known] = {}
        self._refused: list[list[Sample]] = []

    def start(self) -> EngineInfo:
        """Load the model; see `Sampler.start`."""
        require_vllm()
        path = locate_model(self._model.path)
        rank = None if self._model.lora is None else adapter_rank(Path(self._model.lora))
        self._folder = EngineFolder()
        self._log = ChildLog(self._folder.path)
        with self._folder.used(), engine_environment(self._options.own_process):
            engine = start_engine(path, self.engine_arguments(path, lora_rank=rank), self._log)
            if self._model.lora is not None:
                from vllm.lora.request import LoRARequest

                self._lora = LoRARequest("adapter", 1, self._model.lora)
        watch_engine(engine)
        return self.adopt(engine)

    def reuse(self, model: ModelSettings, sampling: SamplingSettings) -> EngineInfo:
        """Serve another cell with the running engine: other prompts or sampling parameters, the same weights.

        What is under way goes on as it was asked.
        """
        self._model, self._sampling = model, sampling
        return self.adopt(self._engine)

    @property
    def engine(self) -> Any:
        """The running `vllm.LLMEngine`, or None."""
        return self._engine

    def adopt(self, engine: Any) -> EngineInfo:
        """Use a `vllm.LLMEngine` that runs already (an `LLM` has one as `llm_engine`); `close` ends it."""
        if engine is not self._engine:
            self._engine, self._collector, self._known = engine, Collector(), {}
        asked = (id(self._model), id(self._sampling))  # cells whose calls alternate come back to theirs
        if asked not in self._known:
            tell_short_context(engine.vllm_config, self._sampling)
            self._cell = EngineCell(engine, self._model, self._sampling)
            info = self._engine_info(engine.vllm_config)
            self._known[asked] = _Known(self._model, self._sampling, self._cell, info)
        self._cell = self._known[asked].cell
        self._max_in_flight = 2 * engine.vllm_config.scheduler_config.max_num_seqs
        return self._known[asked].info

    def sample(self, requests: Iterable[SampleRequest]) -> Iterator[list[Sample]]:
        """Draw what is asked; see `Sampler.sample`."""
        if self._engine is None:
            raise SamplerError("The engine is not running: call start() first.")
        waiting = iter(requests)
        with self._collecting(self._engine):
            while self._fill(waiting) or self._refused:
                refused, self._refused = self._refused, []
                yield from refused
                if refused:
                    continue  # their attempts are over, and others may begin
                if self._log is not None:
                    self._log.keep_short()
                yield from self._by_problem(self._step())
        self._tell_preemptions()

    def close(self) -> None:
        """Free the engine; safe to call twice."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.engine_core.shutdown()
            del engine
            gc.collect()
        if self._folder is not None:
            self._folder.close()

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
            chat_template=self._cell.uses_chat_template,
            per_sample_seeds=self._cell.seeded,
            detail={
                "torch": torch.__version__,
                "threads": torch.get_num_threads(),
                "seed": None if self._cell.seeded else model.seed,
                "max_num_seqs": scheduler.max_num_seqs,
                "max_model_len": model.max_model_len,
                "block_size": cache.block_size,
                "kv_cache_bytes": cache.kv_cache_memory_bytes,
                "batch_invariant": runs_on_cpu() and model.dtype == torch.float32,
                "logprobs": bool(self._cell.kept),
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
        """What the engine did besides, since it runs."""
        return EngineUsage(preemptions=self._collector.n_preemptions)

    def _tell_preemptions(self) -> None:
        n = self._collector.n_preemptions
        if n > self._preemptions_told:
            new, self._preemptions_told = n - self._preemptions_told, n
            logger.warning(
                told_of_preemptions({"preemptions": new}, {"max_num_seqs": self._max_in_flight // 2})
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
        while self._collector.get_num_unfinished_requests() + len(self._refused) < self._max_in_flight:
            request = next(waiting, None)
            if request is None:  # no more, or nothing now
                break
            try:
                self._add(self._cell.encoded(request))
            except SamplerError as error:
                if request.call is None or isinstance(error, EngineDiedError):
                    raise
                name = request.problem.problem_id
                self._refused.append(refused_call(name, request.first_index, request.n, str(error)))
        return self._collector.has_unfinished_requests()

    def _add(self, flight: InFlight) -> None:
        self._collector.expect(flight, flight.cell.kept_of(flight.call), flight.cell.looking)
        self._requests_added += 1
        try:
            self._engine.add_request(
                str(self._requests_added),
                {"type": "token", "prompt_token_ids": flight.prompt_tokens},
                flight.cell.parameters_of(flight.request, flight.call),
                lora_request=self._lora,
            )
        except Exception as error:  # whatever the engine dies of, the run must end in one clear message
            if is_refusal(error):
                name = flight.request.problem.problem_id
                raise SamplerError(
                    f"vLLM refuses the request for problem '{name}': {one_line(error)}"
                ) from error
            raise EngineDiedError(f"The vLLM engine stopped: {cause_of_death(error, self._log)}") from error

    def _step(self) -> list[Growing]:
        try:
            return list(self._engine.step())
        except Exception as error:  # whatever the engine dies of, the run must end in one clear message
            raise EngineDiedError(f"The vLLM engine stopped: {cause_of_death(error, self._log)}") from error

    def _by_problem(self, ended: list[Growing]) -> Iterable[list[Sample]]:
        """Return samples that ended together, a list for every problem."""
        lists: dict[str, list[Sample]] = {}
        for grown in ended:
            flight: InFlight = grown.owner
            lists.setdefault(flight.request.problem.problem_id, []).extend(flight.cell.samples(grown))
        return lists.values()
