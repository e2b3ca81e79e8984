"""The verifier `numeric`: equal numbers in whatever spelling, exact unless told otherwise."""

from typing import Any

import pytest
from judging import judge, outcome

from ttscale.types import Outcome


def test_numeric_calls_an_unreadable_key_an_error() -> None:
    verdict = judge("numeric", "42", "forty-two")
    assert verdict.outcome is Outcome.ERROR
    assert "forty-two" in (verdict.detail or "")


@pytest.mark.parametrize(
    ("completion", "key"),
    [
        ("She makes $18 every day.\n#### 18", "18"),
        (r"\boxed{\$1{,}200}", "1200"),
        ("The answer is 1,200.0 dollars.", "1,200"),
        ("that leaves 3 of 4, so 0.75", "3/4"),
        (r"thus \frac{3}{4}", "0.75"),
        ("#### Final answer\nIt is 18", "18"),  # a line without a number hands on to the next extractor
        ("it is −5", "-5"),
    ],
)
def test_numeric_accepts_every_spelling(completion: str, key: str) -> None:
    assert outcome("numeric", completion, key) is Outcome.CORRECT


def test_equal_numbers_vote_together() -> None:
    spellings = ["1,200.0", "1200", r"\$1{,}200", "1.2e3", "2400/2"]
    assert len({judge("numeric", spelling, "7").answer_class for spelling in spellings}) == 1


def test_numeric_is_exact_without_tolerance() -> None:
    assert outcome("numeric", "0.3333", "1/3") is Outcome.INCORRECT
    assert outcome("numeric", "0.30000000000000000001", "0.3") is Outcome.INCORRECT


@pytest.mark.parametrize(
    ("options", "completion", "key", "expected"),
    [
        ({"abs_tol": 0.1}, "1.1", "1", Outcome.CORRECT),
        ({"abs_tol": 0.1}, "1.10001", "1", Outcome.INCORRECT),
        ({"rel_tol": 0.01}, "-101", "-100", Outcome.CORRECT),
        ({"rel_tol": 0.01}, "-101.1", "-100", Outcome.INCORRECT),
        ({"rel_tol": 0.01, "abs_tol": 2}, "102", "100", Outcome.CORRECT),
        ({"percent": "fraction"}, "50%", "0.5", Outcome.CORRECT),
        ({}, "50%", "50", Outcome.CORRECT),
    ],
)
def test_numeric_options(options: dict[str, Any], completion: str, key: str, expected: Outcome) -> None:
    assert outcome("numeric", completion, key, **options) is expected
