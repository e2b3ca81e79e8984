"""Verdicts on cases after public bug reports, and on this project's own cases of the same kinds.

The cases of others lie beside the repository (``../shared/cases/answers.jsonl``) and are skipped where they are not; those of
``cases/`` were written with the rules of docs/answers.md. Every case beyond doubt must come out as expected.
"""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "cases" / "answers.jsonl"
OWN = sorted((Path(__file__).parent / "cases").glob("*.jsonl"))
VERIFIERS = ("math", "numeric", "choice", "exact")

_spec = importlib.util.spec_from_file_location("verdict_cases", ROOT / "benchmarks" / "verdict_cases.py")
assert _spec is not None and _spec.loader is not None
verdict_cases: Any = importlib.util.module_from_spec(_spec)
sys.modules["verdict_cases"] = verdict_cases
_spec.loader.exec_module(verdict_cases)


def sure_cases() -> list[Any]:
    files = [*OWN, *([SHARED] if SHARED.exists() else [])]
    cases = verdict_cases.read_cases(files)
    sure = [
        case
        for case in cases
        if case["verifier"] in VERIFIERS and case.get("standing", "right") in ("right", "wrong")
    ]
    return [pytest.param(case, id=f"{case['verifier']}/{case['id']}") for case in sure]


@pytest.mark.parametrize("case", sure_cases())
def test_a_case_is_judged_as_expected(case: dict[str, Any]) -> None:
    if case["verifier"] == "math":
        pytest.importorskip("math_verify")
    is_right, said = verdict_cases.judge(case)
    assert is_right, f"{case} gave {said}"


def test_there_are_cases_of_every_verifier() -> None:
    own = [case for case in verdict_cases.read_cases(OWN) if case["verifier"] in VERIFIERS]
    assert {case["verifier"] for case in own} == set(VERIFIERS)
    assert len({(case["verifier"], case["id"]) for case in own}) == len(own)
