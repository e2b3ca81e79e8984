"""Several cells of one engine in one stream: while a cell's last samples are drawn, the next cell's fill the batch.

Alone, a cell ends with its longest samples, and most of the engine's places idle until the last of them is done; a sweep
would pay for that once a cell. No sample depends on its neighbours, so cells may follow each other without a gap.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from types import TracebackType
from typing import Any

from ttscale.errors import TtscaleError
from ttscale.pipeline.building import sampler_class
from ttscale.pipeline.calls import drawn
from ttscale.pipeline.contract import CellWork
from ttscale.pipeline.engines import Engines, RunningEngine, engine_key
from ttscale.pipeline.progress import Progress
from ttscale.pipeline.recording import Recorder
from ttscale.pipeline.requests import plan_requests
from ttscale.samplers.resolve import choose_engine
from ttscale.types import Problem, Sample, SampleRequest

_MARK = "\x1f"
"""Stands between a cell's number and a problem's id: two cells may have the same problems."""


def neighbours(works: Iterable[CellWork]) -> Iterator[list[CellWork]]:
    """Yield cells in their order, those in one list that one engine may draw in one stream."""
    for key, group in groupby(works, key=_stream_key):
        members = list(group)
        yield from [members] if key is not None else [[work] for work in members]


def _stream_key(work: CellWork) -> Any:
    """Return what cells of one stream agree in; None for one that is drawn alone."""
    cell = work.cell
    if (
        cell.strategy is not None or cell.sampling.until is not None
    ):  # what is drawn next depends on what was drawn
        return None
    sampler = sampler_class(choose_engine(cell.model.engine)[0])
    return engine_key(cell) if "cells" in getattr(sampler, "serves", ()) else None


class CellStream:
    """Draws once what cells of one engine lack. A cell that cannot begin is left out.

    Args:
        works: The cells, in their order.
        engines: Where the engine comes from.
        announce: Is told of every cell when its turn comes.
        complete: Takes the names of cells that get their last sample.

    Attributes:
        n_samples: Samples drawn so far.
    """

    def __init__(
        self,
        works: Sequence[CellWork],
        engines: Engines,
        announce: Callable[[CellWork], None],
        complete: set[str],
    ) -> None:
        self._works = works
        self._engines = engines
        self._announce = announce
        self._complete = complete
        self._lanes: dict[str, _Lane] = {}
        self.n_samples = 0

    def draw(self) -> bool:
        """Draw; False where nothing was lacking or nothing came.

        Raises:
            TtscaleError: The engine cannot start or go on, or samples cannot be stored.
        """
        lanes = [_Lane(work, str(number)) for number, work in enumerate(self._works)]
        lacking = [lane for lane in lanes if lane.n_left]
        if not lacking:
            return False
        progress, total = self._works[0].progress, sum(lane.total for lane in lanes)
        progress.begin(
            f"sample {len(lacking)} cells", total=total, done=total - sum(lane.n_left for lane in lanes)
        )
        try:
            self._stream(lacking)
        finally:
            progress.end()
        return self.n_samples > 0

    def _stream(self, lacking: Sequence["_Lane"]) -> None:
        try:
            running = self._engines.engine_for(lacking[0].cell)
            for samples in drawn(running.sampler, self._requests(lacking, running)):
                self.n_samples += len(samples)
                lane = self._lanes[samples[0].problem_id.partition(_MARK)[0]]
                lane.add(samples)
                if not lane.n_left:
                    self._complete.add(lane.cell.name)
        except BaseException as error:
            self._engines.close()  # requests may still be under way in it, or it is dead
            for lane in self._lanes.values():
                lane.close(type(error), error, error.__traceback__)
            raise

    def _requests(self, lacking: Sequence["_Lane"], running: RunningEngine) -> Iterator[SampleRequest]:
        before: _Lane | None = None
        for lane in lacking:
            self._announce(lane.work)
            try:
                lane.open(running if before is None else self._engines.engine_for(lane.cell), before)
            except TtscaleError:
                if before is None:
                    raise
                continue  # alone it will say why
            self._lanes[lane.mark] = before = lane
            yield from lane.requests()


class _Lane:
    """A cell's part of the stream."""

    def __init__(self, work: CellWork, mark: str) -> None:
        self.work, self.cell, self.mark = work, work.cell, mark
        targets = work.everything()
        self._missing = work.store.missing(self.cell.name, targets)
        self.total = sum(targets.values())
        self.n_left = sum(len(gap) for gaps in self._missing.values() for gap in gaps)
        self._recorder = Recorder(replace(work, progress=_Part(work.progress)))
        self._session: Any = None

    def open(self, engine: RunningEngine, before: "_Lane | None") -> None:
        """Begin its session; the one before it is not counted against the engine any more."""
        session = self._recorder.session(engine, total=self.total, done=self.total - self.n_left)
        if before is not None:
            before._recorder.pass_on()
        session.__enter__()
        self._session = session

    def requests(self) -> Iterator[SampleRequest]:
        """Yield requests for marked problems."""
        sampling = self.cell.sampling
        problems = [self._marked(problem) for problem in self.work.longest_first()]
        missing = {f"{self.mark}{_MARK}{name}": gaps for name, gaps in self._missing.items()}
        return plan_requests(
            problems, missing, run_seed=sampling.seed, request_size=sampling.request_size, seeded_by=_plain
        )

    def add(self, samples: Sequence[Sample]) -> None:
        """Take samples of one problem; with the last one the session ends."""
        name = _plain(samples[0].problem_id)
        self._recorder.add([replace(sample, problem_id=name) for sample in samples])
        self.n_left -= len(samples)
        if not self.n_left:
            self.close()

    def close(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        """End the session, if it runs; what is buffered is stored."""
        session, self._session = self._session, None
        if session is not None:
            session.__exit__(kind, error, trace)

    def _marked(self, problem: Problem) -> Problem:
        return replace(problem, problem_id=f"{self.mark}{_MARK}{problem.problem_id}")


def _plain(problem_id: str) -> str:
    return problem_id.partition(_MARK)[2]


class _Part(Progress):
    """A cell's progress as a part of the stream's: it neither begins nor ends it."""

    def __init__(self, whole: Progress) -> None:
        self.note, self.advance, self.solved = whole.note, whole.advance, whole.solved  # type: ignore[method-assign]
