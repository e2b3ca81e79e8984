"""Parquet segments: written once, never changed, checked before they are trusted."""

import io
import struct
import warnings
from collections.abc import Container, Mapping, Sequence
from pathlib import Path

import polars as pl

from ttscale.errors import StoreError, TornSegmentWarning
from ttscale.store.files import TEMPORARY_PREFIX, write_atomically

_MAGIC = b"PAR1"
_SMALLEST = 12  # magic, footer length, magic
_ZSTD_LEVEL = 3
_ROW_GROUP_ROWS = 1 << 14
"""Row groups are encoded at the same time, one per core; half as many rows make files no smaller or larger."""


def write_segment(path: Path, frame: pl.DataFrame, *, metadata: Mapping[str, str] | None = None) -> None:
    """Write one segment; it appears whole or not at all.

    Raises:
        StoreError: The disk is full or the folder cannot be written.
    """
    # Encoded in memory first: then a full disk is an OSError of our own write, not an error inside polars.
    encoded = io.BytesIO()
    frame.write_parquet(
        encoded,
        compression="zstd",
        compression_level=_ZSTD_LEVEL,
        row_group_size=_ROW_GROUP_ROWS,
        metadata=dict(metadata) if metadata else None,
    )
    write_atomically(path, lambda file: file.write(encoded.getbuffer()))


def segments(folder: Path, *, besides: Container[Path] = frozenset()) -> list[Path]:
    """Return the whole segments of a folder, oldest name first; warn of torn ones.

    Args:
        folder: The folder.
        besides: Segments that are known already; they are neither looked at nor returned.
    """
    whole, torn = _sorted_out(folder, besides)
    for path in torn:
        warnings.warn(
            f"{path} is damaged (not a complete Parquet file) and is left out; "
            "the next `ttscale run` sets it aside and draws its samples again.",
            TornSegmentWarning,
            stacklevel=2,
        )
    return whole


def set_torn_aside(folder: Path, torn_folder: Path) -> list[Path]:
    """Move damaged segments out of the way; return their new places. For the holder of the lock."""
    moved = []
    for path in _sorted_out(folder)[1]:
        target = torn_folder / f"{path.parent.name}-{path.name}"
        torn_folder.mkdir(parents=True, exist_ok=True)
        path.replace(target)
        moved.append(target)
    return moved


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


def n_rows(folder: Path) -> int:
    """Return how many rows the segments of a folder have; reads footers only."""
    paths = segments(folder)
    return int(collect(pl.scan_parquet(paths, glob=False).select(pl.len()), folder).item()) if paths else 0


def _sorted_out(folder: Path, besides: Container[Path] = frozenset()) -> tuple[list[Path], list[Path]]:
    """Split the segments of a folder into whole and torn ones."""
    whole: list[Path] = []
    torn: list[Path] = []
    for path in sorted(folder.glob("*.parquet")):
        if path not in besides and not path.name.startswith(TEMPORARY_PREFIX):
            (whole if _is_whole(path) else torn).append(path)
    return whole, torn


def _is_whole(path: Path) -> bool:
    """Tell by the magic bytes and the footer's length; a truncated file has neither at its end."""
    size = path.stat().st_size
    if size < _SMALLEST:
        return False
    with path.open("rb") as file:
        head = file.read(len(_MAGIC))
        file.seek(-8, 2)
        (footer_length,) = struct.unpack("<I", file.read(4))
        tail = file.read(len(_MAGIC))
    return head == tail == _MAGIC and footer_length <= size - _SMALLEST
