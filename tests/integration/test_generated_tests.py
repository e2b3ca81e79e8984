"""Model-written tests: which are kept, how programs score, and CodeT's agreement on CodeT's data."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ttscale.errors import VerifierError
from ttscale.execution.sandbox import find_sandbox
from ttscale.types import Outcome, Problem, Sample
from ttscale.verifiers.contract import Candidate
from ttscale.verifiers.generated_tests import (
    GeneratedTestsOptions,
    GeneratedTestsVerifier,
    dual_agreement,
    written_tests,
)

needs_sandbox = pytest.mark.skipif(not find_sandbox().available, reason="bubblewrap does not work here")

TESTS = ["assert f(1) == 2\nassert f(2) == 3", "assert f(1) == 2\nassert f(0) == 7", "assert f(5) == 6"]


def problem(tests: list[str] | None = None) -> Problem:
    metadata: dict[str, Any] = {"entry_point": "f"}
    return Problem(
        problem_id="p",
        prompt="",
        metadata=metadata if tests is None else {**metadata, "generated_tests": tests},
    )


def verify(programs: list[str], tests: list[str] | None, **options: Any) -> list[Any]:
    samples = [
        Sample(
            problem_id="p",
            sample_index=i,
            completion=text,
            finish_reason="stop",
            prompt_tokens=0,
            completion_tokens=0,
        )
        for i, text in enumerate(programs)
    ]
    verifier = GeneratedTestsVerifier(GeneratedTestsOptions(workers=1, extraction="whole", **options))
    try:
        return verifier.verify([Candidate(problem(tests), sample) for sample in samples])
    finally:
        verifier.close()


RIGHT, CONSTANT, SLOW = (
    "def f(x): return x + 1",
    "def f(x): return 2",
    "def f(x):\n    while x == 2: pass\n    return x + 1",
)
DEAD = "import os\ndef f(x):\n    if x == 2: os._exit(0)\n    return x + 1"


@needs_sandbox
def test_score_is_the_number_of_tests_passed() -> None:
    verdicts = verify([RIGHT, CONSTANT, SLOW, DEAD, "syntax error", ""], TESTS, count="distinct")
    assert [verdict.score for verdict in verdicts] == [3, 1, 2, 2, 0, None]
    assert [each.score for each in verify([RIGHT, CONSTANT], TESTS)] == [4, 2]  # one was written twice
    assert [verdict.outcome for verdict in verdicts] == [Outcome.SCORED] * 5 + [Outcome.NO_ANSWER]


@needs_sandbox
def test_programs_are_accepted_from_a_share_of_tests_on_if_asked() -> None:
    verdicts = verify([RIGHT, CONSTANT, SLOW], TESTS, accept_share=0.5)
    assert [verdict.outcome for verdict in verdicts] == ["correct", "incorrect", "correct"]


@needs_sandbox
def test_agreement_counts_programs_as_often_as_they_were_drawn() -> None:
    verdicts = verify([RIGHT, RIGHT, CONSTANT, "def f(x): return 1 + x", ""], TESTS)
    assert dual_agreement(verdicts) == [4 * math.sqrt(3), 4 * math.sqrt(3), 2, 4 * math.sqrt(3), None]


@needs_sandbox
def test_after_too_many_hangs_the_other_tests_count_as_failed() -> None:
    tests = [f"assert f({n}) == {n + 1}" for n in range(6)]
    hangs = "def f(x):\n    while x < 5: pass\n    return x + 1"
    assert verify([hangs], tests, max_hangs=2, timeout_s=0.2)[0].score == 0
    assert verify([hangs], tests, max_hangs=6, timeout_s=0.2)[0].score == 1


@needs_sandbox
def test_tests_come_from_a_file_too(tmp_path: Path) -> None:
    path = tmp_path / "tests.jsonl"
    path.write_text(json.dumps({"problem_id": "p", "generated_tests": TESTS}) + "\n", encoding="utf-8")
    assert verify([RIGHT], None, path=str(path))[0].score == 4


@needs_sandbox
def test_absent_tests_say_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(VerifierError, match="no model-written tests"):
        verify([RIGHT], None)
    with pytest.raises(VerifierError, match="cannot be read"):
        verify([RIGHT], None, path=str(tmp_path / "absent.jsonl"))


@pytest.mark.parametrize(
    "test",
    [
        "assert f(open('/etc/passwd')) == 1", "assert f(1).__class__ == int", "import os\nassert f(1) == 1 or os._exit(0)",
        "assert f(9 ** 9 ** 9) == 1", "assert f('x' * 10 ** 9)", "assert g(1) == 1", "assert True", "assert f(1) == (yield)",
        "assert (lambda: f(1))()", "assert [f(x) for x in range(9)]", "assert f(exit()) == 1", "assert f == 1", "assert f(1 << 99)",
    ],
)  # fmt: skip
def test_unsafe_and_idle_assertions_are_dropped(test: str) -> None:
    assert written_tests([test], entry_point="f", per_text=5) == {}


def test_assertions_are_counted_and_the_first_of_each_text_are_kept() -> None:
    texts = [
        "assert f(1)==1, 'one'\nassert f(2)==2",
        "x = 3\nassert f(2) == 2\nassert f(",
        "assert f(2) == 2; assert f(2) == 2",
    ]
    assert written_tests(texts, entry_point="f", per_text=5) == {"assert f(2) == 2": 4, "assert f(1) == 1": 1}
    assert written_tests(texts, entry_point="f", per_text=1) == {"assert f(2) == 2": 2, "assert f(1) == 1": 1}
    assert written_tests(texts, entry_point="f", per_text=5, most=1) == {"assert f(2) == 2": 4}


@needs_sandbox
def test_agreement_on_codets_data_beats_a_random_choice(shared_data: Path) -> None:
    """CodeT's finding (its table 2): choosing by agreement raises pass@1 by far; here on every 20th problem, 25 programs each."""
    from codet import GENERATED_TESTS, PROGRAMS, humaneval, matched, published, sample

    problems = humaneval(shared_data)
    tests, programs = (
        matched(shared_data, GENERATED_TESTS, problems),
        matched(shared_data, PROGRAMS, problems),
    )
    right = published(shared_data)
    chosen, drawn = [], []
    verifier = GeneratedTestsVerifier(GeneratedTestsOptions(timeout_s=0.3, max_tests=30, max_hangs=1))
    for each in problems[::20]:
        key = each.problem_id
        texts = [f"assert {text}" for text in tests[key]]
        with_tests = dataclasses.replace(each, metadata={**each.metadata, "generated_tests": texts})
        verdicts = verifier.verify(
            [Candidate(with_tests, sample(key, i, programs[key][i])) for i in range(25)]
        )
        scores = np.array([-1.0 if score is None else score for score in dual_agreement(verdicts)])
        truth = np.array(right[key][:25], dtype=float)
        chosen.append(truth[scores == scores.max()].mean())
        drawn.append(truth.mean())
    verifier.close()
    assert np.mean(chosen) > np.mean(drawn)
