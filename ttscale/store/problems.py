"""The problems of a cell as a table, one file a cell."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import polars as pl

from ttscale.errors import RunMismatchError, StoreError, listed, one_line
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


def problems_digest(frame: pl.DataFrame) -> str:
    """Return a digest of all that samples and verdicts depend on: everything but the metadata, of which a task may tell more."""
    digest = hashlib.blake2b(digest_size=16)
    for row in frame.drop("metadata").iter_rows():
        for value in row:
            text = b"" if value is None else value.encode()
            digest.update(b"%d:" % (-1 if value is None else len(text)) + text)
    return digest.hexdigest()


def require_more(stored: pl.DataFrame, frame: pl.DataFrame, path: Path) -> None:
    """Refuse problems that are not the stored ones with more metadata.

    Raises:
        RunMismatchError: The message says where they differ first.
    """
    if not tells_more(stored, frame):
        raise RunMismatchError(
            f"The task's problems are not those stored in {path} ({_first_difference(stored, frame)}). "
            "The data changed since the run began: restore it, or give a new directory with --out."
        )


def require_same(
    digest: str | None, frame: pl.DataFrame, path: Path, drawn: Callable[[], Mapping[str, int]]
) -> None:
    """Refuse to write a lost file of problems again from a task that has others by now.

    Args:
        digest: Of the lost ones; None in a run of an earlier version.
        frame: The task's.
        path: The file.
        drawn: Returns how many samples each problem has, which tells of an earlier version's run at least its ids.

    Raises:
        RunMismatchError: They are others.
    """
    strangers = sorted(drawn().keys() - set(frame["problem_id"])) if digest is None else []
    if strangers or digest not in (None, problems_digest(frame)):
        raise RunMismatchError(
            f"{path} is gone or was damaged, and the task's problems are not those that the samples were drawn from"
            f"{f' (it has no {listed(strangers)})' if strangers else ''}. Bring the file back from a backup, restore "
            "the task's data, or give a new directory with --out."
        )


def tells_more(stored: pl.DataFrame, frame: pl.DataFrame) -> bool:
    """Tell whether problems are the stored ones with more metadata, as a newer version of a task has: no sample depends on it."""
    if not stored.drop("metadata").equals(frame.drop("metadata")):
        return False
    pairs = zip(stored["metadata"], frame["metadata"], strict=True)
    return all(json.loads(old).items() <= json.loads(new).items() for old, new in pairs)


def _first_difference(stored: pl.DataFrame, asked: pl.DataFrame) -> str:
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
