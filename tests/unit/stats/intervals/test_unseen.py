"""The rule of half a problem unseen: against beta quantiles, simulated Dirichlet means, and what must hold for any data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betainc, ndtr, ndtri

from ttscale.stats.coverage.coverage import coverage_curve
from ttscale.stats.decide.allocation import honest_allocation
from ttscale.stats.intervals.estimate import mean_over_problems, ratio_of_means, ratio_of_sums
from ttscale.stats.intervals.intervals import interval_over_problems
from ttscale.stats.intervals.multiple import paired_difference
from ttscale.stats.intervals.unseen import SIGNED, UNSEEN, mean_ends, ratio_ends, roots_against
from ttscale.stats.verifiers.calibration import expected_calibration_error, problem_calibration_error
from ttscale.stats.verifiers.discrimination import auroc, within_problem_auroc

Z = float(ndtri(0.975))


@pytest.mark.parametrize("size", [2, 5, 20, 100, 1000])
@pytest.mark.parametrize("z", [1.0, Z, 3.5])
def test_shares_of_solved_problems_have_the_ends_of_beta_laws(size, z):
    for solved in sorted({0, 1, size // 3, size - 1, size}):
        values = (np.arange(size) < solved)[:, None].astype(float)
        low, high = mean_ends(values, z)
        tails = []  # as the ends' own beta laws have them, beside the tail asked for
        if solved:
            tails.append(betainc(solved, size - solved + UNSEEN, low[0]))
        if solved < size:
            tails.append(betainc(size - solved, solved + UNSEEN, 1 - high[0]))
        assert np.array(tails) / ndtr(-z) == pytest.approx(np.full(len(tails), 0.95), abs=0.07)


@pytest.mark.parametrize("law", ["beta", "equal", "rare"])
def test_any_values_have_the_ends_of_simulated_dirichlet_means(law):
    rng = np.random.default_rng(1)
    drawn = {"beta": rng.beta(0.2, 3, 20), "equal": np.full(20, 0.6), "rare": np.r_[np.full(19, 0.9), 0.1]}
    values = drawn[law]
    share = rng.gamma(np.r_[np.ones(20), UNSEEN], size=(200_000, 21))
    share /= share.sum(axis=1, keepdims=True)
    low, high = mean_ends(values[:, None], Z)
    # 200,000 draws: the error of a 2.5 % tail's probability is .00035; a fifth of the tail is the approximation's at worst
    assert np.mean(share @ np.r_[values, 0.0] <= low[0]) == pytest.approx(0.025, abs=0.005)
    assert np.mean(share @ np.r_[values, 1.0] >= high[0]) == pytest.approx(0.025, abs=0.005)


values_of_problems = st.lists(st.floats(0, 1) | st.sampled_from([0.0, 0.5, 1.0]), min_size=2, max_size=12)


@given(values_of_problems, st.floats(0.8, 5), st.data())
@settings(deadline=None, max_examples=150)
def test_an_interval_always_has_a_width_and_moves_with_the_values(values, z, data):
    table = np.array(values)[:, None]
    low, high = mean_ends(table, z)
    assert 0 <= low[0] <= 1
    assert 0 <= high[0] <= 1
    assert high[0] - low[0] > 0.01 * z / len(values)
    mirrored = mean_ends(1 - table, z)
    assert (1 - mirrored[1][0], 1 - mirrored[0][0]) == pytest.approx((low[0], high[0]), abs=1e-6)
    more = np.maximum(table, data.draw(st.floats(0, 1)))
    raised = mean_ends(more, z)
    assert raised[0][0] >= low[0] - 1e-6
    assert raised[1][0] >= high[0] - 1e-6
    twice = mean_ends(table, z, weight=np.full(len(values), 2.0))
    listed = mean_ends(np.repeat(table, 2, axis=0), z)
    assert (twice[0][0], twice[1][0]) == pytest.approx((listed[0][0], listed[1][0]), abs=1e-6)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=12), st.floats(0.5, 4))
@settings(deadline=None, max_examples=100)
def test_a_root_is_the_z_whose_interval_just_reaches_the_null(values, z):
    table = np.array(values)[:, None]
    low, high = mean_ends(table, z, span=SIGNED)
    for end in (low[0], high[0]):
        if abs(end) < 1 - 1e-6:
            assert roots_against(table, float(end), span=SIGNED)[0] == pytest.approx(z, abs=2e-3)


def test_one_problem_says_nothing_and_two_that_agree_say_little():
    alone = interval_over_problems(np.array([[0.4, 1.0]]))
    assert (alone.low.tolist(), alone.high.tolist()) == ([0, 0], [1, 1])
    two = interval_over_problems(np.array([[1.0], [1.0]]))
    assert two.low[0] < 0.3


def test_differences_that_never_vary_keep_a_width():
    equal = paired_difference(np.full((20, 1), 0.5), np.full((20, 1), 0.5), 1)
    assert equal.low[0] == -equal.high[0] == pytest.approx(-0.12, abs=0.005)
    always = paired_difference(np.ones((50, 1)), np.zeros((50, 1)), 1)
    assert (always.low[0], always.high[0]) == (pytest.approx(0.9, abs=0.005), 1.0)


def test_an_allocation_like_the_best_arm_gains_nothing_for_certain_by_no_width():
    found = honest_allocation(np.full((20, 2), 20), np.tile([10, 0], (20, 1)), [1.0, 1.0], 4.0, rng=0)
    assert found.gain == 0
    assert found.gain_low < -0.05
    assert found.gain_high > 0.05


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 6)), min_size=2, max_size=12))
@settings(deadline=None, max_examples=100)
def test_a_proportion_of_clusters_has_a_width_and_lies_within(problems):
    b = np.array([size for _, size in problems], dtype=float)
    a = np.minimum([hits for hits, _ in problems], b)
    found = ratio_of_sums("precision", a, b)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.high - found.low > 0.05 / len(b)
    none = ratio_of_sums("precision", b - a, b)
    assert (none.low, none.high) == pytest.approx((1 - found.high, 1 - found.low), abs=1e-5)


def test_a_proportion_has_the_ends_of_simulated_dirichlet_ratios():
    rng = np.random.default_rng(2)
    a, b = np.array([3.0, 0, 5, 2, 1, 7]), np.array([4.0, 8, 5, 10, 3, 7])
    share = rng.gamma(np.r_[np.ones(6), UNSEEN], size=(200_000, 7))
    low, high = ratio_ends(a, b, Z)
    whole = share @ np.r_[b, b.mean()]
    assert np.mean(share @ np.r_[a, 0.0] / whole <= low) == pytest.approx(0.025, abs=0.004)
    assert np.mean(share @ np.r_[a, b.mean()] / whole >= high) == pytest.approx(0.025, abs=0.004)
    equal = ratio_ends(a / b * 4, np.full(6, 4.0), Z)
    assert equal == pytest.approx([end[0] for end in mean_ends((a / b)[:, None], Z)], abs=1e-5)


def test_no_measure_of_a_verifier_is_certain_from_data_that_agree():
    problem, correct = np.repeat(np.arange(12), 4), np.tile([1, 1, 0, 0], 12)
    claims = [
        auroc(problem, correct, correct),
        within_problem_auroc(problem, correct, correct),
        expected_calibration_error(problem, correct, correct, rng=0),
        problem_calibration_error(problem, correct, correct, rng=0),
        ratio_of_means("share", np.full(12, 0.5), np.full(12, 0.5), rng=0),
        mean_over_problems("completeness", np.ones(12)),
    ]
    for claim in claims:
        assert claim.high - claim.low > 0.05, claim


@pytest.mark.parametrize("over", ["problems", "samples", "both"])
@pytest.mark.parametrize("method", ["analytic", "bootstrap"])
@pytest.mark.parametrize("solved", [0, 3, 6])
def test_no_curve_is_certain_and_none_has_ends_that_fall(over, method, solved):
    n = np.array([6, 6, 9, 30] * 5)
    c = np.minimum(np.full(20, solved) + (n - 6) * (solved == 6), n)
    curve = coverage_curve(n, c, range(1, 7), over=over, method=method, n_resamples=300, rng=0)
    assert (curve.high - curve.low > 0.005).all()
    if method == "analytic":
        assert (np.diff(curve.low) >= 0).all()
        assert (np.diff(curve.high) >= 0).all()
