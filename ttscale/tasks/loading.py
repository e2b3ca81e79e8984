"""Reading a data set as rows: a local file or folder, an address, or a hub id.

Local JSONL, JSON, CSV, TSV and Parquet files need no extra. Everything else goes through Hugging Face's
`datasets`, which downloads once and reads from its cache afterwards, also offline.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from ttscale.errors import InvalidInputError, MissingExtraError, TaskError, listed
from ttscale.exchange.csv_rows import read_csv
from ttscale.exchange.json_stream import JsonStream, read_records
from ttscale.exchange.lines import open_binary, read_objects
from ttscale.plain_files import require_plain, user_path
from ttscale.tasks.rows import Row

FILE_SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
"""The formats read without any extra; all but Parquet also with ``.gz``."""

_ADDRESS = re.compile(r"^(?:https?|hf)://")
_HUB_FILE = re.compile(r"^hf://datasets/([^/@]+/[^/@]+)(?:@([^/]+))?/(.+)$")
_COMMIT = re.compile(r"(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f])")


@dataclass(frozen=True, slots=True)
class Data:
    """A data set that was read.

    Attributes:
        rows: One dictionary per row, in the order of the data, at least one.
        origin: Exactly what was read: a hub id with its commit, or a file or address with its SHA-256.
    """

    rows: list[Row]
    origin: str


def read_data(
    path: str,
    *,
    config_name: str | None = None,
    split: str = "test",
    revision: str | None = None,
    columns: Sequence[str] | None = None,
) -> Data:
    """Read a local file or folder, an address, or a data set of the hub.

    Args:
        path: A file with one of `FILE_SUFFIXES`; its address (``https://...``, or
            ``hf://datasets/owner/name@commit/file`` for one file of the hub); a hub id such as
            ``openai/gsm8k``; or a folder that `datasets.load_dataset` reads.
        config_name: The data set's configuration; unused for a file.
        split: The data set's split; unused for a file.
        revision: The hub data set's commit, tag or branch; unused for anything else.
        columns: What is needed of a large hub data set; None: all.

    Raises:
        TaskError: The data is missing, empty or damaged.
        MissingExtraError: `datasets` is needed and not installed.
    """
    file = user_path(path, TaskError)
    require_plain(file, TaskError)
    if _ADDRESS.match(path):
        data = _read_address(path)
    elif file.is_dir() or not (file.exists() or _format_of(file.name)):
        data = _read_with_datasets(path, config_name, split, revision, columns)
    else:
        data = Data(read_file(file), f"{file.name} sha256:{_digest(file)}")
    if not data.rows:
        raise TaskError(f"'{path}' holds no rows. A task needs at least one problem.")
    return data


def read_file(file: Path) -> list[Row]:
    """Read a local JSONL, JSON, CSV, TSV or Parquet file; see `read_data`."""
    if not file.is_file():
        raise TaskError(f"The data file '{file}' does not exist. {_neighbours(file)}")
    if _format_of(file.name) is None:
        raise TaskError(f"'{file}' is in no known format. Known: {', '.join(FILE_SUFFIXES)}, also with .gz.")
    return _parse(file, file.name, shown=str(file))


def choose_rows(n_rows: int, *, limit: int | None, seed: int | None) -> list[int]:
    """Return the row numbers of a task's problems: the first `limit`, or a random subset in random order.

    With a seed, a smaller limit picks a prefix of what a larger one picks.

    >>> choose_rows(5, limit=2, seed=None)
    [0, 1]
    """
    order = range(n_rows) if seed is None else np.random.default_rng(seed).permutation(n_rows).tolist()
    return list(order[:limit])


def digest_of(content: bytes) -> str:
    """Return a content's SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


# ---- files --------------------------------------------------------------------------------------


def _parse(file: Path, name: str, *, shown: str) -> list[Row]:
    """Read a file in the format that a name says; messages call it `shown`."""
    suffix = _format_of(name)
    try:
        if suffix == ".parquet":
            return _read_parquet(file, shown)
        if suffix in (".csv", ".tsv"):
            delimiter = "\t" if suffix == ".tsv" else ","
            return [_with_nulls(row) for _, row in read_csv(file, delimiter=delimiter, name=shown)]
        if suffix == ".json":
            _require_array(file, shown)
            return [row for _, row in read_records(file, name=shown)]
        return [row for _, row in read_objects(file, name=shown)]
    except OSError as error:
        raise TaskError(f"'{shown}' cannot be read: {error}.") from error
    except InvalidInputError as error:
        raise TaskError(str(error)) from error


def _format_of(name: str) -> str | None:
    """Return the known suffix of a file name, without ``.gz``."""
    suffixes = [suffix.lower() for suffix in Path(name).suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    last = suffixes[-1] if suffixes else ""
    return last if last in FILE_SUFFIXES else None


def _neighbours(file: Path) -> str:
    """Say which data files lie where one was expected."""
    if not file.parent.is_dir():
        return f"The folder '{file.parent}' does not exist either."
    names = [other.name for other in file.parent.iterdir() if _format_of(other.name) is not None]
    return f"Data files there: {listed(names)}." if names else "There is no data file in that folder."


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _require_array(file: Path, shown: str) -> None:
    with open_binary(file, name=shown) as content:
        if JsonStream(content, shown).peek() not in ("[", ""):
            raise TaskError(
                f"'{shown}' must be a list of JSON objects, one per problem. One object per line is '.jsonl'."
            )


def _with_nulls(row: dict[str, str]) -> Row:
    return {name: cell or None for name, cell in row.items()}


def _read_parquet(file: Path, shown: str) -> list[Row]:
    import polars as pl

    try:
        return pl.read_parquet(file).to_dicts()
    except pl.exceptions.PolarsError as error:
        raise TaskError(f"'{shown}' is not a readable Parquet file: {error}.") from error


# ---- through datasets ---------------------------------------------------------------------------


def _datasets(path: str) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError(
            f"'{path}' is read with the 'datasets' extra: pip install 'ttscale[datasets]'. "
            f"A local file needs no extra; give its path (formats: {', '.join(FILE_SUFFIXES)})."
        ) from error
    return datasets


def _read_address(address: str) -> Data:
    """Download a file, or take it from the cache, and parse it here: Arrow refuses cells of mixed types."""
    name = urlsplit(address).path
    if _format_of(name) is None:
        raise TaskError(
            f"'{address}' is in no known format. Known: {', '.join(FILE_SUFFIXES)}, also with .gz."
        )
    try:
        file = _downloaded(address)
    except MissingExtraError:
        raise
    except Exception as error:  # the library raises many kinds: network, missing file, no access
        raise TaskError(
            f"'{address}' cannot be downloaded: {_reason(error)} Get the file in another way and give its path."
        ) from error
    return Data(_parse(file, name, shown=address.partition("?")[0]), f"{address} sha256:{_digest(file)}")


def _downloaded(address: str) -> Path:
    """Download a file, or find it in the cache: one of the hub by its commit, another by what its server says."""
    datasets = _datasets(address)
    match = _HUB_FILE.match(address)
    if match is None:
        return Path(datasets.DownloadManager().download(address))
    from huggingface_hub import hf_hub_download  # which datasets requires

    repository, revision, name = match.groups()
    return Path(hf_hub_download(repository, name, repo_type="dataset", revision=revision))


def _read_with_datasets(
    path: str, config_name: str | None, split: str, revision: str | None, columns: Sequence[str] | None
) -> Data:
    datasets = _datasets(path)
    folder = user_path(path, TaskError)
    try:
        loaded = datasets.load_dataset(
            str(folder) if folder.is_dir() else path, config_name, split=split, revision=revision
        )
    except Exception as error:  # the library raises many kinds: network, missing configuration, bad split
        hint = (
            _neighbours(folder / "_") if folder.is_dir() else "Check the names, or give a local file's path."
        )
        raise TaskError(
            f"Data set '{path}' (config {config_name}, split {split}) cannot be loaded: {_reason(error)} {hint}"
        ) from error
    if columns is not None and hasattr(loaded, "select_columns"):
        loaded = loaded.select_columns([name for name in loaded.column_names if name in columns])
    origin = folder.name if folder.is_dir() else f"{path}@{_commit(loaded, revision)}"
    return Data([dict(row) for row in loaded], f"{origin} ({config_name or 'default'}, {split})")


def _commit(loaded: Any, revision: str | None) -> str:
    """Return the commit that was read: as asked for, or as the cache's folders name it."""
    if revision is not None and _COMMIT.fullmatch(revision):
        return revision
    files = " ".join(str(file.get("filename", "")) for file in getattr(loaded, "cache_files", ()))
    found = _COMMIT.findall(files)
    return str(found[-1]) if found else revision or "unknown"


def _reason(error: Exception) -> str:
    """Return what a library says of a failure as one sentence, with the kind of failure where it says little."""
    said = str(error).split("\n", maxsplit=1)[0].strip()
    if not said or _ADDRESS.match(said):
        said = f"{type(error).__name__} {said}".strip()
    return said if said.endswith((".", "!", "?")) else f"{said}."
