"""Verdicts: one set per verifier, version and options, beside the samples and never in place of others.

A set is append-only, and remembers when it was begun: of several sets of one verifier the newest counts where none is
named, also in a copy whose files are younger. A sample that is verified again (after an error) gets a second row in a segment whose name
begins with "again-"; of several rows the newest counts, and `VerdictSet.scan` gives that one alone.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from ttscale.errors import StoreError
from ttscale.store.documents import read_document, write_document
from ttscale.store.files import FlawError, reading
from ttscale.store.pending import SampleKeys
from ttscale.store.samples import SAMPLE_KEY
from ttscale.store.segments import collect, lots, scan, segments, write_segment
from ttscale.types import Outcome

VERDICT_SCHEMA: Mapping[str, type[pl.DataType] | pl.DataType] = {
    "cell": pl.String,
    "problem_id": pl.String,
    "sample_index": pl.Int64,
    "outcome": pl.String,
    "score": pl.Float64,
    "answer": pl.String,
    "answer_class": pl.String,
    "seconds": pl.Float32,
    "prompt_tokens": pl.Int64,
    "completion_tokens": pl.Int64,
    "detail": pl.String,
}
"""The columns of a verdict segment; the key is the sample's, and tokens are those that the verifier spent."""

VERDICT_COLUMNS = tuple(name for name in VERDICT_SCHEMA if name not in ("cell", *SAMPLE_KEY))
"""The columns beside the key."""

_DESCRIPTION, _BEGAN = "verifier.json", "began"

_AGAIN = "again-"
"""How the names of segments begin whose rows count instead of earlier ones; a number follows, the highest is newest."""

_STAMPED = "%Y%m%dT%H%M%S%f"
_STAMP = re.compile(r"\d{8}T\d{6}\d*")
"""How the names of segments begin: with the time of their session."""


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
        """Write the set's description if it is not there yet, or no longer."""
        if not (self.folder / _DESCRIPTION).exists():
            has_verdicts = any(self.folder.glob("*/*.parquet"))  # their names say when it was begun
            self._describe({} if has_verdicts else {_BEGAN: f"{datetime.now(UTC):{_STAMPED}}"})

    def begin(self, at: datetime) -> None:
        """Write the set's description, begun at a time."""
        self._describe({_BEGAN: f"{at:{_STAMPED}}"})

    def _describe(self, began: Mapping[str, str]) -> None:
        vars(self).pop("began", None)
        write_document(self.folder / _DESCRIPTION, {**asdict(self.info), **began})

    @cached_property
    def began(self) -> str:
        """When the set was begun, as text that sorts by time; empty where nothing tells."""
        stored = _described(self.folder).get(_BEGAN)
        if stored:
            return str(stored)
        named = (_STAMP.match(path.name) for path in self.folder.glob("*/*.parquet"))
        return min((stamp[0] for stamp in named if stamp), default="")  # sets of earlier versions

    def scan(self, cell: str) -> pl.LazyFrame:
        """Scan the verdicts of a cell lazily, one per sample; columns of `VERDICT_SCHEMA`."""
        first, again = self._segments(cell)
        if not again:
            return scan(first, VERDICT_SCHEMA)
        newest = scan(again, VERDICT_SCHEMA).unique(SAMPLE_KEY, keep="last", maintain_order=True)
        kept = scan(first, VERDICT_SCHEMA).join(newest.select(SAMPLE_KEY), on=SAMPLE_KEY, how="anti")
        return pl.concat([kept, newest])

    def count(self, cell: str) -> int:
        """Return how many samples of a cell have a verdict; reads footers only, where none was verified again."""
        return int(collect(self.scan(cell).select(pl.len()), self.folder / cell).item())

    def outcomes(self, cells: Iterable[str]) -> dict[str, int]:
        """Return how many samples of some cells have each outcome, zeros included."""
        total = dict.fromkeys(map(str, Outcome), 0)
        for cell in cells:
            counts = collect(self.scan(cell).group_by("outcome").len(), self.folder / cell)
            for outcome, n in counts.iter_rows():
                total[outcome] += n
        return total

    def verified(self, cell: str, *, errors: bool = True) -> SampleKeys:
        """Return the samples of a cell that have a verdict, or one that is no error, lot by lot."""
        keys = SampleKeys()
        for lot in lots(segments(self.folder / cell)):
            rows = scan(lot, VERDICT_SCHEMA)
            if not errors:  # only errors are verified again, so any other verdict is the last
                rows = rows.filter(pl.col("outcome") != Outcome.ERROR)
            keys.add(collect(rows.select(SAMPLE_KEY), self.folder / cell))
        return keys

    def write(self, cell: str, verdicts: pl.DataFrame, name: str, *, again: bool = False) -> None:
        """Store verdicts as one segment.

        Args:
            cell: Their cell.
            verdicts: Columns of `VERDICT_SCHEMA`, null where one is absent.
            name: Unique in the cell.
            again: Whether samples that have a verdict may be among them; these rows then count.
        """
        self.create()
        columns = [
            pl.col(column) if column in verdicts.columns else pl.lit(None, dtype).alias(column)
            for column, dtype in VERDICT_SCHEMA.items()
        ]
        if again:
            name = f"{_AGAIN}{self._next_number(cell):06d}-{name}"
        write_segment(self.folder / cell / f"{name}.parquet", verdicts.select(columns))

    def _next_number(self, cell: str) -> int:
        """Return a number above those of all segments of newer verdicts."""
        numbers = [int(path.name.split("-")[1]) for path in self._segments(cell)[1]]
        return max(numbers, default=-1) + 1

    def _segments(self, cell: str) -> tuple[list[Path], list[Path]]:
        """Return the segments of first verdicts, and those of newer ones, oldest first."""
        first: list[Path] = []
        again: list[Path] = []
        for path in segments(self.folder / cell):
            (again if is_newer(path) else first).append(path)
        return first, again


def is_newer(segment: Path) -> bool:
    """Tell whether a segment's verdicts count instead of earlier ones."""
    return segment.name.startswith(_AGAIN)


def is_described(folder: Path) -> bool:
    """Tell whether a folder has the description of a verdict set, whole or not."""
    with reading(folder):
        return os.path.lexists(folder / _DESCRIPTION)


def is_description(path: Path) -> bool:
    """Tell whether a file describes a verdict set."""
    return path.name == _DESCRIPTION


def read_verdict_set(folder: Path) -> VerdictSet:
    """Open a stored verdict set.

    Raises:
        StoreError: Its description is missing or damaged.
    """
    described = _described(folder)
    described.pop(_BEGAN, None)
    try:
        return VerdictSet(folder, VerdictSetInfo(**described))
    except TypeError as error:
        raise _damaged(folder, error) from error


def _described(folder: Path) -> dict[str, Any]:
    try:
        return read_document(folder / _DESCRIPTION)
    except FlawError as error:
        raise _damaged(folder, error) from error


def _damaged(folder: Path, error: Exception) -> StoreError:
    return StoreError(
        f"{folder / _DESCRIPTION} is missing or damaged ({error}). The next `ttscale run` writes it again; where the verdicts "
        f"were imported, move {folder} away and import them again."
    )
