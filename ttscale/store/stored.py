"""Which samples of a cell are stored, kept up to date while several processes add to it."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ttscale.store.pending import SampleKeys
from ttscale.store.samples import SAMPLE_KEY, SAMPLE_SCHEMA
from ttscale.store.segments import collect, scan, segments


class StoredKeys(SampleKeys):
    """The keys of a cell's stored samples as of the last `refresh`, which reads new segments only.

    Args:
        folder: The cell's folder of segments.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._read: set[Path] = set()

    def refresh(self) -> None:
        """Read the segments that appeared since the last time; a segment never changes."""
        for path in segments(self._folder):
            if path not in self._read:
                self.add(collect(scan([path], SAMPLE_SCHEMA).select(SAMPLE_KEY), self._folder))
                self._read.add(path)

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
