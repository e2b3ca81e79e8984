"""The non-parametric law against what defines it: no other distribution of success rates explains the counts better."""

import numpy as np
import pytest
from scipy.stats import binom

from ttscale.stats.counts.counts import counts
from ttscale.stats.laws.npmle import NonParametric

RATES = np.concatenate([[0.0], np.geomspace(1e-4, 1.0, 4001)])
"""A finer grid than the law's own."""


def atoms(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Success rates and their weights, the mass at zero last."""
    size = (len(theta) - 1) // 2
    return np.append(-np.expm1(-np.exp(theta[:size])), 0.0), theta[size:]


def likely(n: np.ndarray, c: np.ndarray, rates: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return binom.pmf(c[:, None], n[:, None], rates) @ weight


CASES = {
    "two kinds": (np.full(200, 20), np.random.default_rng(1).binomial(20, np.repeat([0.05, 0.7], 100))),
    "spread": (np.full(150, 10), np.random.default_rng(2).binomial(10, np.random.default_rng(3).beta(0.4, 2, 150))),
    "ragged": (np.resize([5, 30], 120), np.random.default_rng(4).binomial(np.resize([5, 30], 120), 0.2)),
    "none solved": (np.full(30, 8), np.zeros(30, dtype=int)),
    "all solved": (np.full(30, 8), np.full(30, 8)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_no_success_rate_added_would_raise_the_likelihood(case: str) -> None:
    """Lindsay 1983: at the maximum the mean of f_p(x) / f(x) over problems is at most 1 for every p."""
    n, c = CASES[case]
    theta, log_likelihood, _ = NonParametric().fit(counts(n, c).unique())
    rates, weight = atoms(theta)
    assert weight.sum() == pytest.approx(1) and (weight >= 0).all()
    fitted = likely(n, c, rates, weight)
    assert log_likelihood == pytest.approx(np.log(fitted).sum(), rel=1e-4, abs=1e-3)
    ratio = (binom.pmf(c[:, None], n[:, None], RATES) / fitted[:, None]).mean(axis=0)
    assert ratio.max() < 1.005


@pytest.mark.parametrize("case", ["two kinds", "spread"])
def test_it_follows_the_unbiased_curve_within_the_samples(case: str) -> None:
    n, c = CASES[case]
    theta, _, _ = NonParametric().fit(counts(n, c).unique())
    first = NonParametric().coverage(np.array([1.0]), theta)[0]
    assert first == pytest.approx((c / n).mean(), abs=2e-3)  # the score equation of the scale


def test_beyond_the_samples_the_band_has_no_upper_end() -> None:
    n, c = CASES["spread"]
    theta, _, _ = NonParametric().fit(counts(n, c).unique())
    k = np.array([1, 10, 11, 1000])
    low, high = NonParametric().band(k, theta, n=10, n_problems=150, confidence_level=0.95)
    value = NonParametric().coverage(k.astype(float), theta)
    assert (low <= value).all() and (value <= high).all()
    assert high[:2].max() < 1 and high[2:].tolist() == [1, 1]
    assert low[2] == low[3] == low[1]  # and no lower end above that of n
