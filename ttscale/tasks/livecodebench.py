"""The task `livecodebench`: contest problems after a date (Jain et al. 2024, https://arxiv.org/abs/2403.07974).

The data comes from the hub as ``livecodebench/code_generation_lite`` (its card says "cc", without a version), one JSONL
file per release: ``test6.jsonl`` holds the 175 problems that release v6 added (January to April 2025). Files 1 to 6
together are what others call release_v6: 1,055 problems, several gigabytes with their tests.

A problem is judged by its public and private tests: what a script prints (Codeforces, AtCoder), or what a method of
``class Solution`` returns (LeetCode). As in LiveCodeBench's own runner, a program finds the usual imports done, lines of output
are compared as text or as exact decimal numbers, and what a method returns by ``==``, floats too; each test has 6 s and 4 GiB.

Private tests are a pickled string in the data; it is unpickled without access to any class or function. Tested on
rows made in the data's layout, not on the hub's data.
"""

import base64
import binascii
import io
import json
import pickle
import zlib
from datetime import date, datetime
from functools import partial
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, Field

from ttscale.errors import TaskError
from ttscale.tasks.contract import RecommendedVerifiers, TaskInfo
from ttscale.tasks.data_task import DataOptions, DataTask
from ttscale.tasks.loading import read_data
from ttscale.tasks.rows import Row, require_columns
from ttscale.types import Problem

SCRIPT_TEMPLATE = (
    "Write a Python program that solves this problem. It reads standard input and writes standard output. "
    "Give the whole program in one Python code block.\n\n{question}\n"
)
"""The prompt for a script; its parts are {question} and {starter}."""

METHOD_TEMPLATE = (
    "Solve this problem in Python by completing the class below. Give the whole class in one Python code block.\n\n"
    "{question}\n\n```python\n{starter}\n```\n"
)
"""The prompt for a method of ``class Solution``; its parts are {question} and {starter}."""

_FILES = "hf://datasets/livecodebench/code_generation_lite@{commit}/{name}"
_COMMIT = "0fe84c3912ea0c4d4a78037083943e8f0c4dd505"

_STARRED = (
    "string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random", "statistics", "itertools",
    "functools", "operator", "io", "sys", "json", "builtins", "typing",
)  # fmt: skip
IMPORTS = "".join(
    [
        *(f"from {name} import *\n" for name in _STARRED),
        *(f"import {name}\n" for name in _STARRED if name not in ("builtins", "typing")),
        "sys.setrecursionlimit(50000)\n",
    ]
)
"""What LiveCodeBench puts above every program."""

_LIMITS = {"timeout_s": 6.0, "memory_mb": 4096, "timeout_each": True}
"""What LiveCodeBench's runner gives a program for each test."""

_SAME = """
def same(output, expected):
    return (list(output) if isinstance(output, tuple) else output) == expected
"""
"""LiveCodeBench lets a method return a tuple where a list is right."""


class LiveCodeBenchOptions(DataOptions):
    """Options of `livecodebench`. The template's parts are {question} and {starter}."""

    path: str = ""
    """A local JSONL file in the data's layout; empty: the hub's files that `files` names."""
    files: tuple[Literal[1, 2, 3, 4, 5, 6], ...] = (6,)
    """Which of the hub's files; each holds what a release added."""
    after: date | None = None
    """Only problems of contests on this day or later, such as 2025-02-01."""
    before: date | None = None
    """Only problems of contests before this day."""
    difficulty: tuple[Literal["easy", "medium", "hard"], ...] = Field(default=("easy", "medium", "hard"))
    """Which difficulties."""


class LiveCodeBenchTask(DataTask[LiveCodeBenchOptions]):
    """LiveCodeBench: contest problems with private tests, by date."""

    Options: ClassVar[type[BaseModel]] = LiveCodeBenchOptions
    about: ClassVar[TaskInfo] = TaskInfo(
        source="livecodebench/code_generation_lite", license="CC (no version given)", problems=175
    )
    verifiers: ClassVar[RecommendedVerifiers] = ({"name": "code", "extraction": "fence"},)
    columns: tuple[str, ...] = (
        "question_content", "platform", "question_id", "contest_date", "starter_code", "difficulty",
        "public_test_cases", "private_test_cases", "metadata",
    )  # fmt: skip

    def read(self) -> list[Row]:
        """Read the files, and keep what dates and difficulties ask for."""
        options = self.options
        paths = [options.path] if options.path else [self._address(number) for number in options.files]
        read = [read_data(path) for path in paths]
        rows = [row for data in read for row in data.rows]
        require_columns(rows, self.columns, paths[0])
        self.origin = ", ".join(data.origin for data in read)
        kept = [row for row in rows if self._is_wanted(row)]
        if not kept:
            days = sorted(str(row["contest_date"])[:10] for row in rows)
            raise TaskError(
                f"None of the {len(rows)} problems lies between {options.after} and {options.before} with difficulty "
                f"{', '.join(options.difficulty)}. Their contests took place from {days[0]} to {days[-1]}."
            )
        return kept

    def _address(self, number: int) -> str:
        name = "test.jsonl" if number == 1 else f"test{number}.jsonl"
        return _FILES.format(commit=self.options.revision or _COMMIT, name=name)

    def _is_wanted(self, row: Row) -> bool:
        day = datetime.fromisoformat(str(row["contest_date"])).date()
        options = self.options
        return (
            row["difficulty"] in options.difficulty
            and (options.after is None or day >= options.after)
            and (options.before is None or day < options.before)
        )

    def problem(self, number: int, row: Row) -> Problem:
        """Turn a row into a problem."""
        name = str(row["question_id"])
        shown = _tests(row["public_test_cases"])
        tests = [*shown, *_private_tests(row["private_test_cases"], name)]
        method = json.loads(row["metadata"] or "{}").get("func_name")
        is_method = any(test["testtype"] == "functional" for test in tests)
        if is_method and not method:
            raise TaskError(f"Problem '{name}' of '{self.options.path}' calls a method, but names none.")
        parts = {
            "question": str(row["question_content"]).strip(),
            "starter": str(row["starter_code"]).strip(),
        }
        laid_out = partial(_calls, method=str(method)) if is_method else _scripts
        return Problem(
            problem_id=f"livecodebench/{name}",
            prompt=self.prompt(METHOD_TEMPLATE if is_method else SCRIPT_TEMPLATE, parts),
            metadata={
                "code_prompt": IMPORTS,
                "platform": row["platform"],
                "difficulty": row["difficulty"],
                "contest_date": str(row["contest_date"])[:10],
                "limits": _LIMITS,
                "visible_tests": laid_out(shown),
            },
            hidden=laid_out(tests),
        )


def _tests(text: str) -> list[dict[str, Any]]:
    tests: list[dict[str, Any]] = json.loads(text)
    return tests


def _private_tests(text: str, name: str) -> list[dict[str, Any]]:
    """Decode private tests: JSON, or JSON pickled, compressed and written in base 64."""
    try:
        if text.lstrip().startswith("["):
            return _tests(text)
        packed = zlib.decompress(base64.b64decode(text, validate=True))
        return _tests(_TextUnpickler(io.BytesIO(packed)).load())
    except (ValueError, TypeError, binascii.Error, zlib.error, pickle.UnpicklingError, EOFError) as error:
        raise TaskError(f"The private tests of problem '{name}' cannot be decoded: {error}.") from error


class _TextUnpickler(pickle.Unpickler):
    """Reads a pickled string, which needs no class; anything that does is refused."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        raise pickle.UnpicklingError(f"it asks for {module_name}.{global_name}")


def _scripts(tests: list[dict[str, Any]]) -> dict[str, Any]:
    pairs = [{"input": test["input"], "output": test["output"]} for test in tests]
    return {"stdin_tests": pairs, "output_rule": "livecodebench"}


def _calls(tests: list[dict[str, Any]], method: str) -> dict[str, Any]:
    """Write calls of a method as assertions; every line of an input is one argument in JSON."""
    asserts = []
    for test in tests:
        arguments = ", ".join(repr(json.loads(line)) for line in test["input"].split("\n"))
        asserts.append(f"assert same(Solution().{method}({arguments}), {json.loads(test['output'])!r})")
    return {"tests": asserts, "test_setup": _SAME, "entry_points": ["Solution"]}
