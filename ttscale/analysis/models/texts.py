"""The samples behind a comparison: what one cell wrote where it solves a problem, and what another wrote that never does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from ttscale.analysis.models.results import ModelComparison
from ttscale.analysis.reading.cell import RunReader
from ttscale.errors import InvalidInputError
from ttscale.store.run import RunStore
from ttscale.store.segments import collect
from ttscale.types import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSample:
    """One sample to read.

    Attributes:
        problem_id: Its problem.
        cell: The label of its cell.
        sample_index: Its number.
        outcome: The oracle's verdict.
        completion: What the model wrote.
    """

    problem_id: str
    cell: str
    sample_index: int
    outcome: str
    completion: str


def samples_to_read(
    comparison: ModelComparison, cell: int, problem_ids: Sequence[str], *, oracle: str | None = None
) -> Mapping[str, ShownSample]:
    """Return for each problem the first correct sample of a cell; the first of all where none is correct.

    Args:
        comparison: What the cell belongs to.
        cell: Its position.
        problem_ids: The problems.
        oracle: What defines *correct*, where it was given.

    Raises:
        InvalidInputError: The cell is a group of a table, which holds no texts.
    """
    origin = comparison.origins[cell]
    if origin is None:
        raise InvalidInputError(
            f"'{comparison.labels[cell]}' is a group of a table, which holds no samples to show. Import them: ttscale import table FILE."
        )
    store = RunStore(origin[0])
    reader = RunReader(store).cell(origin[1], oracle=oracle)
    right = pl.col("outcome") == Outcome.CORRECT
    chosen = (
        reader.verified()
        .frame.lazy()
        .filter(pl.col("problem_id").is_in(list(problem_ids)))
        .sort(right, "sample_index", descending=[True, False])
        .group_by("problem_id", maintain_order=True)
        .first()
        .select("problem_id", "sample_index", "outcome")
    )
    texts = store.samples(origin[1]).select("problem_id", "sample_index", "completion")
    found = collect(chosen.join(texts, on=["problem_id", "sample_index"]), store.samples_folder(origin[1]))
    label = comparison.labels[cell]
    return {row["problem_id"]: ShownSample(cell=label, **row) for row in found.iter_rows(named=True)}
