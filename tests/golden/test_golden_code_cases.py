"""Programs as models write them, judged as the cases after public bug reports say; ours lie beside, the others in shared/."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ttscale.execution.sandbox import find_sandbox
from ttscale.types import Problem, Sample
from ttscale.verifiers.code import CodeOptions, CodeVerifier
from ttscale.verifiers.contract import Candidate

pytestmark = pytest.mark.skipif(not find_sandbox().available, reason="bubblewrap does not work here")

OURS = Path(__file__).parent / "cases" / "code.jsonl"
SHARED = Path(__file__).parents[3] / "shared" / "cases" / "answers.jsonl"

LEFT = {
    "code-001": "the test states no tolerance; `output_tolerance` does",
    "code-007": "the data knows one of several right answers",
    "code-020": "the case holds the first characters of its tests, not the tests",
    "code-026": "the case holds the first characters of its tests, not the tests",
    "code-092": "the tests themselves compare with ==, as LiveCodeBench's do",
    "code-095": "EvalPlus itself judges floats among other values exactly",
}
"""Cases that are arguable, or cannot be run, and why."""


def cases(path: Path) -> list[Any]:
    if not path.exists():
        return [pytest.param({}, marks=pytest.mark.skip(reason=f"no {path}"))]
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [
        pytest.param(row, id=row["id"]) for row in rows if row["verifier"] == "code" and row["id"] not in LEFT
    ]


@pytest.fixture(scope="module")
def verifiers() -> Iterator[dict[str, CodeVerifier]]:
    made: dict[str, CodeVerifier] = {}
    yield made
    for verifier in made.values():
        verifier.close()


@pytest.mark.parametrize("case", [*cases(OURS), *cases(SHARED)])
def test_a_program_is_judged_as_the_case_says(
    case: dict[str, Any], verifiers: dict[str, CodeVerifier]
) -> None:
    options = {"timeout_s": 10.0, "workers": 1, **case.get("options", {})}
    key = json.dumps(options)
    if key not in verifiers:
        verifiers[key] = CodeVerifier(CodeOptions.model_validate(options))
    problem = Problem(
        problem_id=case["id"],
        prompt=case.get("prompt", ""),
        metadata=case.get("metadata", {}),
        hidden=case["hidden"],
    )
    sample = Sample(
        problem_id=case["id"], sample_index=0, completion=case["completion"], finish_reason="stop", prompt_tokens=0, completion_tokens=0
    )  # fmt: skip
    (verdict,) = verifiers[key].verify([Candidate(problem, sample)])
    expected = case["expected"].split("|")
    assert verdict.outcome.value in expected, verdict.detail
