"""Samples on their way into the store, and the record of the session that drew them."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ttscale.errors import StoreError
from ttscale.pipeline.engines import RunningEngine
from ttscale.pipeline.progress import Progress
from ttscale.store.run import RunStore, Session, new_session_name, now
from ttscale.types import Sample

SegmentHook = Callable[[Path], None]
"""Called with every segment that was written."""


class Recorder:
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
        self._sampler = engine.sampler
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
            usage=self._usage(),
        )
        self._store.write_session(self._session)
        self._on_segment(path)

    def _usage(self) -> dict[str, Any]:
        usage = getattr(self._sampler, "usage", None)
        return {} if usage is None else asdict(usage)


def _new_session(cell: str, engine: RunningEngine) -> Session:
    return Session(
        session=new_session_name(),
        cell=cell,
        started_at=now(),
        start_s=engine.start_s,
        engine=asdict(engine.info),
    )
