"""A data set that ``ttscale export --to parquet`` wrote: samples, verdicts and problems, without loss of what it has."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel

from ttscale.errors import InvalidInputError
from ttscale.exchange.contract import ImportedSample, ImportOptions, ReadingNotes, Source
from ttscale.exchange.export.problems import read_problems_table
from ttscale.exchange.formats.table import TableImporter, TableOptions


class OwnDatasetImporter:
    """ttscale: a data set of `ttscale export --to parquet`, with its problems."""

    Options: ClassVar[type[BaseModel]] = ImportOptions
    title: ClassVar[str] = "ttscale export"

    def __init__(self, options: ImportOptions) -> None:
        self._table = TableImporter(TableOptions.model_validate(options.model_dump()))

    def recognizes(self, path: Path) -> bool:
        """Look for both folders of an export."""
        return bool(_shards(path)) and any(path.glob("problems/*.parquet"))

    def sources(self, path: Path) -> list[Source]:
        """Return the shards, cell by cell."""
        found = _shards(path)
        if not found:
            raise InvalidInputError(f"{path} has no data/CELL/*.parquet: it is no export of ttscale.")
        return [Source(each) for each in found]

    def read(self, source: Source, notes: ReadingNotes) -> Iterator[ImportedSample]:
        """Yield the samples of one shard with the problems of its cell."""
        cell = source.path.parent
        path = cell.parent.parent / "problems" / f"{cell.name}.parquet"
        problems = read_problems_table(path)
        for sample in self._table.read(source, notes):
            known = problems.get(sample.problem.problem_id)
            if known is None:
                raise InvalidInputError(
                    f"{path} lacks problem '{sample.problem.problem_id}' of {source.path.name}."
                )
            yield replace(sample, problem=known)


def _shards(path: Path) -> list[Path]:
    return sorted(path.glob("data/*/*.parquet"))
