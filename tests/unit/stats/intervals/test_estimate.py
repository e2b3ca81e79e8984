"""One number over problems: by hand, by Clopper and Pearson's relatives, and where the data cannot tell."""

import numpy as np
import pytest
from scipy.stats import beta

from ttscale.errors import InvalidInputError
from ttscale.stats.intervals.estimate import (
    cluster_variance,
    mean_over_problems,
    ratio_of_means,
    ratio_of_sums,
)


def test_a_ratio_weighs_problems_by_their_samples_and_a_mean_does_not() -> None:
    assert ratio_of_sums("precision", [1, 9], [1, 18]).value == pytest.approx(10 / 19)
    assert mean_over_problems("precision", [1 / 1, 9 / 18]).value == pytest.approx(0.75)


def test_problems_that_say_nothing_do_not_count() -> None:
    with_empty = ratio_of_sums("recall", [1, 0, 2, 0], [2, 0, 4, 3])
    without = ratio_of_sums("recall", [1, 2, 0], [2, 4, 3])
    assert (with_empty.value, with_empty.low, with_empty.n_problems) == (without.value, without.low, 3)
    some = mean_over_problems("auroc", [0.5, np.nan, 0.9])
    assert (some.value, some.n_problems) == (pytest.approx(0.7), 2)


@pytest.mark.parametrize("nothing", [ratio_of_sums("r", [0, 0], [0, 0]), mean_over_problems("m", [np.nan])])
def test_where_nothing_tells_all_is_open(nothing) -> None:
    assert np.isnan(nothing.value)
    assert (nothing.low, nothing.high, nothing.n_problems) == (0, 1, 0)
    assert "–" in str(nothing.view())


@pytest.mark.parametrize("c", [0, 3, 20])
def test_single_samples_have_an_interval_between_jeffreys_and_clopper_pearson(c: int) -> None:
    """Half a problem unseen at either end: narrower than with a whole one, wider than with none."""
    hits = np.arange(20) < c
    found = ratio_of_sums("r", hits, np.ones(20))
    low = beta.ppf(0.025, c, 21 - c) if c else 0.0
    high = beta.ppf(0.975, c + 1, 20 - c) if c < 20 else 1.0
    assert low - 1e-9 <= found.low <= c / 20 <= found.high <= high + 1e-9
    if 0 < c < 20:
        assert found.low <= beta.ppf(0.025, c + 0.5, 20 - c + 0.5) + 0.02


def test_equal_sizes_make_a_ratio_the_mean_of_shares() -> None:
    hits = np.array([1, 4, 0, 8, 5, 2])
    ratio = ratio_of_sums("r", hits, np.full(6, 8))
    mean = mean_over_problems("r", hits / 8)
    assert ratio.value == pytest.approx(mean.value)
    assert (ratio.low, ratio.high) == pytest.approx((mean.low, mean.high), abs=0.02)


def test_one_problem_says_nothing_about_others() -> None:
    one = ratio_of_sums("r", [3], [4])
    assert (one.value, one.low, one.high) == (0.75, 0, 1)
    alone = mean_over_problems("m", [0.75])
    assert (alone.low, alone.high) == (0, 1)


@pytest.mark.parametrize(("a", "b"), [([2], [1]), ([-1], [1]), ([1, 1], [1]), ([[1]], [[1]])])
def test_counts_that_are_no_shares_are_refused(a: object, b: object) -> None:
    with pytest.raises(InvalidInputError, match="needs 0 <= numerator <= denominator"):
        ratio_of_sums("r", a, b)  # type: ignore[arg-type]


def test_a_ratio_of_means_may_leave_one_and_is_unknown_without_a_denominator() -> None:
    rng = np.random.default_rng(0)
    b = rng.random(50)
    found = ratio_of_means("gain", 2 * b, b, rng=0)
    assert found.value == pytest.approx(2)
    assert found.low <= 2 <= found.high
    assert ratio_of_means("gain", 2 * b, b, rng=0).low == found.low
    unknown = ratio_of_means("gain", [1.0, 2.0], [0.0, 0.0])
    assert np.isnan(unknown.value)
    assert (unknown.low, unknown.high) == (-np.inf, np.inf)


def test_the_variance_of_a_sum_of_clusters() -> None:
    assert cluster_variance(np.array([1.0, -1.0])) == pytest.approx(2 * 2)
    assert np.isnan(cluster_variance(np.array([0.0])))
