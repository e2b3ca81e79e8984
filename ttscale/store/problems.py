"""The problems of a cell as a table, one file a cell."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import polars as pl

from ttscale.errors import StoreError, one_line
from ttscale.store.segments import table_flaw
from ttscale.types import Message, Problem

_SCHEMA: Mapping[str, type[pl.DataType]] = {
    "problem_id": pl.String,
    "prompt": pl.String,
    "messages": pl.String,
    "answer": pl.String,
    "metadata": pl.String,
    "hidden": pl.String,
}


def problems_frame(problems: Sequence[Problem]) -> pl.DataFrame:
    """Return problems as a frame, one row each."""
    return pl.DataFrame(
        [
            {
                "problem_id": problem.problem_id,
                "prompt": problem.prompt,
                "messages": json.dumps([asdict(message) for message in problem.messages])
                if problem.messages is not None
                else None,
                "answer": problem.answer,
                "metadata": json.dumps(dict(problem.metadata), sort_keys=True),
                "hidden": json.dumps(dict(problem.hidden), sort_keys=True),
            }
            for problem in problems
        ],
        schema=_SCHEMA,
    )


def read_problems_frame(path: Path) -> pl.DataFrame:
    """Read a cell's table.

    Raises:
        StoreError: It was never stored, is damaged or belongs elsewhere.
    """
    flaw = table_flaw(path)
    if flaw is not None:
        raise StoreError(
            f"{path}: {flaw}. `ttscale run` writes it again from the task; imported problems come back by importing them "
            "into a new directory."
        )
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise StoreError(f"{path} cannot be read: {error}") from error


def read_problems(path: Path) -> list[Problem]:
    """Return a cell's problems, in the task's order; raises as `read_problems_frame`."""
    frame = read_problems_frame(path)
    with one_line(str(path), StoreError):
        return [_problem(row) for row in frame.iter_rows(named=True)]


def tells_more(stored: pl.DataFrame, frame: pl.DataFrame) -> bool:
    """Tell whether problems are the stored ones with more metadata, as a newer version of a task has: no sample depends on it."""
    if not stored.drop("metadata").equals(frame.drop("metadata")):
        return False
    pairs = zip(stored["metadata"], frame["metadata"], strict=True)
    return all(json.loads(old).items() <= json.loads(new).items() for old, new in pairs)


def first_difference(stored: pl.DataFrame, asked: pl.DataFrame) -> str:
    """Say in a few words where two tables differ first."""
    if stored.height != asked.height:
        return f"{stored.height} stored, {asked.height} now"
    for old, new in zip(stored.iter_rows(named=True), asked.iter_rows(named=True), strict=True):
        if old != new:
            columns = [name for name in old if old[name] != new[name]]
            return f"first at '{old['problem_id']}': {', '.join(columns)}"
    return "other columns"


def _problem(row: Mapping[str, str]) -> Problem:
    messages = json.loads(row["messages"]) if row["messages"] is not None else None
    return Problem(
        problem_id=row["problem_id"],
        prompt=row["prompt"],
        messages=tuple(Message(**message) for message in messages) if messages is not None else None,
        answer=row["answer"],
        metadata=json.loads(row["metadata"]),
        hidden=json.loads(row["hidden"]),
    )
