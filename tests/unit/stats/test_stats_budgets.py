"""Best buys, crossings, outlooks and marginal gains against worked numbers, closed forms and search."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ttscale.errors import InvalidInputError
from ttscale.stats.adaptive.piloting import plan_pilot, uncertainty
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.coverage.coverage import coverage_curve
from ttscale.stats.coverage.marginal import marginal_gain, saturation
from ttscale.stats.decide.best_buy import best_buys, crossings, pareto_front, values_at
from ttscale.stats.forecast.forecasting import forecast
from ttscale.stats.forecast.outlook import coverage_outlook
from ttscale.stats.forecast.reaching import ladder, samples_to_reach

RNG = np.random.default_rng(5)


# ---- best buys ----------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6)), min_size=1, max_size=12))
@settings(deadline=None)
def test_the_pareto_front_is_what_no_other_point_beats(points):
    cost, value = (np.array(part, dtype=float) for part in zip(*points, strict=True))
    front = set(pareto_front(cost, value).tolist())
    for i in range(len(points)):
        beaten = any(
            cost[j] <= cost[i] and value[j] >= value[i] and (cost[j], value[j]) != (cost[i], value[i])
            for j in range(len(points))
        )
        assert (i in front) == (
            not beaten and (cost[i], value[i]) not in [(cost[j], value[j]) for j in range(i)]
        )


def test_between_two_budgets_a_share_of_the_problems_gets_one_sample_more():
    """Simulated: with a budget of 1.6 samples, 60 % of the problems, picked at random, get two."""
    n, c = np.full(6, 10), np.array([0, 1, 2, 5, 9, 10])
    k = np.arange(1, 11)
    expected = values_at(3.0 * k, pass_at_k(n, c, k), [4.8])[:, 0]
    rng = np.random.default_rng(0)
    twice = rng.random((40_000, 6)) < 0.6
    drawn = np.where(twice, pass_at_k(n, c, 2).T, pass_at_k(n, c, 1).T).mean(axis=0)
    assert np.allclose(drawn, expected, atol=0.01)


def test_best_buys_and_their_chances_are_those_of_two_known_arms():
    budget = np.array([1.0, 2.0, 3.0])
    good = np.tile([0.1, 0.5, 0.6], (40, 1))
    flat = np.tile([0.3, 0.4, 0.7], (40, 1))
    found = best_buys([good, flat], budget)
    assert found.arm.tolist() == [1, 0, 1]
    assert found.value.tolist() == pytest.approx([0.3, 0.5, 0.7])
    assert found.chance_best.tolist() == [[0, 1, 0], [1, 0, 1]]
    assert found.honest.tolist() == pytest.approx([0.3, 0.5, 0.7])


def test_the_honest_value_is_below_the_best_looking_one_where_arms_are_equal():
    gaps = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        found = best_buys([rng.random((20, 1)) for _ in range(6)], [1.0], rng=seed, n_resamples=10)
        gaps.append(found.value[0] - found.honest[0])
        assert found.low[0] <= found.value[0] <= found.high[0]
    assert np.mean(gaps) > 0.05
    assert found.chance_best.sum() == pytest.approx(1)


def test_a_crossing_lies_where_the_curves_meet_and_its_interval_around_it():
    budget = np.geomspace(1, 100, 101)
    rng = np.random.default_rng(1)
    noise = 0.1 * rng.standard_normal((200, 1))
    first = np.full((200, 101), 0.5) + 0.01 * rng.standard_normal((200, 1)) + noise
    second = 0.25 * np.log10(budget)[None] + 0.25 + noise
    (one,) = crossings(first, second, budget)
    assert one.budget == pytest.approx(10, rel=0.05)
    assert one.value == pytest.approx(0.5, abs=0.02)
    assert one.low < one.budget < one.high
    assert (one.before, one.after) == (0, 1)
    (turned,) = crossings(second, first, budget, arms=(7, 8))
    assert (turned.before, turned.after) == (8, 7)


def test_equal_arms_seldom_cross_for_certain():
    """False alarms: with equal arms a change is certain on either side in at most a third of 30 runs."""
    k, budget = np.arange(1, 33), np.geomspace(1, 32, 60)
    alarms = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        p = rng.beta(0.4, 3, 60)
        tables = [values_at(k, pass_at_k(32, rng.binomial(32, p), k), budget) for _ in range(2)]
        alarms += bool(crossings(*tables, budget, n_resamples=300, rng=seed))
    assert alarms <= 10


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: values_at([2, 1], [[0.1, 0.2]], [1]), "increase from above 0"),
        (lambda: values_at([0, 1], [[0.1, 0.2]], [1]), "increase from above 0"),
        (lambda: best_buys([np.zeros((3, 2)), np.zeros((4, 2))], [1, 2]), "same problems and budgets"),
        (lambda: samples_to_reach(coverage_outlook(4, [1, 2], [1]), 1.2), "above 0 and at most 1.*1.2"),
        (lambda: coverage_outlook(4, [1, 2], [1], over="both"), "'problems' or 'samples', not 'both'"),
        (lambda: saturation(4, [1, 2], 0.0), "above 0"),
        (lambda: plan_pilot(4, [1, 2], 0.5, 1.0), "above 1"),
    ],
)
def test_bad_questions_say_what_is_wrong(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()


# ---- samples for a target -----------------------------------------------------------------------


def test_within_the_samples_the_answer_is_the_first_k_of_the_measured_curve_and_of_its_ends():
    n, c = np.full(40, 60), RNG.binomial(60, RNG.beta(0.4, 3, 40))
    curve = coverage_curve(n, c, np.arange(1, 61))
    target = float(curve.value[24])
    reached = samples_to_reach(coverage_outlook(n, c, ladder(60)), target)
    assert reached.k == 25
    assert reached.low == int(curve.k[np.argmax(curve.high >= target)])
    assert reached.high is None or curve.low[reached.high - 1] >= target > curve.low[reached.high - 2]
    assert not reached.extrapolates


def test_beyond_the_samples_the_estimate_is_the_forecasts_own():
    n, c = np.full(60, 50), RNG.binomial(50, RNG.beta(0.25, 10, 60))
    k = [60, 200, 1000]
    ahead = coverage_outlook(n, c, k, over="samples").curve
    assert ahead.value == pytest.approx(forecast(n, c, k).curve.value, abs=1e-9)
    with pytest.raises(InvalidInputError, match="average over laws alone, not for 'beta-binomial'"):
        coverage_outlook(n, c, k, over="samples", method="beta-binomial")


@pytest.mark.parametrize("over", ["problems", "samples"])
def test_values_and_both_ends_never_fall_within_and_beyond_the_samples(over):
    curve = coverage_outlook(40, RNG.binomial(40, RNG.beta(0.3, 5, 30)), ladder(2000), over=over).curve
    for end in (curve.low, curve.value, curve.high):
        assert (np.diff(end) >= 0).all()
    assert (curve.low <= curve.value).all()
    assert (curve.value <= curve.high).all()


def test_what_the_forecast_does_not_reach_is_not_reachable():
    n, c = np.full(30, 200), np.repeat([0, 150], 15)
    reached = samples_to_reach(coverage_outlook(n, c, ladder(1000)), 0.95)
    assert reached.k is None
    assert "not reached by 1,000 samples" in str(reached)
    assert uncertainty(reached) == np.inf


# ---- marginal gains -----------------------------------------------------------------------------


def test_gains_are_the_steps_of_pass_at_k():
    n, c = np.array([9, 9, 12]), np.array([0, 4, 12])
    steps = np.diff(np.column_stack([np.zeros(3), pass_at_k(n, c, np.arange(1, 10))]), axis=1)
    assert np.allclose(marginal_gain(n, c, np.arange(9)), steps, atol=1e-12)


def test_saturation_tends_to_the_closed_form_of_one_known_rate():
    p, epsilon, n = 0.1, 0.004, 400_000
    found = saturation(np.full(3, n), np.full(3, int(p * n)), epsilon)
    closed_form = math.ceil(math.log(epsilon / p) / math.log(1 - p))
    assert abs(found.k - closed_form) <= 1


def test_what_does_not_saturate_within_the_samples_says_so():
    found = saturation(np.full(30, 5), np.tile([0, 1, 2], 10), 1e-6)
    assert (found.k, found.k_max) == (None, 4)
    assert "k = >4 [>4, >4]" in str(found)
    assert saturation(np.full(30, 5), np.tile([0, 1, 2], 10), 0.99).k == 0


# ---- pilots -------------------------------------------------------------------------------------


def test_a_pilot_plan_grows_the_pilot_until_it_is_good_enough():
    n, c = np.full(40, 20), RNG.binomial(20, RNG.beta(0.4, 4, 40))
    plan = plan_pilot(n, c, 0.6, 1.5, over="samples", sizes=((2, 2),), n_simulations=1, largest=2000)
    assert plan.tried[0].simulated is False
    assert (plan.tried[0].n_problems, plan.tried[0].n_samples) == (40, 20)
    assert [(one.n_problems, one.n_samples) for one in plan.tried[1:]] == [(80, 40)]
    rows = list(plan.to_rows())
    assert [row["enough"] for row in rows] == [one.factor <= 1.5 for one in plan.tried]
