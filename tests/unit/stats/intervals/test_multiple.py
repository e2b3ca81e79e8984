"""Paired comparisons: pairing, families, and what cannot be told apart."""

import numpy as np
import pytest
from scipy.special import betaincinv
from scipy.stats import ttest_rel

from ttscale.errors import InvalidInputError
from ttscale.stats.intervals.multiple import paired_differences


def test_one_comparison_of_many_problems_is_a_paired_t_test() -> None:
    # half a problem unseen may differ by 1: its share of the variance falls with the number of problems
    rng = np.random.default_rng(4)
    values = rng.beta(0.3, 0.3, (1500, 2))
    found = paired_differences(values, n_resamples=100_000, rng=0)
    test = ttest_rel(values[:, 0], values[:, 1])
    interval = test.confidence_interval()
    assert found.p_unadjusted[0] == pytest.approx(test.pvalue, abs=0.03)
    assert found.p_value[0] == pytest.approx(test.pvalue, abs=0.03)
    assert (found.low[0], found.high[0]) == pytest.approx((interval.low, interval.high), abs=0.002)


def test_a_difference_that_never_varies_is_proved_by_many_problems_and_not_by_few() -> None:
    many, few = (paired_differences([[1, 0]] * size, rng=0) for size in (50, 2))
    assert many.p_value[0] < 0.001
    assert (many.low[0], many.high[0]) == (pytest.approx(2 * betaincinv(50, 0.5, 0.025) - 1, abs=0.004), 1.0)
    assert few.p_value[0] > 0.05
    assert few.low[0] < 0


@pytest.mark.parametrize("n_problems", [20, 60])
def test_a_family_without_a_difference_is_rarely_told_apart(n_problems) -> None:
    """400 families: a true 5 % exceeds 8 % with chance 0.5 %; problems that rarely differ make the tests careful."""
    rng = np.random.default_rng(8)
    told = 0
    for _ in range(400):
        common = rng.random(n_problems) < 0.5
        values = np.where(
            rng.random((n_problems, 4)) < 0.3, rng.random((n_problems, 4)) < 0.5, common[:, None]
        )
        told += (paired_differences(values, n_resamples=500, rng=rng).p_value < 0.05).any()
    assert told / 400 <= 0.08


def test_pairing_removes_what_makes_a_problem_hard_for_both() -> None:
    rng = np.random.default_rng(5)
    hard = rng.random(50)
    paired = paired_differences(
        np.column_stack([hard * 0.8, hard * 0.8 + 0.08 + 0.01 * rng.random(50)]), rng=0
    )
    assert paired.high[0] < 0
    shuffled = paired_differences(np.column_stack([hard * 0.8, rng.permutation(hard) * 0.8 + 0.08]), rng=0)
    assert shuffled.low[0] < 0 < shuffled.high[0]


def test_a_family_widens_the_interval_less_than_bonferroni() -> None:
    rng = np.random.default_rng(6)
    values = np.clip(rng.normal(0.5, 0.1, (80, 6)), 0, 1)
    family = paired_differences(values, n_resamples=50_000, rng=0)
    alone = paired_differences(values[:, :2], n_resamples=50_000, rng=0)
    strict = paired_differences(values[:, :2], confidence_level=1 - 0.05 / 15, n_resamples=50_000, rng=0)
    width = [one.high[0] - one.low[0] for one in (alone, family, strict)]
    assert width[0] < width[1] < width[2]
    assert (family.p_value >= family.p_unadjusted).all()


def test_two_that_agree_everywhere_are_not_proved_equal() -> None:
    found = paired_differences(np.tile([[0.3, 0.3]], (20, 1)), rng=0)
    assert (found.value[0], found.p_value[0]) == (0.0, 1.0)
    assert found.high[0] == pytest.approx(-found.low[0])
    assert found.high[0] == pytest.approx(betaincinv(0.5, 20, 0.975), rel=0.02)


def test_one_problem_tells_nothing() -> None:
    found = paired_differences([[0.0, 1.0]], rng=0)
    assert found.p_value[0] == 1.0
    assert found.low[0] < 0 and found.high[0] > -1


def test_rows_name_both_sides() -> None:
    (row,) = paired_differences([[1, 0], [1, 1], [0, 0]], rng=0).to_rows(["a", "b"])
    assert (row["verifier"], row["versus"], row["n_problems"]) == ("a", "b", 3)
    assert row["low"] <= row["value"] <= row["high"]


def test_the_same_seed_repeats() -> None:
    values = np.random.default_rng(7).random((30, 3))
    first, again, other = (paired_differences(values, rng=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.low, again.low)
    assert not np.array_equal(first.low, other.low)


def test_bad_shapes_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="at least 2"):
        paired_differences([[0.5], [0.6]])
