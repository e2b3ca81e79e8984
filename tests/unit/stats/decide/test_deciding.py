"""The budget that is worth most, which may be none."""

from ttscale.stats.decide.deciding import best_decision


def test_the_best_budget_may_be_none_at_all() -> None:
    decision = best_decision([[-0.1, -0.2]] * 4, [1, 2], rng=0)
    assert (decision.k, decision.utility, decision.at_edge) == (0, 0.0, False)


def test_a_best_budget_at_the_end_says_so() -> None:
    assert best_decision([[0.1, 0.2]] * 4, [1, 2], rng=0).at_edge
