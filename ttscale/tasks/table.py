"""The task `table`: any table of problems, from a local file or the hub."""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from ttscale.errors import TaskError, did_you_mean, listed
from ttscale.tasks.loading import Row, choose_rows, read_rows
from ttscale.types import Message, Problem


class TableOptions(BaseModel):
    """Options of `table`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    """A JSONL, JSON, CSV, TSV or Parquet file, or a hub id such as "openai/gsm8k"."""
    config_name: str | None = None
    """The hub data set's configuration."""
    split: str = "test"
    """The hub data set's split."""
    revision: str | None = None
    """The hub data set's commit, tag or branch."""
    prompt: str
    """A column, or a template in which {column} stands for its text; {{ and }} are plain braces.
    A column that holds a list of {role, content} is a conversation."""
    answer: str | None = None
    """The answer key's column; without it no oracle can judge."""
    id: str | None = None
    """The column of unique problem ids; without it the row number, counted from 0."""
    metadata: tuple[str, ...] = ()
    """Columns kept with the problem."""
    limit: int | None = Field(default=None, ge=1)
    """How many problems; None: all."""
    seed: int | None = Field(default=None, ge=0)
    """Shuffles the rows before `limit` cuts them; None: the order of the data."""


class TableTask:
    """Problems from the rows of a table."""

    Options: ClassVar[type[BaseModel]] = TableOptions

    def __init__(self, options: TableOptions) -> None:
        self._options = options

    def problems(self) -> list[Problem]:
        """Read the table; see `ttscale.tasks.contract`."""
        options = self._options
        rows = read_rows(
            options.path, config_name=options.config_name, split=options.split, revision=options.revision
        )
        self._check_columns(rows)
        prompt_of = _prompt_reader(options.prompt, rows[0])
        chosen = choose_rows(len(rows), limit=options.limit, seed=options.seed)
        problems = [self._problem(number, rows[number], prompt_of) for number in chosen]
        _check_ids(problems, options)
        return problems

    def _problem(self, number: int, row: Row, prompt_of: Callable[[Row], Any]) -> Problem:
        options = self._options
        prompt = prompt_of(row)
        if prompt is None or prompt == "":
            raise TaskError(f"Row {number} of '{options.path}' has no prompt. Fill or remove it.")
        require_valid_text(as_text(prompt), f"The prompt in row {number} of '{options.path}'")
        messages = _conversation(prompt)
        problem_id = as_text(row[options.id]) if options.id else str(number)
        if not problem_id:
            raise TaskError(f"Row {number} of '{options.path}' has no id in column '{options.id}'.")
        return Problem(
            problem_id=problem_id,
            prompt=None if messages else as_text(prompt),
            messages=messages,
            answer=as_text(row[options.answer]) if options.answer else None,
            metadata={name: row[name] for name in options.metadata},
        )

    def _check_columns(self, rows: Sequence[Row]) -> None:
        """Refuse a table that lacks a column in any row, or has no answer at all."""
        options = self._options
        named = [name for name in (options.id, options.answer, *options.metadata) if name is not None]
        require_columns(rows, [*named, *_placeholders(options.prompt, rows[0])], options.path)
        if options.answer and all(as_text(row[options.answer]) is None for row in rows):
            raise TaskError(
                f"Column '{options.answer}' of '{options.path}' is empty in all {len(rows)} rows, so there is no "
                "answer key. Name the right column as 'answer', or leave it out."
            )


def require_columns(rows: Sequence[Row], names: Sequence[str], path: str) -> None:
    """Refuse rows that lack a column.

    Raises:
        TaskError: It says which column, in which row, and which columns there are.
    """
    for name in names:
        missing = next((number for number, row in enumerate(rows) if name not in row), None)
        if missing is not None:
            where = "" if all(name not in row for row in rows) else f" in row {missing}"
            columns = rows[missing].keys()
            raise TaskError(
                f"'{path}' has no column '{name}'{where}.{did_you_mean(name, columns)} "
                f"Columns there: {listed(columns)}."
            )


def require_valid_text(text: str | None, where: str) -> None:
    """Refuse a text that no file or tokenizer can hold.

    Raises:
        TaskError: It has half a surrogate pair, as broken JSON escapes leave behind.
    """
    try:
        (text or "").encode()
    except UnicodeEncodeError as error:
        raise TaskError(
            f"{where} is not valid Unicode: half a surrogate pair at character {error.start}. Correct the data."
        ) from error


def as_text(value: Any) -> str | None:
    """Write a cell as text: strings as they are, other values as in JSON; null and NaN are None.

    >>> as_text(3), as_text("3"), as_text([1, 2])
    ('3', '3', '[1, 2]')
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and math.isnan(
        value
    ):  # NaN stands for null in tables that went through a data frame
        return None
    return json.dumps(value, ensure_ascii=False, default=str)


_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]+)\}")


def fill(template: str, row: Row) -> str:
    """Put a row's cells into a template; braces inside the data are left alone.

    >>> fill("Solve {q} with {{}}.", {"q": "{x}"})
    'Solve {x} with {}.'
    """

    def replacement(match: re.Match[str]) -> str:
        name = match.group(1)
        return match.group()[0] if name is None else as_text(row[name]) or ""

    return _PLACEHOLDER.sub(replacement, template)


def _placeholders(prompt: str, row: Row) -> list[str]:
    """Return the columns that a prompt option names."""
    if prompt in row or "{" not in prompt:
        return [prompt]
    names = [match.group(1) for match in _PLACEHOLDER.finditer(prompt) if match.group(1)]
    if not names:
        raise TaskError(
            f"The prompt template '{prompt}' names no column, so every problem would be the same. "
            f"Write a column as {{name}}. Columns there: {listed(row)}."
        )
    return names


def _prompt_reader(prompt: str, row: Row) -> Callable[[Row], Any]:
    if prompt in row:
        return lambda row: row[prompt]
    return lambda row: fill(prompt, row)


def _conversation(prompt: Any) -> tuple[Message, ...] | None:
    """Return the messages of a conversation column, or None for any other cell."""
    is_conversation = isinstance(prompt, list) and all(
        isinstance(turn, dict) and isinstance(turn.get("role"), str) and isinstance(turn.get("content"), str)
        for turn in prompt
    )
    return tuple(Message(turn["role"], turn["content"]) for turn in prompt) if is_conversation else None


def _check_ids(problems: Sequence[Problem], options: TableOptions) -> None:
    counts = Counter(problem.problem_id for problem in problems)
    repeated = [name for name, count in counts.items() if count > 1]
    if repeated:
        raise TaskError(
            f"Column '{options.id}' of '{options.path}' does not identify the problems: {len(repeated)} ids appear "
            f"more than once ({listed(repeated)}). Name a unique column, or leave 'id' out for row numbers."
        )
