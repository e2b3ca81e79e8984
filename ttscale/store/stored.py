"""Which samples of a cell are stored, kept up to date while several processes add to it, and which a resume must draw."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ttscale.errors import StoreError
from ttscale.store.files import listed
from ttscale.store.pending import SampleKeys
from ttscale.store.samples import SAMPLE_KEY, SAMPLE_SCHEMA, scan_samples
from ttscale.store.segments import collect, lots, scan, segments


class StoredKeys(SampleKeys):
    """The keys of a cell's stored samples as of the last `refresh`, which reads new segments only.

    Args:
        folder: The cell's folder of segments.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._read: set[Path] = set()
        self._n_rows = 0

    def refresh(self) -> None:
        """Read the segments that appeared since the last time, many at once; a segment never changes.

        Where one is gone, because it was set aside, all are read anew.
        """
        if not self._read.issubset(listed(self._folder, ".parquet")):
            self.clear()
            self._read.clear()
            self._n_rows = 0
        new = segments(self._folder, besides=self._read)
        for some in lots(new):
            keys = collect(scan(some, SAMPLE_SCHEMA).select(SAMPLE_KEY), self._folder)
            self.add(keys)
            self._n_rows += keys.height
            self._read.update(some)

    def refuse_doubled(self) -> None:
        """Refuse a folder in which a key is stored twice.

        Raises:
            StoreError: The directory was merged or edited by hand; the message names the first such sample.
        """
        if self._n_rows == len(self):
            return
        keys = collect(scan_samples(self._folder).select(SAMPLE_KEY), self._folder)
        problem_id, index = keys.filter(keys.is_duplicated()).sort(SAMPLE_KEY).row(0)
        raise StoreError(
            f"{self._folder}: problem {problem_id} has sample {index} twice. Remove one of the segments that hold it, "
            "then run again."
        )

    def gaps(self, problem_id: str, wanted: range) -> list[range]:
        """Return the ranges of `wanted` that are not stored."""
        stored = self._stored(problem_id, wanted)
        edges = np.flatnonzero(np.diff(np.concatenate([[True], stored, [True]]).astype(np.int8)))
        return [
            range(wanted.start + int(start), wanted.start + int(stop))
            for start, stop in zip(edges[::2], edges[1::2], strict=True)
        ]

    def count(self, wanted: Mapping[str, int]) -> int:
        """Return how many samples are stored below each problem's n."""
        return sum(int(self._stored(problem_id, range(n)).sum()) for problem_id, n in wanted.items())

    def _stored(self, problem_id: str, wanted: range) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        stored = np.zeros(len(wanted), dtype=bool)
        has = self._has.get(problem_id)
        if has is not None:
            known = has[wanted.start : wanted.stop]
            stored[: len(known)] = known
        return stored


def missing_ranges(stored: StoredKeys, wanted: Mapping[str, int]) -> dict[str, list[range]]:
    """Return the index ranges in [0, n) that each problem still lacks; complete problems are left out.

    Args:
        stored: What is there; it is refreshed.
        wanted: problem_id -> n.

    Raises:
        StoreError: A key is stored twice.
    """
    stored.refresh()
    stored.refuse_doubled()
    gaps = {problem_id: stored.gaps(problem_id, range(n)) for problem_id, n in wanted.items()}
    return {problem_id: ranges for problem_id, ranges in gaps.items() if ranges}
