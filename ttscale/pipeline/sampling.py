"""Draw what a cell still lacks, storing samples as they finish."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from ttscale.config.models import Cell
from ttscale.errors import EngineDiedError, RunMismatchError, SamplerError, StoreError, TtscaleError
from ttscale.pipeline.engines import Engines, RunningEngine
from ttscale.pipeline.progress import Progress
from ttscale.pipeline.requests import plan_requests
from ttscale.samplers.contract import Sampler
from ttscale.samplers.resolve import choose_engine
from ttscale.store.run import RunStore, Session, new_session_name, now
from ttscale.types import Problem, Sample, SampleRequest

SegmentHook = Callable[[Path], None]
"""Called with every segment that was written."""


_MOST_RESTARTS = 3
"""Deaths of an engine in a row, without a sample between them, that end a cell."""


def sample_cell(
    store: RunStore,
    cell: Cell,
    problems: Sequence[Problem],
    engines: Engines,
    progress: Progress,
    *,
    on_segment: SegmentHook = lambda path: None,
    targets: Mapping[str, int] | None = None,
) -> int:
    """Draw the samples that a cell lacks; return how many were drawn.

    What is stored stays stored whatever happens: an interrupted call is continued by the next one. An engine
    that dies is started again and goes on with what is still missing.

    Args:
        store: The run, held for writing.
        cell: The cell.
        problems: Its problems, in the order they are sampled.
        engines: Where the engine comes from.
        progress: Is told how far it is.
        on_segment: Called with every segment written.
        targets: problem_id -> samples wanted; by default `sampling.n` for all.

    Raises:
        SamplerError: The engine cannot start or serve a request.
        StoreError: Samples cannot be written.
        RunMismatchError: Stored samples came from another engine.
    """
    targets = targets or {problem.problem_id: cell.sampling.n for problem in problems}
    n_drawn, deaths = 0, 0
    _refuse_other_engine(store, cell.name, choose_engine(cell.model.engine)[0])
    while True:
        missing = store.missing(cell.name, targets)
        if not missing:
            if not n_drawn:
                progress.note(
                    f"{cell.name}: all {sum(targets.values()):,} samples are there; nothing to draw."
                )
            return n_drawn
        recorder = _Recorder(store, cell.name, progress, on_segment)
        try:
            _draw(recorder, cell, problems, missing, sum(targets.values()), engines)
        except EngineDiedError as error:
            engines.close()
            deaths = 0 if recorder.n_samples else deaths + 1
            if deaths >= _MOST_RESTARTS:
                raise
            progress.note(f"{cell.name}: {error} Starting it again.")
        else:
            _refuse_nothing_drawn(cell, recorder.n_samples, missing)
        n_drawn += recorder.n_samples


def _draw(
    recorder: "_Recorder",
    cell: Cell,
    problems: Sequence[Problem],
    missing: Mapping[str, Sequence[range]],
    total: int,
    engines: Engines,
) -> None:
    """Draw all that is missing with one engine."""
    engine = engines.engine_for(cell)
    n_missing = sum(len(gap) for gaps in missing.values() for gap in gaps)
    requests = plan_requests(
        problems, missing, run_seed=cell.sampling.seed, request_size=cell.sampling.request_size
    )
    try:
        with recorder.session(engine, total=total, done=total - n_missing):
            for samples in _drawn(engine.sampler, requests):
                recorder.add(samples)
    except BaseException:
        engines.close()  # requests may still be under way in it
        raise


def _drawn(sampler: Sampler, requests: Iterable[SampleRequest]) -> Iterator[list[Sample]]:
    """Yield what the sampler draws; whatever it dies of becomes an error of ours."""
    try:
        yield from sampler.sample(requests)
    except TtscaleError:
        raise
    except Exception as error:
        raise SamplerError(
            f"{type(sampler).__name__} broke off with {type(error).__name__}: {error}"
        ) from error


class _Recorder:
    """Stores samples, tells how far it is, and keeps the session's record true after every segment."""

    def __init__(self, store: RunStore, cell: str, progress: Progress, on_segment: SegmentHook) -> None:
        self._store = store
        self._cell = cell
        self._progress = progress
        self._on_segment = on_segment
        self._tokens = 0
        self.n_samples = 0

    @contextmanager
    def session(self, engine: RunningEngine, *, total: int, done: int) -> Iterator[None]:
        """Record a session; what is buffered at its end is stored, however it ends."""
        self._session = _new_session(self._cell, engine)
        self._writer = self._store.sample_writer(self._cell, self._session.session)
        self._began = time.monotonic()
        self._store.write_session(self._session)
        self._progress.begin(f"sample {self._cell}", total=total, done=done)
        try:
            yield
        except StoreError:  # a second attempt would only hide the first message
            raise
        except BaseException:
            self._segment_written(self._writer.flush())
            raise
        else:
            self._segment_written(self._writer.flush())
        finally:
            self._progress.end()

    def add(self, samples: Sequence[Sample]) -> None:
        """Take samples as they finish."""
        tokens = sum(sample.completion_tokens for sample in samples)
        self.n_samples += len(samples)
        self._tokens += tokens
        self._segment_written(self._writer.add(samples))
        self._progress.advance(len(samples), tokens)

    def _segment_written(self, path: Path | None) -> None:
        if path is None:
            return
        self._session = replace(
            self._session,
            seconds=time.monotonic() - self._began,
            n_samples=self.n_samples,
            completion_tokens=self._tokens,
        )
        self._store.write_session(self._session)
        self._on_segment(path)


def _new_session(cell: str, engine: RunningEngine) -> Session:
    return Session(
        session=new_session_name(),
        cell=cell,
        started_at=now(),
        start_s=engine.start_s,
        engine=asdict(engine.info),
    )


def _refuse_other_engine(store: RunStore, cell: str, engine: str) -> None:
    """A run that has samples stays with the engine that drew them."""
    earlier = {
        str(session.engine["engine"])
        for session in store.sessions()
        if session.cell == cell and session.n_samples and "engine" in session.engine
    }
    if earlier and engine not in earlier:
        raise RunMismatchError(
            f"{store.path} holds samples drawn with {', '.join(sorted(earlier))}, but the engine now is "
            f"{engine}. Install the first one again, set model.engine, or give a new directory with --out."
        )


def _refuse_nothing_drawn(cell: Cell, n_drawn: int, missing: Mapping[str, Sequence[range]]) -> None:
    if not n_drawn:
        raise SamplerError(
            f"{cell.name}: the engine took every request and gave no sample; {len(missing)} problems still lack "
            "some. A sampler must yield every sample that it is asked for."
        )
