"""The task `humaneval`: functions from their docstrings (Chen et al. 2021, https://arxiv.org/abs/2107.03374).

With `plus`, the arguments of HumanEval+ (Liu et al. 2023, https://arxiv.org/abs/2305.01210) and its reference
solutions judge instead of HumanEval's own assertions. The tests are laid out as `ttscale.verifiers.code.suite` wants them.

HumanEval is MIT-licensed and comes from the hub as ``openai/openai_humaneval``. HumanEval+ is Apache-2.0-licensed and
comes from EvalPlus's release v0.1.10. Local copies of HumanEval and of HumanEval+ (mini) are tested; the downloads are not.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import BaseModel

from ttscale.tasks.contract import RecommendedVerifiers, TaskInfo
from ttscale.tasks.data_task import DataOptions, DataTask
from ttscale.tasks.rows import Row
from ttscale.types import Problem

INSTRUCTION = "Complete this Python function. Give the whole function in one Python code block.\n\n"
"""Put before the code in the `chat` style."""

_HUB = "openai/openai_humaneval"
_PLUS = "https://github.com/evalplus/humanevalplus_release/releases/download/v0.1.10/HumanEvalPlus.jsonl.gz"

STOP = ("\nclass", "\ndef", "\n#", "\nif", "\nprint")
"""Where a base model's continuation ends (Chen et al. 2021): for ``sampling.stop``, or the verifier's `stop`."""

_ROOT_JUDGE = """
def judge(output, arguments, expected):
    (coefficients,) = arguments
    value = sum(c * output ** power for power, c in enumerate(coefficients))
    return type(output) in (int, float) and abs(value) <= 1e-4
"""
"""`find_zero` (HumanEval/32) has many right answers: any root of the polynomial, to EvalPlus's tolerance."""


class HumanEvalOptions(DataOptions):
    """Options of `humaneval`. The template's part is {code}."""

    path: str = _HUB
    """A hub id, or a local file in HumanEval's format (with `plus`: in EvalPlus's)."""
    style: Literal["completion", "chat"] = "completion"
    """"completion" gives a base model the code to continue; "chat" asks for the whole function."""
    plus: Literal["base", "plus"] | None = None
    """None: HumanEval's assertions. "base" and "plus": arguments of EvalPlus; "plus" has both kinds."""


class HumanEvalTask(DataTask[HumanEvalOptions]):
    """HumanEval and HumanEval+: 164 functions with unit tests."""

    Options: ClassVar[type[BaseModel]] = HumanEvalOptions
    about: ClassVar[TaskInfo] = TaskInfo(
        source="openai/openai_humaneval; plus: evalplus/humanevalplus_release",
        license="MIT; plus: Apache-2.0",
        problems=164,
    )
    verifiers: ClassVar[RecommendedVerifiers] = ({"name": "code", "stop": list(STOP)},)
    commit: ClassVar[str | None] = "7dce6050a7d6d172f3cc5c32aa97f52fa1a2e544"
    columns: tuple[str, ...] = ("task_id", "prompt", "entry_point", "test")

    def __init__(self, options: HumanEvalOptions) -> None:
        super().__init__(options)
        if options.plus:
            self.columns = ("task_id", "prompt", "entry_point", *_PLUS_COLUMNS)
            if options.path == _HUB:
                self.options = options.model_copy(update={"path": _PLUS})

    def problem(self, number: int, row: Row) -> Problem:
        """Turn a row into a problem."""
        options = self.options
        code = str(row["prompt"])
        default = "{code}" if options.style == "completion" else f"{INSTRUCTION}```python\n{{code}}```\n"
        return Problem(
            problem_id=row["task_id"],
            prompt=self.prompt(default, {"code": code}),
            metadata={"code_prompt": code, "entry_point": row["entry_point"]},
            hidden=_plus_tests(row, options.plus) if options.plus else {"test": row["test"]},
        )


_PLUS_COLUMNS = ("canonical_solution", "base_input", "plus_input")


def _plus_tests(row: Mapping[str, Any], kind: str) -> dict[str, Any]:
    inputs = [*row["base_input"], *(row["plus_input"] if kind == "plus" else [])]
    tests = {"inputs": inputs, "canonical_solution": row["canonical_solution"], "atol": row.get("atol", 0.0)}
    return {**tests, "judge": _ROOT_JUDGE} if row["entry_point"] == "find_zero" else tests
