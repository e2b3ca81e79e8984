"""Cells drawn with the engine in this process, several of one engine in one stream; see `ttscale.pipeline.lanes`."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import partial
from itertools import chain, groupby
from typing import Protocol

from ttscale.errors import SamplerError, TtscaleError
from ttscale.pipeline.attempts import attempts_of
from ttscale.pipeline.continuing import refuse_other_engine
from ttscale.pipeline.contract import CellDrawer, CellWork, StreamDrawer
from ttscale.pipeline.engines import Engines, RunningEngine, engine_key
from ttscale.pipeline.lanes import Lane, streamed
from ttscale.pipeline.recording import Recorder
from ttscale.pipeline.requests import plan_requests
from ttscale.samplers.resolve import choose_engine
from ttscale.types import Sample, SampleRequest

Announce = Callable[[CellWork], None]
"""Is told of a cell when its turn comes."""


def neighbours(works: Iterable[CellWork], drawer: CellDrawer) -> Iterator[list[CellWork]]:
    """Yield cells in their order, those in one list that a drawer may draw in one stream."""

    def stream(work: CellWork) -> object:
        streams = isinstance(drawer, StreamDrawer) and drawer.streams(work.cell)
        # A rule decides by what was drawn, when all of that is there.
        return engine_key(work.cell) if streams and work.cell.sampling.until is None else None

    for key, group in groupby(works, key=stream):
        members = list(group)
        yield from [members] if key is not None else [[work] for work in members]


class Portion(Protocol):
    """What of a cell is to be drawn here.

    Attributes:
        work: The cell.
        total: Samples that it is to have.
        failure: Why no more of it is tried now.
    """

    work: CellWork
    total: int
    failure: TtscaleError | None

    @property
    def is_complete(self) -> bool:
        """Whether nothing of it is left to draw here."""

    def requests(self) -> Iterator[SampleRequest]:
        """Yield requests for what is lacking now."""

    def n_stored(self) -> int:
        """Return how many samples there are."""

    def recorder(self) -> Recorder:
        """Return what stores its samples."""

    def tell(self, n_drawn: int) -> None:
        """Say what came of it."""

    def close(self) -> None:
        """Let go of what is not stored."""


class Gaps:
    """All that a cell lacks; see `Portion`.

    Args:
        work: The cell.
        targets: problem_id -> samples wanted.
    """

    def __init__(self, work: CellWork, targets: Mapping[str, int]) -> None:
        self.work = work
        self.total = sum(targets.values())
        self.failure: TtscaleError | None = None
        self._targets = targets
        self._seen: Mapping[str, Sequence[range]] | None = None

    @property
    def is_complete(self) -> bool:
        """Whether all of it is stored."""
        return not self._missing()

    def requests(self) -> Iterator[SampleRequest]:
        """Yield requests, those first whose samples were longest so far."""
        self._seen = missing = self._missing()
        if missing:
            sampling = self.work.cell.sampling
            yield from plan_requests(
                self.work.longest_first(),
                missing,
                run_seed=sampling.seed,
                request_size=sampling.request_size,
            )

    def n_stored(self) -> int:
        """Return how many of the samples wanted there are."""
        missing = self._missing() if self._seen is None else self._seen
        return self.total - sum(len(gap) for gaps in missing.values() for gap in gaps)

    def recorder(self) -> Recorder:
        """Return what stores its samples."""
        return Recorder(self.work)

    def tell(self, n_drawn: int) -> None:
        """Say that there was nothing to do, if so."""
        if not n_drawn:
            self.work.tell_complete(self.total)

    def close(self) -> None:
        """Look anew the next time."""
        self._seen = None

    def _missing(self) -> dict[str, list[range]]:
        return self.work.store.missing(self.work.cell.name, self._targets)


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
            lacking = len(portion.work.store.missing(portion.work.cell.name, portion.work.everything()))
            raise SamplerError(
                f"{portion.work.cell.name}: the engine took every request and gave no sample; {lacking} problems still lack "
                "some. A sampler must yield every sample that it is asked for."
            )


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
