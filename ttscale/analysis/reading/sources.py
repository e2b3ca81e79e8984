"""Counts to analyze, wherever they come from: a run directory or any table."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ttscale.analysis.reading.adaptive import CellInRounds, adaptive_caveat, in_rounds
from ttscale.analysis.reading.choices import choose_oracle, stored_config
from ttscale.analysis.reading.tables import read_judged
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
    store = RunStore(path)
    config = stored_config(store)
    sets = store.verdict_sets()
    groups: list[CountsGroup] = []
    for cell in store.cells():
        oracle = choose_oracle(sets, config, cell)
        judged = read_judged(store, cell, oracle, [problem.problem_id for problem in store.problems(cell)])
        if not judged.problem_ids:
            raise InvalidInputError(
                f"Cell '{cell}' of {path} has no verified samples. Run: ttscale verify {path}"
            )
        groups.append(
            CellCounts(
                labels={"cell": cell},
                n=judged.n,
                c=judged.c,
                problem_ids=judged.problem_ids,
                rounds=in_rounds(store, cell, judged, oracle),
                caveat=adaptive_caveat(store, cell),
            )
        )
    return groups
