"""Counts to analyze, wherever they come from: a run directory or any table."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ttscale.analysis.reading.adaptive import CellInRounds, adaptive_caveat, in_rounds
from ttscale.analysis.reading.cell import CellReader, RunReader
from ttscale.analysis.reading.strata import Stratum, strata
from ttscale.errors import InvalidInputError
from ttscale.exchange.counts import CountsGroup, read_counts
from ttscale.store.run import RunStore


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CellCounts(CountsGroup):
    """The counts of a cell, or of some of its problems.

    Attributes:
        rounds: How the samples were drawn where verdicts decided who got more, else None.
        caveat: What to say of it.
    """

    rounds: CellInRounds | None = None
    caveat: str | None = None

    def of_problems(self, part: Stratum) -> "CellCounts":
        """Return the counts of some problems, under their own labels."""
        assert self.problem_ids is not None  # a run names its problems
        ids = tuple(self.problem_ids[row] for row in part.rows)
        rounds = self.rounds and self.rounds.of_problems(part.rows)
        labels = {**self.labels, **part.labels}
        return replace(
            self, labels=labels, n=self.n[part.rows], c=self.c[part.rows], problem_ids=ids, rounds=rounds
        )


def read_source(
    path: Path | str, *, by: Sequence[str] | None = None, oracle: str | None = None
) -> list[CountsGroup]:
    """Read counts per problem from a run directory (one group per cell) or a file of counts or outcomes.

    Args:
        path: Where they are.
        by: Columns of a file that tell groups apart, by default those whose names say so, () for none; of a run, keys of
            its problems' metadata, such as level or subject, by which the cells are split further.
        oracle: The verifier that defines *correct* in a run; by default the run's own.

    Raises:
        InvalidInputError: The table cannot be used, see `read_counts`; or no problem has such a key.
        StoreError: The folder is no run, or nothing in it is verified.
    """
    path = Path(path)
    if not path.is_dir():
        if oracle is not None:
            raise InvalidInputError(
                f"{path} is a table, whose successes are counted already; another oracle than its own ('{oracle}') can only "
                "judge the samples of a run."
            )
        return read_counts(path, by=by)
    reader = RunReader(RunStore(path))
    return [
        part for cell in reader.store.cells() for part in _cell_counts(reader.cell(cell, oracle=oracle), by)
    ]


def _cell_counts(cell: CellReader, by: Sequence[str] | None) -> list[CellCounts]:
    judged = cell.judged()
    if not judged.problem_ids:
        raise cell.nothing_verified()
    whole = CellCounts(
        labels={"cell": cell.name},
        n=judged.n,
        c=judged.c,
        problem_ids=judged.problem_ids,
        rounds=in_rounds(cell.store, cell.name, judged, cell.oracle),
        caveat=adaptive_caveat(cell.store, cell.name),
    )
    return [whole.of_problems(part) for part in strata(cell.store, cell.name, judged.problem_ids, by)]
