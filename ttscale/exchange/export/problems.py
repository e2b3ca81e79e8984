"""A cell's problems as rows."""

import json
from pathlib import Path

import polars as pl

from ttscale.errors import InvalidInputError
from ttscale.store.run import RunStore
from ttscale.types import Message, Problem

PROBLEM_COLUMNS = ("problem_id", "prompt", "messages", "answer", "metadata")
"""All of them text: `messages` (a conversation, in place of a prompt) and `metadata` as JSON."""


def problems_table(store: RunStore, cell: str) -> pl.DataFrame:
    """Return one row per problem, with `PROBLEM_COLUMNS`.

    Tests and reference solutions stay in the run: whoever trains on a published data set should not meet them there.
    """
    rows = [
        {
            "problem_id": problem.problem_id,
            "prompt": problem.prompt,
            "messages": None
            if problem.messages is None
            else json.dumps(
                [{"role": m.role, "content": m.content} for m in problem.messages], ensure_ascii=False
            ),
            "answer": problem.answer,
            "metadata": json.dumps(dict(problem.metadata), sort_keys=True, ensure_ascii=False),
        }
        for problem in store.problems(cell)
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(PROBLEM_COLUMNS, pl.String))


def read_problems_table(path: Path) -> dict[str, Problem]:
    """Read a table that `problems_table` made; problems by id.

    Raises:
        InvalidInputError: It is damaged, or another table.
    """
    try:
        rows = pl.read_parquet(path).select(PROBLEM_COLUMNS).to_dicts()
        return {row["problem_id"]: _problem(row) for row in rows}
    except (OSError, pl.exceptions.PolarsError, ValueError, TypeError) as error:
        raise InvalidInputError(f"{path} is no whole table of problems: {error}.") from error


def _problem(row: dict[str, str | None]) -> Problem:
    messages = row["messages"] and tuple(Message(**turn) for turn in json.loads(row["messages"]))
    return Problem(
        problem_id=row["problem_id"] or "",
        prompt=row["prompt"],
        messages=messages or None,
        answer=row["answer"],
        metadata=json.loads(row["metadata"] or "{}"),
    )
