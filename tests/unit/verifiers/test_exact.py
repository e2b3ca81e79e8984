"""The verifier `exact`, and what it shares with `numeric`: keys, options, hostile texts, votes."""

from typing import Any

import pytest
from judging import candidate, judge, outcome
from pydantic import ValidationError

from ttscale.registry import load_plugin
from ttscale.types import Outcome
from ttscale.verifiers.answers import MAX_ANSWER_LENGTH


def test_exact_strips_white_space() -> None:
    verdict = judge("exact", " 42\n", "42")
    assert (verdict.outcome, verdict.answer_class) == (Outcome.CORRECT, "42")
    assert outcome("exact", "4 2", "42") is Outcome.INCORRECT


@pytest.mark.parametrize("name", ["exact", "numeric"])
@pytest.mark.parametrize("completion", ["", "  \n"])
def test_an_empty_completion_is_no_answer_and_abstains(name: str, completion: str) -> None:
    verdict = judge(name, completion, "42")
    assert (verdict.outcome, verdict.answer, verdict.answer_class) == (Outcome.NO_ANSWER, None, None)


@pytest.mark.parametrize("name", ["exact", "numeric"])
def test_a_problem_without_key_is_an_error_and_says_which(name: str) -> None:
    verdict = judge(name, "42", None)
    assert verdict.outcome is Outcome.ERROR
    assert verdict.detail is not None
    assert "'p'" in verdict.detail


@pytest.mark.parametrize(
    ("options", "completion", "key", "expected"),
    [
        ({"ignore_case": True}, "Yes", "yes", Outcome.CORRECT),
        ({}, "Yes", "yes", Outcome.INCORRECT),
        ({"whitespace": "collapse"}, "a \n b", "a b", Outcome.CORRECT),
        ({"whitespace": "remove"}, "( 1, 2 )", "(1,2)", Outcome.CORRECT),
        ({"whitespace": "keep"}, "a ", "a", Outcome.INCORRECT),
        ({"extract": "boxed"}, r"\boxed{x}", "x", Outcome.CORRECT),
        ({"extract": ["boxed", "last-line"]}, "so\nx", "x", Outcome.CORRECT),
        ({"extract": ["boxed"]}, "x", "x", Outcome.NO_ANSWER),
        ({"extract": ["boxed", "last-line"]}, "\\boxed{}\nx", "x", Outcome.CORRECT),
    ],
)
def test_exact_options(options: dict[str, Any], completion: str, key: str, expected: Outcome) -> None:
    assert outcome("exact", completion, key, **options) is expected


@pytest.mark.parametrize("name", ["exact", "numeric"])
def test_an_unknown_option_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        load_plugin("verifiers", name).Options(tolerance=1)


@pytest.mark.parametrize("name", ["exact", "numeric"])
@pytest.mark.parametrize(
    "completion", ["x" * 1_000_000, "9" * 1_000_000, "\x00\ud800\x1b[2J 5", "\U0001f600" * 1000 + " 5"]
)
def test_any_text_gets_a_verdict_that_can_be_stored(name: str, completion: str) -> None:
    verdict = judge(name, completion, "5")
    for text in (verdict.answer, verdict.answer_class, verdict.detail):
        assert text is None or len(text.encode()) <= 8 * MAX_ANSWER_LENGTH


def test_long_answers_keep_apart_in_a_vote() -> None:
    first, second = (judge("exact", "x" * 5000 + end, "5").answer_class for end in "ab")
    assert first != second


def test_a_batch_keeps_its_order() -> None:
    verifier = load_plugin("verifiers", "exact")
    batch = [candidate(str(number), "3") for number in range(6)]
    verdicts = verifier(verifier.Options()).verify(batch)
    assert [verdict.answer for verdict in verdicts] == list("012345")
    assert [verdict.outcome is Outcome.CORRECT for verdict in verdicts] == [n == 3 for n in range(6)]
