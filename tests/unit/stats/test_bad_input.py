"""Bad input ends in a clear error or a right answer, never in a silent NaN or a crash inside SciPy."""

import warnings

import numpy as np
import pytest
from scipy.special import betaincinv
from verifier_theory import population_utility

from ttscale.errors import InvalidInputError
from ttscale.stats.adaptive.planning import plan_coverage
from ttscale.stats.counts.counts import counts
from ttscale.stats.counts.curve import budget_grid
from ttscale.stats.counts.pass_at_k import (
    g_pass_at_k,
    mg_pass_at_k,
    pass_at_k,
    pass_hat_k,
    posterior_pass_at_k,
)
from ttscale.stats.coverage.coverage import coverage_curve, g_pass_curve, mg_pass_curve, pass_hat_curve
from ttscale.stats.coverage.stopping import pass_at_k_until_successes, rate_until_successes
from ttscale.stats.decide.allocation import (
    best_allocation,
    coverage_of_allocation,
    honest_allocation,
)
from ttscale.stats.decide.pooled_selection import best_of_arms
from ttscale.stats.forecast.outlook import coverage_ahead
from ttscale.stats.forecast.reaching import coverage_to_reach, ladder
from ttscale.stats.forecast.samples_needed import samples_for
from ttscale.stats.intervals.multiple import paired_difference
from ttscale.stats.selectors.accepting import first_accepted_curve
from ttscale.stats.selectors.selection import best_of_k, best_of_k_curve
from ttscale.stats.selectors.voting import (
    maj_at_k,
    majority_curve,
    vote_weights,
    weighted_maj_at_k,
    weighted_majority_curve,
)

ON_COUNTS = {
    "pass_at_k": pass_at_k,
    "pass_hat_k": pass_hat_k,
    "g_pass_at_k": lambda n, c, k: g_pass_at_k(n, c, k, 0.5),
    "g_pass_curve": lambda n, c, k: g_pass_curve(n, c, k).value,
    "mg_pass_curve": lambda n, c, k: mg_pass_curve(n, c, k).value,
    "mg_pass_at_k": mg_pass_at_k,
    "coverage_curve": lambda n, c, k: coverage_curve(n, c, k).value,
    "pass_hat_curve": lambda n, c, k: pass_hat_curve(n, c, k).value,
}
BAD_COUNTS = {
    "negative count": ([5, 5], [1, -1], "negative"),
    "negative n": ([5, -5], [1, -6], "negative"),
    "more correct than drawn": ([5, 5], [1, 6], r"c > n for 1 of 2 problems \(first: problem 1 has c = 6"),
    "NaN": ([5, 5], [1, np.nan], "finite"),
    "infinite": ([5, np.inf], [1, 1], "finite"),
    "a fraction": ([5, 5], [1, 1.5], "whole number for 1 of 2 entries"),
    "text": ([5, 5], ["1", "x"], "whole numbers"),
    "empty": ([], [], "empty"),
    "unequal lengths": ([5, 5, 5], [1, 1], "one length"),
    "a matrix": ([[5, 5]], [[1, 1]], "flat"),
}


@pytest.mark.parametrize("estimator", ON_COUNTS.values(), ids=ON_COUNTS)
@pytest.mark.parametrize(("n", "c", "message"), BAD_COUNTS.values(), ids=BAD_COUNTS)
def test_impossible_counts_are_refused_with_their_values(estimator, n, c, message):
    with pytest.raises(InvalidInputError, match=message):
        estimator(n, c, 2)


@pytest.mark.parametrize("estimator", ON_COUNTS.values(), ids=ON_COUNTS)
def test_a_budget_above_n_is_refused_and_the_message_says_what_to_do(estimator):
    with pytest.raises(InvalidInputError) as caught:
        estimator([8, 4, 8, 5], [1, 1, 0, 5], [1, 8])
    message = str(caught.value)
    assert "8 needs at least 8 samples per problem, but 2 of 4 problems have fewer (min 4)" in message
    assert "Draw more samples, or ask for k <= 4." in message


def test_a_budget_above_n_is_nan_by_request_and_never_one():
    found = pass_at_k([8, 4], [8, 4], [4, 8], too_few="nan")
    assert found[0].tolist() == [1.0, 1.0]
    assert found[1, 0] == 1.0
    assert np.isnan(found[1, 1])
    assert np.isnan(pass_hat_k([3], [3], 4, too_few="nan")).all()
    assert np.isnan(best_of_k([0, 0], [1, 2], [1, 1], 3, too_few="nan")).all()
    assert np.isnan(maj_at_k([0, 0], [1, 1], [1, 1], 3, too_few="nan")).all()


@pytest.mark.parametrize("k", [0, -1, [1, 0], 1.5, [], np.nan, "two", [[1]]])
def test_a_budget_that_is_no_count_is_refused(k):
    with pytest.raises(InvalidInputError, match="k "):
        pass_at_k([5], [1], k)


@pytest.mark.parametrize("dtype", [np.int8, np.uint64, np.float32, object, bool])
def test_mixed_dtypes_are_read_as_numbers(dtype):
    found = pass_at_k(np.array([4, 4]), np.array([0, 1], dtype=dtype), np.int16(2))
    assert found.ravel() == pytest.approx([0, 0.5])
    assert pass_at_k([np.float64(4), 4], [np.int32(1), 1.0], [2]).shape == (2, 1)


@pytest.mark.parametrize("over", ["problems", "samples", "both"])
@pytest.mark.parametrize("method", ["analytic", "bootstrap"])
@pytest.mark.parametrize(
    ("n", "c"),
    [
        ([10], [3]),
        ([10], [0]),
        ([1], [1]),
        ([10] * 20, [0] * 20),
        ([10] * 20, [10] * 20),
        ([10] * 20, [9] * 20),
        ([10, 20, 30], [1, 20, 0]),
        ([1] * 5, [0, 1, 0, 1, 1]),
    ],
)
def test_extreme_tables_have_an_interval_around_the_value(n, c, over, method):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        curve = coverage_curve(
            n, c, np.arange(1, min(n) + 1), over=over, method=method, n_resamples=50, rng=0
        )
    assert np.isfinite(curve.low).all()
    assert np.isfinite(curve.high).all()
    assert (
        (curve.low >= 0) & (curve.low <= curve.value) & (curve.value <= curve.high) & (curve.high <= 1)
    ).all()


def test_none_solved_and_all_solved_leave_room_for_doubt():
    none, every = (coverage_curve([10] * 50, [c] * 50, [1, 10]) for c in (0, 10))
    assert none.high == pytest.approx([betaincinv(0.5, 50, 0.975)] * 2, rel=0.02)
    assert every.low == pytest.approx([betaincinv(50, 0.5, 0.025)] * 2, rel=0.002)
    assert (coverage_curve([10] * 50, [0] * 50, [1, 10], over="samples").high > 0).all()


def test_one_problem_says_nothing_about_others():
    curve = coverage_curve([10], [5], [1, 10])
    assert curve.low.tolist() == [0, 0]
    assert curve.high.tolist() == [1, 1]
    assert coverage_curve([10], [5], [1], over="samples").high[0] < 0.9


def test_a_million_problems_are_no_trouble():
    rng = np.random.default_rng(0)
    c = rng.binomial(50, rng.beta(0.2, 5, 1_000_000))
    curve = coverage_curve(50, c, budget_grid(50))
    assert curve.value[0] == pytest.approx(c.mean() / 50)
    assert (curve.high - curve.low < 0.003).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: coverage_curve([5], [1], 1, confidence_level=95), "confidence_level"),
        (lambda: coverage_curve([5], [1], 1, over="tasks"), "over must be"),
        (lambda: coverage_curve([5], [1], 1, method="magic"), "method must be"),
        (lambda: coverage_curve([5], [1], 1, method="bootstrap", simultaneous=True), "simultaneous"),
        (lambda: majority_curve([0, 0], [1, 1], [1, 1], 3), "maj@3 needs at least 3 samples"),
        (lambda: best_of_k_curve([0, 0], [1, 1], [1, 1], 3), "best_of_k at k = 3 needs"),
        (lambda: first_accepted_curve([0, 0], [1, 1], [1, 1], 3), "needs at least 3 samples"),
        (lambda: best_of_k([0, 1], [1.0, np.nan], [1, 1], 1), "score is NaN for 1 of 2 samples"),
        (lambda: best_of_k([0, 1], [1.0], [1, 1], 1), "shape"),
        (lambda: best_of_k([0, 1], [1.0, 2.0], [1, 2], 1), "true or false"),
        (lambda: best_of_k([], [], [], 1), "empty"),
        (lambda: maj_at_k([0, -1], [1, 1], [1, 1], 1), "numbered from 0"),
        (
            lambda: maj_at_k([0, 2], [1, 1], [1, 1], 1),
            r"1 of 3 problems have fewer \(min 0\)",
        ),
        (lambda: maj_at_k([0, 0], [1, -2], [1, 1], 1), "abstains"),
        (lambda: maj_at_k([0, 0], [1, 0.5], [1, 1], 1), "whole number"),
        (lambda: weighted_maj_at_k([0, 0], [1, 2], [1, -4.28], [1, 1], 1), r"negative \(min -4.28\)"),
        (lambda: weighted_majority_curve([0, 0], [1, 2], [1, -1], [1, 1], 1), "negative"),
        (lambda: weighted_maj_at_k([0, 0], [1, 2], [1, np.inf], [1, 1], 1), "finite"),
        (lambda: vote_weights([-1.0], [0], "as is"), "negative"),
        (lambda: vote_weights([-1.0], [0], "squared"), "Unknown weight scheme"),
        (lambda: g_pass_at_k([5], [1], 2, 0.0), "tau"),
        (lambda: posterior_pass_at_k([5], [1], 2, alpha0=0), "alpha0"),
        (lambda: rate_until_successes([5], [3], 2), "stop at 2 successes"),
        (lambda: rate_until_successes([0], [0], 2), "at least 1"),
        (lambda: pass_at_k_until_successes([5], [1], 2, 6), "stopped by the cap"),
        (lambda: coverage_of_allocation([[2, 2]], [[1, 1]], [3, 0]), "draws 3 samples from arm 0"),
        (lambda: coverage_of_allocation([2, 2], [1, 1], [1]), "tables"),
        (lambda: best_allocation([[2, 2]], [[1, 1]], [1, 0], 3), "cost"),
        (lambda: plan_coverage([5], [1], 10, 0.01, samples=[5]), "at least 10"),
        (lambda: plan_coverage([5], [1], 10, 0.9), "half_width"),
        (lambda: paired_difference([[0.1]], [[0.1, 0.2]], 1), "shape"),
        (lambda: paired_difference([[np.nan]], [[0.1]], 1), "NaN"),
        (lambda: population_utility([0.5, 0.4], [0.1, 0.2], 1, completeness=1, soundness=1), "summing to 1"),
        (lambda: budget_grid(0), "n_max"),
        (lambda: coverage_to_reach(20, [1, 3, 9, 20], 0.9, largest=0), "largest must be one whole number"),
        (lambda: coverage_ahead(20, [1, 3, 9, 20], largest=-1), "largest must be one whole number"),
        (lambda: samples_for(20, [1, 3, 9, 20], 0.9, largest=0), "largest must be one whole number"),
        (lambda: samples_for(20, [1, 3, 9, 20], 0.9, largest=10**19), "largest"),
        (lambda: ladder(float("nan")), "largest is not a finite number"),
        (lambda: best_allocation([[4, 4]], [[4, 1]], [1, 1], -1), "at least 0, not -1"),
        (lambda: best_allocation([[4, 4]], [[4, 1]], [1, 1], -0.5), "at least 0, not -0.5"),
        (lambda: honest_allocation([[4, 4]], [[4, 1]], [1, 1], -1), "at least 0, not -1"),
        (lambda: best_of_arms([], [], [], [], [1]), "Every sample needs an arm"),
        (lambda: best_of_arms([0, 0], [0, -1], [1, 2], [1, 0], [1, 1]), "Every sample needs an arm"),
        (lambda: best_of_arms([0, 0], [0, 1], [1, 2], [1, 0], [1]), "one number per arm"),
    ],
)
def test_other_bad_input_names_what_is_wrong(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()


def test_unique_pairs_restore_the_table_even_for_huge_counts():
    data = counts([2**40, 5, 2**40], [2**39, 5, 2**39])
    pairs = data.unique()
    assert pairs.n[pairs.inverse].tolist() == data.n.tolist()
    assert pairs.c[pairs.inverse].tolist() == data.c.tolist()
    assert pairs.weight.sum() == 3


def test_vote_without_any_answer_is_not_correct():
    assert maj_at_k([0, 0], [-1, -1], [1, 1], [1, 2]).tolist() == [[0.0, 0.0]]
    assert weighted_maj_at_k([0, 0], [-1, -1], [1, 1], [1, 1], [1, 2]).value.tolist() == [[0.0, 0.0]]


def test_honest_allocation_is_below_the_optimistic_one_on_average():
    rng = np.random.default_rng(0)
    gap = []
    for seed in range(40):
        c = rng.binomial(8, rng.beta(0.3, 1, (30, 1)), (30, 6))
        found = honest_allocation(np.full((30, 6), 8), c, np.ones(6), 3.0, rng=seed)
        assert found.low <= found.coverage <= found.high
        assert found.cost <= 3
        gap.append(found.optimistic - found.coverage)
    assert np.mean(gap) > 0
