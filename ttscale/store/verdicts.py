"""Verdicts: one set per verifier, version and options, beside the samples and never in place of others."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ttscale.errors import StoreError
from ttscale.store.files import write_text
from ttscale.store.samples import SAMPLE_KEY, scan_samples
from ttscale.store.segments import collect, scan, segments, write_segment

VERDICT_SCHEMA: Mapping[str, type[pl.DataType] | pl.DataType] = {
    "cell": pl.String,
    "problem_id": pl.String,
    "sample_index": pl.Int64,
    "outcome": pl.String,
    "score": pl.Float64,
    "answer": pl.String,
    "answer_class": pl.String,
    "seconds": pl.Float32,
    "detail": pl.String,
}
"""The columns of a verdict segment; the key is the sample's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictSetInfo:
    """The identity of a verdict set: the same verifier, version and options give the same verdicts.

    Attributes:
        verifier: Plugin name.
        version: The plugin's version.
        options: Its resolved options.
        sees_answer: Whether it is an oracle.
    """

    verifier: str
    version: str
    options: Mapping[str, Any]
    sees_answer: bool

    @property
    def label(self) -> str:
        """The folder's name: the verifier's and a short hash of what else decides a verdict."""
        identity = json.dumps([self.verifier, self.version, dict(self.options)], sort_keys=True, default=str)
        digest = hashlib.blake2b(identity.encode(), digest_size=4).hexdigest()
        return f"{self.verifier.replace(':', '.').replace('/', '.')}-{digest}"


class VerdictSet:
    """The stored verdicts of one verifier.

    Args:
        folder: The set's folder.
        info: What it holds.
    """

    def __init__(self, folder: Path, info: VerdictSetInfo) -> None:
        self.folder = folder
        self.info = info

    def create(self) -> None:
        """Write the set's description if it is not there yet."""
        description = self.folder / "verifier.json"
        if not description.exists():
            write_text(
                description, json.dumps(asdict(self.info), indent=2, sort_keys=True, default=str) + "\n"
            )

    def scan(self, cell: str) -> pl.LazyFrame:
        """Scan the verdicts of a cell lazily, columns of `VERDICT_SCHEMA`."""
        return scan(segments(self.folder / cell), VERDICT_SCHEMA)

    def count(self, cell: str) -> int:
        """Return how many samples of a cell have a verdict; reads footers only."""
        return int(collect(self.scan(cell).select(pl.len()), self.folder / cell).item())

    def pending(self, cell: str, samples_folder: Path) -> pl.LazyFrame:
        """Scan the samples of a cell that have no verdict yet."""
        return scan_samples(samples_folder).join(
            self.scan(cell).select(SAMPLE_KEY), on=SAMPLE_KEY, how="anti", maintain_order="left"
        )

    def write(self, cell: str, verdicts: pl.DataFrame, name: str) -> None:
        """Store verdicts as one segment."""
        self.create()
        write_segment(self.folder / cell / f"{name}.parquet", verdicts.select(list(VERDICT_SCHEMA)))


def read_verdict_set(folder: Path) -> VerdictSet:
    """Open a stored verdict set.

    Raises:
        StoreError: Its description is missing or damaged.
    """
    description = folder / "verifier.json"
    try:
        info = VerdictSetInfo(**json.loads(description.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise StoreError(
            f"{description} is missing or damaged ({error}). Move {folder} away and verify again."
        ) from error
    return VerdictSet(folder, info)
