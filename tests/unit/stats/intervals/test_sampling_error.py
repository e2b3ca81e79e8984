"""The error of sampling alone, against sums over every outcome of a binomial draw."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import binom

from ttscale.stats.counts.counts import counts
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.counts.pools import pools
from ttscale.stats.intervals.sampling_error import (
    coverage_sampling_error,
    pass_at_k_variance,
    split_sampling_error,
)


def exact_variance(rate: float, n: int, k: int) -> float:
    """Sum over every number of successes."""
    c = np.arange(n + 1)
    value, chance = pass_at_k(np.full(n + 1, n), c, [k])[:, 0], binom.pmf(c, n, rate)
    return float(chance @ value**2 - (chance @ value) ** 2)


@pytest.mark.parametrize("rate", [0.02, 0.3, 0.9])
@pytest.mark.parametrize("n", [1, 4, 12])
def test_the_variance_of_one_problem_is_exact_at_both_ends(rate: float, n: int) -> None:
    for k in (1, n):
        found = pass_at_k_variance(np.array([rate]), np.array([n]), k)
        assert found[0] == pytest.approx(exact_variance(rate, n, k), rel=1e-9)


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.3])
def test_between_the_ends_it_is_too_large_by_a_few_per_cent_at_most(rate: float) -> None:
    for k in range(2, 12):
        found = float(pass_at_k_variance(np.array([rate]), np.array([12]), k)[0])
        exact = exact_variance(rate, 12, k)
        assert exact * (1 - 1e-9) <= found <= 1.1 * exact


def test_a_rate_of_nothing_or_all_has_no_error() -> None:
    assert pass_at_k_variance(np.array([0.0, 1.0]), np.array([5]), 3).tolist() == [0.0, 0.0]


def test_the_error_falls_with_problems_and_is_known_worse_for_larger_budgets() -> None:
    few, many = (counts(20, [3, 9, 0, 14] * times).unique() for times in (100, 400))
    k = np.array([1, 10, 20])
    small, large = coverage_sampling_error(many, k), coverage_sampling_error(few, k)
    assert small.standard_error == pytest.approx(
        large.standard_error / 2, rel=0.05
    )  # four times the problems
    assert (np.diff(small.degrees) < 0).all()


def test_halves_tell_the_error_of_a_mean_without_bias() -> None:
    """The mean over every outcome of two problems with two samples each: half the squared difference of halves, k = 1."""
    rates = [0.3, 0.8]
    expected = sum(p * (1 - p) / 2 for p in rates) / 4  # variance of the mean of two means of two
    total = 0.0
    for labels in product([0, 1], repeat=4):
        chance = np.prod([p if y else 1 - p for y, p in zip(labels, np.repeat(rates, 2), strict=True)])
        column = np.array(labels, dtype=float)

        def values_of(rows, k, column=column):
            table = pools([0 if row < 2 else 1 for row in rows])
            return np.array([[column[rows][own].mean()] for own in table.rows()])

        error = split_sampling_error(pools([0, 0, 1, 1]), np.array([1]), values_of, 0)[0]
        total += chance * error**2
    assert total == pytest.approx(expected)


def test_a_pool_with_one_sample_tells_nothing_of_others() -> None:
    found = split_sampling_error(pools([0, 1, 1]), np.array([1, 2]), lambda rows, k: np.zeros((2, len(k))), 0)
    assert np.isnan(found).all()
