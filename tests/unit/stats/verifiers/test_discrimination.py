"""AUROC, precision and recall against brute force and against formulas of other shapes."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.special import betaincinv

from ttscale.errors import InvalidInputError
from ttscale.stats.counts.pools import pools
from ttscale.stats.intervals.estimate import mean_over_problems, ratio_of_means, ratio_of_sums
from ttscale.stats.selectors.agreement import agreement
from ttscale.stats.verifiers.discrimination import (
    acceptance_rates,
    auroc,
    auroc_influence,
    within_problem_auroc,
)


def test_separation_reversal_and_chance() -> None:
    problem, correct = [0, 0, 1, 1], [1, 0, 1, 0]
    assert auroc(problem, [2, 1, 2, 1], correct).value == 1.0
    assert auroc(problem, [1, 2, 1, 2], correct).value == 0.0
    assert auroc(problem, [1, 1, 1, 1], correct).value == 0.5


def test_pooled_and_within_problem_answer_different_questions() -> None:
    """Here the score only tells the easy problem from the hard one."""
    problem = np.repeat([0, 1], 10)
    correct = np.array([1] * 8 + [0] * 2 + [1] * 2 + [0] * 8)
    score = np.repeat([1.0, 0.0], 10)
    assert auroc(problem, score, correct).value == pytest.approx(0.8 * 0.8 + (0.8 * 0.2 + 0.2 * 0.8) / 2)
    assert within_problem_auroc(problem, score, correct).value == 0.5


def test_problems_with_one_kind_only_count_in_the_pool_but_not_within() -> None:
    estimate = within_problem_auroc([0, 0, 1, 1, 2, 2], [2, 1, 5, 6, 3, 4], [1, 0, 1, 1, 0, 0])
    assert (estimate.value, estimate.n_problems) == (1.0, 1)
    assert auroc([0, 0, 1, 1, 2, 2], [2, 1, 5, 6, 3, 4], [1, 0, 1, 1, 0, 0]).n_problems == 3


@pytest.mark.parametrize("correct", [[1, 1, 1], [0, 0, 0]])
def test_one_kind_of_samples_tells_nothing(correct: list[int]) -> None:
    for estimate in (
        auroc([0, 0, 1], [1, 2, 3], correct),
        within_problem_auroc([0, 0, 1], [1, 2, 3], correct),
    ):
        assert np.isnan(estimate.value)
        assert (estimate.low, estimate.high) == (0.0, 1.0)


def test_single_samples_as_problems_give_delongs_variance() -> None:
    """With one sample per problem clustering changes nothing but the degrees of freedom."""
    rng = np.random.default_rng(5)
    correct = rng.random(400) < 0.4
    score = rng.normal(correct, 1.0)
    right, wrong = score[correct], score[~correct]
    wins = (right[:, None] > wrong[None, :]).astype(float)
    delong = wins.mean(axis=1).var(ddof=1) / len(right) + wins.mean(axis=0).var(ddof=1) / len(wrong)
    influence = auroc_influence(pools(np.arange(400)), score, correct.astype(np.int64))
    assert (influence**2).sum() == pytest.approx(delong, rel=0.01)


def test_influence_is_the_derivative_by_a_problems_weight() -> None:
    """Leaving a problem out moves the area by about its influence: jackknife against formula."""
    rng = np.random.default_rng(1)
    problem = np.repeat(np.arange(60), 8)
    correct = rng.random(480) < np.repeat(rng.beta(1, 1, 60), 8)
    score = rng.normal(correct, 1.0)
    influence = auroc_influence(pools(problem), score, correct.astype(np.int64))
    full = auroc(problem, score, correct).value
    without = [
        full - auroc(np.unique(problem[keep], return_inverse=True)[1], score[keep], correct[keep]).value
        for keep in (problem != i for i in range(60))
    ]
    assert abs(influence.sum()) < 1e-12
    assert np.corrcoef(influence, without)[0, 1] > 0.999
    assert np.std(without) == pytest.approx(np.std(influence), rel=0.05)


def test_copies_of_every_sample_do_not_narrow_the_interval() -> None:
    rng = np.random.default_rng(2)
    problem = np.repeat(np.arange(20), 4)
    correct = rng.random(80) < 0.5
    score = rng.normal(correct, 1.0)
    once = auroc(problem, score, correct)
    tenfold = auroc(np.tile(problem, 10), np.tile(score, 10), np.tile(correct, 10))
    assert (tenfold.low, tenfold.high) == pytest.approx((once.low, once.high))


def test_rates_of_a_table_counted_by_hand() -> None:
    # problem 0: 3 correct, 2 of them accepted, 1 wrong rejected; problem 1: 1 correct accepted, 3 wrong, 1 accepted
    problem = [0] * 4 + [1] * 4
    correct = [1, 1, 1, 0, 1, 0, 0, 0]
    accepted = [1, 1, 0, 0, 1, 1, 0, 0]
    found = {(one.metric, one.averaging): one.value for one in acceptance_rates(problem, accepted, correct)}
    assert found == pytest.approx(
        {
            ("precision", "pooled"): 3 / 4,
            ("precision", "within problem"): float((1 + Fraction(1, 2)) / 2),
            ("recall", "pooled"): 3 / 4,
            ("recall", "within problem"): float((Fraction(2, 3) + 1) / 2),
            ("specificity", "pooled"): 3 / 4,
            ("specificity", "within problem"): float((1 + Fraction(2, 3)) / 2),
            ("acceptance", "pooled"): 4 / 8,
            ("acceptance", "within problem"): 1 / 2,
        }
    )


def test_a_verifier_that_accepts_nothing_has_no_precision() -> None:
    precision = acceptance_rates([0, 1], [0, 0], [1, 0])[0]
    assert np.isnan(precision.value)
    assert (precision.low, precision.high, precision.n_problems) == (0.0, 1.0, 0)


def test_a_ratio_with_one_trial_per_problem_has_the_binomial_interval() -> None:
    """Close to Clopper-Pearson: 15 of 40, published 22.7 to 54.2 %."""
    estimate = ratio_of_sums("rate", [1] * 15 + [0] * 25, [1] * 40)
    assert estimate.value == 15 / 40
    assert (estimate.low, estimate.high) == pytest.approx((0.227, 0.542), abs=0.01)


def test_a_ratio_of_one_counts_problems_not_samples() -> None:
    sure = ratio_of_sums("rate", [100] * 10, [100] * 10)
    assert sure.high == 1.0
    assert sure.low == pytest.approx(betaincinv(10, 0.5, 0.025), rel=0.01)


def test_bad_columns_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="NaN for 1 of 2"):
        auroc([0, 1], [np.nan, 1], [0, 1])
    with pytest.raises(InvalidInputError, match="numerator <= denominator"):
        ratio_of_sums("rate", [2], [1])


def test_ratio_of_means_needs_something_below() -> None:
    nothing = ratio_of_means("gain share", [0, 0], [0, 0], rng=0)
    assert np.isnan(nothing.value)
    again = [ratio_of_means("gain share", [1, 0, 2], [2, 1, 2], rng=seed) for seed in (1, 1, 2)]
    assert again[0] == again[1]
    assert again[0].value == again[2].value == 3 / 5


def test_mean_over_problems_leaves_unknown_ones_out() -> None:
    estimate = mean_over_problems("x", [0.5, np.nan, 1.0])
    assert (estimate.value, estimate.n_problems) == (0.75, 2)
    assert "0.75 [" in str(estimate)
    assert np.isnan(mean_over_problems("x", [np.nan]).value)


def test_agreement_counts_the_others_and_abstainers_have_none() -> None:
    share = agreement([0, 1, 0, 0, 1, 2], [3, 3, 3, 4, -1, 9])
    assert share.tolist() == [0.5, 0.0, 0.5, 0.0, 0.0, 0.0]
