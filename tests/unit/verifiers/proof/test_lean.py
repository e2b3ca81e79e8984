"""What can be tested of the Lean verifier without Lean: the files and commands it builds, and the reports it reads."""

import json
from pathlib import Path
from typing import Any

import pytest

from ttscale.errors import VerifierError
from ttscale.execution.sandbox import Completed, find_sandbox
from ttscale.types import Outcome, Problem
from ttscale.verifiers.proof.lean import (
    STANDARD_AXIOMS,
    LeanOptions,
    LeanVerifier,
    as_file,
    check_step,
    compile_step,
    read_report,
    replay_step,
    statement_of,
)

STATEMENT = "import Mathlib\n\ntheorem double (n : Nat) : n + n = 2 * n := by sorry\n"
GOOD: dict[str, Any] = {"same_type": True, "is_theorem": True, "changed": [], "axioms": ["propext"]}


def problem(**metadata: object) -> Problem:
    return Problem(problem_id="p", prompt="", metadata=metadata)


def printed(report: object, *, exit_code: int = 0, before: str = "") -> Completed:
    return Completed(exit_code, f"{before}TTSCALE {json.dumps(report)}\n".encode(), b"", 1.0)


@pytest.mark.parametrize("ending", [":= by sorry", ":= sorry", ":= by", ":=", ":= by\n  sorry\n"])
def test_any_open_proof_becomes_the_same_statement(ending: str) -> None:
    name, source = statement_of(
        problem(formal_statement=f"theorem t : True {ending}", header="import Mathlib\n")
    )
    assert name == "t"
    assert source == "import Mathlib\ntheorem t : True := by sorry\n"


@pytest.mark.parametrize(
    "metadata",
    [{}, {"formal_statement": "def x := 1 := by sorry"}, {"formal_statement": "theorem t : True := trivial"}],
)
def test_a_problem_without_an_open_statement_is_refused(metadata: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="problem 'p'"):
        statement_of(problem(**metadata))


def test_the_last_theorem_counts_and_comments_do_not() -> None:
    source = "lemma helper : True := trivial\ntheorem main_one (n : Nat) : n = n := by sorry\n"
    assert statement_of(problem(formal_statement=source))[0] == "main_one"
    commented = "theorem t : True /- theorem other : False -/ := by sorry"
    assert statement_of(problem(formal_statement=commented))[0] == "t"


def test_every_statement_of_minif2f_is_understood(shared_data: Path) -> None:
    for line in (shared_data / "minif2f_lean4.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        name, source = statement_of(problem(formal_statement=row["formal_statement"], header=row["header"]))
        assert name == row["name"]
        assert source.startswith("import Mathlib")
        assert source.endswith(":= by sorry\n")


@pytest.mark.parametrize("script", ["omega", "by omega", ":= by omega", "by\n  omega"])
def test_a_proof_script_takes_the_place_of_sorry(script: str) -> None:
    file = as_file(script, "double", STATEMENT)
    assert "sorry" not in file
    assert file.split() == STATEMENT.replace("sorry", "omega").split()


def test_a_whole_file_is_taken_as_it_is() -> None:
    answer = "import Mathlib\ntheorem double (n : Nat) : n + n = 2 * n := by omega\n"
    assert as_file(answer, "double", STATEMENT) == answer
    assert as_file("theorem double_more : True := trivial", "double", STATEMENT).startswith("import Mathlib")


def test_steps_run_in_the_project_and_hand_files_over() -> None:
    step = compile_step("Answer", "theorem t : True := trivial", "lake")
    assert (
        step.argv[-1] == "'lake' env lean -o /tmp/Answer.olean /tmp/Answer.lean 1>&2 && cat /tmp/Answer.olean"
    )
    assert step.files == {"/tmp/Answer.lean": b"theorem t : True := trivial"}
    check = check_step({"/tmp/Answer.olean": b"o"}, "na'me", "lake")
    assert check.argv[-1] == "na'me", "the theorem's name is an argument, never part of the script"
    assert {"/tmp/Answer.olean", "/tmp/Check.lean"} == set(check.files)
    assert "lean4checker Answer" in replay_step({}, "lake").argv[-1]


def test_a_proof_from_allowed_axioms_is_correct() -> None:
    verdict = read_report(printed(GOOD, before="a warning\n"), STANDARD_AXIOMS)
    assert (verdict.outcome, verdict.score) == (Outcome.CORRECT, 1.0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"axioms": ["propext", "sorryAx"]}, "rests on: sorryAx"),
        ({"axioms": ["Lean.ofReduceBool"]}, "rests on: Lean.ofReduceBool"),
        ({"axioms": ["cheat"]}, "rests on: cheat"),
        ({"same_type": False}, "its type differs"),
        ({"is_theorem": False}, "not a theorem"),
        ({"changed": ["f"]}, "changes definitions of the statement: f"),
    ],
)
def test_anything_else_is_incorrect_and_says_why(change: dict[str, object], reason: str) -> None:
    verdict = read_report(printed({**GOOD, **change}), STANDARD_AXIOMS)
    assert verdict.outcome is Outcome.INCORRECT
    assert verdict.detail is not None
    assert reason in verdict.detail


def test_a_missing_theorem_is_incorrect() -> None:
    assert read_report(printed({"missing": "answer"}), ()).outcome is Outcome.INCORRECT


@pytest.mark.parametrize(
    "done",
    [
        printed(GOOD, exit_code=1),
        Completed(0, b"", b"lean: error", 1.0),
        Completed(0, printed(GOOD).stdout * 2, b"", 1.0),
        Completed(-9, b"", b"", 1.0, timed_out=True),
    ],
)
def test_a_check_that_does_not_report_is_an_error(done: Completed) -> None:
    assert read_report(done, STANDARD_AXIOMS).outcome is Outcome.ERROR


@pytest.mark.skipif(not find_sandbox().available, reason="bubblewrap does not work here")
def test_absent_lean_and_absent_project_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(VerifierError, match="Install Lean 4 with elan"):
        LeanVerifier(LeanOptions(project=str(tmp_path), lake="no-such-lake")).verify([])
    with pytest.raises(VerifierError, match="has no lakefile"):
        LeanVerifier(LeanOptions(project=str(tmp_path), lake="sh")).verify([])
