"""Tables read as a whole: of counts or of what verifiers say of samples, so within bounds."""

from collections.abc import Callable
from pathlib import Path

import polars as pl

from ttscale.errors import InvalidInputError, one_line
from ttscale.exchange.lines import CHUNK
from ttscale.plain_files import require_plain

MOST_BYTES = 256 * 2**20
"""Of text; Parquet files, whose columns are far smaller than what is made of them, are bounded by their cells."""
MOST_LINE_BYTES = 32 * 2**20
MOST_CELLS = 2**25
"""16 MB of short rows under a head of seven columns take a gigabyte."""
"""Rows times columns, fields of nested columns included: JSON whose rows have keys of their own is a square of its length."""
_SUFFIXES = (".csv", ".tsv", ".parquet", ".jsonl")
_INSTEAD = "Import it with `ttscale import table`, which reads a row at a time, and give the run."


def read_table(path: Path) -> pl.DataFrame:
    """Read a CSV, TSV, Parquet or JSON Lines file.

    Raises:
        InvalidInputError: It is missing, empty, damaged, of another kind, or too large to be read as a whole.
    """
    with one_line(str(path)):
        return _read_table(path)


def _read_table(path: Path) -> pl.DataFrame:
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise InvalidInputError(
            f"{path} is neither a run directory nor a table: give .csv, .tsv, .parquet or .jsonl."
        )
    require_plain(path)
    if not path.is_file():
        raise InvalidInputError(f"There is no file {path}.")
    try:
        return _reader(path, suffix)()
    except pl.exceptions.NoDataError:
        raise InvalidInputError(f"{path} is empty.") from None
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InvalidInputError(f"{path} cannot be read as {suffix[1:]}: {error}") from error


def _reader(path: Path, suffix: str) -> Callable[[], pl.DataFrame]:
    """Return what reads a table, once it is known to be of a size that can be held."""
    if suffix == ".parquet":
        scan = pl.scan_parquet(path, glob=False)
        _require_few_cells(path, scan, scan.select(pl.len()).collect().item())
        return scan.collect
    n_lines = _count_lines(path)
    if suffix == ".jsonl":
        _require_few_cells(path, pl.scan_ndjson(path, infer_schema_length=None), n_lines)
        return lambda: pl.read_ndjson(path, infer_schema_length=None)
    separator = "\t" if suffix == ".tsv" else ","
    _require_few_cells(
        path, pl.scan_csv(path, separator=separator, infer_schema_length=0, glob=False), n_lines
    )
    return lambda: pl.read_csv(path, separator=separator, infer_schema_length=None, glob=False)


def _count_lines(path: Path) -> int:
    """Return how many lines a text has, which is read piece by piece.

    Raises:
        InvalidInputError: It, or one line of it, is absurdly long.
    """
    if path.stat().st_size > MOST_BYTES:
        raise InvalidInputError(f"{path} is larger than {MOST_BYTES >> 20} MiB. {_INSTEAD}")
    n_lines, length = 1, 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            first, last = chunk.find(b"\n"), chunk.rfind(b"\n")
            n_lines += chunk.count(b"\n")
            length = length + len(chunk) if first < 0 else len(chunk) - 1 - last
            if length > MOST_LINE_BYTES:
                raise InvalidInputError(
                    f"Line {n_lines} of {path} is longer than {MOST_LINE_BYTES >> 20} MiB: this is no table."
                )
    return n_lines


def _require_few_cells(path: Path, scan: pl.LazyFrame, n_rows: int) -> None:
    n_columns = sum(map(_n_fields, scan.collect_schema().values()))
    if n_rows * n_columns > MOST_CELLS:
        raise InvalidInputError(
            f"{path} has {n_rows:,} rows of {n_columns:,} columns, too many to be held at once. {_INSTEAD}"
        )


def _n_fields(kind: pl.DataType) -> int:
    if isinstance(kind, pl.Struct):
        return 1 + sum(map(_n_fields, (each.dtype for each in kind.fields)))  # type: ignore[arg-type]  # fields of data have instances
    return _n_fields(kind.inner) if isinstance(kind, pl.List | pl.Array) else 1  # type: ignore[arg-type]
