"""Reading a data set as rows: JSONL, JSON, CSV and Parquet files, or a hub id through `datasets`."""

import csv
import gzip
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ttscale.errors import MissingExtraError, TaskError, listed

Row = dict[str, Any]

FILE_SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
"""The formats read without any extra; all but Parquet also with ``.gz``."""


def read_rows(
    path: str, *, config_name: str | None = None, split: str = "test", revision: str | None = None
) -> list[Row]:
    """Read a local file, or a data set of the hub.

    Args:
        path: A file with one of `FILE_SUFFIXES`, or a hub id such as ``openai/gsm8k``.
        config_name: The hub data set's configuration; unused for a file.
        split: The hub data set's split; unused for a file.
        revision: The hub data set's commit, tag or branch; unused for a file.

    Returns:
        One dictionary per row, in the order of the data, at least one.

    Raises:
        TaskError: The data is missing, empty or damaged.
        MissingExtraError: A hub id was given and `datasets` is not installed.
    """
    file = Path(path).expanduser()
    if file.exists() or _format_of(file) is not None:
        rows = read_file(file)
    else:
        rows = _read_hub(path, config_name, split, revision)
    if not rows:
        raise TaskError(f"'{path}' holds no rows. A task needs at least one problem.")
    return rows


def read_file(file: Path) -> list[Row]:
    """Read a local JSONL, JSON, CSV, TSV or Parquet file; see `read_rows`."""
    if not file.exists():
        raise TaskError(f"The data file '{file}' does not exist. {_neighbours(file)}")
    if not file.is_file():
        raise TaskError(
            f"'{file}' is not a file. Give the path of one of its files: {_neighbours(file / '_')}"
        )
    suffix = _format_of(file)
    if suffix is None:
        raise TaskError(f"'{file}' is in no known format. Known: {', '.join(FILE_SUFFIXES)}, also with .gz.")
    try:
        if suffix == ".parquet":
            return _read_parquet(file)
        text = _decoded(file)
    except OSError as error:
        raise TaskError(f"'{file}' cannot be read: {error}.") from error
    if suffix == ".json":
        return _parse_json(text, file)
    if suffix in (".csv", ".tsv"):
        return _parse_csv(text, file, delimiter="\t" if suffix == ".tsv" else ",")
    return list(_parse_jsonl(text, file))


def choose_rows(n_rows: int, *, limit: int | None, seed: int | None) -> list[int]:
    """Return the row numbers of a task's problems: the first `limit`, or a random subset in random order.

    With a seed, a smaller limit picks a prefix of what a larger one picks.

    >>> choose_rows(5, limit=2, seed=None)
    [0, 1]
    """
    order = range(n_rows) if seed is None else np.random.default_rng(seed).permutation(n_rows).tolist()
    return list(order[:limit])


def _format_of(file: Path) -> str | None:
    """Return the known suffix of a file name, without ``.gz``."""
    suffixes = [suffix.lower() for suffix in file.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    last = suffixes[-1] if suffixes else ""
    return last if last in FILE_SUFFIXES else None


def _neighbours(file: Path) -> str:
    """Say which data files lie where one was expected."""
    if not file.parent.is_dir():
        return f"The folder '{file.parent}' does not exist either."
    names = [other.name for other in file.parent.iterdir() if _format_of(other) is not None]
    return f"Data files there: {listed(names)}." if names else "There is no data file in that folder."


def _decoded(file: Path) -> str:
    raw = file.read_bytes()
    if file.suffix.lower() == ".gz":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError) as error:
            raise TaskError(f"'{file}' is not a complete gzip file: {error}.") from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise TaskError(
            f"'{file}' is not UTF-8 text: byte 0x{raw[error.start]:02x} on line {line}. "
            "Convert it, for example with iconv -f latin1 -t utf-8."
        ) from error


def _parse_jsonl(text: str, file: Path) -> Iterator[Row]:
    # Not splitlines: U+2028 and its like may stand inside a JSON string.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise TaskError(f"Line {number} of '{file}' is not valid JSON: {error}.") from error
        if not isinstance(row, dict):
            raise TaskError(f"Line {number} of '{file}' is not a JSON object but {_kind(row)}.")
        yield row


def _parse_json(text: str, file: Path) -> list[Row]:
    try:
        rows = json.loads(text or "[]")
    except ValueError as error:
        raise TaskError(f"'{file}' is not valid JSON: {error}. One object per line is '.jsonl'.") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TaskError(f"'{file}' must be a list of JSON objects, one per problem.")
    return rows


def _parse_csv(text: str, file: Path, *, delimiter: str) -> list[Row]:
    """Read every cell as text; an empty cell is null."""
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = next(lines, [])
        rows = []
        for cells in lines:
            if not cells:
                continue
            if len(cells) != len(header):
                raise TaskError(
                    f"Line {lines.line_num} of '{file}' has {len(cells)} cells, but the header has {len(header)}."
                )
            rows.append({name: cell or None for name, cell in zip(header, cells, strict=True)})
    except csv.Error as error:
        raise TaskError(f"Line {lines.line_num} of '{file}' is not valid CSV: {error}.") from error
    return rows


def _read_parquet(file: Path) -> list[Row]:
    import polars as pl

    try:
        return pl.read_parquet(file).to_dicts()
    except pl.exceptions.PolarsError as error:
        raise TaskError(f"'{file}' is not a readable Parquet file: {error}.") from error


def _read_hub(path: str, config_name: str | None, split: str, revision: str | None) -> list[Row]:
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError(
            f"Data set '{path}' comes from the hub, which needs the 'datasets' extra: "
            "pip install 'ttscale[datasets]'. For a local file, give its path "
            f"(formats: {', '.join(FILE_SUFFIXES)})."
        ) from error
    try:
        loaded = datasets.load_dataset(path, config_name, split=split, revision=revision)
    except Exception as error:  # the library raises many kinds: network, missing configuration, bad split
        reason = str(error).split("\n", maxsplit=1)[0] or type(error).__name__
        raise TaskError(
            f"Data set '{path}' (config {config_name}, split {split}) cannot be loaded from the hub: {reason} "
            "Check the names, or give the path of a local file."
        ) from error
    return [dict(row) for row in loaded]


def _kind(value: object) -> str:
    """Name a JSON value's type for a message."""
    if value is None:
        return "null"
    names: Sequence[tuple[type, str]] = (
        (bool, "a boolean"),
        (str, "a string"),
        (list, "a list"),
        (int, "a number"),
        (float, "a number"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), "something else")
