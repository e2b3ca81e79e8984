"""The task `code-contests`: competitive programming (Li et al. 2022, https://arxiv.org/abs/2203.07814).

The data is CC-BY-4.0-licensed and comes from the hub as ``deepmind/code_contests``: 165 test problems, 117 validation
problems (split ``valid``). A program is right if it prints the expected output for the public, private and generated tests. Where
several outputs are right, the data knows only one of them: such problems count too few programs as correct. Outputs are compared
word by word, numbers by exact value.

Each problem has its own time limit in the contest, made for compiled languages; it is in the metadata as
`time_limit_s`, and a program has that time for a test, but never less than 10 s. Tested on rows made in the data's layout,
not on the hub's data.
"""

from typing import Any, ClassVar

from pydantic import BaseModel, Field

from ttscale.errors import TaskError
from ttscale.tasks.contract import RecommendedVerifiers, TaskInfo
from ttscale.tasks.data_task import DataOptions, DataTask
from ttscale.tasks.rows import Row
from ttscale.types import Problem

TEMPLATE = (
    "Write a Python program that solves this problem. It reads standard input and writes standard output. "
    "Give the whole program in one Python code block.\n\n{question}\n"
)
"""The prompt; its part is {question}."""

_KINDS = ("public_tests", "private_tests", "generated_tests")


class CodeContestsOptions(DataOptions):
    """Options of `code-contests`."""

    path: str = "deepmind/code_contests"
    """The hub id, or a file with its columns."""
    max_tests: int | None = Field(default=None, ge=1)
    """At most this many tests of a problem, public ones first, then private ones; None: all (about 200)."""


class CodeContestsTask(DataTask[CodeContestsOptions]):
    """CodeContests: 165 competitive programming problems with hidden tests."""

    Options: ClassVar[type[BaseModel]] = CodeContestsOptions
    about: ClassVar[TaskInfo] = TaskInfo(source="deepmind/code_contests", license="CC BY 4.0", problems=165)
    verifiers: ClassVar[RecommendedVerifiers] = ({"name": "code", "extraction": "fence"},)
    commit: ClassVar[str | None] = "802411c3010cb00d1b05bad57ca77365a3c699d6"
    columns: tuple[str, ...] = ("name", "description", *_KINDS)
    extra_columns: tuple[str, ...] = ("cf_rating", "difficulty", "time_limit", "source")

    def problem(self, number: int, row: Row) -> Problem:
        """Turn a row into a problem."""
        tests = [test for kind in _KINDS for test in _tests(row[kind])][: self.options.max_tests]
        if not tests:
            raise TaskError(f"{self.where(number)} ('{row['name']}') has no tests.")
        return Problem(
            problem_id=f"code-contests/{row['name']}",
            prompt=self.prompt(TEMPLATE, {"question": str(row["description"]).strip()}),
            metadata={
                "rating": row.get("cf_rating") or None,
                "difficulty": row.get("difficulty"),
                "time_limit_s": _seconds(row.get("time_limit")),
                "limits": {"timeout_s": max(10.0, _seconds(row.get("time_limit")) or 0.0)},
                "visible_tests": _scripts(_tests(row["public_tests"])),
            },
            hidden=_scripts(tests),
        )


def _scripts(tests: list[dict[str, str]]) -> dict[str, Any]:
    return {"stdin_tests": tests, "output_rule": "tokens"}


def _tests(cell: Any) -> list[dict[str, str]]:
    """Read tests from either layout that `datasets` gives a list of records: of lists, or of records."""
    if isinstance(cell, dict):
        pairs = zip(cell["input"], cell["output"], strict=True)
        return [{"input": given, "output": expected} for given, expected in pairs]
    return [{"input": test["input"], "output": test["output"]} for test in cell or ()]


def _seconds(limit: Any) -> float | None:
    return limit["seconds"] + limit["nanos"] / 1e9 if limit else None
