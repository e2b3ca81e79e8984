"""Exports appear whole or not at all, and replace nothing."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import polars as pl

from ttscale.errors import InvalidInputError, StoreError
from ttscale.store.files import beside


@contextmanager
def appearing(out: Path) -> Iterator[Path]:
    """Give a temporary path beside `out`; what is made there becomes `out` at the end.

    Raises:
        InvalidInputError: Something is at `out` already.
        StoreError: The folder cannot be written, or the disk is full; nothing stays behind.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise InvalidInputError(f"{out} is there already. Remove it, or give another --out.")
    temporary = beside(out)
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
            with suppress(OSError):  # what went wrong first is told
                temporary.unlink()


def write_jsonl(frames: Iterable[pl.DataFrame], out: Path) -> None:
    """Write frames below each other as JSON Lines, each with its own columns."""
    with appearing(out) as temporary, temporary.open("wb") as file:
        for frame in frames:
            frame.write_ndjson(file)


def write_csv(frames: Iterable[pl.DataFrame], columns: Sequence[str], out: Path) -> None:
    """Write frames below each other as CSV; a column that a frame lacks is empty."""
    with appearing(out) as temporary, temporary.open("wb") as file:
        for number, frame in enumerate(frames):
            lacking = [pl.lit(None).alias(name) for name in columns if name not in frame.columns]
            frame.with_columns(lacking).select(columns).write_csv(file, include_header=number == 0)
