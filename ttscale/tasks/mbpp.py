"""The task `mbpp`: mostly basic Python problems (Austin et al. 2021, https://arxiv.org/abs/2108.07732).

As in the paper, the prompt shows the problem's assertions: they name the function. With `plus`, the tests of MBPP+
(Liu et al. 2023, https://arxiv.org/abs/2305.01210) judge: 378 problems of MBPP's sanitized part. The tests are laid
out as `ttscale.verifiers.code.suite` wants them.

MBPP is CC-BY-4.0-licensed and comes from the hub as ``google-research-datasets/mbpp``; MBPP+ is Apache-2.0-licensed and
comes as ``evalplus/mbppplus``. A local copy of MBPP is tested; MBPP+ is tested on rows made in its layout, since the
tests have no copy, and neither download is.
"""

import ast
import warnings
from typing import ClassVar, Literal

from pydantic import BaseModel

from ttscale.errors import TaskError
from ttscale.tasks.contract import RecommendedVerifiers, TaskInfo
from ttscale.tasks.data_task import DataOptions, DataTask
from ttscale.tasks.rows import Row
from ttscale.types import Problem

PROMPT = "{text}\nYour code should pass these tests:\n\n{tests}\n"
"""The prompt; its parts are {text} and {tests}."""

_HUB = "google-research-datasets/mbpp"
_PLUS = {"path": "evalplus/mbppplus", "config_name": None, "split": "test"}
_PLUS_COMMIT = "b2d74c91837c3f2a20c1299ae98133cbe7cfa077"

_SPLITS = {
    "prompt": range(1, 11),
    "test": range(11, 511),
    "validation": range(511, 601),
    "train": range(601, 975),
}
"""Task ids of each split, by the paper."""

_NUMPY = '''
class np:
    """The few names of NumPy that EvalPlus's tests use, for plain Python values."""

    class ndarray: pass

    class testing: pass

    float32 = float64 = None

    @staticmethod
    def allclose(out, exp, rtol=1e-05, atol=1e-08):
        many = isinstance(exp, (list, tuple, set))
        if many != isinstance(out, (list, tuple, set)):
            return False
        if many:
            if len(out) != len(exp):
                return False
            pairs = zip(sorted(out), sorted(exp)) if isinstance(exp, set) else zip(out, exp)
            return all(np.allclose(a, b, rtol, atol) for a, b in pairs)
        return bool(out == exp or abs(out - exp) <= atol + rtol * abs(exp))
'''
"""In place of NumPy, which the tests' process does not have: out and exp are within ``atol + rtol |exp|``."""


class MbppOptions(DataOptions):
    """Options of `mbpp`."""

    path: str = _HUB
    """A hub id, or a local file in MBPP's format (with `plus`: in that of evalplus/mbppplus)."""
    config_name: str | None = "full"
    """"full" (500 test problems) or "sanitized" (257, checked by hand); unused for a file, which may be either."""
    split: Literal["test", "train", "validation", "prompt"] = "test"
    """The split, of a file too: there it is a range of task ids. Unused with `plus`."""
    plus: bool = False
    """Whether the problems and tests of MBPP+ are used."""


class MbppTask(DataTask[MbppOptions]):
    """MBPP and MBPP+: 500 (378) small functions with assertions."""

    Options: ClassVar[type[BaseModel]] = MbppOptions
    about: ClassVar[TaskInfo] = TaskInfo(
        source="google-research-datasets/mbpp; plus: evalplus/mbppplus",
        license="CC BY 4.0; plus: Apache-2.0",
        problems=500,
    )
    verifiers: ClassVar[RecommendedVerifiers] = ("code",)
    commit: ClassVar[str | None] = "4bb6404fdc6cacfda99d4ac4205087b89d32030c"
    columns: tuple[str, ...] = ("task_id", "code", "test_list")
    extra_columns: tuple[str, ...] = ("text", "prompt", "test_setup_code", "test_imports")

    def __init__(self, options: MbppOptions) -> None:
        super().__init__(options)
        if options.plus:
            self.columns = ("task_id", "code", "test", "test_list")
            if options.path == _HUB:
                revision = options.revision or _PLUS_COMMIT
                self.options = options.model_copy(update={**_PLUS, "revision": revision})

    def read(self) -> list[Row]:
        """Read the rows of the split; all of MBPP+'s."""
        rows = super().read()
        return rows if self.options.plus else [row for row in rows if self._is_in_split(row)]

    def _is_in_split(self, row: Row) -> bool:
        return int(row["task_id"]) in _SPLITS[self.options.split]

    def problem(self, number: int, row: Row) -> Problem:
        """Turn a row into a problem."""
        shown = [str(test) for test in row["test_list"]]
        text = row.get("text") or row.get("prompt")  # as the full and the sanitized data call it
        if not text:
            raise TaskError(
                f"{self.where(number)} has neither a 'text' nor a 'prompt'. Correct or remove it."
            )
        return Problem(
            problem_id=f"mbpp/{row['task_id']}",
            prompt=self.prompt(PROMPT, {"text": str(text).strip(), "tests": "\n".join(shown)}),
            metadata={"visible_tests": _tests(row, shown)},
            hidden=_plus_tests(row, self.where(number)) if self.options.plus else _tests(row, shown),
        )


def _tests(row: Row, tests: list[str]) -> dict[str, object]:
    named = _named("\n".join(tests))
    return {
        "tests": tests,
        "test_setup": "\n".join(
            [str(row.get("test_setup_code") or ""), *(row.get("test_imports") or ())]
        ).strip(),
        "entry_points": sorted(_defined(str(row["code"])) & named),
    }


def _plus_tests(row: Row, where: str) -> dict[str, object]:
    """Cut MBPP+'s test program: its last statement, a loop over inputs, is the test; the rest prepares it."""
    tree = _parsed(str(row["test"]))
    if not tree.body or not isinstance(tree.body[-1], ast.For):
        raise TaskError(
            f"{where} has a test that does not end in a loop over inputs; it is not MBPP+'s format."
        )
    setup = [node for node in tree.body[:-1] if not _imports_numpy(node)]
    loop = ast.unparse(tree.body[-1])
    return {
        "tests": [loop],
        "test_setup": _NUMPY + ast.unparse(ast.Module(body=setup, type_ignores=[])),
        "entry_points": sorted(_defined(str(row["code"])) & _named(loop)),
    }


def _imports_numpy(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import) and any(alias.name == "numpy" for alias in node.names)


def _defined(source: str) -> set[str]:
    """Return the functions and classes at a program's top level."""
    return {node.name for node in _parsed(source).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def _named(source: str) -> set[str]:
    return {node.id for node in ast.walk(_parsed(source)) if isinstance(node, ast.Name)}


def _parsed(source: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd escapes in the data's strings
        return ast.parse(source)
