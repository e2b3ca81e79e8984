"""The best buy at every budget, and where it changes, against arms whose curves are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ttscale.errors import InvalidInputError
from ttscale.stats.adaptive.piloting import plan_pilot
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.coverage.marginal import saturation
from ttscale.stats.decide.best_buy import best_buys, crossings, pareto_front, values_at
from ttscale.stats.forecast.outlook import coverage_outlook
from ttscale.stats.forecast.reaching import samples_to_reach


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
        alarms += bool(crossings(*tables, budget))
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
