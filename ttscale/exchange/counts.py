"""Counts from any table: one row per problem (n, c), or one row per sample (correct or not)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from ttscale.arrays import IntArray
from ttscale.errors import InvalidInputError, listed, one_line
from ttscale.exchange.grouping import grouping
from ttscale.exchange.values import WORDS
from ttscale.exchange.whole_tables import read_table
from ttscale.types import Outcome

PROBLEM_NAMES = ("problem_id", "problem_idx", "problem", "task_id", "doc_id", "unique_id", "id")
N_NAMES = ("n", "n_samples", "num_samples")
C_NAMES = ("c", "n_correct", "num_correct")
OUTCOME_NAMES = ("correct", "is_correct", "passed", "outcome", "success", "score")
"""Column names looked for, the first found wins."""

_LARGEST_COUNT = 2.0**53
"""Up to which every whole number is a float of its own."""

TRUE = tuple(word for word, outcome in WORDS.items() if outcome is Outcome.CORRECT)
FALSE = tuple(word for word, outcome in WORDS.items() if outcome not in (Outcome.CORRECT, Outcome.ERROR))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CountsGroup:
    """The counts of one group of rows.

    Attributes:
        labels: Group column -> its value; empty for an ungrouped table.
        n: Samples per problem, shape (P,).
        c: Correct ones, shape (P,).
        problem_ids: Length P; None where a table does not name its problems.
    """

    labels: Mapping[str, str]
    n: IntArray
    c: IntArray
    problem_ids: tuple[str, ...] | None = None


def read_counts(path: Path, *, by: Sequence[str] | None = None) -> list[CountsGroup]:
    """Read counts per problem from a CSV, Parquet or JSON Lines file.

    Args:
        path: A table with one row per problem (columns for the problem, n and c) or one row per sample
            (columns for the problem and whether it is correct); columns are found by the obvious names.
        by: Columns that tell groups apart, such as model; () pools all rows. By default those whose names say so; see
            `ttscale.exchange.grouping`.

    Returns:
        One group per combination of values, in order of first appearance.

    Raises:
        InvalidInputError: The file cannot be read, a column is missing, or the counts are impossible.
    """
    with one_line(str(path)):
        return _read_counts(read_table(path), path, by)


def _read_counts(frame: pl.DataFrame, path: Path, by: Sequence[str] | None) -> list[CountsGroup]:
    if frame.height == 0:
        raise InvalidInputError(f"{path} has no rows.")
    problem = find_column(frame, PROBLEM_NAMES)
    n, c = find_column(frame, N_NAMES), find_column(frame, C_NAMES)
    outcome = None if n and c else find_column(frame, OUTCOME_NAMES)
    keys = grouping(frame, by, path, problem=problem, outcome=outcome)
    frame = frame.with_columns(as_label(key) for key in keys)
    if outcome is not None:
        if problem is None:
            raise InvalidInputError(_lacking(path, frame, "problem", PROBLEM_NAMES))
        return _groups(_tallied(frame, problem, outcome, keys, path), keys, problem)
    if not (n and c):
        wanted = (*N_NAMES[:2], *C_NAMES[:2], *OUTCOME_NAMES[:2])
        raise InvalidInputError(_lacking(path, frame, "count or outcome", wanted))
    table = _counted(frame, n, c, path)
    if problem is not None:
        _refuse_repeats(table, [*keys, problem], path)
    return _groups(table, keys, problem)


def find_column(frame: pl.DataFrame, names: Sequence[str]) -> str | None:
    """Return the first of the names that is a column, letter case aside."""
    columns = {column.lower(): column for column in reversed(frame.columns)}
    return next((columns[name] for name in names if name in columns), None)


def as_label(column: str) -> pl.Expr:
    """Return a column that tells groups apart as text."""
    return pl.col(column).cast(pl.String).fill_null("None")


def _lacking(path: Path, frame: pl.DataFrame, what: str, names: Sequence[str]) -> str:
    return f"{path} has no {what} column ({' or '.join(names)}). Columns: {listed(frame.columns)}."


def _counted(frame: pl.DataFrame, n: str, c: str, path: Path) -> pl.DataFrame:
    """Return the table with whole-number columns n and c."""
    return frame.rename({n: "n", c: "c"}).with_columns(
        _whole(frame[n], n, path).alias("n"), _whole(frame[c], c, path).alias("c")
    )


def _whole(column: pl.Series, name: str, path: Path) -> pl.Series:
    """Return a column as integers; anything else is refused with its first place."""
    numbers = column.cast(pl.Float64, strict=False)
    is_whole = numbers.is_finite() & (numbers == numbers.round()) & (numbers.abs() <= _LARGEST_COUNT)
    wrong = (~is_whole).fill_null(value=True)
    if wrong.any():
        row = int(np.flatnonzero(wrong.to_numpy())[0])
        raise InvalidInputError(
            f"{path}: column '{name}' should hold whole numbers, but row {row + 1} holds {column[row]!r:.60} "
            f"({int(wrong.sum())} such rows)."
        )
    return numbers.cast(pl.Int64)


def _tallied(frame: pl.DataFrame, problem: str, outcome: str, by: Sequence[str], path: Path) -> pl.DataFrame:
    """Count samples and correct ones per problem from one row per sample; verifier errors are left out."""
    text = frame[outcome].cast(pl.String).str.strip_chars().str.to_lowercase()
    known = text.is_in([*TRUE, *FALSE, "error"])
    if not known.all():
        strange = frame[outcome].filter(~known.fill_null(value=False)).unique().head(5).to_list()
        raise InvalidInputError(
            f"{path}: column '{outcome}' holds {', '.join(map(repr, strange))}, which is neither correct nor "
            f"incorrect. Known: {', '.join((*TRUE, *FALSE))}, and error (left out)."
        )
    keys = list(dict.fromkeys([*by, problem]))
    return (
        frame.with_columns(text.alias("_outcome"))
        .filter(pl.col("_outcome") != "error")
        .group_by(keys, maintain_order=True)
        .agg(n=pl.len().cast(pl.Int64), c=pl.col("_outcome").is_in(TRUE).sum().cast(pl.Int64))
    )


def _refuse_repeats(table: pl.DataFrame, keys: list[str], path: Path) -> None:
    """A problem that appears twice in a group means that the groups are not told apart."""
    repeated = table.filter(table.select(keys).is_duplicated())
    if repeated.height == 0:
        return
    others = [
        name
        for name in table.columns
        if name not in {*keys, "n", "c"}
        and table[name].n_unique() > 1
        and table[name].n_unique() < table.height
    ]
    hint = f" Perhaps --by {','.join([*keys[:-1], *others])}." if others else ""
    raise InvalidInputError(
        f"{path}: {keys[-1]} {repeated[keys[-1]][0]!r} appears {repeated.filter(pl.col(keys[-1]) == repeated[keys[-1]][0]).height} times"
        f"{' in a group' if len(keys) > 1 else ''}: name the columns that tell the groups apart with --by.{hint}"
    )


def _groups(table: pl.DataFrame, by: Sequence[str], problem: str | None) -> list[CountsGroup]:
    parts = table.group_by(by, maintain_order=True) if by else [((), table)]
    return [
        CountsGroup(
            labels=dict(zip(by, values, strict=True)),
            n=group["n"].to_numpy(),
            c=group["c"].to_numpy(),
            problem_ids=None if problem is None else tuple(group[problem].cast(pl.String)),
        )
        for values, group in parts
    ]
