import json
import sys

import pytest
from pydantic import ValidationError

from ttscale.errors import VerifierError
from ttscale.execution.sandbox import find_sandbox
from ttscale.types import Outcome, Problem, Sample, Verdict
from ttscale.verifiers.command import CommandOptions, CommandOracle, CommandVerifier
from ttscale.verifiers.contract import Candidate

pytestmark = pytest.mark.skipif(not find_sandbox().available, reason="bubblewrap does not work here")


def judge(
    completion: str,
    *command: str,
    verdict: str = "exit-code",
    kind: type[CommandVerifier] = CommandVerifier,
    **options: object,
) -> Verdict:
    problem = Problem(problem_id="p", prompt="say 4", answer="4", metadata={"level": 1})
    sample = Sample(
        problem_id="p",
        sample_index=0,
        completion=completion,
        finish_reason="stop",
        prompt_tokens=0,
        completion_tokens=0,
    )
    settings = CommandOptions(command=command, verdict=verdict, **options)  # type: ignore[arg-type]
    (found,) = kind(settings).verify([Candidate(problem, sample)])
    return found


def say(value: object) -> tuple[str, str, str]:
    return ("sh", "-c", f"echo thinking; echo '{json.dumps(value)}'")


@pytest.mark.parametrize(
    ("completion", "outcome"), [("4", Outcome.CORRECT), ("5", Outcome.INCORRECT), ("", Outcome.INCORRECT)]
)
def test_exit_code_of_a_program_that_reads_stdin(completion: str, outcome: Outcome) -> None:
    assert judge(completion, "grep", "-qx", "4").outcome is outcome


def test_any_other_exit_code_is_an_error_with_what_the_program_said() -> None:
    found = judge("4", "sh", "-c", "echo broken >&2; exit 2")
    assert found.outcome is Outcome.ERROR
    assert found.score is None
    assert found.detail == "exit code 2: broken"


def test_candidate_and_problem_come_as_files() -> None:
    program = "import json,sys; p=json.load(open(sys.argv[2])); print(json.dumps({'correct': open(sys.argv[1]).read()==str(p['metadata']['level'])}))"
    command = (sys.executable, "-c", program, "{completion}", "{problem}")
    assert judge("1", *command, verdict="json").outcome is Outcome.CORRECT
    assert judge("2", *command, verdict="json").outcome is Outcome.INCORRECT


def test_only_the_oracle_is_given_the_answer() -> None:
    program = "import json,sys; sys.exit(0 if json.load(open(sys.argv[1])).get('answer') == '4' else 1)"
    command = (sys.executable, "-c", program, "{problem}")
    assert judge("", *command, kind=CommandOracle).outcome is Outcome.CORRECT
    assert judge("", *command).outcome is Outcome.INCORRECT
    assert CommandOracle.sees_answer
    assert not CommandVerifier.sees_answer


def test_json_verdict_is_the_last_line() -> None:
    found = judge(
        "",
        *say({"outcome": "incorrect", "score": 0.25, "answer": "7", "answer_class": "7", "detail": "no"}),
        verdict="json",
    )
    assert (found.outcome, found.score, found.answer, found.answer_class, found.detail) == (
        "incorrect",
        0.25,
        "7",
        "7",
        "no",
    )


@pytest.mark.parametrize(("accept_at", "outcome"), [(None, "scored"), (0.5, "correct"), (0.75, "incorrect")])
def test_a_score_alone_accepts_from_the_given_value_on(accept_at: float | None, outcome: str) -> None:
    assert judge("", *say({"score": 0.5}), verdict="json", accept_at=accept_at).outcome == outcome


@pytest.mark.parametrize(
    "said",
    [
        {},
        [],
        "correct",
        1,
        None,
        {"outcome": "error"},
        {"outcome": "maybe"},
        {"correct": "yes"},
        {"score": "high"},
        {"score": True},
    ],
)
def test_anything_else_on_the_last_line_is_an_error(said: object) -> None:
    assert judge("", *say(said), verdict="json").outcome is Outcome.ERROR


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_score_that_is_not_finite_is_an_error(number: str) -> None:
    found = judge("", "echo", f'{{"correct": true, "score": {number}}}', verdict="json")
    assert found.outcome is Outcome.ERROR


def test_a_program_that_hangs_is_an_error_not_a_wrong_answer() -> None:
    assert judge("", "sleep", "60", timeout_s=0.3).outcome is Outcome.ERROR


def test_a_program_that_floods_is_an_error() -> None:
    assert judge("", "yes", verdict="json").outcome is Outcome.ERROR


def test_a_program_that_does_not_exist_is_an_error() -> None:
    assert judge("", "no-such-program").outcome is Outcome.ERROR


@pytest.mark.parametrize("completion", ["x" * 1_000_000, "\x00\x00", "\ud800", "\x1b[2J", "é" * 1000])
def test_odd_completions_arrive_whole(completion: str) -> None:
    size = len(completion.encode("utf-8", "surrogatepass"))
    assert judge(completion, "sh", "-c", f'test "$(wc -c)" -eq {size}').outcome is Outcome.CORRECT


def test_the_program_sees_no_network_and_no_files_of_the_user() -> None:
    program = "import socket,os,sys; s=socket.socket(); s.settimeout(1); sys.exit(s.connect_ex(('1.1.1.1', 53)) == 0 or os.path.exists('/home'))"
    assert judge("", sys.executable, "-c", program).outcome is Outcome.CORRECT


def test_an_empty_command_is_refused() -> None:
    with pytest.raises(ValidationError):
        CommandOptions(command=())


def test_a_sandbox_that_does_not_start_is_no_wrong_answer() -> None:
    with pytest.raises(VerifierError, match="did not start"):
        judge("", "true", readable=("/no/such/path",))
