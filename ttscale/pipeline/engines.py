"""The engine in use: started when a cell needs it, kept for as long as the next cells can use it."""

import time
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, runtime_checkable

from ttscale.config.models import Cell
from ttscale.errors import SamplerError, TtscaleError
from ttscale.pipeline.building import build_sampler, sampling_of
from ttscale.pipeline.progress import Progress
from ttscale.samplers.contract import EngineInfo, Sampler
from ttscale.samplers.resolve import choose_engine
from ttscale.samplers.settings import USUAL_ALTERNATIVES, ModelSettings, SamplingSettings

_PER_REQUEST = {"chat_template", "chat_template_options"}
"""Settings of a model that a running engine can change."""


@runtime_checkable
class Reusable(Protocol):
    """A sampler whose running engine can serve another cell."""

    def reuse(self, model: ModelSettings, sampling: SamplingSettings) -> EngineInfo:
        """Go on with other settings of prompts and sampling; see `engine_key` for what stays."""


@dataclass(frozen=True, slots=True)
class RunningEngine:
    """A started sampler with what it says of itself.

    Attributes:
        sampler: The sampler.
        info: What the session's record keeps.
        start_s: Seconds that starting took; 0 for an engine that ran already.
    """

    sampler: Sampler
    info: EngineInfo
    start_s: float


class Engines:
    """Holds at most one running engine; a context manager that closes it.

    Args:
        progress: Is told of every start.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._sampler: Sampler | None = None
        self._key: Hashable = None
        self._serving: Cell | None = None
        self._samplings: dict[str, SamplingSettings] = {}

    def __enter__(self) -> "Engines":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def engine_for(self, cell: Cell) -> RunningEngine:
        """Return an engine that serves a cell: the running one where it can, a new one otherwise.

        Raises:
            SamplerError: The engine cannot start.
            MissingExtraError: The engine is not installed.
        """
        engine, reason = choose_engine(cell.model.engine)
        key = engine_key(cell)
        if self._sampler is not None and isinstance(self._sampler, Reusable) and key == self._key:
            sampling = self._samplings[cell.name] = sampling_of(cell)
            self._serving = None  # whatever it serves if this fails
            info = self._sampler.reuse(cell.model, sampling)
            self._serving = cell
            return RunningEngine(self._sampler, info, 0.0)
        self.close()
        self._progress.note(f"{cell.name}: starting {engine} ({reason}) with {cell.model.path} ...")
        began = time.monotonic()
        self._sampler, self._key = build_sampler(cell, engine), key
        try:
            with self._progress.waiting(f"{cell.name}: {engine} is starting"):
                info = self._sampler.start()
        except TtscaleError:
            self.close()
            raise
        except Exception as error:
            self.close()
            raise SamplerError(f"Engine '{engine}' cannot start: {type(error).__name__}: {error}") from error
        self._serving, self._samplings = cell, {cell.name: sampling_of(cell)}
        return RunningEngine(self._sampler, info, time.monotonic() - began)

    def serves(self, cell: Cell) -> bool:
        """Tell whether the running engine serves a cell."""
        reusable = self._sampler is not None and isinstance(self._sampler, Reusable)
        return reusable and engine_key(cell) == self._key

    def serve(self, cell: Cell) -> None:
        """Let the running engine serve a cell again that it was got for, if it serves another now."""
        if cell is self._serving or self._sampler is None:
            return
        if isinstance(self._sampler, Reusable):
            self._sampler.reuse(cell.model, self._samplings[cell.name])
            self._serving = cell

    def close(self) -> None:
        """Free the engine; the next cell starts its own."""
        sampler, self._sampler, self._key = self._sampler, None, None
        if sampler is not None:
            sampler.close()


def engine_key(cell: Cell) -> Hashable:
    """Return what an engine is started with: cells that agree in it can share one."""
    model = cell.model.model_dump_json(exclude=_PER_REQUEST)
    sampling = cell.sampling.model_dump_json(include={"max_concurrent", "per_sample_seeds"})
    alternatives = max(
        cell.sampling.top_logprobs, USUAL_ALTERNATIVES
    )  # an engine is started for more of them
    return choose_engine(cell.model.engine)[0], model, sampling, alternatives


def by_engine(cells: Iterable[Cell]) -> list[Cell]:
    """Return the cells with those of one engine next to each other, else in their order."""
    groups: dict[Hashable, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(engine_key(cell), []).append(cell)
    return [cell for group in groups.values() for cell in group]
