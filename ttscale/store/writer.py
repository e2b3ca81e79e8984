"""Rows on their way to the disk: segments are encoded and written in a thread, while the engine draws on."""

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import polars as pl

from ttscale.store.samples import samples_frame
from ttscale.store.segments import write_segment
from ttscale.types import Sample

_FLUSH_BYTES = 64 << 20
"""Of texts and log-probabilities in memory after which a segment is written, long before `flush_rows` where completions are long."""
_OF_NO_TEXT = sys.getsizeof("")
_BYTES_PER_LOGPROB = 32
"""Of a tuple of Python's floats."""


Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Stored(Generic[Row]):
    """A segment that is on disk, whole and durable.

    Attributes:
        path: The file.
        rows: What it holds.
    """

    path: Path
    rows: Sequence[Row]


class SegmentWriter(Generic[Row]):
    """Buffers rows of one cell and writes a segment when enough rows, bytes or seconds have gathered.

    At most one segment is under way while the next one gathers; when that is full, too, `add` waits. So
    memory holds two segments at most.

    Args:
        folder: The cell's folder of segments.
        cell: The cell's name, written into every row.
        session: Unique prefix of this writer's segment names.
        encode: Makes a frame of rows and the cell's name.
        size: Bytes of a row in memory.
        flush_rows: Rows after which a segment is written.
        flush_bytes: Bytes in memory after which one is.
        first_flush_s: Seconds until the first segment; each next one may take twice as long.
        flush_s: Most seconds between segments: what a kill may lose, beside the segment under way.
    """

    def __init__(
        self,
        folder: Path,
        cell: str,
        session: str,
        encode: Callable[[Sequence[Row], str], pl.DataFrame],
        size: Callable[[Row], int],
        *,
        flush_rows: int = 100_000,
        flush_bytes: int = _FLUSH_BYTES,
        first_flush_s: float = 0.5,
        flush_s: float = 10.0,
    ) -> None:
        self._folder = folder
        self._cell = cell
        self._session = session
        self._encode = encode
        self._size = size
        self._flush_rows = flush_rows
        self._flush_bytes = flush_bytes
        self._wait_s = first_flush_s
        self._longest_wait_s = flush_s
        self._buffer: list[Row] = []
        self._bytes = 0
        self._last_flush = time.monotonic()
        self._begun = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._under_way: Future[Stored[Row]] | None = None

    def add(self, rows: Sequence[Row]) -> list[Stored[Row]]:
        """Take rows; return the segment that was finished since the last call, if one was.

        Raises:
            StoreError: The disk is full or gone; what was returned before is stored, and nothing else is sure to be.
        """
        self._buffer.extend(rows)
        self._bytes += sum(map(self._size, rows))
        is_full = len(self._buffer) >= self._flush_rows or self._bytes >= self._flush_bytes
        is_due = is_full or time.monotonic() - self._last_flush >= self._wait_s
        stored = self._finished(wait=is_full)
        if is_due and self._under_way is None:
            self._begin()
        return stored

    def flush(self) -> list[Stored[Row]]:
        """Write what is buffered; after it returns, those rows survive anything.

        Returns:
            The segments that were finished since the last call, none if there was nothing to write.

        Raises:
            StoreError: As `add` does.
        """
        stored = self._finished(wait=True)
        if self._buffer:
            self._begin()
        return stored + self._finished(wait=True)

    def _begin(self) -> None:
        """Hand the buffer to the thread."""
        path = self._folder / f"{self._session}-{self._begun:06d}.parquet"
        rows, self._buffer, self._bytes = self._buffer, [], 0
        self._under_way = self._thread.submit(self._write, path, rows)
        self._begun += 1
        self._last_flush = time.monotonic()
        self._wait_s = min(2 * self._wait_s, self._longest_wait_s)

    def _finished(self, *, wait: bool) -> list[Stored[Row]]:
        if self._under_way is None or not (wait or self._under_way.done()):
            return []
        stored = self._under_way.result()  # kept until it is there: an interrupted wait may be repeated
        self._under_way = None
        return [stored]

    def _write(self, path: Path, rows: Sequence[Row]) -> Stored[Row]:
        write_segment(path, self._encode(rows, self._cell), metadata={"session": self._session})
        return Stored(path, rows)


class SampleWriter(SegmentWriter[Sample]):
    """Writes segments of samples; arguments as above, without `encode` and `size`."""

    def __init__(
        self,
        folder: Path,
        cell: str,
        session: str,
        *,
        flush_rows: int = 100_000,
        flush_bytes: int = _FLUSH_BYTES,
        first_flush_s: float = 0.5,
        flush_s: float = 10.0,
    ) -> None:
        super().__init__(
            folder,
            cell,
            session,
            samples_frame,
            _size,
            flush_rows=flush_rows,
            flush_bytes=flush_bytes,
            first_flush_s=first_flush_s,
            flush_s=flush_s,
        )


def _size(sample: Sample) -> int:
    """Return about how many bytes a sample takes in memory."""
    of_tokens = 0 if sample.token_logprobs is None else _BYTES_PER_LOGPROB * len(sample.token_logprobs)
    return (
        sys.getsizeof(sample.completion)
        - _OF_NO_TEXT
        + of_tokens
        + (0 if sample.top_logprobs is None else sample.top_logprobs.nbytes)
    )
