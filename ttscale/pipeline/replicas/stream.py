"""A sampler fed with one chunk after another, without a pause in between.

Engines batch continuously: they are fast as long as requests wait. Chunks are therefore strung together into one
stream of requests, and the samples that come out, in any order, are sorted back into their chunks. All of it runs
in one thread, since engines expect to be driven from where they were started.
"""

import os
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ttscale.config.models import Cell
from ttscale.errors import SamplerError, TtscaleError
from ttscale.pipeline.attempt_kinds import Attempts, PlainAttempts
from ttscale.pipeline.engines import Engines, RunningEngine
from ttscale.pipeline.lanes import Lane, streamed
from ttscale.pipeline.progress import Progress
from ttscale.pipeline.replicas.chunks import Chunk
from ttscale.pipeline.replicas.records import Key, ReplicaJournal
from ttscale.samplers.contract import Sampler
from ttscale.store.calls import CallRecord, Journal
from ttscale.types import Sample, SampleRequest


@dataclass(frozen=True, slots=True)
class Draw:
    """What came of a chunk.

    Attributes:
        samples: All that were asked for, unless there is an error or the stream was stopped.
        error: What the engine failed with.
        ran_dry: Whether the engine asked for more requests than there were since the last answer.
        calls: Records of a strategy's calls that are not in the run directory yet.
    """

    samples: Sequence[Sample]
    error: TtscaleError | None = None
    ran_dry: bool = False
    calls: Sequence[CallRecord] = ()


@dataclass(eq=False, slots=True)
class _OpenChunk:
    """A chunk with what has come of it by now."""

    chunk: Chunk
    session: str
    calls_folder: Path | None
    journal: ReplicaJournal | None = None
    answer: "Future[Draw]" = field(default_factory=Future)
    samples: list[Sample] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        return len(self.samples) >= self.chunk.n_samples


@dataclass(eq=False, slots=True)
class _Start:
    """An engine that is asked for."""

    cell: Cell
    answer: "Future[RunningEngine]" = field(default_factory=Future)


class _CellLane(Lane):
    """A cell's part of the stream, with the chunks that its samples are of."""

    def __init__(
        self, attempts: Attempts, select: Callable[[], object], asked: dict[Key, _OpenChunk]
    ) -> None:
        super().__init__(attempts, select)
        self.asked = asked


AttemptsOf = Callable[[Cell, Sampler, Iterable[SampleRequest | None], Callable[[], Journal]], Attempts]
"""Makes the attempts of a cell; see `ttscale.pipeline.attempts.attempts_of`."""


def _the_same(journal: Journal) -> Journal:
    return journal


def called(
    cell: Cell, sampler: Sampler, requests: Iterable[SampleRequest | None], journal: Callable[[], Journal]
) -> Attempts:
    """Let every request be one call of the model."""
    return PlainAttempts(requests)


class EngineStream:
    """Owns an engine and the thread that drives it.

    Args:
        attempts_of: Makes attempts of requests.
    """

    def __init__(self, attempts_of: AttemptsOf = called) -> None:
        self._attempts_of = attempts_of
        self._engines = Engines(Progress())
        self._running: RunningEngine | None = None
        self._cell: Cell | None = None
        self._jobs: deque[_OpenChunk | _Start | None] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._ran_dry = False
        self._thread = threading.Thread(target=self._serve, name="engine", daemon=True)
        self._thread.start()

    def start(self, cell: Cell) -> "Future[RunningEngine]":
        """Start the engine of a cell, or go on with the running one where it serves."""
        job = _Start(cell)
        self._put(job)
        return job.answer

    def draw(self, chunk: Chunk, session: str = "", calls_folder: Path | None = None) -> "Future[Draw]":
        """Draw a chunk after those that were given before.

        Args:
            chunk: The requests.
            session: Names the segments of a strategy's calls.
            calls_folder: Where those are written; None: they are part of the answer.
        """
        job = _OpenChunk(chunk, session, calls_folder)
        self._put(job)
        return job.answer

    def usage(self) -> dict[str, Any]:
        """Return what the engine used besides, since it runs."""
        running = self._running
        usage = getattr(running.sampler, "usage", None) if running else None
        return {} if usage is None else asdict(usage)

    def stop(self) -> None:
        """Break off: every open chunk is answered with what it has. The engine is closed."""
        with self._changed:
            self._stopping = True
            self._changed.notify()

    def close(self) -> None:
        """Break off and end the thread, with the engine closed."""
        self.stop()
        self._put(None)
        self._thread.join()

    # ---- in the engine's thread -------------------------------------------------------------------

    def _serve(self) -> None:
        try:
            while True:
                job = self._next_job()
                if job is None:
                    self._engines.close()
                    return
                if isinstance(job, _Start):
                    self._start(job)
                else:
                    self._stream(job)
        except BaseException:  # without this thread the process is of no use: let it be seen dead
            traceback.print_exc()
            os._exit(1)

    def _start(self, job: _Start) -> None:
        try:
            self._running, self._cell = self._engines.engine_for(job.cell), job.cell
        except TtscaleError as error:
            if self._cell is None or not self._engines.serves(self._cell):
                self._running = None
            job.answer.set_exception(error)
        else:
            job.answer.set_result(self._running)

    def _stream(self, first: _OpenChunk) -> None:
        """Draw a chunk and all those that are there before the engine has taken its last request."""
        opened: list[_OpenChunk] = []
        error: TtscaleError | None = None
        try:
            if self._running is not None:  # else it just failed, and what else was waiting gets no samples
                with closing(streamed(self._running.sampler, self._lanes(first, opened))) as stream:
                    for lane, some in stream:
                        self._sort(lane, some)
                        if self._stopping:
                            break
        except TtscaleError as failure:
            error = failure
        if error is not None or self._stopping:
            self._running = None
            self._engines.close()  # requests may still be under way in it, or it is dead
        for unfinished in opened or [first]:
            self._answer(unfinished, error)
        if self._stopping:
            self._drop_waiting()

    def _lanes(self, first: _OpenChunk, opened: list[_OpenChunk]) -> Iterator[Lane]:
        job: _OpenChunk | None = first
        while job is not None and self._cell is not None and self._running is not None:
            cell = self._cell
            journal = self._journal_of(cell, job)
            asked: dict[Key, _OpenChunk] = {}
            requests = self._requests(cell, journal, job, opened, asked)
            attempts = self._attempts_of(cell, self._running.sampler, requests, partial(_the_same, journal))
            yield _CellLane(attempts, partial(self._engines.serve, cell), asked)
            job = self._next_chunk(self._cell)

    def _requests(
        self,
        cell: Cell,
        journal: ReplicaJournal,
        first: _OpenChunk,
        opened: list[_OpenChunk],
        asked: dict[Key, _OpenChunk],
    ) -> Iterator[SampleRequest | None]:
        """Yield a cell's chunks; None while others may still come: an engine that serves calls need not run empty."""
        job: _OpenChunk | None = first
        while not self._stopping:
            if job is not None:
                job.journal = journal
                opened.append(job)
                journal.opened(job.chunk)
                asked |= dict.fromkeys(job.chunk.keys, job)
                yield from job.chunk.requests
            job = self._next_chunk(cell)
            if job is None:
                self._ran_dry = True
                if not (self._serves("calls") and asked and not self._jobs):
                    return
                yield None

    def _serves(self, what: str) -> bool:
        return what in getattr(self._running and self._running.sampler, "serves", ())

    def _journal_of(self, cell: Cell, first: _OpenChunk) -> ReplicaJournal:
        folder = None if cell.strategy is None else first.calls_folder
        return ReplicaJournal(folder, cell.name, first.session)

    def _sort(self, lane: Lane, samples: Sequence[Sample]) -> None:
        assert isinstance(lane, _CellLane)
        touched: set[_OpenChunk] = set()
        for sample in samples:
            job = lane.asked.pop((sample.problem_id, sample.sample_index), None)
            if job is None:
                raise SamplerError(
                    f"The sampler gave sample {sample.sample_index} of problem '{sample.problem_id}' twice or unasked."
                )
            job.samples.append(sample)
            touched.add(job)
        for job in touched:
            if job.is_complete:
                self._answer(job, None)
        if lane.has_ended and lane.attempts.failure is not None:
            for job in set(lane.asked.values()):
                self._answer(job, lane.attempts.failure)

    def _answer(self, job: _OpenChunk, error: TtscaleError | None) -> None:
        if not job.answer.done():
            ran_dry, self._ran_dry = self._ran_dry, False
            calls = [] if job.journal is None else job.journal.taken(job.chunk)
            job.answer.set_result(Draw(job.samples, error, ran_dry, calls))

    # ---- the queue --------------------------------------------------------------------------------

    def _put(self, job: _OpenChunk | _Start | None) -> None:
        with self._changed:
            self._jobs.append(job)
            self._changed.notify()

    def _next_job(self) -> _OpenChunk | _Start | None:
        with self._changed:
            self._changed.wait_for(lambda: self._jobs)
            self._stopping = False
            return self._jobs.popleft()

    def _next_chunk(self, cell: Cell) -> _OpenChunk | None:
        """Return the next chunk of a cell if one is waiting; another cell begins beside it where the engine can do that."""
        with self._changed:
            job = self._jobs[0] if self._jobs else None
            is_chunk = isinstance(job, _OpenChunk) and cell is self._cell
            if is_chunk or (isinstance(job, _Start) and self._joins(job.cell)):
                self._jobs.popleft()
        if isinstance(job, _Start) and not is_chunk and self._joins(job.cell):
            self._start(job)
        return job if is_chunk else None  # type: ignore[return-value]  # just looked at

    def _joins(self, cell: Cell) -> bool:
        """Tell whether a cell may begin while others are under way; elsewhere it waits for this stream's end."""
        return self._serves("calls") and self._serves("cells") and self._engines.serves(cell)

    def _drop_waiting(self) -> None:
        with self._changed:
            chunks = [job for job in self._jobs if isinstance(job, _OpenChunk)]
            self._jobs = deque(job for job in self._jobs if not isinstance(job, _OpenChunk))
        for job in chunks:
            self._answer(job, None)
