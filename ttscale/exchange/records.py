"""What was imported: one record per source, by which a repeated import knows that it adds nothing."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from ttscale.errors import InvalidInputError, StoreError
from ttscale.exchange.contract import Source
from ttscale.exchange.lines import CHUNK
from ttscale.plain_files import real_path
from ttscale.store.documents import read_document, write_document

RECORDS = "imports"
"""The folder of the records inside a run."""

KEYS_SCHEMA: Mapping[str, type[pl.DataType]] = {
    "cell": pl.String,
    "problem_id": pl.String,
    "position": pl.Int64,
    "sample_index": pl.Int64,
    "text_hash": pl.UInt64,
}
"""Where each sample of a source went."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord:
    """A source that was read to its end.

    Attributes:
        session: Unique name; the prefix of its segments.
        format: The importer's name.
        name: The file's name.
        imported_at: UTC, ISO 8601.
        digest: Of identity and content: equal ones are the same source.
        place: Of where the file lay: equal ones are the same file, perhaps changed.
        fingerprint: Of its samples: equal ones hold the same samples.
        cells: Cell it has samples of -> what decides them.
        n_new_in: Cell -> samples that were not there yet.
        n_samples: Samples in it.
        n_new: Those that were not there yet.
        n_verdicts: Verifier -> verdicts stored.
        unmapped: Field -> how many records had it; nothing was made of them.
        remarks: What to know about the data, in sentences.
    """

    session: str
    format: str
    name: str
    imported_at: str
    digest: str
    place: str
    fingerprint: str
    cells: Mapping[str, Mapping[str, Any]]
    n_new_in: Mapping[str, int]
    n_samples: int
    n_new: int
    n_verdicts: Mapping[str, int] = field(default_factory=dict)
    unmapped: Mapping[str, int] = field(default_factory=dict)
    remarks: Sequence[str] = ()


def digest_of(source: Source) -> str:
    """Return the digest of a source's identity and content, read in constant memory.

    Raises:
        InvalidInputError: A file is missing or cannot be read.
    """
    digest = hashlib.blake2b(source.identity.encode(errors="surrogatepass"), digest_size=16)
    for path in source.files or (source.path,):
        try:
            digest.update(b"\0" + path.name.encode(errors="surrogateescape") if source.files else b"")
            with path.open("rb") as file:
                while chunk := file.read(CHUNK):
                    digest.update(chunk)
        except FileNotFoundError:
            raise InvalidInputError(f"There is no file {path}.") from None
        except OSError as error:
            raise InvalidInputError(f"{path} cannot be read: {error.strerror or error}.") from error
    return digest.hexdigest()


def place_of(source: Source) -> str:
    """Return a digest of where a source lies, so that a run that is passed on does not tell it."""
    text = f"{source.place or real_path(source.path)}\0{source.identity}"
    return hashlib.blake2b(text.encode(errors="surrogateescape"), digest_size=8).hexdigest()


def write_record(folder: Path, record: SourceRecord) -> None:
    """Store a record; last of all that belongs to its source, so that it says that the source is whole."""
    write_document(folder / f"{record.session}.json", asdict(record))


def read_records(folder: Path) -> list[SourceRecord]:
    """Return the records of a folder, oldest first.

    Raises:
        StoreError: One is damaged.
    """
    records = []
    for path in sorted(folder.glob("*.json")):
        try:
            records.append(SourceRecord(**read_document(path)))
        except (OSError, ValueError, TypeError) as error:
            raise StoreError(f"{path} is damaged ({error}). Import into a new directory.") from error
    return records
