"""Counts to analyze, wherever they come from: a run directory or any table."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ttscale.analysis.reading.adaptive import CellInRounds, adaptive_caveat, in_rounds
from ttscale.analysis.reading.cell import CellReader, RunReader
from ttscale.errors import InvalidInputError
from ttscale.exchange.counts import CountsGroup, read_counts
from ttscale.store.run import RunStore


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CellCounts(CountsGroup):
    """The counts of a cell.

    Attributes:
        problem_ids: Length P.
        rounds: How the samples were drawn where verdicts decided who got more, else None.
        caveat: What to say of it.
    """

    problem_ids: tuple[str, ...]
    rounds: CellInRounds | None = None
    caveat: str | None = None


def read_source(path: Path, *, by: Sequence[str] = ()) -> list[CountsGroup]:
    """Read counts per problem from a run directory (one group per cell) or a file of counts or outcomes.

    Raises:
        InvalidInputError: The table cannot be used; see `read_counts`.
        StoreError: The folder is no run, or nothing in it is verified.
    """
    if not path.is_dir():
        return read_counts(path, by=by)
    if by and tuple(by) != ("cell",):
        raise InvalidInputError(f"{path} is a run directory: its groups are its cells; leave --by out.")
    reader = RunReader(RunStore(path))
    return [_cell_counts(reader.cell(cell)) for cell in reader.store.cells()]


def _cell_counts(cell: CellReader) -> CellCounts:
    judged = cell.judged()
    if not judged.problem_ids:
        raise cell.nothing_verified()
    return CellCounts(
        labels={"cell": cell.name},
        n=judged.n,
        c=judged.c,
        problem_ids=judged.problem_ids,
        rounds=in_rounds(cell.store, cell.name, judged, cell.oracle),
        caveat=adaptive_caveat(cell.store, cell.name),
    )
