"""The task `humaneval`: functions from their docstrings (Chen et al. 2021, https://arxiv.org/abs/2107.03374).

With `plus`, the arguments of HumanEval+ (Liu et al. 2023, https://arxiv.org/abs/2305.01210) and its reference
solutions judge instead of HumanEval's own assertions. The tests are laid out as `ttscale.verifiers.code.suite` wants them.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from ttscale.errors import TaskError
from ttscale.tasks.loading import choose_rows, read_rows
from ttscale.tasks.table import require_columns
from ttscale.types import Problem

INSTRUCTION = "Complete this Python function. Give the whole function in one Python code block.\n\n"
"""Put before the code in the `chat` style."""

_HUB = "openai/openai_humaneval"

STOP = ("\nclass", "\ndef", "\n#", "\nif", "\nprint")
"""Where a base model's continuation ends (Chen et al. 2021): for ``sampling.stop``, or the verifier's `stop`."""

_ROOT_JUDGE = """
def judge(output, arguments, expected):
    (coefficients,) = arguments
    value = sum(c * output ** power for power, c in enumerate(coefficients))
    return type(output) in (int, float) and abs(value) <= 1e-4
"""
"""`find_zero` (HumanEval/32) has many right answers: any root of the polynomial, to EvalPlus's tolerance."""


class HumanEvalOptions(BaseModel):
    """Options of `humaneval`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = _HUB
    """A hub id, or a local file in HumanEval's format (with `plus`: in EvalPlus's)."""
    config_name: str | None = None
    """The hub data set's configuration."""
    split: str = "test"
    """The split."""
    revision: str | None = None
    """The hub data set's commit, tag or branch."""
    style: Literal["completion", "chat"] = "completion"
    """"completion" gives a base model the code to continue; "chat" asks for the whole function."""
    plus: Literal["base", "plus"] | None = None
    """None: HumanEval's assertions. "base" and "plus": arguments of EvalPlus; "plus" has both kinds."""
    limit: int | None = Field(default=None, ge=1)
    """How many problems; None: all."""
    seed: int | None = Field(default=None, ge=0)
    """Draws a random subset of `limit` problems; None: the first ones."""


class HumanEvalTask:
    """164 functions with unit tests."""

    Options: ClassVar[type[BaseModel]] = HumanEvalOptions

    def __init__(self, options: HumanEvalOptions) -> None:
        self.options = options

    def problems(self) -> list[Problem]:
        """Return the problems in the data's order."""
        options = self.options
        if options.plus and options.path == _HUB:
            raise TaskError(
                "The inputs of HumanEval+ are read from EvalPlus's own file: download HumanEvalPlus.jsonl.gz from "
                "https://github.com/evalplus/humanevalplus_release and give its path."
            )
        rows = read_rows(
            options.path, config_name=options.config_name, split=options.split, revision=options.revision
        )
        needed = ["task_id", "prompt", "entry_point"]
        needed += ["canonical_solution", "base_input", "plus_input"] if options.plus else ["test"]
        require_columns(rows, needed, options.path)
        chosen = choose_rows(len(rows), limit=options.limit, seed=options.seed)
        return [self._problem(rows[number]) for number in chosen]

    def _problem(self, row: Mapping[str, Any]) -> Problem:
        options = self.options
        prompt = (
            row["prompt"]
            if options.style == "completion"
            else f"{INSTRUCTION}```python\n{row['prompt']}```\n"
        )
        tests = _plus_tests(row, options.plus) if options.plus else {"test": row["test"]}
        shared = {"code_prompt": row["prompt"], "entry_point": row["entry_point"]}
        return Problem(problem_id=row["task_id"], prompt=prompt, metadata=shared, hidden=tests)


def _plus_tests(row: Mapping[str, Any], kind: str) -> dict[str, Any]:
    inputs = [*row["base_input"], *(row["plus_input"] if kind == "plus" else [])]
    tests = {"inputs": inputs, "canonical_solution": row["canonical_solution"], "atol": row.get("atol", 0.0)}
    return {**tests, "judge": _ROOT_JUDGE} if row["entry_point"] == "find_zero" else tests
