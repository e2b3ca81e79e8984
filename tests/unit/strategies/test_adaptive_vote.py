"""Votes that are safe, and votes that are not."""

import pytest
from driven import driven

from ttscale.strategies.adaptive_vote import lead_probability
from ttscale.types import Outcome, Verdict


def answers(answer_class: str | None) -> Verdict:
    return Verdict(outcome=Outcome.INCORRECT, answer_class=answer_class)


@pytest.mark.parametrize(
    ("first", "second", "chance"),
    [(0, 0, 1 / 2), (1, 0, 3 / 4), (2, 0, 7 / 8), (2, 1, 11 / 16), (3, 3, 1 / 2)],
)
def test_the_leaders_chance_is_that_of_a_beta_above_one_half(first: int, second: int, chance: float) -> None:
    assert lead_probability(first, second) == pytest.approx(chance)


def test_a_vote_ends_when_its_leader_is_safe() -> None:
    # 7/8 after two equal answers
    votes = ["a1", answers("a"), "a2", answers("a")]
    attempt, asked = driven("adaptive-vote", votes, threshold=0.8)
    assert (attempt.text, attempt.notes, len(asked)) == ("a1", {"draws": 2}, 4)
    assert [getattr(ask, "by", None) for ask in asked] == [None, "classes", None, "classes"]


def test_a_window_that_agrees_ends_the_vote_of_esc() -> None:
    split = ["a1", "b1", answers("a"), answers("b")]
    agreed = ["b2", "b3", answers("b"), answers("b")]
    attempt, _ = driven("adaptive-vote", [*split, *agreed], threshold=None, window=2)
    assert (attempt.text, attempt.notes) == ("b1", {"draws": 4})


def test_answers_without_a_class_do_not_agree() -> None:
    none = ["x", "y", answers(None), answers(None)]
    attempt, _ = driven("adaptive-vote", none, threshold=None, window=2, most=2)
    assert (attempt.text, attempt.notes) == ("y", {"draws": 2})


def test_the_last_window_is_cut_to_the_most_draws() -> None:
    drawn = ["a", "b", answers("1"), answers("2"), "c", answers("2")]
    attempt, _ = driven("adaptive-vote", drawn, threshold=2.0, window=2, most=3)
    assert (attempt.text, attempt.notes) == ("b", {"draws": 3})


def test_ties_are_broken_by_the_attempts_own_chance() -> None:
    tied = ["a", answers("1"), "b", answers("2")]
    found = {driven("adaptive-vote", tied, most=2, seed=seed)[0].text for seed in range(20)}
    assert found == {"a", "b"}
