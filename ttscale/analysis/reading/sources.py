"""Counts to analyze, of a run directory or any table, told apart by cells, groups and what problems say of themselves."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ttscale.analysis.reading.adaptive import CellInRounds, adaptive_caveat, in_rounds
from ttscale.analysis.reading.cell import CellReader, RunReader, stored_cells
from ttscale.arrays import IntArray
from ttscale.errors import InvalidInputError, did_you_mean, listed
from ttscale.exchange.counts import CountsGroup, read_counts
from ttscale.exchange.grouping import POOLED
from ttscale.store.run import RunStore

UNKNOWN = "unknown"
"""The group of problems that lack a key which others have."""

_CELL = "cell"
_ABOUT_CELLS = {"model": "model.path", "task": "task.name"}


@dataclass(frozen=True, slots=True, eq=False)
class Stratum:
    """Some problems of a cell.

    Attributes:
        labels: Key -> value.
        rows: Their positions among the problems asked about.
    """

    labels: Mapping[str, str]
    rows: IntArray


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
    verified = cell.verified()
    if not verified.problem_ids:
        raise cell.nothing_verified()
    whole = CellCounts(
        labels={"cell": cell.name},
        n=verified.n,
        c=verified.c,
        problem_ids=verified.problem_ids,
        rounds=in_rounds(cell.store, cell.name, verified, cell.oracle),
        caveat=adaptive_caveat(cell.store, cell.name),
    )
    return [whole.of_problems(part) for part in strata(cell.store, cell.name, verified.problem_ids, by)]


def problem_keys(store: RunStore, cell: str, by: Sequence[str] | None) -> tuple[str, ...]:
    """Return those keys that problems of a cell have, so that they split it."""
    known = {key for problem in store.problems(cell) for key in problem.metadata}
    return tuple(key for key in by or () if key in known)


def strata(store: RunStore, cell: str, problem_ids: Sequence[str], by: Sequence[str] | None) -> list[Stratum]:
    """Split the problems of a cell by metadata of theirs; keys that decide a cell's samples only name it.

    Args:
        store: The run.
        cell: The cell, which is a group of its own in any case.
        problem_ids: The problems, in the order that rows count.
        by: Keys of metadata, "model", "task", settings such as "temperature", or "cell".

    Returns:
        One stratum per combination of values that occurs, in their natural order.

    Raises:
        InvalidInputError: No problem of the cell has such a key, and it is no setting of a cell.
    """
    columns = {key: _values(store, cell, problem_ids, key) for key in by or () if key not in (_CELL, POOLED)}
    labels = list(zip(*columns.values(), strict=True)) if columns else [()] * len(problem_ids)
    found = sorted(set(labels), key=lambda values: [_natural(value) for value in values])
    return [
        Stratum(
            dict(zip(columns, values, strict=True)),
            np.array([row for row, own in enumerate(labels) if own == values], dtype=np.int64),
        )
        for values in found
    ]


def _values(store: RunStore, cell: str, problem_ids: Sequence[str], key: str) -> list[str]:
    """Return the value of a key for each problem."""
    metadata = {problem.problem_id: problem.metadata for problem in store.problems(cell)}
    if any(key in one for one in metadata.values()):
        return [_text(metadata.get(problem_id, {}).get(key)) for problem_id in problem_ids]
    settings = _settings(store, cell)
    if key in settings:
        return [settings[key]] * len(problem_ids)
    known = sorted({name for one in metadata.values() for name in one})
    raise InvalidInputError(
        f"No problem of cell '{cell}' of {store.path} has '{key}' to group by.{did_you_mean(key, [*known, *settings])} "
        f"Its problems have: {listed(known) if known else 'no metadata'}. Its cells: {listed(settings)}."
    )


def _settings(store: RunStore, cell: str) -> dict[str, str]:
    """Return what decides a cell's samples, by its full and its short names; what this cell leaves out is "default"."""
    cells = stored_cells(store)
    keys = dict.fromkeys(key for identity in cells.values() for key in identity)
    own = {key: _text(cells[cell].get(key, "default")) for key in keys}
    short = {key.rpartition(".")[2]: value for key, value in own.items()}
    return short | own | {name: own[key] for name, key in _ABOUT_CELLS.items() if key in own}


def _text(value: Any) -> str:
    return UNKNOWN if value is None else str(value)


def _natural(text: str) -> list[tuple[int, float, str]]:
    """Return a key that sorts numbers within texts by their size: "level 2" before "level 10"."""
    parts = re.split(r"(\d+(?:\.\d+)?)", text)
    return [(0, float(part), "") if i % 2 else (1, 0.0, part) for i, part in enumerate(parts)]
