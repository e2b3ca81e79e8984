"""A sampler fed with one chunk after another, without a pause in between.

Engines batch continuously: they are fast as long as requests wait. Chunks are therefore strung together into one
stream of requests, and the samples that come out, in any order, are sorted back into their chunks. All of it runs
in one thread, since engines expect to be driven from where they were started.
"""

import os
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ttscale.config.models import Cell
from ttscale.errors import AttemptsFailedError, SamplerError, TtscaleError
from ttscale.pipeline.calls import drawn
from ttscale.pipeline.engines import Engines, RunningEngine
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


Samples = Callable[
    [Cell, Sampler, Iterable[SampleRequest | None], Callable[[], Journal]], Iterator[list[Sample]]
]
"""Makes the samples of a cell; see `ttscale.pipeline.attempts.attempted`."""


def called(
    cell: Cell, sampler: Sampler, requests: Iterable[SampleRequest | None], journal: Callable[[], Journal]
) -> Iterator[list[Sample]]:
    """Let every request be one call of the model."""
    return drawn(sampler, requests)


class EngineStream:
    """Owns an engine and the thread that drives it.

    Args:
        samples: Makes samples of requests.
    """

    def __init__(self, samples: Samples = called) -> None:
        self._samples_of = samples
        self._engines = Engines(Progress())
        self._running: RunningEngine | None = None
        self._cell: Cell | None = None
        self._journal = ReplicaJournal(None, "", "")
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
        """Return what the engine used besides, since its cell began."""
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
            self._running = None
            job.answer.set_exception(error)
        else:
            job.answer.set_result(self._running)

    def _stream(self, first: _OpenChunk) -> None:
        """Draw a chunk and all those that are there before the engine has taken its last request."""
        opened: list[_OpenChunk] = []
        asked: dict[Key, _OpenChunk] = {}
        error: TtscaleError | None = None
        self._begin_journal(first)
        try:
            with closing(self._samples(self._requests(first, opened, asked))) as samples:
                for some in samples:
                    self._sort(some, asked)
                    if self._stopping:
                        break
        except TtscaleError as failure:
            error = failure
        is_broken = error is not None and not isinstance(error, AttemptsFailedError)
        if is_broken or self._stopping:
            self._running = None
            self._engines.close()  # requests may still be under way in it, or it is dead
        for unfinished in opened or [first]:
            self._answer(unfinished, error)
        if self._stopping:
            self._drop_waiting()

    def _requests(
        self, first: _OpenChunk, opened: list[_OpenChunk], asked: dict[Key, _OpenChunk]
    ) -> Iterator[SampleRequest | None]:
        """Yield the chunks' requests; None while others may still come: an engine that serves calls need not run empty."""
        job: _OpenChunk | None = first
        goes_on = "calls" in getattr(self._running and self._running.sampler, "serves", ())
        while not self._stopping:
            if job is not None:
                opened.append(job)
                self._journal.opened(job.chunk)
                asked |= dict.fromkeys(job.chunk.keys, job)
                yield from job.chunk.requests
            job = self._next_chunk()
            if job is None:
                self._ran_dry = True
                if not (goes_on and asked and not self._jobs):
                    return
                yield None

    def _samples(self, requests: Iterator[SampleRequest | None]) -> Generator[list[Sample], None, None]:
        if self._running is not None and self._cell is not None:
            yield from self._samples_of(self._cell, self._running.sampler, requests, lambda: self._journal)
        # else it just failed, and what else was waiting gets no samples

    def _begin_journal(self, first: _OpenChunk) -> None:
        if self._cell is not None and self._cell.strategy is not None:
            self._journal = ReplicaJournal(first.calls_folder, self._cell.name, first.session)

    def _sort(self, samples: Sequence[Sample], asked: dict[Key, _OpenChunk]) -> None:
        touched: set[_OpenChunk] = set()
        for sample in samples:
            job = asked.pop((sample.problem_id, sample.sample_index), None)
            if job is None:
                raise SamplerError(
                    f"The sampler gave sample {sample.sample_index} of problem '{sample.problem_id}' twice or unasked."
                )
            job.samples.append(sample)
            touched.add(job)
        for job in touched:
            if job.is_complete:
                self._answer(job, None)

    def _answer(self, job: _OpenChunk, error: TtscaleError | None) -> None:
        if not job.answer.done():
            ran_dry, self._ran_dry = self._ran_dry, False
            job.answer.set_result(Draw(job.samples, error, ran_dry, self._journal.taken(job.chunk)))

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

    def _next_chunk(self) -> _OpenChunk | None:
        """Return the next chunk if one is waiting; another engine has to wait for this stream's end."""
        with self._changed:
            if self._jobs and isinstance(self._jobs[0], _OpenChunk):
                return self._jobs.popleft()  # type: ignore[return-value]  # just looked at
            return None

    def _drop_waiting(self) -> None:
        with self._changed:
            chunks = [job for job in self._jobs if isinstance(job, _OpenChunk)]
            self._jobs = deque(job for job in self._jobs if not isinstance(job, _OpenChunk))
        for job in chunks:
            self._answer(job, None)
