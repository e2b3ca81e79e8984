"""Many small segments into few: what short sessions, many requests or many processes left is opened quickly again.

A merged segment names the segments whose rows it holds. It appears whole or not at all; from that moment on readers pass
over the others, and only then are they deleted. So a kill at any moment leaves every row there once, and the next call goes on.
For the holder of the lock, while nobody shares it.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from ttscale.errors import StoreError
from ttscale.store.inventory import delete
from ttscale.store.seals import Seal
from ttscale.store.segments import Looked, judged, replaced_by, sealed_segments, write_merged
from ttscale.store.verdicts import is_newer

_SMALL_BYTES, _MERGED_BYTES = 2 << 20, 16 << 20
_MEMORY_BYTES = 256 << 20
"""Of rows that are held at a time: texts that repeat themselves are far larger there than on the disk."""
_FEWEST, _MOST = 64, 2000
"""Segments that are worth it, and that are merged into one."""
_AT_ONCE = 250
"""Segments that are read together: opened one by one they take five times as long."""


def kept_of(folder: Path) -> list[Looked]:
    """Look at the segments of a folder; delete those whose rows a whole merged segment holds, and return the others."""
    looked = list(sealed_segments(folder))
    replaced = replaced_by(looked)
    gone = {path for path, seal, _ in looked if seal is not None and seal.id in replaced}
    delete(sorted(gone))
    return [one for one in looked if one[0] not in gone]


def merge_segments(looked: Sequence[Looked]) -> int:
    """Merge the small segments of a folder; return how many went into others.

    Rows keep their order: only neighbours by name are merged, into a segment that stands where the first of them stood.

    Args:
        looked: Of `kept_of`, the damaged among them.

    Raises:
        StoreError: The disk is full, or a segment cannot be read.
    """
    seals = {path: seal for path, seal, _ in looked if seal is not None}
    groups = [part for group in _groups(looked, seals) for part in _merged(group, seals)]
    return sum(groups)


def _merged(group: Sequence[Path], seals: Mapping[Path, Seal]) -> Iterator[int]:
    """Merge neighbours into one segment, or into several where one would be too large in memory; yield how many went into each."""
    paths: list[Path] = []
    frames: list[pl.DataFrame] = []
    for start in range(0, len(group), _AT_ONCE):
        some = group[start : start + _AT_ONCE]
        paths, frames = [*paths, *some], [*frames, _read(some)]
        if sum(frame.estimated_size() for frame in frames) > _MEMORY_BYTES:
            yield _merge(paths, frames, seals)
            paths, frames = [], []
    if frames:
        yield _merge(paths, frames, seals)


def _merge(paths: Sequence[Path], frames: Sequence[pl.DataFrame], seals: Mapping[Path, Seal]) -> int:
    target = paths[0].with_name(f"{paths[0].stem}-merged.parquet")
    rows = pl.concat(frames, how="diagonal")
    write_merged(target, rows, [seals[path].id for path in paths])
    if not pl.read_parquet(target, glob=False).equals(rows):
        delete([target])
        raise StoreError(f"{target} does not hold what was written. Is the disk sound? Nothing is lost.")
    delete(paths)
    return len(paths)


def _read(paths: Sequence[Path]) -> pl.DataFrame:
    """Read segments in their order; one whose columns are others makes them be read one by one."""
    try:
        return pl.read_parquet(list(paths), glob=False)
    except (pl.exceptions.PolarsError, OSError):
        return pl.concat([pl.read_parquet(path, glob=False) for path in paths], how="diagonal")


def _groups(looked: Sequence[Looked], seals: Mapping[Path, Seal]) -> Iterator[list[Path]]:
    """Yield neighbours that are worth merging."""
    group: list[Path] = []
    size = 0
    for path in (path for path, flaw in judged(looked) if flaw is None):
        own = path.stat().st_size
        is_small = path in seals and own <= _SMALL_BYTES
        is_full = len(group) >= _MOST or size + own > _MERGED_BYTES
        if group and (not is_small or is_full or is_newer(path) != is_newer(group[0])):
            yield from [group] if len(group) >= _FEWEST else []
            group, size = [], 0
        if is_small:
            group.append(path)
            size += own
    yield from [group] if len(group) >= _FEWEST else []
