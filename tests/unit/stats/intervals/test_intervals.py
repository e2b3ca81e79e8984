"""Seeds, bands and differences: how intervals behave, apart from their coverage."""

import numpy as np
import pytest
from verifier_theory import population_utility

from ttscale.stats.adaptive.planning import plan_coverage
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.coverage.coverage import coverage_curve
from ttscale.stats.intervals.intervals import simultaneous_level
from ttscale.stats.intervals.multiple import paired_difference
from ttscale.stats.intervals.sampling_error import pass_at_k_variance
from ttscale.stats.selectors.accepting import first_accepted_curve
from ttscale.stats.selectors.selection import best_of_k_curve
from ttscale.stats.selectors.voting import majority_curve, weighted_maj_at_k, weighted_majority_curve

RNG = np.random.default_rng(11)
N = np.full(40, 20)
C = RNG.binomial(20, RNG.beta(0.5, 2, 40))
PROBLEM = np.repeat(np.arange(8), 30)
ANSWER = RNG.integers(0, 5, 240)
CORRECT = ANSWER == 0
SCORE = RNG.random(240)
K = [1, 5, 15]

SEEDED = {
    "coverage bootstrap": lambda rng: coverage_curve(N, C, K, method="bootstrap", rng=rng).low,
    "coverage two-level": lambda rng: coverage_curve(N, C, K, method="bootstrap", over="both", rng=rng).low,
    "coverage samples": lambda rng: coverage_curve(N, C, K, method="bootstrap", over="samples", rng=rng).low,
    "simultaneous": lambda rng: coverage_curve(N, C, K, simultaneous=True, rng=rng).low,
    "best_of_k samples": lambda rng: best_of_k_curve(PROBLEM, SCORE, CORRECT, K, over="samples", rng=rng).low,
    "weighted vote": lambda rng: (
        weighted_maj_at_k(PROBLEM, ANSWER, SCORE, CORRECT, K, max_standard_error=0.01, rng=rng).value
    ),
    "difference": lambda rng: (
        paired_difference(
            pass_at_k(N, C, K), pass_at_k(N, C[::-1], K), K, simultaneous=True, n_resamples=200, rng=rng
        ).low
    ),
}


@pytest.mark.parametrize("call", SEEDED.values(), ids=SEEDED)
def test_a_seed_repeats_another_differs_and_the_global_generator_is_untouched(call):
    before = np.random.get_state()[1].copy()  # noqa: NPY002 (the state that must not change)
    first = call(3)
    assert (first == call(3)).all()
    assert (first == call(np.random.default_rng(3))).all()
    assert (first != call(4)).any()
    assert (before == np.random.get_state()[1]).all()  # noqa: NPY002


def test_both_equals_problems_and_samples_is_narrower():
    problems, both, samples = (coverage_curve(N, C, K, over=over) for over in ("problems", "both", "samples"))
    assert (problems.low == both.low).all()
    assert (samples.high - samples.low < problems.high - problems.low).all()


def test_a_higher_level_and_fewer_problems_widen_the_interval():
    usual = coverage_curve(N, C, K)
    higher = coverage_curve(N, C, K, confidence_level=0.99)
    fewer = coverage_curve(N[::4], np.sort(C)[::4], K)
    assert (higher.high - higher.low > usual.high - usual.low).all()
    assert (fewer.high - fewer.low > usual.high - usual.low).all()


def test_a_simultaneous_band_is_wider_than_pointwise_and_narrower_than_bonferroni():
    values = pass_at_k(N, C, np.arange(1, 21))
    level = simultaneous_level(values, 0.95, rng=0)
    assert 0.95 < level < 1 - 0.05 / 20
    band, usual = coverage_curve(N, C, K, simultaneous=True, rng=0), coverage_curve(N, C, K)
    assert (band.low < usual.low).all()
    assert "simultaneous" in band.method


def test_pairing_removes_what_both_have_in_common():
    shared = RNG.random((200, 1))
    shared *= 0.9
    first, second = shared + 0.05 + RNG.normal(0, 0.001, (200, 1)), shared
    paired = paired_difference(first, second, [1], rng=0)
    assert paired.value[0] == pytest.approx(0.05, abs=1e-3)
    assert paired.high[0] - paired.low[0] < 0.03  # a problem unlike all 200 may turn up; beyond that, nothing
    assert paired.low[0] > 0
    unpaired = paired_difference(RNG.permutation(first), second, [1], rng=0)
    assert unpaired.high[0] - unpaired.low[0] > 0.09
    swapped = paired_difference(second, first, [1], rng=0)
    assert swapped.value[0] == -paired.value[0]
    assert (swapped.low[0], swapped.high[0]) == pytest.approx((-paired.high[0], -paired.low[0]))


@pytest.mark.parametrize("n", [4, 10, 25])
@pytest.mark.parametrize("rate", [0.02, 0.3, 0.9])
def test_the_sampling_variance_of_pass_at_k_matches_summation_over_the_binomial(n, rate):
    from scipy.stats import binom

    k = np.arange(1, n + 1)
    values = pass_at_k(n, np.arange(n + 1), k)
    chance = binom.pmf(np.arange(n + 1), n, rate)
    exact = chance @ values**2 - (chance @ values) ** 2
    found = pass_at_k_variance(np.array(rate), n, k)
    assert found[[0, -1]] == pytest.approx(exact[[0, -1]], rel=1e-9, abs=1e-15)
    assert (found >= exact * (1 - 1e-9) - 1e-15).all()  # the binomial overlap is on the safe side
    assert np.abs(found - exact).max() <= 0.15 * exact.max()


def test_a_plan_reaches_its_width_and_knows_the_pilots_own():
    rng = np.random.default_rng(2)
    c = rng.binomial(40, rng.beta(0.4, 3, 400))
    plan = plan_coverage(40, c, 10, 0.02)
    curve = coverage_curve(40, c, [10])
    assert plan.half_width_of_pilot == pytest.approx((curve.high - curve.low)[0] / 2, rel=0.05)
    assert (np.diff(plan.problems) <= 0).all()  # more samples each, fewer problems
    assert plan.total[plan.cheapest] == plan.total.min()
    row = list(plan.samples).index(40)
    needed = 400 * (plan.half_width_of_pilot / 0.02) ** 2
    assert plan.problems[row] == pytest.approx(needed, rel=0.01)
    assert f"{plan.problems[row]:,}" in str(plan)


def test_curves_say_how_they_were_made():
    exact = majority_curve(PROBLEM, ANSWER, CORRECT, K)
    simulated = weighted_majority_curve(PROBLEM, ANSWER, SCORE, CORRECT, K, max_standard_error=0.01, rng=0)
    assert exact.standard_error is None
    assert "exact" in exact.method
    assert (simulated.standard_error <= 0.01).all()
    assert "random orders" in simulated.method
    accepted = first_accepted_curve(PROBLEM, SCORE > 0.5, CORRECT, K)
    assert accepted.metric == "first_accepted"
    assert accepted.n_problems == 8


def test_population_utility_equals_simulation_of_single_draws():
    prior, accuracy = np.array([0.3, 0.7]), np.array([0.8, 0.05])
    found = population_utility(prior, accuracy, [1, 3, 50], completeness=0.9, soundness=0.6, cost_wrong=2.0)
    rng = np.random.default_rng(0)
    size = 200_000
    kind = (rng.random(size) < prior[1]).astype(int)
    correct = rng.random((size, 50)) < accuracy[kind][:, None]
    accepted = np.where(correct, rng.random((size, 50)) < 0.9, rng.random((size, 50)) < 0.4)
    first = np.where(accepted.any(axis=1), accepted.argmax(axis=1), 50)
    right = correct[np.arange(size), np.minimum(first, 49)]
    for value, k in zip(found, [1, 3, 50], strict=True):
        outcome = np.where(first < k, np.where(right, 1.0, -2.0), 0.0)
        # 5 standard errors: fails by chance once in a million
        assert value == pytest.approx(outcome.mean(), abs=5 * outcome.std() / np.sqrt(size))


def test_simulated_votes_of_ragged_pools_are_labelled_with_their_error():
    problem = np.repeat([0, 1, 2], [5, 20, 40])
    rng = np.random.default_rng(1)
    answer = rng.integers(0, 3, 65)
    found = weighted_maj_at_k(
        problem, answer, rng.random(65), answer == 1, [1, 3, 5], max_standard_error=0.02, rng=0
    )
    assert found.standard_error[0].tolist() == [0, 0, 0]  # five samples are enumerated
    assert (found.standard_error[:, 0] == 0).all()  # single votes are known
    assert (found.standard_error[1:, 1:] > 0).all()
    assert found.value[0, 0] == pytest.approx((answer[:5] == 1).mean())
