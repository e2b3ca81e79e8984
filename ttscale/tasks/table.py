"""The task `table`: any table of problems, from a local file or the hub.

Three lines are enough where the columns have usual names::

    task:
      name: table
      path: my_problems.jsonl

The licence is the data's own. Local JSONL, JSON, CSV, TSV and Parquet files are tested; the hub is not.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from ttscale.errors import TaskError, listed
from ttscale.options import Settings
from ttscale.tasks.contract import RecommendedVerifiers, TaskInfo
from ttscale.tasks.loading import choose_rows, read_data
from ttscale.tasks.rows import Row, as_text, fill, placeholders, require_columns, require_valid_text
from ttscale.types import Message, Problem

_PROMPTS = ("prompt", "question", "problem", "messages", "instruction", "input")
_ANSWERS = ("answer", "final_answer", "target", "label", "expected_answer")
_IDS = ("problem_id", "id", "question_id", "unique_id", "task_id")


class TableOptions(Settings):
    """Options of `table`."""

    path: str
    """A JSONL, JSON, CSV, TSV or Parquet file, its address, or a hub id such as "openai/gsm8k"."""
    config_name: str | None = None
    """The hub data set's configuration."""
    split: str = "test"
    """The hub data set's split."""
    revision: str | None = None
    """The hub data set's commit, tag or branch."""
    prompt: str | None = None
    """A column, or a template in which {column} stands for its text; {{ and }} are plain braces.
    A column that holds a list of {role, content} is a conversation. None: the first column called prompt, question,
    problem, messages, instruction or input."""
    answer: str | None = None
    """The answer key's column. None: the first column called answer, final_answer, target, label or expected_answer;
    without any, no oracle can judge."""
    id: str | None = None
    """The column of unique problem ids. None: the first column called problem_id, id, question_id, unique_id or task_id
    that identifies every row, or else the row number, counted from 0."""
    metadata: tuple[str, ...] = ()
    """Columns kept with the problem."""
    limit: int | None = Field(default=None, ge=1)
    """How many problems; None: all."""
    seed: int | None = Field(default=None, ge=0)
    """Shuffles the rows before `limit` cuts them; None: the order of the data."""


class TableTask:
    """Any JSONL, CSV or Parquet table, or hub data set, of your own."""

    Options: ClassVar[type[BaseModel]] = TableOptions
    about: ClassVar[TaskInfo] = TaskInfo(source="your file, or any hub data set", license="the data's own")
    verifiers: ClassVar[RecommendedVerifiers] = ()

    def __init__(self, options: TableOptions) -> None:
        self._options = options
        self.origin: str | None = None

    def problems(self) -> list[Problem]:
        """Read the table; see `ttscale.tasks.contract`."""
        options = self._options
        data = read_data(
            options.path, config_name=options.config_name, split=options.split, revision=options.revision
        )
        self.origin = data.origin
        columns = _Columns(options, data.rows)
        chosen = choose_rows(len(data.rows), limit=options.limit, seed=options.seed)
        problems = [self._problem(number, data.rows[number], columns) for number in chosen]
        _check_ids(problems, columns.id, options.path)
        return problems

    def _problem(self, number: int, row: Row, columns: "_Columns") -> Problem:
        options = self._options
        prompt = columns.prompt_of(row)
        if prompt is None or prompt == "":
            raise TaskError(f"Row {number} of '{options.path}' has no prompt. Fill or remove it.")
        require_valid_text(as_text(prompt), f"The prompt in row {number} of '{options.path}'")
        messages = _conversation(prompt)
        problem_id = as_text(row[columns.id]) if columns.id else str(number)
        if not problem_id:
            raise TaskError(f"Row {number} of '{options.path}' has no id in column '{columns.id}'.")
        return Problem(
            problem_id=problem_id,
            prompt=None if messages else as_text(prompt),
            messages=messages,
            answer=as_text(row[columns.answer]) if columns.answer else None,
            metadata={name: row[name] for name in options.metadata},
        )


class _Columns:
    """Which columns are used: those that were named, and usual names for the others.

    Raises:
        TaskError: A column is missing in some row, no column can be the prompt, or there is no answer at all.
    """

    def __init__(self, options: TableOptions, rows: Sequence[Row]) -> None:
        prompt = options.prompt or _first(_PROMPTS, rows)
        if prompt is None:
            raise TaskError(
                f"None of the columns of '{options.path}' is called {', '.join(_PROMPTS)}. Name the prompt's column, or "
                f"write a template such as '{{{next(iter(rows[0]))}}}', as 'prompt'. Columns there: {listed(rows[0])}."
            )
        self.answer = options.answer or _first(_ANSWERS, rows)
        self.id = options.id or next((name for name in _IDS if _identifies(name, rows)), None)
        named = [name for name in (options.id, options.answer, *options.metadata) if name is not None]
        require_columns(rows, [*named, *_columns_of(prompt, rows[0])], options.path)
        if options.answer and all(as_text(row[options.answer]) is None for row in rows):
            raise TaskError(
                f"Column '{options.answer}' of '{options.path}' is empty in all {len(rows)} rows, so there is no "
                "answer key. Name the right column as 'answer', or leave it out."
            )
        self.prompt_of: Callable[[Row], Any] = (
            (lambda row: row[prompt]) if prompt in rows[0] else (lambda row: fill(prompt, row))
        )


def _first(names: Sequence[str], rows: Sequence[Row]) -> str | None:
    return next((name for name in names if all(name in row for row in rows)), None)


def _identifies(name: str, rows: Sequence[Row]) -> bool:
    values = [as_text(row.get(name)) for row in rows]
    return all(values) and len(set(values)) == len(values)


def _columns_of(prompt: str, row: Row) -> list[str]:
    """Return the columns that a prompt option names."""
    if prompt in row or "{" not in prompt:
        return [prompt]
    names = placeholders(prompt)
    if not names:
        raise TaskError(
            f"The prompt template '{prompt}' names no column, so every problem would be the same. "
            f"Write a column as {{name}}. Columns there: {listed(row)}."
        )
    return names


def _conversation(prompt: Any) -> tuple[Message, ...] | None:
    """Return the messages of a conversation column, or None for any other cell."""
    is_conversation = isinstance(prompt, list) and all(
        isinstance(turn, dict) and isinstance(turn.get("role"), str) and isinstance(turn.get("content"), str)
        for turn in prompt
    )
    return tuple(Message(turn["role"], turn["content"]) for turn in prompt) if is_conversation else None


def _check_ids(problems: Sequence[Problem], column: str | None, path: str) -> None:
    counts = Counter(problem.problem_id for problem in problems)
    repeated = [name for name, count in counts.items() if count > 1]
    if repeated:
        raise TaskError(
            f"Column '{column}' of '{path}' does not identify the problems: {len(repeated)} ids appear "
            f"more than once ({listed(repeated)}). Name a unique column, or leave 'id' out for row numbers."
        )
