"""Samples on their way into the store, and the record of the session that drew them."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any

from ttscale.costs.energy import meter_of
from ttscale.errors import StoreError
from ttscale.pipeline.continuing import refuse_other_model
from ttscale.pipeline.contract import CellWork
from ttscale.pipeline.engines import RunningEngine
from ttscale.store.calls import Journal
from ttscale.store.run import Session, new_session_name, now
from ttscale.store.writer import Stored
from ttscale.types import Sample

StoredHook = Callable[[Sequence[Sample]], None]
"""Called with the samples that are stored now."""


class Recorder:
    """Stores samples, tells how far it is, and keeps the session's record true after every segment.

    Args:
        work: The cell.
        on_stored: Called with the samples of every segment before the cell's own hook is.

    Attributes:
        store: The run.
        n_samples: Samples taken so far, stored or not yet.
    """

    def __init__(self, work: CellWork, on_stored: StoredHook = lambda samples: None) -> None:
        self.store = work.store
        self._work = work
        self._cell = work.cell.name
        self._progress = work.progress
        self._on_segment = work.on_segment
        self._on_stored = on_stored
        self.n_samples = 0
        self._at_the_end: dict[str, Any] | None = None

    def journal(self) -> Journal:
        """Return where a strategy's calls are recorded."""
        from ttscale.pipeline.strategy.journal import StoredJournal

        writer = self.store.call_writer(self._cell, self._session.session)
        return StoredJournal(writer, self.store.unfinished_calls(self._cell))

    @contextmanager
    def session(self, engine: RunningEngine) -> Iterator[None]:
        """Record a session; what is buffered at its end is stored, however it ends.

        Raises:
            RunMismatchError: The engine would draw something else than is stored.
        """
        refuse_other_model(self.store, self._work.cell, engine.info)
        self._sampler = engine.sampler
        self._session = _new_session(self._cell, engine)
        self._writer = self.store.sample_writer(self._cell, self._session.session)
        self._began, self._at_the_end = time.monotonic(), None
        self._used_before = self._usage()
        self._meter = meter_of(engine.info.device) if engine.info.engine != "replay" else None
        self.store.write_session(self._session)
        try:
            yield
        except StoreError:  # a second attempt would only hide the first message
            raise
        except BaseException:
            self._written(self._writer.flush())
            raise
        else:
            self._written(self._writer.flush())

    def add(self, samples: Sequence[Sample]) -> None:
        """Take samples as they finish."""
        self.n_samples += len(samples)
        self._written(self._writer.add(samples))
        self._progress.advance(len(samples), generated(samples))

    def _written(self, segments: Sequence[Stored[Sample]]) -> None:
        for segment in segments:
            before, samples = self._session, segment.rows
            self._session = replace(
                before,
                n_samples=before.n_samples + len(samples),
                completion_tokens=before.completion_tokens + generated(samples),
                **(self._at_the_end or self._taken()),
            )
            self.store.write_session(self._session)
            self._on_stored(samples)
            self._on_segment(segment.path)

    def pass_on(self) -> None:
        """Count nothing more of what the engine takes: it works for another session from now on, besides the last samples."""
        self._at_the_end = self._taken()

    def _taken(self) -> dict[str, Any]:
        return {
            "seconds": time.monotonic() - self._began,
            "engine": self._with_joules(self._session.engine),
            "usage": added(self._usage(), self._used_before, sign=-1),
        }

    def _with_joules(self, engine: Mapping[str, Any]) -> Mapping[str, Any]:
        """Add what the GPUs used since the session began, where that can be measured."""
        if self._meter is None:
            return engine
        return {**engine, "detail": {**engine["detail"], "joules": self._meter.joules()}}

    def _usage(self) -> dict[str, Any]:
        usage = getattr(self._sampler, "usage", None)
        return {} if usage is None else asdict(usage)


def added(usage: Mapping[str, Any], more: Mapping[str, Any], *, sign: int = 1) -> dict[str, Any]:
    """Return what two records of usage are together; of what one does not count, the first's word stands.

    >>> added({"requests": 3, "usd": None}, {"requests": 2, "usd": None}, sign=-1)
    {'requests': 1, 'usd': None}
    """
    return {
        name: value if value is None else value + sign * (more.get(name) or 0)
        for name, value in usage.items()
    }


def generated(samples: Sequence[Sample]) -> int:
    """Return the tokens of samples, as far as they were counted."""
    return sum(sample.completion_tokens or 0 for sample in samples)


def _new_session(cell: str, engine: RunningEngine) -> Session:
    return Session(
        session=new_session_name(),
        cell=cell,
        started_at=now(),
        start_s=engine.start_s,
        engine=asdict(engine.info),
    )
