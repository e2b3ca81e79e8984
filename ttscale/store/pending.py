"""The samples that a verdict set still lacks, block by block: memory does not grow with the run.

Both sides of the question are read one lot of segments at a time. What is kept of the verdicts is one byte per sample.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ttscale.store.samples import SAMPLE_KEY, SAMPLE_SCHEMA
from ttscale.store.segments import collect, lots, scan, segments

BLOCK_ROWS = 200_000
"""Samples in memory at a time."""
_BLOCK_BYTES = 256 << 20
"""Their size in memory, as far as segments can be told apart: long completions make smaller blocks."""


class SampleKeys:
    """A set of (problem_id, sample_index), one byte per sample index."""

    def __init__(self) -> None:
        self._has: dict[str, NDArray[np.bool_]] = {}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def clear(self) -> None:
        """Take all keys out."""
        self._has.clear()
        self._size = 0

    def add(self, keys: pl.DataFrame) -> None:
        """Put keys in; those that are in already change nothing."""
        for problem_id, indices in _by_problem(keys):
            has = _grown(self._has.get(problem_id), int(indices.max()) + 1)
            self._size -= int(has.sum())
            has[indices] = True
            self._size += int(has.sum())
            self._has[problem_id] = has

    def contains(self, keys: pl.DataFrame) -> NDArray[np.bool_]:
        """Tell of each key whether it is in, shape (S,)."""
        found = np.zeros(keys.height, dtype=bool)
        if not self._size:
            return found
        numbered = keys.with_columns(row=np.arange(keys.height))
        for (problem_id,), part in numbered.partition_by("problem_id", as_dict=True).items():
            has = self._has.get(problem_id)
            if has is not None:
                indices = part["sample_index"].to_numpy()
                found[part["row"].to_numpy()] = (indices < len(has)) & has[np.minimum(indices, len(has) - 1)]
        return found


def blocks_without(
    samples_folder: Path, done: SampleKeys, columns: Sequence[str], *, block_rows: int = BLOCK_ROWS
) -> Iterator[pl.DataFrame]:
    """Yield the samples whose keys are not in `done`, segment after segment, small segments together.

    Args:
        samples_folder: A cell's folder of sample segments.
        done: Keys to leave out.
        columns: Columns wanted, the key's two among them.
        block_rows: Most rows of a block.

    Raises:
        StoreError: A segment cannot be read.
    """
    gathered: list[pl.DataFrame] = []
    rows = size = 0
    for part in _parts_without(samples_folder, done, columns, block_rows):
        if gathered and (rows + part.height > block_rows or size + part.estimated_size() > _BLOCK_BYTES):
            yield pl.concat(gathered)
            gathered, rows, size = [], 0, 0
        gathered.append(part)
        rows, size = rows + part.height, size + int(part.estimated_size())
    if gathered:
        yield pl.concat(gathered)


def _parts_without(
    folder: Path, done: SampleKeys, columns: Sequence[str], block_rows: int
) -> Iterator[pl.DataFrame]:
    """Yield what is wanted of every lot of segments, a large one in several parts."""
    for lot in lots(segments(folder)):
        rows = scan(lot, SAMPLE_SCHEMA)
        height = int(collect(rows.select(pl.len()), folder).item())
        for start in range(0, height, block_rows):
            part = rows.slice(start, block_rows)
            if not len(done):
                yield collect(part.select(columns), folder)
                continue
            wanted = ~done.contains(collect(part.select(SAMPLE_KEY), folder))
            if wanted.any():
                yield collect(part.select(columns), folder).filter(wanted)


def _by_problem(keys: pl.DataFrame) -> Iterator[tuple[str, NDArray[np.int64]]]:
    for (problem_id,), part in keys.partition_by("problem_id", as_dict=True).items():
        yield str(problem_id), part["sample_index"].to_numpy()


def _grown(has: NDArray[np.bool_] | None, size: int) -> NDArray[np.bool_]:
    """Return the flags with room for `size`, doubled so that growing stays cheap."""
    if has is not None and len(has) >= size:
        return has
    grown = np.zeros(size if has is None else max(size, 2 * len(has)), dtype=bool)
    if has is not None:
        grown[: len(has)] = has
    return grown
