"""Cells drawn with the engine in this process, several of one engine in one stream; see `ttscale.pipeline.lanes`."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from itertools import chain, groupby

from ttscale.errors import TtscaleError
from ttscale.pipeline.attempts import attempts_of
from ttscale.pipeline.continuing import refuse_other_engine
from ttscale.pipeline.contract import CellDrawer, CellWork, StreamDrawer
from ttscale.pipeline.engines import Engines, RunningEngine, engine_key
from ttscale.pipeline.lanes import Lane, streamed
from ttscale.pipeline.portions import Announce, Portion, nothing_drawn
from ttscale.samplers.resolve import choose_engine
from ttscale.types import Sample, SampleRequest


def neighbours(works: Iterable[CellWork], drawer: CellDrawer) -> Iterator[list[CellWork]]:
    """Yield cells in their order, those in one list that a drawer may draw in one stream."""

    def stream(work: CellWork) -> object:
        streams = isinstance(drawer, StreamDrawer) and drawer.streams(work.cell)
        # A rule decides by what was drawn, when all of that is there.
        return engine_key(work.cell) if streams and work.cell.sampling.until is None else None

    for key, group in groupby(works, key=stream):
        members = list(group)
        yield from [members] if key is not None else [[work] for work in members]


class CellStream:
    """Draws once what portions lack now.

    Args:
        portions: In their order. One that cannot begin beside another is left out, with its failure kept.
        engines: Where the engine comes from.
        announce: Is told of every cell that begins.

    Attributes:
        n_samples: Samples drawn so far.
    """

    def __init__(self, portions: Sequence[Portion], engines: Engines, announce: Announce) -> None:
        self._portions = portions
        self._engines = engines
        self._announce = announce
        self._parts: dict[Lane, _Part] = {}
        self._last: _Part | None = None
        self.n_samples = 0

    def draw(self) -> bool:
        """Draw; False where nothing was lacking.

        Raises:
            TtscaleError: The engine cannot start or go on, gives nothing, or samples cannot be stored.
        """
        try:
            lanes = self._lanes()
            if (first := next(lanes, None)) is None:
                return False
            with closing(streamed(self._parts[first].engine.sampler, chain([first], lanes))) as stream:
                for lane, samples in stream:
                    self._take(lane, samples)
        except BaseException as error:
            self._engines.close()  # requests may still be under way in it, or it is dead
            for part in list(self._parts.values()):
                part.close(error)
            raise
        finally:
            if self._last is not None:
                self._portions[0].work.progress.end()
        self._refuse_nothing_drawn()
        return True

    def _lanes(self) -> Iterator[Lane]:
        for portion in self._portions:
            requests = iter(()) if portion.failure else portion.requests()
            request = next(requests, None)
            if request is None:
                continue
            self._announce(portion.work)
            try:
                part = self._opened(portion, chain([request], requests))
            except TtscaleError as error:
                if self._last is None:
                    raise
                portion.failure = error
                portion.close()
                continue
            self._last = part
            self._parts[part.lane] = part
            yield part.lane

    def _opened(self, portion: Portion, requests: Iterator[SampleRequest]) -> "_Part":
        work = portion.work
        refuse_other_engine(work.store, work.cell.name, choose_engine(work.cell.model.engine)[0])
        engine = self._engines.engine_for(work.cell)
        if self._last is None:
            self._begin_progress()
        else:
            self._last.recorder.pass_on()
        return _Part(portion, engine, requests, partial(self._engines.serve, work.cell))

    def _begin_progress(self) -> None:
        portions = [portion for portion in self._portions if not portion.failure]
        stored = [portion.n_stored() for portion in portions]
        lacking = [
            portion for portion, n in zip(portions, stored, strict=True) if n < portion.total
        ] or portions
        what = lacking[0].work.cell.name if len(lacking) == 1 else f"{len(lacking)} cells"
        total = sum(portion.total for portion in portions)
        self._portions[0].work.progress.begin(f"sample {what}", total=total, done=sum(stored))

    def _take(self, lane: Lane, samples: Sequence[Sample]) -> None:
        part = self._parts[lane]
        self.n_samples += len(samples)
        if samples:
            part.recorder.add(samples)
        if lane.has_ended:
            del self._parts[lane]
            part.portion.failure = lane.attempts.failure
            part.close()

    def _refuse_nothing_drawn(self) -> None:
        if not self.n_samples and not any(portion.failure for portion in self._portions):
            portion = next(portion for portion in self._portions if not portion.is_complete)
            lacking = portion.work.store.missing(portion.work.cell.name, portion.work.everything())
            raise nothing_drawn(portion.work.cell.name, "the engine", len(lacking))


class _Part:
    """A portion in the stream, with its session."""

    def __init__(
        self,
        portion: Portion,
        engine: RunningEngine,
        requests: Iterator[SampleRequest],
        select: Callable[[], object],
    ) -> None:
        self.portion = portion
        self.engine = engine
        self.recorder = portion.recorder()
        self._session = ExitStack()
        self._session.enter_context(self.recorder.session(engine))
        try:
            attempts = attempts_of(portion.work.cell, engine.sampler, requests, self.recorder.journal)
        except BaseException as error:
            self.close(error)
            raise
        self.lane = Lane(attempts, select)

    def close(self, error: BaseException | None = None) -> None:
        """End the session; what is buffered is stored."""
        try:
            self._session.__exit__(
                type(error) if error else None, error, error.__traceback__ if error else None
            )
        finally:
            self.portion.close()
