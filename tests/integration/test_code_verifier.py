"""Every kind of tests, judged for real, and what happens on bad days."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ttscale.errors import VerifierError
from ttscale.execution import sandbox
from ttscale.execution.sandbox import SandboxStatus, find_sandbox
from ttscale.registry import load_plugin
from ttscale.types import Outcome, Problem, Sample, Verdict
from ttscale.verifiers.code import CodeOptions, CodeVerifier
from ttscale.verifiers.contract import Candidate

pytestmark = pytest.mark.skipif(not find_sandbox().available, reason="bubblewrap does not work here")


@pytest.fixture(scope="module")
def shared() -> Iterator[CodeVerifier]:
    verifier = CodeVerifier(CodeOptions(timeout_s=2.0, workers=1, extraction="whole"))
    yield verifier
    verifier.close()


def candidate(program: str, metadata: dict[str, Any], problem_id: str = "p") -> Candidate:
    sample = Sample(
        problem_id=problem_id, sample_index=0, completion=program, finish_reason="stop", prompt_tokens=0, completion_tokens=0
    )  # fmt: skip
    return Candidate(Problem(problem_id=problem_id, prompt="", metadata=metadata), sample)


def judge(verifier: CodeVerifier, program: str, **metadata: object) -> Verdict:
    (verdict,) = verifier.verify([candidate(program, metadata)])
    return verdict


@pytest.fixture
def unprivileged(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Sandbox as for users other than root: in a user namespace."""
    monkeypatch.setattr("ttscale.execution.sandbox.os.geteuid", lambda: 1000)
    find_sandbox.cache_clear()
    if not find_sandbox().available:
        pytest.skip("no user namespaces here")
    yield
    find_sandbox.cache_clear()


DOUBLE = {"tests": ["assert double(2) == 4", "assert double('a') == 'aa'"]}
ECHO = {"stdin_tests": [{"input": "3\n", "output": "6\n"}, {"input": "5", "output": "10"}]}


@pytest.mark.parametrize(
    ("program", "outcome"),
    [
        ("def double(x): return x * 2", Outcome.CORRECT),
        ("double = lambda x: x + x", Outcome.CORRECT),
        ("def double(x): return 4", Outcome.INCORRECT),
        ("def twice(x): return x * 2", Outcome.INCORRECT),
        ("def double(x)", Outcome.INCORRECT),
        ("def double(x):\n    while True: pass", Outcome.TIMEOUT),
    ],
)
def test_assertions(shared: CodeVerifier, program: str, outcome: Outcome) -> None:
    assert judge(shared, program, **DOUBLE).outcome is outcome


@pytest.mark.parametrize(
    ("program", "outcome", "detail"),
    [
        ("print(2 * int(input()))", Outcome.CORRECT, None),
        ("import sys\nfor line in sys.stdin: print(int(line) * 2, '  ')", Outcome.CORRECT, None),
        (
            "if __name__ == '__main__':\n    print(2 * int(input()))\n    raise SystemExit",
            Outcome.CORRECT,
            None,
        ),
        ("import os\nos.write(1, b'%d' % (2 * int(os.read(0, 9))))", Outcome.CORRECT, None),
        ("print(6)", Outcome.INCORRECT, "test 2: printed '6\\n'"),
        ("print(2 * int(input())); exit(1)", Outcome.INCORRECT, "exit code 1"),
        ("print(2 * int(input())); 1 / 0", Outcome.INCORRECT, "exit code 1"),
        ("print(2 * int(input())); import os; os.abort()", Outcome.INCORRECT, "it was ended by SIG"),
        ("while True: pass", Outcome.TIMEOUT, None),
        ("while True: print('x' * 1000)", Outcome.INCORRECT, "printed more than"),
        ("input(); input(); print(6)", Outcome.INCORRECT, None),
        ("syntax error", Outcome.INCORRECT, None),
        (
            "import os\nif os.fork(): os._exit(0)\nprint(2 * int(input()), flush=True)",
            Outcome.INCORRECT,
            None,
        ),
    ],
)
def test_scripts(shared: CodeVerifier, program: str, outcome: Outcome, detail: str | None) -> None:
    verdict = judge(shared, program, **ECHO)
    assert verdict.outcome is outcome, verdict
    assert detail is None or detail in str(verdict.detail)


def test_a_large_input_and_output_fit(shared: CodeVerifier) -> None:
    text = "1234567890 " * 100_000
    tests = [{"input": text, "output": text}]
    assert (
        judge(shared, "import sys; sys.stdout.write(sys.stdin.read())", stdin_tests=tests).outcome
        is Outcome.CORRECT
    )


INPUTS = {
    "inputs": [[[1, 2, 3]], [[]], [[5]]],
    "code_prompt": "def total(xs):\n",
    "canonical_solution": "    return float(sum(xs))\n",
    "entry_point": "total",
}


@pytest.mark.parametrize(
    ("program", "outcome"),
    [
        ("def total(xs): return sum(xs) * 1.0", Outcome.CORRECT),
        ("def total(xs): return sum(xs) + 1e-8", Outcome.CORRECT),
        ("def total(xs): return sum(xs) + 1e-3", Outcome.INCORRECT),
        ("def total(xs):\n    t = 0.0\n    while xs: t += xs.pop()\n    return t", Outcome.CORRECT),
    ],
)
def test_inputs_with_a_reference_solution(shared: CodeVerifier, program: str, outcome: Outcome) -> None:
    assert judge(shared, program, **INPUTS).outcome is outcome


def test_objects_that_are_not_plain_data_go_back_to_their_program(shared: CodeVerifier) -> None:
    program = "class Node:\n    def __init__(self, v): self.v = v; self.next = None\ndef length(n): return 1 + length(n.next) if n else 0"
    metadata = {
        "test_setup": "a = Node(1)\na.next = Node(2)",
        "tests": ["assert length(a) == 2", "assert a.next.v == 2", "assert a", "assert a != 1"],
    }
    assert judge(shared, program, **metadata).outcome is Outcome.CORRECT


def test_exceptions_that_tests_expect_arrive(shared: CodeVerifier) -> None:
    test = "def check(f):\n    try: f(-1)\n    except ValueError: return\n    assert False"
    assert (
        judge(shared, "def f(x): raise ValueError('no')", test=test, entry_point="f").outcome
        is Outcome.CORRECT
    )
    assert (
        judge(shared, "def f(x): raise TypeError('no')", test=test, entry_point="f").outcome
        is Outcome.INCORRECT
    )


def test_a_program_cannot_end_the_loop_over_the_tests(shared: CodeVerifier) -> None:
    test = "def check(f):\n    assert all(map(lambda case: f(case) == case + 1, [1, 2, 3]))"
    assert judge(shared, "def f(x): return x + 1", test=test, entry_point="f").outcome is Outcome.CORRECT
    assert (
        judge(shared, "def f(x): raise StopIteration", test=test, entry_point="f").outcome
        is Outcome.INCORRECT
    )


def test_a_test_that_swallows_everything_does_not_pass_a_dead_program(shared: CodeVerifier) -> None:
    test = "def check(f):\n    try: f(1)\n    except BaseException: pass"
    assert (
        judge(shared, "import os\ndef f(x): os._exit(0)", test=test, entry_point="f").outcome
        is Outcome.INCORRECT
    )
    assert (
        judge(shared, "def f(x):\n    while True: pass", test=test, entry_point="f").outcome
        is Outcome.TIMEOUT
    )


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"test": "def check(candidate) oops", "entry_point": "f"},
        {"test": "x = 1", "entry_point": "f"},
        {"tests": ["assert oops("]},
        {"tests": ["assert f(open) == 1"]},
        {"inputs": [[1]], "canonical_solution": "def f(x): return 1 / 0", "entry_point": "f"},
    ],
)
def test_broken_tests_are_errors_not_wrong_answers(shared: CodeVerifier, metadata: dict[str, Any]) -> None:
    verdict = judge(shared, "def f(x): return 1", **metadata)
    assert verdict.outcome is Outcome.ERROR, verdict
    assert verdict.score is None
    assert verdict.detail


@pytest.mark.parametrize("completion", ["", "  \n", "\t"])
def test_no_program_is_no_answer(shared: CodeVerifier, completion: str) -> None:
    assert judge(shared, completion, **DOUBLE).outcome is Outcome.NO_ANSWER


@pytest.mark.parametrize(
    "completion", ["x" * 1_000_000, "\x00" * 10, "\ud800", "\x1b[2J\x1b]0;title\x07", "#" * 1_000_000]
)
def test_odd_completions_are_incorrect(shared: CodeVerifier, completion: str) -> None:
    assert judge(shared, completion, **DOUBLE).outcome is Outcome.INCORRECT


def test_verdicts_come_in_order_for_mixed_problems() -> None:
    batch = [candidate(f"def double(x): return x * {n}", DOUBLE, str(n % 3)) for n in (1, 2, 3, 2, 1, 2)]
    verifier = CodeVerifier(CodeOptions(workers=2, extraction="whole"))
    outcomes = [verdict.outcome for verdict in verifier.verify(batch)]
    verifier.close()
    assert outcomes == [Outcome.CORRECT if n == 2 else Outcome.INCORRECT for n in (1, 2, 3, 2, 1, 2)]


def test_killed_sandboxes_are_replaced() -> None:
    verifier = CodeVerifier(CodeOptions(workers=1, extraction="whole"))
    assert judge(verifier, "def double(x): return x * 2", **DOUBLE).outcome is Outcome.CORRECT
    assert verifier._pool is not None
    for process in verifier._pool._pairs[0]._processes:
        os.kill(process.pid, signal.SIGKILL)
    assert judge(verifier, "def double(x): return 2 * x", **DOUBLE).outcome is Outcome.CORRECT
    verifier.close()


def test_nothing_is_left_running_when_closed() -> None:
    verifier = CodeVerifier(CodeOptions(workers=1, extraction="whole"))
    judge(verifier, "def double(x): return x * 2", **DOUBLE)
    assert verifier._pool is not None
    processes = list(verifier._pool._pairs[0]._processes)
    verifier.close()
    assert len(processes) == 2
    assert all(process.poll() is not None for process in processes)


def test_without_a_sandbox_it_refuses_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        sandbox, "find_sandbox", lambda: SandboxStatus(False, "bwrap is not installed. Install bubblewrap.")
    )
    with pytest.raises(VerifierError, match="Install bubblewrap"):
        judge(CodeVerifier(CodeOptions()), "def double(x): return 2 * x", **DOUBLE)


def test_without_a_sandbox_it_runs_if_the_user_insists(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sandbox, "find_sandbox", lambda: SandboxStatus(False, "no bwrap"))
    verifier = CodeVerifier(CodeOptions(unsafe_no_sandbox=True, workers=1, timeout_s=1.0, extraction="whole"))
    assert judge(verifier, "def double(x): return 2 * x", **DOUBLE).outcome is Outcome.CORRECT
    assert judge(verifier, "def double(x): return x", **DOUBLE).outcome is Outcome.INCORRECT
    assert judge(verifier, "def double(x):\n    while True: pass", **DOUBLE).outcome is Outcome.TIMEOUT
    assert judge(verifier, "print(2 * int(input()))", **ECHO).outcome is Outcome.CORRECT
    verifier.close()


def test_a_broken_interpreter_says_so() -> None:
    verifier = CodeVerifier(CodeOptions(workers=1, python="/bin/false"))
    with pytest.raises(VerifierError, match="not a working Python"):
        judge(verifier, "def double(x): return 2 * x", **DOUBLE)
    verifier.close()


@pytest.mark.parametrize("name", ["code", "command", "command-oracle", "generated-tests", "rocq", "lean"])
def test_it_is_found_by_name(name: str) -> None:
    plugin = load_plugin("verifiers", name)
    assert plugin.version
    assert callable(plugin.verify)


@pytest.mark.usefixtures("unprivileged")
def test_whoever_runs_it_programs_are_confined_one_by_one() -> None:
    assert not find_sandbox().as_root
    programs = [
        "def double(x): return 2 * x",
        "import os; os._exit(0)",
        "while True: pass",
        "def double(x): return x * 2",
    ]
    verifier = CodeVerifier(CodeOptions(timeout_s=1.0, workers=1, extraction="whole"))
    outcomes = [judge(verifier, program, **DOUBLE).outcome for program in programs]
    verifier.close()
    assert outcomes == [Outcome.CORRECT, Outcome.INCORRECT, Outcome.TIMEOUT, Outcome.CORRECT]
