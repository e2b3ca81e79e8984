"""Draw what a cell still lacks with an engine here, storing samples as they finish."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol, TypeVar

from ttscale.config.models import Cell
from ttscale.errors import EngineDiedError, RunMismatchError, SamplerError
from ttscale.pipeline.attempts import attempted
from ttscale.pipeline.continuing import refuse_other_engine
from ttscale.pipeline.contract import CellWork
from ttscale.pipeline.engines import Engines
from ttscale.pipeline.recording import Recorder
from ttscale.pipeline.requests import plan_requests
from ttscale.pipeline.together import CellStream
from ttscale.samplers.resolve import choose_engine
from ttscale.types import SampleRequest


class _Counting(Protocol):
    n_samples: int


T = TypeVar("T", bound=_Counting)

_MOST_RESTARTS = 3
"""Deaths of an engine in a row, without a sample between them, that end a cell."""


class EngineDrawer:
    """Draws cells with one engine in this process.

    Args:
        engines: Where the engine comes from; it is kept for the next cell where it can serve that.
    """

    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    def draw(self, work: CellWork, targets: Mapping[str, int]) -> int:
        """Draw what a cell lacks; an engine that dies is started again and goes on with what is still missing."""
        store, cell = work.store, work.cell
        total = sum(targets.values())
        refuse_other_engine(store, cell.name, choose_engine(cell.model.engine)[0])

        def attempt(recorder: Recorder) -> bool:
            missing = store.missing(cell.name, targets)
            if not missing:
                return False
            n_missing = sum(len(gap) for gaps in missing.values() for gap in gaps)
            requests = plan_requests(
                work.longest_first(),
                missing,
                run_seed=cell.sampling.seed,
                request_size=cell.sampling.request_size,
            )
            record(recorder, cell, requests, self._engines, total=total, done=total - n_missing)
            _refuse_nothing_drawn(cell, recorder.n_samples, len(missing))
            return True

        n_drawn = repeat(attempt, lambda: Recorder(work), work, self._engines)
        if not n_drawn:
            work.tell_complete(total)
        return n_drawn

    def draw_together(self, works: Sequence[CellWork], announce: Callable[[CellWork], None]) -> set[str]:
        """Draw cells in one stream; see `StreamDrawer.draw_together`."""
        complete: set[str] = set()
        with suppress(SamplerError, RunMismatchError):
            for work in works:
                refuse_other_engine(work.store, work.cell.name, choose_engine(work.cell.model.engine)[0])
            repeat(
                CellStream.draw,
                lambda: CellStream(works, self._engines, announce, complete),
                works[0],
                self._engines,
            )
        return complete


def repeat(
    attempt: Callable[[T], bool],
    new_recorder: Callable[[], T],
    work: CellWork,
    engines: Engines,
) -> int:
    """Attempt until there is nothing left to do, with a new engine after one that died; return samples drawn.

    Args:
        attempt: Draws what it can into a recorder; False when there was nothing to do.
        new_recorder: Makes one for every attempt.
        work: The cell; its progress is told of deaths.
        engines: Where the engine comes from.

    Raises:
        EngineDiedError: It died again and again without a sample in between.
    """
    n_drawn, deaths = 0, 0
    while True:
        recorder = new_recorder()
        try:
            if not attempt(recorder):
                return n_drawn
        except EngineDiedError as error:
            deaths = 0 if recorder.n_samples else deaths + 1
            if deaths >= _MOST_RESTARTS:
                raise
            work.progress.note(f"{work.cell.name}: {error} Starting it again.")
        n_drawn += recorder.n_samples


def record(
    recorder: Recorder,
    cell: Cell,
    requests: Iterable[SampleRequest],
    engines: Engines,
    *,
    total: int,
    done: int,
) -> None:
    """Draw requests with the cell's engine into a recorder.

    Args:
        recorder: Stores the samples.
        cell: The cell.
        requests: Are read as fast as the engine takes them.
        engines: Where the engine comes from.
        total: Samples of the cell, for the progress.
        done: Those that are there already.
    """
    engine = engines.engine_for(cell)
    try:
        with recorder.session(engine, total=total, done=done):
            for samples in attempted(cell, engine.sampler, requests, recorder.journal):
                recorder.add(samples)
    except BaseException:
        engines.close()  # requests may still be under way in it, or it is dead
        raise


def _refuse_nothing_drawn(cell: Cell, n_drawn: int, n_lacking: int) -> None:
    if not n_drawn:
        raise SamplerError(
            f"{cell.name}: the engine took every request and gave no sample; {n_lacking} problems still lack "
            "some. A sampler must yield every sample that it is asked for."
        )
