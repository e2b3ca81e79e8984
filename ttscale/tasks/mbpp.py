"""The task `mbpp`: mostly basic Python problems (Austin et al. 2021, https://arxiv.org/abs/2108.07732).

The tests are laid out as `ttscale.verifiers.code.suite` wants them. As in the paper, the prompt shows the tests: they name
the function.
"""

import ast
import warnings
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from ttscale.tasks.loading import Row, choose_rows, read_rows
from ttscale.tasks.table import require_columns
from ttscale.types import Problem

PROMPT = "{text}\nYour code should pass these tests:\n\n{tests}\n"
_SPLITS = {
    "prompt": range(1, 11),
    "test": range(11, 511),
    "validation": range(511, 601),
    "train": range(601, 975),
}
"""Task ids of each split, by the paper."""


class MbppOptions(BaseModel):
    """Options of `mbpp`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = "google-research-datasets/mbpp"
    """A hub id, or a local file in MBPP's format."""
    config_name: str | None = "full"
    """The hub data set's configuration."""
    split: Literal["test", "train", "validation", "prompt"] = "test"
    """The split, of a file too: there it is a range of task ids."""
    revision: str | None = None
    """The hub data set's commit, tag or branch."""
    limit: int | None = Field(default=None, ge=1)
    """How many problems; None: all."""
    seed: int | None = Field(default=None, ge=0)
    """Draws a random subset of `limit` problems; None: the first ones."""


class MbppTask:
    """500 small functions with three assertions each."""

    Options: ClassVar[type[BaseModel]] = MbppOptions

    def __init__(self, options: MbppOptions) -> None:
        self._options = options

    def problems(self) -> list[Problem]:
        """Read the data set; see `ttscale.tasks.contract`."""
        options = self._options
        rows = read_rows(
            options.path, config_name=options.config_name, split=options.split, revision=options.revision
        )
        require_columns(rows, ["task_id", "text", "code", "test_list"], options.path)
        rows = [row for row in rows if int(row["task_id"]) in _SPLITS[options.split]]
        return [_problem(rows[i]) for i in choose_rows(len(rows), limit=options.limit, seed=options.seed)]


def _problem(row: Row) -> Problem:
    tests = [str(test) for test in row["test_list"]]
    return Problem(
        problem_id=f"mbpp/{row['task_id']}",
        prompt=PROMPT.format(text=str(row["text"]).strip(), tests="\n".join(tests)),
        hidden={
            "tests": tests,
            "test_setup": str(row.get("test_setup_code") or ""),
            "entry_points": sorted(_defined(str(row["code"])) & _named("\n".join(tests))),
        },
    )


def _defined(source: str) -> set[str]:
    """Return the functions and classes at a program's top level."""
    return {node.name for node in _parsed(source).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def _named(source: str) -> set[str]:
    return {node.id for node in ast.walk(_parsed(source)) if isinstance(node, ast.Name)}


def _parsed(source: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd escapes in the data's strings
        return ast.parse(source)
