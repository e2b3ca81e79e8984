"""A problem's metadata as a suite of tests."""

from typing import Any

import pytest

from ttscale.errors import InvalidInputError
from ttscale.types import Problem
from ttscale.verifiers.code.suite import suite_of


@pytest.mark.parametrize(
    ("metadata", "kind"),
    [
        ({"stdin_tests": [{"input": "1", "output": "2"}], "tests": ["assert f(1)"]}, "stdin"),
        ({"test": "def check(candidate): pass", "entry_point": "f"}, "check"),
        (
            {
                "inputs": [[1]],
                "canonical_solution": "    return x",
                "code_prompt": "def f(x):\n",
                "entry_point": "f",
            },
            "inputs",
        ),
        ({"tests": ["assert f(1) == 2"]}, "asserts"),
    ],
)
def test_the_metadata_chooses_the_tests(metadata: dict[str, Any], kind: str) -> None:
    assert suite_of(Problem(problem_id="p", prompt="", metadata=metadata))["kind"] == kind


@pytest.mark.parametrize(
    "metadata", [{}, {"level": 1}, {"test": "def check(candidate): pass"}, {"inputs": [[1]]}]
)
def test_missing_tests_are_named(metadata: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="Problem 'p'"):
        suite_of(Problem(problem_id="p", prompt="", metadata=metadata))
