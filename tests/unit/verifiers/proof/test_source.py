"""From a completion to a proof, and what a proof assistant's listing of axioms says."""

import pytest

from ttscale.types import Outcome, Problem
from ttscale.verifiers.proof import rocq
from ttscale.verifiers.proof.checking import stated
from ttscale.verifiers.proof.rocq import _NotAProofError, as_file, assumptions
from ttscale.verifiers.proof.source import declares, fenced_or_all

STATEMENT = rocq._Statement("t", "Require Import Arith.\nTheorem t : 1 + 1 = 2.\nProof. Admitted.\n", b"")


@pytest.mark.parametrize(
    ("completion", "proof"),
    [
        ("Proof. auto. Qed.", "Proof. auto. Qed."),
        ("First:\n```coq\nno\n```\nthen\n```\nyes\n```\n", "yes\n"),
        ("```coq\nnever closed", "never closed"),
        ("use `auto` here", "use `auto` here"),
        ("```coq\n```", None),
        ("  \n", None),
        ("", None),
    ],
)
def test_the_last_block_is_the_proof(completion: str, proof: str | None) -> None:
    assert fenced_or_all(completion) == proof


@pytest.mark.parametrize(
    ("source", "is_there"),
    [
        ("Lemma t : True.", True),
        ("Theorem  t' : True.", False),
        ("Theorem tt : True.", False),
        ("exact t.", False),
    ],
)
def test_only_a_statement_of_that_very_name_declares_it(source: str, is_there: bool) -> None:
    assert declares(source, "t", "Theorem|Lemma") is is_there


@pytest.mark.parametrize(
    ("answer", "end"),
    [
        ("reflexivity.", "Proof.\nreflexivity.\nQed.\n"),
        ("Proof. reflexivity. Qed.", "Proof. reflexivity. Qed.\n"),
        ("Proof. Admitted.", "Proof. Admitted.\n"),
        ("(* Theorem t *) reflexivity.", "Proof.\n(* Theorem t *) reflexivity.\nQed.\n"),
    ],
)
def test_a_script_stands_below_the_statement(answer: str, end: str) -> None:
    assert as_file(answer, STATEMENT) == f"Require Import Arith.\nTheorem t : 1 + 1 = 2.\n{end}"


def test_a_file_that_states_the_theorem_is_taken_as_it_is() -> None:
    answer = "Theorem t : True.\nProof. exact I. Qed."
    assert as_file(answer, STATEMENT) == answer


LISTED = "= tt\n     : unit\n"


@pytest.mark.parametrize(
    ("said", "names"),
    [
        (LISTED + "Closed under the global context\n", []),
        (LISTED + "Axioms:\nclassic : forall P : Prop, P \\/ ~ P\nA.b\n  : nat\n", ["classic", "A.b"]),
    ],
)
def test_the_axioms_are_those_listed(said: str, names: list[str]) -> None:
    assert assumptions(said) == names


@pytest.mark.parametrize(
    "said",
    [
        "",
        LISTED + "Axioms:\n",
        LISTED + "Theory: Type is in Type\n",
        LISTED + "Axioms:\nf : nat is assumed to be guarded.\n",
        LISTED + "Axioms:\n: nat\n",
    ],
)
def test_a_listing_that_is_not_understood_is_no_proof(said: str) -> None:
    with pytest.raises(_NotAProofError, match="it rests on") as refused:
        assumptions(said)
    assert refused.value.outcome is Outcome.INCORRECT


@pytest.mark.parametrize(
    ("metadata", "found"),
    [
        ({"formal_statement": "Lemma a : x.\nTheorem b : y."}, "b"),
        ({"formal_statement": "Lemma a : x.\n(* Theorem b : y. *)"}, "a"),
        ({"formal_statement": "Lemma a : x.", "theorem": "c"}, "c"),
    ],
)
def test_the_theorem_is_the_one_named_or_the_last(metadata: dict[str, str], found: str) -> None:
    problem = Problem(problem_id="p", metadata=metadata)
    assert stated(problem, rocq._STATES, rocq._COMMENT) == (found, metadata["formal_statement"])


@pytest.mark.parametrize(
    ("metadata", "message"),
    [({}, "has no 'formal_statement'"), ({"formal_statement": "x"}, "states no theorem")],
)
def test_a_problem_without_a_statement_says_so(metadata: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        stated(Problem(problem_id="p", metadata=metadata), rocq._STATES, rocq._COMMENT)
