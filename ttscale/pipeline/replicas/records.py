"""The journal of a replica: written into the run directory where that is seen, handed over with the samples where not."""

import uuid
from collections.abc import Sequence
from pathlib import Path

from ttscale.pipeline.replicas.chunks import Chunk
from ttscale.store.calls import CallRecord, call_writer
from ttscale.store.writer import SegmentWriter

Key = tuple[str, int]


class ReplicaJournal:
    """Records the calls of one stream of chunks; see `ttscale.pipeline.attempts.Journal`.

    Args:
        folder: The cell's journal in the run directory; None: it is not seen from here.
        cell: The cell's name.
        session: Of the first chunk.
    """

    def __init__(self, folder: Path | None, cell: str, session: str) -> None:
        self._writer: SegmentWriter[CallRecord] | None = None
        if folder is not None:  # a session may have several streams
            self._writer = call_writer(folder, cell, f"{session}-{uuid.uuid4().hex[:8]}")
        self._recorded: dict[Key, Sequence[CallRecord]] = {}
        self._kept: dict[Key, list[CallRecord]] = {}
        self.n_stored = 0

    def opened(self, chunk: Chunk) -> None:
        """Know what is recorded of a chunk's attempts."""
        self._recorded |= chunk.recorded

    def taken(self, chunk: Chunk) -> list[CallRecord]:
        """Return the records of a chunk's attempts that are to be handed over, once."""
        for key in chunk.recorded:
            self._recorded.pop(key, None)
        return [record for key in chunk.keys for record in self._kept.pop(key, ())]

    def add(self, records: Sequence[CallRecord]) -> None:
        """Take records; those that are handed over with their samples are as safe as these."""
        if self._writer is not None:
            self.n_stored += sum(len(segment.rows) for segment in self._writer.add(records))
            return
        for record in records:
            self._kept.setdefault((record.problem_id, record.sample_index), []).append(record)
        self.n_stored += len(records)

    def flush(self) -> None:
        """Put all of them on the disk, where that is done here."""
        if self._writer is not None:
            self.n_stored += sum(len(segment.rows) for segment in self._writer.flush())

    def recorded(self, problem_id: str, sample_index: int) -> Sequence[CallRecord]:
        """Return what was recorded of an interrupted attempt."""
        return self._recorded.get((problem_id, sample_index), ())
