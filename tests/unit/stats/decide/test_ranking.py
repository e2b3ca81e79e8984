"""Ranks: their chances against all resamples there are, their intervals where nothing or everything is certain."""

from itertools import product

import numpy as np
import pytest

from ttscale.stats.decide.ranking import rank_chances, ranking, ranks_held


def test_chances_of_ranks_are_those_of_all_resamples() -> None:
    values = np.array([[1.0, 0.0, 0.5], [0.2, 0.9, 0.5], [0.4, 0.4, 0.1], [0.0, 0.3, 0.3]])
    means = np.array([values[list(rows)].mean(axis=0) for rows in product(range(4), repeat=4)])  # all 256
    exact = np.zeros((3, 3))
    for row in means:
        for arm, mean in enumerate(row):
            above, alike = int((row > mean + 1e-12).sum()), int((np.abs(row - mean) <= 1e-12).sum())
            exact[arm, above : above + alike] += 1 / alike
    exact /= len(means)
    np.testing.assert_allclose(ranks_held(means), exact)
    found = rank_chances(values, n_resamples=40_000, rng=1)
    np.testing.assert_allclose(found, exact, atol=4 * 0.5 / np.sqrt(40_000))
    np.testing.assert_allclose(found.sum(axis=0), 1)
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_arms_that_never_differ_may_have_any_rank_and_share_the_best() -> None:
    found = ranking(np.tile([[0.3, 0.3, 0.3]], (30, 1)), n_resamples=200, rng=0)
    assert (found.rank.tolist(), found.low.tolist(), found.high.tolist()) == ([1] * 3, [1] * 3, [3] * 3)
    np.testing.assert_allclose(found.chance, 1 / 3)


def test_an_arm_is_ranked_by_those_that_beat_it_for_certain() -> None:
    rng = np.random.default_rng(2)
    hard = rng.random((300, 1)) * 0.6
    values = hard + np.array([0.3, 0.0, 0.01, 0.0]) + 0.05 * rng.random((300, 4))
    found = ranking(values, n_resamples=500, rng=0)
    assert found.rank[0] == found.high[0] == 1
    assert found.low[1:].tolist() == [2, 2, 2]
    assert found.high[1:].tolist() == [4, 2, 4] or found.high[1:].tolist() == [4, 4, 4]


def test_the_same_seed_repeats_and_another_differs() -> None:
    values = np.random.default_rng(3).random((25, 4))
    one, same, other = (ranking(values, n_resamples=300, rng=seed).chance for seed in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).any()


@pytest.mark.parametrize("n_problems", [1, 2])
def test_few_problems_rank_nobody(n_problems: int) -> None:
    found = ranking(np.tile([[1.0, 0.0]], (n_problems, 1)), n_resamples=100, rng=0)
    assert (found.low.tolist(), found.high.tolist()) == ([1, 1], [2, 2])
