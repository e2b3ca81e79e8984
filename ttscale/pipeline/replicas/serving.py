"""What one replica contributes to a cell: its session's record and its segments."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ttscale.pipeline.recording import added
from ttscale.pipeline.replicas.handover import take_over
from ttscale.pipeline.replicas.replica import Drawn, Prepared
from ttscale.samplers.preemptions import told_of_preemptions
from ttscale.store.calls import CallRecord, calls_frame
from ttscale.store.run import RunStore, Session, new_session_name, now
from ttscale.store.segments import write_segment


class Serving:
    """Takes a replica's samples into the store and keeps its session's record true.

    Args:
        store: The run, held for writing.
        cell: The cell.
        prepared: The replica.
        where: What the session's record says of where it runs.
    """

    def __init__(self, store: RunStore, cell: str, prepared: Prepared, where: Mapping[str, Any]) -> None:
        self._store = store
        self._began = time.monotonic()
        self._sequence = self._n_calls = 0
        info = replace(prepared.info, detail={**prepared.info.detail, **where})
        self._session = Session(
            session=new_session_name(),
            cell=cell,
            started_at=now(),
            start_s=prepared.start_s,
            engine=asdict(info),
        )
        store.write_session(self._session)

    @property
    def session(self) -> str:
        """The session's name."""
        return self._session.session

    @property
    def samples_per_s(self) -> float | None:
        """The replica's rate so far, or None before its first samples."""
        session = self._session
        return session.n_samples / max(session.seconds, 1e-3) if session.n_samples else None

    def told_of_usage(self) -> str | None:
        """Say what the engine could do better, where its record shows it."""
        return told_of_preemptions(self._session.usage, self._session.engine["detail"])

    def take_calls(self, calls: Sequence[CallRecord]) -> None:
        """Store the calls of a strategy's attempts, before the attempts."""
        if calls:
            cell = self._session.cell
            path = self._store.calls_folder(cell) / f"{self.session}-{self._n_calls:06d}.parquet"
            write_segment(path, calls_frame(calls, cell), metadata={"session": self.session})
            self._n_calls += 1

    def take(self, drawn: Drawn) -> Path:
        """Store what a replica drew; return the segment."""
        folder = self._store.samples_folder(self._session.cell)
        target = folder / f"{self.session}-{self._sequence:06d}.parquet"
        take_over(drawn.handover, target, self.session)
        self._sequence += 1
        self._session = replace(
            self._session,
            seconds=time.monotonic() - self._began,
            n_samples=self._session.n_samples + drawn.n_samples,
            completion_tokens=self._session.completion_tokens + drawn.completion_tokens,
            usage=added(drawn.usage, self._session.usage),
        )
        self._store.write_session(self._session)
        return target
