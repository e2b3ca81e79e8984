"""Draws until one is accepted, and what is returned where none is."""

import pytest
from driven import accepted, driven
from pydantic import ValidationError

from ttscale.strategies.first_accepted import FirstAcceptedOptions

NO = accepted(by=False)


def test_the_first_that_is_accepted_is_returned() -> None:
    attempt, asked = driven("first-accepted", ["one", NO, "two", accepted()], verifier="v")
    assert (attempt.text, attempt.notes, len(asked)) == ("two", {"draws": 2}, 4)


@pytest.mark.parametrize(
    ("fallback", "text"), [("first", "one"), ("last", "three"), ("best", "two"), ("none", "")]
)
def test_where_none_is_accepted_the_fallback_says_which(fallback: str, text: str) -> None:
    answers = ["one", 0.1, "two", 0.9, "three", NO]
    attempt, _ = driven("first-accepted", answers, verifier="v", attempts=3, fallback=fallback)
    assert (attempt.text, attempt.notes) == (text, {"draws": 3.0})


def test_a_plan_is_asked_for_once_and_all_later_draws_follow_it() -> None:
    answers = ["one", NO, "the plan", "two", NO, "three", NO]
    _, asked = driven("first-accepted", answers, verifier="v", attempts=3, planner=True)
    assert [ask.role for ask in asked] == ["answer", "judge", "plan", "answer", "judge", "answer", "judge"]
    assert [ask.prompt for ask in (asked[3], asked[5])] == ["What?\n\nFollow this plan:\nthe plan"] * 2
    assert asked[5].parents == ("2",)


def test_no_plan_is_asked_for_where_nothing_could_follow_it() -> None:
    _, asked = driven("first-accepted", ["one", NO], verifier="v", attempts=1, planner=True)
    assert len(asked) == 2


def test_no_draws_are_refused() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        FirstAcceptedOptions(verifier="v", attempts=0)
