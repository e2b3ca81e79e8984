"""The verifier `choice`: a letter in the forms in which it is stated."""

import pytest
from judging import judge
from pydantic import ValidationError

from ttscale.registry import load_plugin
from ttscale.types import Outcome

STATED = [
    ("B", "B"),
    ("b", "B"),
    ("(B)", "B"),
    ("(b)", "B"),
    ("B.", "B"),
    ("B) Paris", "B"),
    ("B. Paris", "B"),
    ("B: Paris", "B"),
    ("**B**", "B"),
    ("[B]", "B"),
    (r"\boxed{B}", "B"),
    (r"$\boxed{\text{B}}$", "B"),
    (r"\boxed{\textbf{(B)}}", "B"),
    (r"\boxed{\textbf{(B)}\ 12}", "B"),
    ("#### C", "C"),
    ("The answer is B.", "B"),
    ("The answer is (B) because Paris is the capital.", "B"),
    ("The correct answer is option C, not A.", "C"),
    ("**Answer:** D", "D"),
    ("Answer: D\n\nExplanation: a long story.", "D"),
    ("I think (A) is wrong.\nSo it must be (C).", "C"),
    ("The answer is A.", "A"),
    ("A", "A"),
    ("A is right", "A"),
    ("A. Paris\nThis is because it is.", "A"),
    ("J", "J"),
    ("Option E", "E"),
]


@pytest.mark.parametrize(("completion", "letter"), STATED)
def test_choice_reads_a_letter_in_the_usual_forms(completion: str, letter: str) -> None:
    verdict = judge("choice", completion, letter)
    assert (verdict.outcome, verdict.answer_class) == (Outcome.CORRECT, letter)


@pytest.mark.parametrize("completion", ["", "A dog barks.", "I don't know.", "Because.", "42", "Zebra"])
def test_choice_does_not_take_words_for_letters(completion: str) -> None:
    assert judge("choice", completion, "A").outcome is Outcome.NO_ANSWER


def test_choice_takes_only_the_letters_that_there_are() -> None:
    assert judge("choice", "The answer is (E).", "A", letters="ABCD").outcome is Outcome.NO_ANSWER


@pytest.mark.parametrize(
    ("first", "key", "outcome"),
    [
        (0, "1", Outcome.CORRECT),
        (1, "2", Outcome.CORRECT),
        (1, "0", Outcome.ERROR),
        (0, "10", Outcome.ERROR),
        (None, "1", Outcome.ERROR),
        (0, "B", Outcome.CORRECT),
    ],
)
def test_choice_keys_may_be_numbers(first: int | None, key: str, outcome: Outcome) -> None:
    assert judge("choice", "B", key, first_number=first).outcome is outcome


@pytest.mark.parametrize("letters", ["abc", "AAB", "A,B", ""])
def test_choice_refuses_other_letters(letters: str) -> None:
    with pytest.raises(ValidationError, match="different capital letters"):
        load_plugin("verifiers", "choice").Options(letters=letters)
