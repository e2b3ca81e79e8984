"""The distribution of success rates behind counts: a distribution, which finds what the counts were drawn from."""

import numpy as np
import pytest

from ttscale.stats.counts.counts import counts
from ttscale.stats.counts.mixing import MixingDistribution, mixing_distribution


def estimated(n: np.ndarray, c: np.ndarray) -> MixingDistribution:
    return mixing_distribution(counts(n, c).unique())


@pytest.mark.parametrize("c", [[0, 0, 0], [20, 20, 20], [0, 3, 20], [1]])
def test_shares_and_posteriors_are_distributions(c: list[int]) -> None:
    found = estimated(np.full(len(c), 20), np.array(c))
    assert found.share.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(found.posterior.sum(axis=1), 1.0)
    assert (found.share > 0).all()
    assert (np.diff(found.rate) > 0).all()
    assert (found.rate[0], found.rate[-1]) == (0.0, 1.0)


def test_two_kinds_of_problems_are_found() -> None:
    rng = np.random.default_rng(0)
    p = np.repeat([0.05, 0.7], 500)
    n = np.full(1000, 200)
    found = estimated(n, rng.binomial(n, p))
    below = found.share[found.rate < 0.2].sum()
    between = found.share[(found.rate > 0.2) & (found.rate < 0.5)].sum()
    assert below == pytest.approx(0.5, abs=0.03)
    assert between < 0.03


def test_the_mean_rate_is_that_of_the_counts() -> None:
    rng = np.random.default_rng(1)
    n = np.full(800, 50)
    c = rng.binomial(n, rng.beta(0.5, 1.5, 800))
    found = estimated(n, c)
    assert found.share @ found.rate == pytest.approx((c / n).mean(), abs=0.01)


def test_what_was_seen_rules_rates_out() -> None:
    found = estimated(np.array([10, 10]), np.array([0, 5]))
    solved = found.posterior[1]
    assert solved[0] == solved[-1] == 0.0  # neither never nor always, having been half right
