"""Problems told apart by what a task says of them (level, subject, ...), and cells by what decides their samples."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ttscale.analysis.reading.choosing import stored_cells
from ttscale.arrays import IntArray
from ttscale.errors import InvalidInputError, did_you_mean, listed
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
