"""Thoughts that are sent on, and thoughts that are cut off."""

import pytest
from driven import driven, said

from ttscale.strategies.budget_forcing import BudgetForcing, BudgetForcingOptions
from ttscale.strategies.contract import Tokens


def test_an_ended_thought_goes_on_behind_a_wait() -> None:
    thought, more = said("5", tokens=(1, 2)), said(" no, 6", before="5\nWait", tokens=(3,))
    attempt, asked = driven("budget-forcing", [thought, more], waits=1)
    assert attempt.text == "5\nWait no, 6"
    assert asked[1].prefix == (Tokens((1, 2), "0", "5"), "\nWait")
    assert [ask.role for ask in asked] == ["think", "wait"]
    assert [ask.max_tokens for ask in asked] == [None, None]


def test_what_is_thought_counts_against_the_cap() -> None:
    thought, more = said("5", tokens=(1, 2)), said(" 6", before="5\nWait", tokens=(3,))
    _, asked = driven("budget-forcing", [thought, more], waits=1, cap=10)
    assert [ask.max_tokens for ask in asked] == [10, 8]


def test_a_cap_that_is_used_up_ends_the_waits() -> None:
    attempt, asked = driven("budget-forcing", [said("5", tokens=(1, 2))], waits=3, cap=2)
    assert (attempt.text, len(asked)) == ("5", 1)


def test_a_cut_thought_is_made_to_answer() -> None:
    cut, forced = said("so", "length", tokens=(1,)), said("7", before="so\nThe final answer is ")
    attempt, asked = driven("budget-forcing", [cut, forced], waits=2)
    assert attempt.text == "so\nThe final answer is 7"
    assert (asked[1].max_tokens, asked[1].role) == (32, "forced answer")
    assert asked[1].prefix == (Tokens((1,), "0", "so"), "\nThe final answer is ")


def test_without_a_force_a_cut_thought_stays_cut() -> None:
    attempt, _ = driven("budget-forcing", [said("so", "length", tokens=(1,))], force=None)
    assert attempt.last is not None
    assert (attempt.text, attempt.last.is_truncated) == ("so", True)


@pytest.mark.parametrize(
    ("options", "needs"),
    [({"waits": 0, "force": None}, set()), ({"waits": 0}, {"prefix"}), ({"force": None}, {"prefix"})],
)
def test_it_needs_prefixes_only_to_go_on(options: dict[str, object], needs: set[str]) -> None:
    assert BudgetForcing(BudgetForcingOptions(**options)).needs == needs
