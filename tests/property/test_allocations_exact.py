"""Allocations against enumeration of every allocation, and values against every subset of the samples."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ttscale.errors import InvalidInputError
from ttscale.stats.decide.allocation import (
    best_allocation,
    coverage_of_allocation,
    honest_allocation,
)
from ttscale.stats.decide.pooled_selection import best_of_arms


@st.composite
def arms(draw, n_arms, most=5):
    n_problems = draw(st.integers(1, 4))
    n = np.array([[draw(st.integers(1, most)) for _ in range(n_arms)] for _ in range(n_problems)])
    c = np.array([[draw(st.integers(0, int(size))) for size in row] for row in n])
    cost = np.array([draw(st.sampled_from([0.5, 1.0, 2.0, 3.5])) for _ in range(n_arms)])
    once = np.array([draw(st.sampled_from([0.0, 0.7])) for _ in range(n_arms)])
    return n, c, cost, once, draw(st.sampled_from([0.4, 2.0, 5.0, 9.0, 30.0]))


def every_value(n, c, cost, once, budget):
    """The value of every allocation within the budget, maximal or not."""
    found = {}
    for k in product(*(range(size + 1) for size in n.min(axis=0))):
        drawn = np.array(k)
        if drawn @ cost + (drawn > 0) @ once <= budget * (1 + 1e-12):
            found[k] = float(coverage_of_allocation(n, c, drawn).mean())
    return found


@given(st.integers(1, 3).flatmap(arms))
@settings(deadline=None, max_examples=80)
def test_the_best_allocation_is_the_best_of_all_and_the_bound_of_greedy_holds(given_arms):
    n, c, cost, once, budget = given_arms
    every = every_value(*given_arms)
    best = max(every.values())
    exact = best_allocation(n, c, cost, budget, once=once)
    assert exact.value == pytest.approx(best, abs=1e-12)
    assert every[tuple(exact.k)] == pytest.approx(exact.value, abs=1e-12)
    rough = best_allocation(n, c, cost, budget, once=once, most=0)
    assert every[tuple(rough.k)] == pytest.approx(rough.value, abs=1e-12)
    assert rough.value <= best + 1e-12 <= rough.bound + 2e-12
    if not once.any():
        assert rough.value >= (1 - 1 / np.e) / 2 * best - 1e-12


@given(arms(3))
@settings(deadline=None, max_examples=60)
def test_greedy_keeps_its_guarantee_where_samples_cost_the_same(given_arms):
    n, c, _, _, budget = given_arms
    cost, once = np.ones(3), np.zeros(3)
    best = max(every_value(n, c, cost, once, budget).values())
    found = coverage_of_allocation(n, c, best_allocation(n, c, cost, budget, most=0).k).mean()
    assert found >= (1 - 1 / np.e) * best - 1e-12


def test_many_arms_are_solved_greedily_to_a_tenth_of_their_bound():
    rng = np.random.default_rng(0)
    n = np.full((100, 6), 400)
    c = rng.binomial(400, rng.beta(0.3, 8, (100, 6)))
    found = best_allocation(n, c, [1, 1.5, 2, 3, 4, 6], 300.0)
    assert found.method == "greedy"
    assert 0.9 * found.bound <= found.value <= found.bound < 1


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_best_of_arms_equals_enumeration_of_every_draw(data):
    sizes = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    few = st.sampled_from([-np.inf, 0.0, 1.0, 2.0])  # ties within and between arms
    scores = data.draw(st.lists(few, min_size=sum(sizes), max_size=sum(sizes)))
    labels = data.draw(st.lists(st.integers(0, 1), min_size=sum(sizes), max_size=sum(sizes)))
    k = [data.draw(st.integers(0, size)) for size in sizes]
    if not any(k):
        k[0] = 1
    first, second = range(sizes[0]), range(sizes[0], sum(sizes))
    draws = [(*a, *b) for a in combinations(first, k[0]) for b in combinations(second, k[1])]
    expected = np.mean([mean_label_of_best(draw, scores, labels) for draw in draws])
    arm = [0] * sizes[0] + [1] * sizes[1]
    found = best_of_arms([0] * sum(sizes), arm, np.array(scores, float), labels, k)
    assert found[0] == pytest.approx(expected, abs=1e-12)


def mean_label_of_best(draw, scores, labels):
    best = max(scores[j] for j in draw)
    return np.mean([labels[j] for j in draw if scores[j] == best])


def test_ties_between_arms_are_even_for_large_pools():
    found = best_of_arms([0] * 4000, [0, 1] * 2000, np.ones(4000), [1, 0] * 2000, [1000, 1000])
    assert found[0] == pytest.approx(0.5, abs=1e-9)
    found = best_of_arms([0] * 4000, [0, 1] * 2000, np.ones(4000), [1, 0] * 2000, [900, 300])
    assert found[0] == pytest.approx(0.75, abs=1e-9)  # by symmetry of the samples drawn


def test_the_gain_over_a_single_arm_is_found_where_arms_solve_different_problems():
    n = np.full((60, 2), 40)
    c = np.where(np.arange(60)[:, None] % 2 == np.arange(2), 12, 0)
    found = honest_allocation(n, c, [1.0, 1.0], 16.0, rng=0)
    assert (found.k > 0).all()
    assert found.coverage > 0.85
    assert found.single_coverage == pytest.approx(0.5, abs=0.01)
    assert found.gain == pytest.approx(found.coverage - found.single_coverage)
    assert 0.3 < found.gain_low <= found.gain <= found.gain_high
    assert found.optimistic <= found.bound + 1e-12


def test_a_budget_that_buys_nothing_names_the_cheapest_sample():
    with pytest.raises(InvalidInputError, match=r"buys no sample: the cheapest costs 2.5 per problem"):
        honest_allocation([[4, 4]], [[1, 1]], [2.0, 5.0], 1.0, once=[0.5, 0.0])
