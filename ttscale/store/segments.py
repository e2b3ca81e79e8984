"""Parquet segments: written once, never changed, checked before they are trusted."""

import io
import os
import warnings
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from ttscale.errors import StoreError, TornSegmentWarning
from ttscale.store.files import FlawError, listed, move_aside, reading, write_atomically
from ttscale.store.inventory import forget, gone, note
from ttscale.store.manifest import home_of, root_of
from ttscale.store.seals import (
    Home,
    Seal,
    close_parquet,
    parquet_metadata,
    parquet_seal,
    require_seal,
)

_ZSTD_LEVEL = 3
_ROW_GROUP_ROWS = 1 << 14
"""Row groups are encoded at the same time, one per core; half as many rows make files no smaller or larger."""
_MOST_REMEMBERED = 1 << 18
_AT_ONCE, _LOT_BYTES = 1000, 16 << 20
"""Segments that are read together: how many, and their size on disk."""

Looked = tuple[Path, Seal | None, str | None]
"""A segment, its seal where it has one, and what is wrong with it."""

_checked: dict[Path, tuple[tuple[int, int, int], Seal | None]] = {}
"""Whole files that this process has read and checked: what they looked like then (inode, size, time) and their seals."""


def write_segment(path: Path, frame: pl.DataFrame, *, metadata: Mapping[str, str] | None = None) -> None:
    """Write one segment, sealed as belonging into its folder; it appears whole or not at all.

    Raises:
        StoreError: The disk is full or the folder cannot be written.
    """
    _write(path, frame, parquet_metadata(home_of(path.parent)) | dict(metadata or {}))


def write_merged(path: Path, frame: pl.DataFrame, replaces: Collection[str]) -> None:
    """Write one segment in place of several, whose seals' ids are given: from then on those are passed over."""
    _write(path, frame, parquet_metadata(home_of(path.parent), replaces))


def write_table(path: Path, frame: pl.DataFrame) -> None:
    """Write a table that is known by its name; otherwise as `write_segment`."""
    _write(path, frame, parquet_metadata(home_of(path)))


def _write(path: Path, frame: pl.DataFrame, metadata: dict[str, str]) -> None:
    # Encoded in memory first: then a full disk is an OSError of our own write, not an error inside polars.
    encoded = io.BytesIO()
    frame.write_parquet(
        encoded,
        compression="zstd",
        compression_level=_ZSTD_LEVEL,
        row_group_size=_ROW_GROUP_ROWS,
        metadata=metadata,
    )
    close_parquet(encoded)
    write_atomically(path, lambda file: file.write(encoded.getbuffer()))
    note(path)


def segments(folder: Path, *, besides: Container[Path] = frozenset()) -> list[Path]:
    """Return the whole segments of a folder, oldest name first; warn of damaged ones and of those that belong elsewhere.

    Args:
        folder: The folder.
        besides: Segments that are known already; they are neither looked at nor returned.

    Raises:
        StoreError: The folder cannot be looked into.
    """
    whole: list[Path] = []
    for path, flaw in examined(folder, besides):
        if flaw is None:
            whole.append(path)
        else:
            warnings.warn(
                f"{path} is left out: {flaw}. The next `ttscale run` sets it aside and makes its rows again.",
                TornSegmentWarning,
                stacklevel=2,
            )
    if missed := gone(folder):
        more = f" (and {len(missed) - 1:,} more of its folder)" if missed[1:] else ""
        warnings.warn(
            f"{missed[0]}{more} was written and is gone: what follows is without its rows. The next `ttscale run` makes them again.",
            TornSegmentWarning,
            stacklevel=2,
        )
    return whole


def set_torn_aside(folder: Path, torn_folder: Path) -> list[Path]:
    """Move what `segments` leaves out of the way; return the new places. For the holder of the lock."""
    return [set_aside(path, torn_folder) for path, flaw in [*examined(folder)] if flaw is not None]


def set_aside(path: Path, torn_folder: Path) -> Path:
    """Move a damaged file out of the way, where nobody misses it; return its new place."""
    root = root_of(path)
    if root is not None:
        forget(root, [path])
    return move_aside(path, torn_folder, f"{path.parent.name}-{path.name}")


def table_flaw(path: Path) -> str | None:
    """Return why a table that `write_table` wrote is not to be read, None where nothing is wrong."""
    try:
        _require_whole(path, home_of(path))
    except FlawError as error:
        return str(error)
    return None


def examined(folder: Path, besides: Container[Path] = frozenset()) -> Iterator[tuple[Path, str | None]]:
    """Yield the segments of a folder, each with what is wrong with it; a copy of an earlier one is wrong, too.

    Those whose rows a whole merged segment holds are passed over.
    """
    yield from judged(list(sealed_segments(folder, besides)), besides)


def judged(
    looked: Sequence[Looked], besides: Container[Path] = frozenset()
) -> Iterator[tuple[Path, str | None]]:
    """Yield what `examined` does of segments that were looked at."""
    replaced = replaced_by(looked)
    first: dict[str, Path] = {}
    for path, seal, flaw in looked:
        if seal is not None and seal.id in replaced:
            continue
        original = path if seal is None else first.setdefault(seal.id, path)
        if path not in besides:
            yield path, flaw if original is path else f"it is a copy of {original.name}"


def replaced_by(looked: Sequence[Looked]) -> frozenset[str]:
    """Return the ids of the segments whose rows whole merged ones hold."""
    return frozenset[str]().union(*(seal.replaces for _, seal, _ in looked if seal is not None))


def sealed_segments(folder: Path, besides: Container[Path] = frozenset()) -> Iterator[Looked]:
    """Yield every segment of a folder with its seal, if it has one, and what is wrong with it, if anything is."""
    home = home_of(folder)
    for path in listed(folder, ".parquet"):
        try:
            known = path in besides and path in _checked
            yield path, _checked[path][1] if known else _require_whole(path, home), None
        except FlawError as error:
            if os.path.lexists(path):  # and not set aside since the folder was listed
                yield path, None, str(error)


def forget_checked() -> None:
    """Read every file again the next time, those that this process has checked before, too."""
    _checked.clear()


def _require_whole(path: Path, home: Home) -> Seal | None:
    """Check that a file is whole and belongs here, its content once in this process; return its seal."""
    try:
        status = os.stat(path)  # noqa: PTH116 - tens of thousands of times
    except OSError:
        with reading(path):
            raise
    looks = (status.st_ino, status.st_size, status.st_mtime_ns)
    known = _checked.get(path)
    if known is None or known[0] != looks:
        known = looks, parquet_seal(path)
        if len(_checked) >= _MOST_REMEMBERED:
            _checked.clear()
        _checked[path] = known
    require_seal(known[1], home)
    return known[1]


def scan(paths: Sequence[Path], schema: Mapping[str, pl.DataType | type[pl.DataType]]) -> pl.LazyFrame:
    """Scan segments lazily with exactly the columns of `schema`; columns a segment lacks are null.

    Raises:
        StoreError: A segment cannot be read when the frame is collected (see `collect`).
    """
    if not paths:
        return pl.LazyFrame(schema=schema)
    return pl.scan_parquet(
        list(paths), schema=dict(schema), missing_columns="insert", extra_columns="ignore", glob=False
    )


def collect(frame: pl.LazyFrame, folder: Path) -> pl.DataFrame:
    """Collect a scan of segments, naming the folder when one of them turns out to be damaged."""
    try:
        return frame.collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise StoreError(
            f"A segment under {folder} cannot be read: {error}. If a file there is damaged, move it away "
            "and run again; its samples are drawn again."
        ) from error


def lots(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Yield segments in lots that are read together: many small ones, or a large one alone; opened one by one they take far longer."""
    lot: list[Path] = []
    size = 0
    for path in paths:
        own = path.stat().st_size
        if lot and (len(lot) >= _AT_ONCE or size + own > _LOT_BYTES):
            yield lot
            lot, size = [], 0
        lot.append(path)
        size += own
    if lot:
        yield lot


def n_rows(folder: Path) -> int:
    """Return how many rows the segments of a folder have."""
    paths = segments(folder)
    return int(collect(pl.scan_parquet(paths, glob=False).select(pl.len()), folder).item()) if paths else 0
