"""Real proofs and false ones, judged by coqc on statements of miniF2F and some of our own."""

import shutil
import tarfile
from pathlib import Path

import pytest

from ttscale.errors import VerifierError
from ttscale.execution.sandbox import find_sandbox
from ttscale.types import Outcome, Problem, Sample, Verdict
from ttscale.verifiers.contract import Candidate
from ttscale.verifiers.proof.rocq import RocqOptions, RocqVerifier

pytestmark = [
    pytest.mark.skipif(not find_sandbox().available, reason="bubblewrap does not work here"),
    pytest.mark.skipif(shutil.which("coqc") is None, reason="coqc is not installed"),
]

SHARED = RocqVerifier(RocqOptions())  # keeps compiled statements

PLUS = "Require Import Arith.\n\nTheorem plus_swap (n m : nat) : n + m = m + n.\nProof.\nAdmitted.\n"
REAL = "Require Import Reals.\nOpen Scope R_scope.\nTheorem plus_zero (x : R) : x + 0 = x.\nProof.\nAdmitted."
OWN = (
    "Require Import List Arith.\nFixpoint total (l : list nat) : nat := match l with nil => 0 | cons a r => a + total r end.\n"
    "Theorem total_app (a b : list nat) : total (a ++ b) = total a + total b.\nProof.\nAdmitted."
)
OWN_PROOF = "induction a; simpl. reflexivity. rewrite IHa. apply Nat.add_assoc."
LONG = (
    "Require Import Arith NArith. Definition long := Eval vm_compute in N.iter 1000000000000 (fun x : unit => x) tt. "
    "Theorem plus_swap (n m : nat) : n + m = m + n. "
)
TREE = (
    "Inductive tree := leaf | node (l r : tree).\nFixpoint size t := match t with leaf => 1 | node l r => size l + size r end.\n"
    "Theorem some : size (node leaf leaf) = 2.\nProof.\nAdmitted."
)


def judge(completion: str, statement: str = PLUS, **options: object) -> Verdict:
    problem = Problem(problem_id="p", prompt="", metadata={"formal_statement": statement})
    sample = Sample(
        problem_id="p",
        sample_index=0,
        completion=completion,
        finish_reason="stop",
        prompt_tokens=0,
        completion_tokens=0,
    )
    verifier = RocqVerifier(RocqOptions(**options)) if options else SHARED  # type: ignore[arg-type]
    (verdict,) = verifier.verify([Candidate(problem, sample)])
    return verdict


@pytest.mark.parametrize(
    ("completion", "statement"),
    [
        ("Proof. apply Nat.add_comm. Qed.", PLUS),
        ("apply Nat.add_comm.", PLUS),
        ("I use commutativity.\n```coq\nProof.\n  apply Nat.add_comm.\nQed.\n```\n", PLUS),
        ("Require Import Lia. Theorem plus_swap : forall n m : nat, n + m = m + n. Proof. lia. Qed.", PLUS),
        ("Proof. ring. Qed.", REAL),
        (OWN_PROOF, OWN),
        (OWN.replace("Proof.\nAdmitted.", f"Proof. {OWN_PROOF} Qed."), OWN),
        ("reflexivity.", TREE),
    ],
)  # fmt: skip
def test_real_proof_is_correct(completion: str, statement: str) -> None:
    verdict = judge(completion, statement)
    assert verdict.outcome is Outcome.CORRECT, verdict.detail


@pytest.mark.parametrize(
    ("completion", "statement", "reason"),
    [
        ("Admitted.", PLUS, "rests on: Answer.plus_swap"),
        ("Proof. Admitted.", PLUS, "rests on: Answer.plus_swap"),
        ("Proof. admit. Qed.", PLUS, "not accepted"),
        ("Proof. reflexivity. Qed.", PLUS, "not accepted"),
        ("Proof. apply Nat.add_comm", PLUS, "not accepted"),
        ("Axiom cheat : False. Theorem plus_swap (n m : nat) : n + m = m + n. Proof. destruct cheat. Qed.", PLUS, "Answer.cheat"),
        ("Theorem plus_swap : True. Proof. exact I. Qed.", PLUS, "not a proof of the given statement"),
        ("Theorem plus_swap (n m : nat) : n + 0 = n. Proof. auto. Qed.", PLUS, "not a proof of the given statement"),
        (
            "Definition nat := unit. Definition plus (a b : nat) := tt. Notation \"a + b\" := (plus a b). "
            "Theorem plus_swap (n m : nat) : n + m = m + n. Proof. reflexivity. Qed.",
            PLUS, "not a proof of the given statement",
        ),
        ("Abort. Theorem plus_swap : True. exact I. Qed.", PLUS, ""),
        ("Require Statement. Theorem plus_swap (n m : nat) : n + m = m + n. Proof. apply Statement.plus_swap. Qed.", PLUS, "not accepted"),
        (
            "Unset Guard Checking. Fixpoint f (n : nat) : False := f n. "
            "Theorem plus_swap (n m : nat) : n + m = m + n. Proof. destruct (f 0). Qed.",
            PLUS, "assumed to be guarded",
        ),
        (
            "Set Warnings \"-all\". Unset Universe Checking. Axiom bad : False. "
            "Theorem plus_swap (n m : nat) : n + m = m + n. Proof. destruct bad. Qed.",
            PLUS, "rests on",
        ),
        (
            "Require Import Reals. Open Scope R_scope. Module FunctionalExtensionality. Axiom functional_extensionality_dep : False."
            " End FunctionalExtensionality. Theorem plus_zero (x : R) : x + 0 = x."
            " Proof. destruct FunctionalExtensionality.functional_extensionality_dep. Qed.",
            REAL, "Answer.FunctionalExtensionality.functional_extensionality_dep",
        ),
        (OWN.replace("a + total r", "0").replace("Proof.\nAdmitted.", "Proof. induction a; simpl; destruct b; auto. Qed."), OWN, ""),
        ("(* Theorem plus_swap *) Admitted. (* Qed. *)", PLUS, ""),
    ],
)  # fmt: skip
def test_false_proof_is_incorrect(completion: str, statement: str, reason: str) -> None:
    verdict = judge(completion, statement)
    assert verdict.outcome is Outcome.INCORRECT, verdict.detail
    assert reason in str(verdict.detail)


def test_types_that_cannot_be_compared_are_an_error_not_a_wrong_answer() -> None:
    every = TREE.replace("some : size (node leaf leaf) = 2", "every : forall t, size t = size t")
    assert judge("reflexivity.", every).outcome is Outcome.ERROR
    assert judge("discriminate.", every).outcome is Outcome.INCORRECT


def test_axioms_beyond_the_allow_list_are_refused() -> None:
    verdict = judge("Proof. ring. Qed.", REAL, allowed_axioms=())
    assert verdict.outcome is Outcome.INCORRECT
    assert "Coq.Reals.ClassicalDedekindReals.sig_forall_dec" in str(verdict.detail)


def test_a_proof_that_never_ends_runs_out_of_time() -> None:
    verdict = judge(LONG + "Proof. apply Nat.add_comm. Qed.", timeout_s=4.0)
    assert verdict.outcome is Outcome.TIMEOUT


@pytest.mark.parametrize(
    ("completion", "outcome"), [("", Outcome.NO_ANSWER), ("\x00\ud800", Outcome.INCORRECT)]
)
def test_odd_completions(completion: str, outcome: Outcome) -> None:
    assert judge(completion).outcome is outcome


def test_a_broken_statement_is_an_error_not_a_wrong_answer() -> None:
    assert judge("auto.", "Theorem t : no_such_thing.\nProof.\nAdmitted.").outcome is Outcome.ERROR
    assert judge("auto.", "Definition x := 1.").outcome is Outcome.ERROR


def test_an_absent_compiler_says_what_to_install() -> None:
    with pytest.raises(VerifierError, match="apt install coq"):
        judge("auto.", coqc="no-such-coqc")


@pytest.mark.parametrize(
    ("name", "proof", "outcome"),
    [
        ("valid/mathd_numbertheory_739", "Proof. reflexivity. Qed.", Outcome.CORRECT),
        ("valid/mathd_numbertheory_739", "Proof. Admitted.", Outcome.INCORRECT),
        ("valid/numbertheory_xsqpysqintdenomeq", "Proof. auto. Qed.", Outcome.INCORRECT),
    ],
)
def test_statements_of_minif2f(shared_data: Path, name: str, proof: str, outcome: Outcome) -> None:
    with tarfile.open(shared_data / "minif2f_rocq.tar.gz") as archive:
        file = archive.extractfile(f"rocq/{name}.v")
        assert file is not None
        statement = file.read().decode()
    assert judge(proof, statement).outcome is outcome


@pytest.mark.parametrize("name", ["test/mathd_numbertheory_342", "valid/mathd_algebra_190"])
def test_statements_of_minif2f_proved_in_files_of_their_own(shared_data: Path, name: str) -> None:
    """As models answer: libraries first, the statement again, a proof."""
    with tarfile.open(shared_data / "minif2f_rocq.tar.gz") as archive:
        file = archive.extractfile(f"rocq/{name}.v")
        assert file is not None
        statement = file.read().decode()
    proof = "Proof. first [reflexivity | intros; lra]. Qed."
    stated, ending, _ = statement.rpartition("Proof.")
    assert ending
    answer = f"Require Import Lia Lra Psatz.\n{stated}{proof}\n"
    verdict = judge(answer, statement)
    assert verdict.outcome is Outcome.CORRECT, verdict.detail
