"""Right programs whose tests pass functions, patch modules or read files: followed, or looked at beside the program; never called wrong."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from odd_programs import BEYOND, FOLLOWED

from ttscale.execution.sandbox import find_sandbox
from ttscale.types import Outcome, Problem, Sample, Verdict
from ttscale.verifiers.code import CodeOptions, CodeVerifier
from ttscale.verifiers.contract import Candidate

pytestmark = pytest.mark.skipif(not find_sandbox().available, reason="bubblewrap does not work here")


def verifier_of(**options: Any) -> Iterator[CodeVerifier]:
    with contextlib.closing(
        CodeVerifier(CodeOptions(timeout_s=20.0, workers=1, extraction="whole", **options))
    ) as made:
        yield made


@pytest.fixture(scope="module")
def doubting() -> Iterator[CodeVerifier]:
    yield from verifier_of()


@pytest.fixture(scope="module")
def trusting() -> Iterator[CodeVerifier]:
    yield from verifier_of(beside="trust")


@pytest.fixture(scope="module")
def never() -> Iterator[CodeVerifier]:
    yield from verifier_of(beside="never")


def judge(verifier: CodeVerifier, program: str, **tests: Any) -> Verdict:
    sample = Sample(
        problem_id="p", sample_index=0, completion=program, finish_reason="stop", prompt_tokens=0, completion_tokens=0
    )  # fmt: skip
    (verdict,) = verifier.verify([Candidate(Problem(problem_id="p", prompt="", metadata=tests), sample)])
    return verdict


def as_check(tests: list[str], entry_point: str) -> dict[str, Any]:
    body = "\n".join(f"    {line}" for test in tests for line in test.split("\n"))
    return {"test": f"def check(candidate):\n{body}", "entry_point": entry_point}


@pytest.mark.parametrize("name", FOLLOWED)
def test_tests_that_can_be_followed_find_a_right_program_right(name: str, never: CodeVerifier) -> None:
    program, tests = FOLLOWED[name]
    verdict = judge(never, program, tests=tests)
    assert verdict.outcome is Outcome.CORRECT, verdict.detail


@pytest.mark.parametrize("name", FOLLOWED)
def test_they_find_wrong_what_gives_nothing(name: str, doubting: CodeVerifier) -> None:
    _, tests = FOLLOWED[name]
    verdict = judge(doubting, "def f(*_, **__): pass\nclass S: pass", tests=tests)
    assert verdict.outcome is Outcome.INCORRECT, verdict.detail


@pytest.mark.parametrize("name", BEYOND)
def test_what_cannot_be_followed_is_an_error_with_its_reason_and_right_where_that_is_believed(
    name: str, doubting: CodeVerifier, trusting: CodeVerifier, never: CodeVerifier
) -> None:
    program, tests = BEYOND[name]
    verdict = judge(doubting, program, tests=tests)
    assert verdict.outcome is Outcome.ERROR
    assert "beside" in str(verdict.detail)
    assert judge(trusting, program, tests=tests).outcome is Outcome.CORRECT
    assert judge(never, program, tests=tests).outcome in (Outcome.INCORRECT, Outcome.ERROR)


@pytest.mark.parametrize("name", BEYOND)
def test_a_wrong_program_is_wrong_wherever_it_is_run(
    name: str, doubting: CodeVerifier, trusting: CodeVerifier
) -> None:
    _, tests = BEYOND[name]
    wrong = "def f(*_, **__): return 77\nclass Base:\n    def hi(self): return 0"
    for verifier in (doubting, trusting):
        verdict = judge(verifier, wrong, tests=tests)
        assert verdict.outcome is Outcome.INCORRECT, verdict.detail


@pytest.mark.parametrize("name", ["mocked", "file written", "seeded"])
def test_a_check_function_is_looked_at_beside_the_program_too(
    name: str, doubting: CodeVerifier, trusting: CodeVerifier
) -> None:
    program, tests = BEYOND[name]
    assert judge(doubting, program, **as_check(tests, "f")).outcome is Outcome.ERROR
    assert judge(trusting, program, **as_check(tests, "f")).outcome is Outcome.CORRECT
    assert judge(trusting, "def f(*_): return 77", **as_check(tests, "f")).outcome is Outcome.INCORRECT


HARMS = {
    "ends well": "import os\nos._exit(0)",
    "ends well when asked": "import os\ndef f(*_): os._exit(0)",
    "leaves": "def f(*_): raise SystemExit(0)",
    "tells": "import os\nfor fd in range(3, 20):\n    try: os.write(fd, b'passed')\n    except OSError: pass\nos._exit(0)",
    "tells when asked": "import os\ndef f(*_):\n    for fd in range(3, 20):\n        try: os.write(fd, b'passed')\n        except OSError: pass\n    os._exit(0)",
    "blinds": "import builtins\nclass Any:\n    def __eq__(self, _): return True\n    def __getattr__(self, _): return self\ndef f(*_): return Any()",
}  # fmt: skip


@pytest.mark.parametrize("name", HARMS)
@pytest.mark.parametrize("tests", BEYOND)
def test_what_forges_its_end_beside_the_tests_is_never_correct(
    name: str, tests: str, doubting: CodeVerifier
) -> None:
    assert judge(doubting, HARMS[name], tests=BEYOND[tests][1]).outcome is not Outcome.CORRECT


@pytest.mark.parametrize("asked", ["__globals__", "__code__", "__closure__", "__self__", "secret"])
def test_a_function_of_the_tests_can_be_called_and_not_looked_into(asked: str, never: CodeVerifier) -> None:
    tests = ["def g(): return 41\ng.secret = 42\ntry: f(g)\nexcept AttributeError: pass\nelse: assert False"]
    assert judge(never, f"def f(g): return g.{asked}", tests=tests).outcome is Outcome.CORRECT
    assert (
        judge(never, "def f(g): return g()", tests=["def g(): return 41\nassert f(g) == 41"]).outcome
        is Outcome.CORRECT
    )
