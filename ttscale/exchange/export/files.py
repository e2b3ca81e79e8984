"""Exports appear whole or not at all, and replace nothing."""

import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from ttscale.errors import InvalidInputError, StoreError


@contextmanager
def appearing(out: Path) -> Iterator[Path]:
    """Give a temporary path beside `out`; what is made there becomes `out` at the end.

    Raises:
        InvalidInputError: Something is at `out` already.
        StoreError: The folder cannot be written, or the disk is full; nothing stays behind.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise InvalidInputError(f"{out} is there already. Remove it, or give another --out.")
    temporary = out.with_name(f".{out.name}.{secrets.token_hex(4)}.tmp")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(out)
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"{out} cannot be written: {error.strerror or error}.") from error
    except pl.exceptions.PolarsError as error:
        raise StoreError(f"{out} cannot be written: {error}") from error
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def write_jsonl(frames: list[pl.LazyFrame], out: Path) -> None:
    """Write frames below each other as JSON Lines, each with its own columns."""
    _one_below_the_other(frames, out, lambda frame, path: frame.sink_ndjson(path))


def write_csv(frames: list[pl.LazyFrame], out: Path) -> None:
    """Write frames below each other as CSV; a column that a frame lacks is empty."""
    merged = pl.concat(frames, how="diagonal")
    with appearing(out) as temporary:
        merged.sink_csv(temporary)


def _one_below_the_other(
    frames: list[pl.LazyFrame], out: Path, sink: Callable[[pl.LazyFrame, Path], object]
) -> None:
    with appearing(out) as temporary:
        parts = [temporary.with_name(f"{temporary.name}.{number}") for number in range(len(frames))]
        try:
            with temporary.open("wb") as whole:
                for frame, part in zip(frames, parts, strict=True):
                    sink(frame, part)
                    with part.open("rb") as content:
                        shutil.copyfileobj(content, whole)
                    part.unlink()
        finally:
            for part in parts:
                part.unlink(missing_ok=True)
