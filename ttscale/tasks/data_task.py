"""What the tasks over published data sets share: reading, choosing rows, filling a prompt's template."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, Field

from ttscale.errors import TaskError, did_you_mean, listed
from ttscale.options import Settings
from ttscale.tasks.contract import RecommendedVerifiers, TaskInfo
from ttscale.tasks.loading import choose_rows, read_data
from ttscale.tasks.rows import Row, fill, placeholders, require_columns
from ttscale.types import Problem


class DataOptions(Settings):
    """Options of every task over a data set."""

    path: str
    """A hub id, the address of a file, or a local file or folder with the same columns."""
    config_name: str | None = None
    """The data set's configuration; unused for a file."""
    split: str = "test"
    """The data set's split; unused for a file."""
    revision: str | None = None
    """The hub data set's commit, tag or branch. None: the commit that this task was written for where `path` is
    its own data set, the newest one otherwise."""
    template: str | None = None
    """Your own prompt, in which {question} and its like stand for the problem's parts; None: the task's own."""
    limit: int | None = Field(default=None, ge=1)
    """How many problems; None: all."""
    seed: int | None = Field(default=None, ge=0)
    """Draws a random subset of `limit` problems; None: the first ones."""


OptionsT = TypeVar("OptionsT", bound=DataOptions)


class DataTask(ABC, Generic[OptionsT]):
    """A task over the rows of a data set.

    Attributes:
        commit: The commit of the default `path` that is read where the user names no revision.
        columns: What every row must have; of a hub data set nothing else is read but `extra_columns`.
        extra_columns: What is used where it is there.
        origin: What was read, once it was: see `ttscale.tasks.contract`.
    """

    Options: ClassVar[type[BaseModel]]
    about: ClassVar[TaskInfo]
    verifiers: ClassVar[RecommendedVerifiers]
    commit: ClassVar[str | None] = None
    columns: tuple[str, ...]
    extra_columns: tuple[str, ...] = ()

    def __init__(self, options: OptionsT) -> None:
        self.options = options
        self.origin: str | None = None

    def problems(self) -> list[Problem]:
        """Read the data set; see `ttscale.tasks.contract`."""
        rows = self.read()
        chosen = choose_rows(len(rows), limit=self.options.limit, seed=self.options.seed)
        return [self.problem(number, rows[number]) for number in chosen]

    @abstractmethod
    def problem(self, number: int, row: Row) -> Problem:
        """Turn a row, of this number in the data, into a problem."""

    def read(self) -> list[Row]:
        """Return the rows that problems are chosen from, and note their origin."""
        return self._read(self.options.config_name)

    def _read(self, config_name: str | None) -> list[Row]:
        options = self.options
        data = read_data(
            options.path,
            config_name=config_name,
            split=options.split,
            revision=options.revision or self._pinned_commit(),
            columns=(*self.columns, *self.extra_columns),
        )
        require_columns(data.rows, self.columns, options.path)
        self.origin = data.origin
        return data.rows

    def _pinned_commit(self) -> str | None:
        is_own = self.options.path == type(self).Options.model_fields["path"].default
        return self.commit if is_own else None

    def prompt(self, default: str, parts: Mapping[str, Any]) -> str:
        """Fill the user's template, or the default one, with a problem's parts.

        Raises:
            TaskError: The template names something that is no part, or no part at all.
        """
        template = self.options.template or default
        named = placeholders(template)
        unknown = [name for name in named if name not in parts]
        if unknown or not named:
            wrong = f"names {{{unknown[0]}}}" if unknown else "names no part of the problem"
            hint = did_you_mean(unknown[0], parts) if unknown else ""
            raise TaskError(
                f"The prompt template '{template[:200]}' {wrong}.{hint} Parts: {listed(parts)}. Plain braces are "
                "written {{ and }}, or {} where nothing is between them."
            )
        return fill(template, dict(parts))

    def where(self, number: int) -> str:
        """Name a row for a message."""
        return f"Row {number} of '{self.options.path}'"
