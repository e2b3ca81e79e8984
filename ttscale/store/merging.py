"""Many small segments into few: what short sessions, many requests or many processes left is opened quickly again.

A merged segment names the segments whose rows it holds. It appears whole or not at all; from that moment on readers pass
over the others, and only then are they deleted. So a kill at any moment leaves every row there once, and the next call goes on.
For the holder of the lock, while nobody shares it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from ttscale.errors import StoreError
from ttscale.store.inventory import delete
from ttscale.store.segments import examined, sealed_segments, write_merged
from ttscale.store.verdicts import is_newer

_SMALL_BYTES, _MERGED_BYTES = 2 << 20, 16 << 20
_FEWEST, _MOST = 64, 2000
"""Segments that are worth it, and that are read together."""


def merge_segments(folder: Path) -> int:
    """Merge the small segments of a folder; return how many went into others.

    Rows keep their order: only neighbours by name are merged, into a segment that stands where the first of them stood.

    Raises:
        StoreError: The disk is full, or a segment cannot be read.
    """
    groups = list(_groups(folder))
    for group in groups:
        _merge(group)
    return sum(map(len, groups))


def _merge(group: Sequence[Path]) -> None:
    folder, target = group[0].parent, group[0].with_name(f"{group[0].stem}-merged.parquet")
    seals = {path: seal for path, seal, _ in sealed_segments(folder) if seal is not None}
    rows = pl.concat([pl.read_parquet(path, glob=False) for path in group], how="diagonal")
    write_merged(target, rows, [seals[path].id for path in group])
    if not pl.read_parquet(target, glob=False).equals(rows):
        delete([target])
        raise StoreError(f"{target} does not hold what was written. Is the disk sound? Nothing is lost.")
    delete_replaced(folder)


def delete_replaced(folder: Path) -> None:
    """Delete segments whose rows a whole merged segment holds."""
    found = [(path, seal) for path, seal, _ in sealed_segments(folder) if seal is not None]
    replaced = frozenset[str]().union(*(seal.replaces for _, seal in found))
    delete([path for path, seal in found if seal.id in replaced])


def _groups(folder: Path) -> Iterator[list[Path]]:
    """Yield neighbours that are worth merging."""
    sealed = {path for path, seal, _ in sealed_segments(folder) if seal is not None}
    group: list[Path] = []
    size = 0
    for path in (path for path, flaw in examined(folder) if flaw is None):
        own = path.stat().st_size
        is_small = path in sealed and own <= _SMALL_BYTES
        is_full = len(group) >= _MOST or size + own > _MERGED_BYTES
        if group and (not is_small or is_full or is_newer(path) != is_newer(group[0])):
            yield from [group] if len(group) >= _FEWEST else []
            group, size = [], 0
        if is_small:
            group.append(path)
            size += own
    yield from [group] if len(group) >= _FEWEST else []
