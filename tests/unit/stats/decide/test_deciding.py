"""The budget that is worth most, which may be none."""

import pytest

from ttscale.errors import InvalidInputError
from ttscale.stats.decide.deciding import best_decision


def test_the_best_budget_may_be_none_at_all() -> None:
    decision = best_decision([[-0.1, -0.2]] * 4, [1, 2], rng=0)
    assert (decision.k, decision.utility, decision.at_edge) == (0, 0.0, False)


def test_a_best_budget_at_the_end_says_so() -> None:
    assert best_decision([[0.1, 0.2]] * 4, [1, 2], rng=0).at_edge


def test_few_problems_that_agree_leave_the_worth_and_the_budget_open() -> None:
    """Three problems say little: Jeffreys' interval of 3 in 3 begins at .44, and the best budget may be another."""
    decision = best_decision([[0.1, 0.4, 0.2]] * 3, [1, 2, 4], span=(-1.0, 1.0), rng=0)
    assert decision.k == 2
    assert decision.low < 2 < decision.high
    assert decision.utility_low < 0.0
    assert 0.4 < decision.utility_high < 1.0


def test_utilities_outside_their_span_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="reach from -2 to 0"):
        best_decision([[-2.0]], [1], span=(-1.0, 1.0))
