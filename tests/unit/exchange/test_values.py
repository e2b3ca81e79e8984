"""Foreign values become verdicts, numbers and texts, or nothing: never what they only look like."""

import math
from typing import Any

import pytest

from ttscale.exchange.contract import ReadingNotes
from ttscale.exchange.values import (
    WORDS,
    judged,
    listing,
    mapping,
    measures,
    real,
    scored,
    text_of,
    text_or_empty,
    whole,
)
from ttscale.types import Outcome


@pytest.mark.parametrize(
    ("value", "outcome", "score"),
    [
        (True, Outcome.CORRECT, None),
        (False, Outcome.INCORRECT, None),
        (1, Outcome.CORRECT, None),
        (0.0, Outcome.INCORRECT, None),
        (0.5, Outcome.INCORRECT, 0.5),
        (1.5, Outcome.CORRECT, 1.5),
        (" Passed\n", Outcome.CORRECT, None),
        ("FALSE", Outcome.INCORRECT, None),
        ("timed out", Outcome.TIMEOUT, None),
        ("no_answer", Outcome.NO_ANSWER, None),
        ("error", Outcome.ERROR, None),
    ],
)
def test_what_says_a_verdict_is_one(value: Any, outcome: Outcome, score: float | None) -> None:
    verdict = judged(value)
    assert verdict is not None
    assert (verdict.outcome, verdict.score) == (outcome, score)


@pytest.mark.parametrize(
    "value", [None, math.nan, math.inf, "", "maybe", "truee", [True], {"correct": True}, 10**400]
)
def test_what_says_none_is_none(value: Any) -> None:
    assert judged(value) is None


def test_a_threshold_moves_the_line_and_includes_itself() -> None:
    outcomes = [judged(score, threshold=0.5).outcome for score in (0.49, 0.5, 0.51)]  # type: ignore[union-attr]
    assert outcomes == [Outcome.INCORRECT, Outcome.CORRECT, Outcome.CORRECT]


def test_no_word_is_spelled_with_capitals_or_blanks_around() -> None:
    assert all(word == word.strip().lower() for word in WORDS)


@pytest.mark.parametrize("name", ["wer", "Word_Perplexity", "eval/loss", "inst_level_strict_acc", "n_tokens", "brier-score"])  # fmt: skip
def test_errors_losses_and_counts_are_no_verdicts(name: str) -> None:
    assert measures(name)


@pytest.mark.parametrize("name", ["exact_match", "acc", "pass@1", "f1", "resolved", "flower", "accounting"])
def test_words_inside_other_words_do_not_count(name: str) -> None:
    assert not measures(name)


def test_whole_numbers_are_not_truths_or_texts() -> None:
    assert [whole(value) for value in (0, 3.0, 3.5, -1, True, "3", None, math.inf)] == [0, 3] + [None] * 6
    assert real(10**400) is None


def test_what_is_no_list_or_object_is_read_as_empty() -> None:
    assert (list(listing("abc")), list(listing(None)), dict(mapping([1]))) == ([], [], {})


def test_texts_are_kept_and_other_values_written_as_json() -> None:
    assert [text_of(value) for value in (None, "x", ["é", 1], {"a": None})] == [
        None,
        "x",
        '["é", 1]',
        '{"a": null}',
    ]


def test_a_null_text_is_an_empty_answer_and_remarked_on() -> None:
    notes = ReadingNotes()
    assert [text_or_empty(value, notes) for value in ("x", None, 3)] == ["x", "", None]


def test_a_score_alone_is_a_score() -> None:
    verdict = scored(0.25)
    assert verdict is not None
    assert verdict.score == 0.25
    assert scored("0.25") is None
