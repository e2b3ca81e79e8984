"""Draw what a cell still lacks, storing samples as they finish."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from ttscale.config.models import Cell
from ttscale.errors import RunMismatchError, StoreError
from ttscale.pipeline.building import build_sampler
from ttscale.pipeline.progress import Progress
from ttscale.pipeline.requests import plan_requests
from ttscale.samplers.contract import EngineInfo
from ttscale.samplers.resolve import choose_engine
from ttscale.store.run import RunStore, Session, new_session_name, now
from ttscale.types import Problem, Sample

SegmentHook = Callable[[Path], None]
"""Called with every segment that was written."""


def sample_cell(
    store: RunStore,
    cell: Cell,
    problems: Sequence[Problem],
    progress: Progress,
    *,
    on_segment: SegmentHook = lambda path: None,
) -> int:
    """Draw the samples that a cell lacks; return how many were drawn.

    What is stored stays stored whatever happens: an interrupted call is continued by the next one.

    Raises:
        SamplerError: The engine cannot start or serve a request.
        StoreError: Samples cannot be written.
        RunMismatchError: Stored samples came from another engine.
    """
    missing = store.missing(cell.name, [problem.problem_id for problem in problems], cell.sampling.n)
    n_missing = sum(len(gap) for gaps in missing.values() for gap in gaps)
    total = cell.sampling.n * len(problems)
    if not n_missing:
        progress.note(f"{cell.name}: all {total:,} samples are there; nothing to draw.")
        return 0
    engine, reason = choose_engine(cell.model.engine)
    _refuse_other_engine(store, cell.name, engine)
    sampler = build_sampler(cell, engine)
    progress.note(f"{cell.name}: starting {engine} ({reason}) with {cell.model.path} ...")
    began = time.monotonic()
    try:
        info = sampler.start()
        session = _new_session(cell.name, info, time.monotonic() - began)
        progress.begin(f"sample {cell.name}", total=total, done=total - n_missing)
        requests = plan_requests(
            problems, missing, run_seed=cell.sampling.seed, request_size=cell.sampling.request_size
        )
        recorder = _Recorder(store, session, on_segment)
        with recorder:
            for samples in sampler.sample(requests):
                progress.advance(len(samples), recorder.add(samples))
    finally:
        progress.end()
        sampler.close()
    return recorder.n_samples


class _Recorder:
    """Stores samples and keeps the session's record true after every segment."""

    def __init__(self, store: RunStore, session: Session, on_segment: SegmentHook) -> None:
        self._store = store
        self._session = session
        self._on_segment = on_segment
        self._writer = store.sample_writer(session.cell, session.session)
        self._began = time.monotonic()
        self._tokens = 0
        self.n_samples = 0

    def __enter__(self) -> "_Recorder":
        self._store.write_session(self._session)
        return self

    def add(self, samples: Sequence[Sample]) -> int:
        """Take samples; return how many tokens they have."""
        tokens = sum(sample.completion_tokens for sample in samples)
        self.n_samples += len(samples)
        self._tokens += tokens
        self._segment_written(self._writer.add(samples))
        return tokens

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        # After a storage error a second attempt would only hide the first message.
        if not isinstance(error, StoreError):
            self._segment_written(self._writer.flush())

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


def _new_session(cell: str, info: EngineInfo, start_s: float) -> Session:
    return Session(
        session=new_session_name(), cell=cell, started_at=now(), start_s=start_s, engine=asdict(info)
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
