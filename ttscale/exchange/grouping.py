"""Which columns of a table tell groups apart, so that models or benchmarks are never pooled unasked.

A column whose name says that it holds a model, a task, a cell or a setting groups by itself. One that crosses the problems
as such a column would, every problem having the same number of rows with each of its values, may be one under another
name: then the user is asked.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from ttscale.errors import InvalidInputError, did_you_mean, listed

POOLED = "none"
"""What ``--by`` is given to pool everything."""

_GROUPS = frozenset([
    "cell", "arm", "run", "run_id", "run_name", "experiment", "config", "configuration", "variant", "strategy",
    "method", "policy", "agent", "system", "model", "model_name", "model_id", "model_path", "llm", "checkpoint",
    "engine", "provider", "temperature", "template", "prompt_name", "prompt_id", "prompt_template", "task",
    "task_name", "benchmark", "benchmark_name", "dataset", "dataset_name", "data_set", "suite",
])  # fmt: skip
_OR_NUMBERS = frozenset({"run", "run_id", "experiment"})
"""Names of groups that number samples where they hold whole numbers, each once a problem."""
_OF_SAMPLES = frozenset([
    "sample_index", "sample_id", "sample", "index", "idx", "epoch", "repeat", "trial", "seed", "attempt", "rollout",
    "completion", "response", "generation", "output", "text", "solution", "answer", "predicted_answer",
    "extracted_answer", "answer_class", "pred", "prediction", "finish_reason", "prompt_tokens", "input_tokens",
    "completion_tokens", "output_tokens", "num_generated_tokens", "tokens", "cumulative_logprob", "logprob", "score",
    "seconds", "time", "timestamp", "date",
])  # fmt: skip
"""Columns that differ between the samples of one group."""
_FEWEST_PROBLEMS, _MOST_VALUES = 2, 50
"""Between which a crossing column is taken for a group: one problem proves nothing, and many values are ids of samples."""


def grouping(
    frame: pl.DataFrame, by: Sequence[str] | None, path: Path, *, problem: str | None, outcome: str | None
) -> tuple[str, ...]:
    """Return the columns that tell a table's groups apart.

    Args:
        frame: The table, not empty.
        by: The columns asked for; `POOLED` alone or nothing at all pools; None: what looks like groups.
        path: For messages.
        problem: The column that names problems, if there is one.
        outcome: The column of outcomes where a row is a sample, else None.

    Raises:
        InvalidInputError: No such column, or one that may tell groups apart and has no name that says so.
    """
    if by is None:
        named = _named(frame, problem, outcome)
        if problem is not None and outcome is not None:
            _refuse_crossing(frame, named, path, problem, outcome)
        return named
    if tuple(by) == (POOLED,) and POOLED not in frame.columns:
        return ()
    for column in by:
        if column not in frame.columns:
            raise InvalidInputError(
                f"{path} has no column '{column}' to group by.{did_you_mean(column, frame.columns)} "
                f"Columns: {listed(frame.columns)}."
            )
    return tuple(by)


def _named(frame: pl.DataFrame, problem: str | None, outcome: str | None) -> tuple[str, ...]:
    """Return the columns whose names say that they tell groups apart, and whose values do."""
    named = [name for name in frame.columns if _spelt(name) in _GROUPS and _groups(frame, name, problem)]
    if problem is None and named and frame.height == frame.select(named).unique().height:
        named.remove(max(named, key=lambda name: frame[name].n_unique()))  # it names the problems
    if problem is None or outcome is None:
        return tuple(named)
    return tuple(
        name
        for name in named
        if _spelt(name) not in _OR_NUMBERS
        or not _numbers_samples(frame, [problem, *(other for other in named if other != name)], name)
    )


def _numbers_samples(frame: pl.DataFrame, keys: Sequence[str], name: str) -> bool:
    """Say whether a whole number occurs once with each problem: it counts its samples."""
    return frame.schema[name].is_integer() and frame.group_by([*keys, name]).len()["len"].max() == 1


def _spelt(name: str) -> str:
    return name.strip().lower().replace("-", "_").replace(" ", "_")


def _groups(frame: pl.DataFrame, name: str, problem: str | None) -> bool:
    """Say whether a column has several values and is not just another name of the problem."""
    if name == problem or frame.schema[name].is_nested():
        return False
    n_values = frame[name].n_unique()
    n_problems = frame.height if problem is None else frame[problem].n_unique()
    alone = n_values >= n_problems and (
        problem is None or frame.select(problem, name).unique().height == n_values
    )
    return n_values > 1 and not alone


def _refuse_crossing(
    frame: pl.DataFrame, named: Sequence[str], path: Path, problem: str, outcome: str
) -> None:
    """Refuse a column that every problem has the same number of rows of, value by value, and whose name says nothing."""
    if frame[problem].n_unique() < _FEWEST_PROBLEMS:
        return
    keys = [*named, problem]
    others = [
        name
        for name in frame.columns
        if name not in {*keys, outcome}
        and _spelt(name) not in _OF_SAMPLES
        and frame.schema[name] != pl.Boolean
        and not frame.schema[name].is_nested()
    ]
    crossing = [name for name in others if _crosses(frame, keys, name)]
    if crossing:
        values = listed(frame[crossing[0]].unique(maintain_order=True).cast(pl.String).to_list())
        raise InvalidInputError(
            f"{path}: column '{crossing[0]}' splits the samples of every problem alike ({values}), so it may tell models or "
            f"settings apart. Give --by {','.join([*named, *crossing])} to keep them apart, or --by "
            f"{','.join(named) or POOLED} to pool them."
        )


def _crosses(frame: pl.DataFrame, keys: Sequence[str], name: str) -> bool:
    n_values = frame[name].n_unique()
    if not 1 < n_values <= _MOST_VALUES:
        return False
    sizes = frame.group_by([*keys, name]).len()["len"]
    complete = len(sizes) == n_values * frame.select(keys).unique().height
    return complete and sizes.n_unique() == 1 and not _numbers_samples(frame, keys, name)
