"""Every estimator equals brute force over all subsets, in exact fractions."""

import math
from fractions import Fraction

import enumeration
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ttscale.stats.counts.pass_at_k import (
    g_pass_at_k,
    mg_pass_at_k,
    pass_at_k,
    pass_hat_k,
    posterior_pass_at_k,
)
from ttscale.stats.coverage.stopping import pass_at_k_until_successes, rate_until_successes
from ttscale.stats.decide.allocation import best_allocation, coverage_of_allocation
from ttscale.stats.selectors.accepting import expected_draws, first_accepted, utility
from ttscale.stats.selectors.selection import best_of_k
from ttscale.stats.selectors.voting import maj_at_k, weighted_maj_at_k

TIGHT = {"rel": 1e-12, "abs": 1e-13}
labels_of = st.lists(st.integers(0, 1), min_size=1, max_size=9)


@st.composite
def votes(draw, most=8):
    n = draw(st.integers(1, most))
    classes = draw(st.lists(st.integers(-1, 4), min_size=n, max_size=n))
    labels = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    weights = draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    return classes, labels, weights


@given(labels_of)
@settings(deadline=None, max_examples=60)
def test_pass_at_k_pass_hat_k_and_g_pass_equal_enumeration(labels):
    n, c, k = len(labels), sum(labels), np.arange(1, len(labels) + 1)
    assert pass_at_k(n, [c], k)[0] == pytest.approx(
        [float(enumeration.any_correct(labels, b)) for b in k], **TIGHT
    )
    assert pass_hat_k(n, [c], k)[0] == pytest.approx(
        [float(enumeration.at_least(labels, b, b)) for b in k], **TIGHT
    )
    half = [float(enumeration.at_least(labels, b, -(-b // 2))) for b in k]
    assert g_pass_at_k(n, [c], k, 0.5)[0] == pytest.approx(half, **TIGHT)
    mean = [
        float(
            Fraction(2, int(b))
            * sum(enumeration.at_least(labels, b, i) for i in range(-(-b // 2) + 1, b + 1))
        )
        for b in k
    ]
    assert mg_pass_at_k(n, [c], k)[0] == pytest.approx(mean, **TIGHT)


@given(st.integers(1, 100_000), st.data())
@settings(max_examples=60, deadline=None)
def test_pass_at_k_keeps_full_relative_precision_for_large_n(n, data):
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    exact = 1 - Fraction(math.comb(n - c, k), math.comb(n, k))
    assert pass_at_k([n], [c], k)[0, 0] == pytest.approx(float(exact), rel=5e-12, abs=0)


@given(votes())
@settings(deadline=None, max_examples=60)
def test_majority_equals_enumeration(pool):
    classes, labels, _ = pool
    k = np.arange(1, len(classes) + 1)
    exact = [float(enumeration.vote(classes, labels, b)) for b in k]
    assert maj_at_k(np.zeros(len(k), int), classes, labels, k)[0] == pytest.approx(exact, abs=1e-12)


@given(votes())
@settings(deadline=None, max_examples=60)
def test_weighted_vote_of_small_pools_equals_enumeration(pool):
    classes, labels, weights = pool
    k = np.arange(1, len(classes) + 1)
    exact = [float(enumeration.vote(classes, labels, b, weights)) for b in k]
    found = weighted_maj_at_k(np.zeros(len(k), int), classes, weights, labels, k)
    assert found.value[0] == pytest.approx(exact, abs=1e-12)
    assert not found.standard_error.any()


tied_scores = st.sampled_from([-np.inf, -2.0, 0.0, 1.0, np.inf])


@given(st.lists(st.tuples(tied_scores, st.integers(0, 1)), min_size=1, max_size=8))
def test_best_of_k_with_ties_equals_enumeration(samples):
    scores, labels = zip(*samples, strict=True)
    k = np.arange(1, len(scores) + 1)
    exact = [float(enumeration.best(scores, labels, b)) for b in k]
    assert best_of_k(np.zeros(len(k), int), scores, labels, k)[0] == pytest.approx(exact, **TIGHT)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=6))
@settings(deadline=None, max_examples=40)
def test_first_accepted_equals_enumeration_of_orders(samples):
    accepted, labels = zip(*samples, strict=True)
    n, a = len(samples), sum(accepted)
    right = sum(x * y for x, y in samples)
    k = np.arange(1, n + 1)
    exact = [enumeration.first_accepted(accepted, labels, b) for b in k]
    assert first_accepted([n], [a], [right], k)[0] == pytest.approx([float(e[0]) for e in exact], **TIGHT)
    assert expected_draws([n], [a], k)[0] == pytest.approx([float(e[1]) for e in exact], **TIGHT)
    wrong = [float(enumeration.first_accepted(accepted, [1 - y for y in labels], b)[0]) for b in k]
    expected = [2 * float(e[0]) - 3 * w - 0.1 * float(e[1]) for e, w in zip(exact, wrong, strict=True)]
    found = utility([n], [a], [right], k, value_correct=2, cost_wrong=3, cost_per_draw=0.1)[0]
    assert found == pytest.approx(expected, rel=1e-10, abs=1e-12)


@given(st.integers(0, 12), st.data(), st.integers(1, 30), st.sampled_from([(1, 1), (2, 3), (1, 9)]))
def test_posterior_equals_the_product_in_fractions(n, data, k, prior):
    c = data.draw(st.integers(0, n))
    alpha, beta = c + prior[0], n - c + prior[1]
    fail = math.prod(Fraction(beta + j, alpha + beta + j) for j in range(k))
    found = posterior_pass_at_k(n, [c], k, alpha0=prior[0], beta0=prior[1])[0, 0]
    assert found == pytest.approx(float(1 - fail), rel=1e-11)


def sequences(rate: Fraction, target: int, cap: int):
    """Yield (chance, draws, successes) of every way sampling can end."""
    stack = [(Fraction(1), 0, 0)]
    while stack:
        chance, draws, hits = stack.pop()
        if hits == target or draws == cap:
            yield chance, draws, hits
        else:
            stack += [(chance * rate, draws + 1, hits + 1), (chance * (1 - rate), draws + 1, hits)]


@pytest.mark.parametrize("target", [1, 2, 3])
@pytest.mark.parametrize("rate", [Fraction(1, 10), Fraction(1, 2), Fraction(4, 5)])
def test_stopped_sampling_is_estimated_without_bias(target, rate):
    cap = 9
    ends = list(sequences(rate, target, cap))
    draws, hits = [e[1] for e in ends], [e[2] for e in ends]
    chance = np.array([float(e[0]) for e in ends])
    k = np.arange(1, cap + 1)
    found = chance @ pass_at_k_until_successes(draws, hits, target, k)
    assert found == pytest.approx(1 - (1 - float(rate)) ** k, abs=1e-12)
    unbiased = rate_until_successes(draws, hits, target).unbiased
    assert chance @ unbiased == pytest.approx(float(rate), abs=1e-12)


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.9])
def test_exact_interval_of_stopped_sampling_covers(rate):
    ends = list(sequences(Fraction(rate), 2, 14))
    estimate = rate_until_successes([e[1] for e in ends], [e[2] for e in ends], 2)
    chance = np.array([float(e[0]) for e in ends])
    held = (estimate.low <= rate) & (rate <= estimate.high)
    assert chance @ held >= 0.95


@given(st.lists(st.tuples(labels_of, labels_of), min_size=1, max_size=3), st.data())
@settings(deadline=None)
def test_allocation_equals_independent_arms(arms, data):
    n = np.array([[len(a), len(b)] for a, b in arms])
    c = np.array([[sum(a), sum(b)] for a, b in arms])
    k = [data.draw(st.integers(0, int(n[:, j].min()))) for j in range(2)]
    found = coverage_of_allocation(n, c, k)
    for row, pair in zip(found, arms, strict=True):
        missed = math.prod(
            1 - (enumeration.any_correct(y, b) if b else 0) for y, b in zip(pair, k, strict=True)
        )
        assert row == pytest.approx(float(1 - missed), **TIGHT)


def test_the_search_for_an_allocation_finds_the_best_of_all_small_ones():
    rng = np.random.default_rng(3)
    n = np.full((40, 2), 12)
    c = rng.binomial(12, rng.beta(0.5, 2, (40, 2)))
    cost, budget = np.array([1.0, 2.0]), 9.0
    found = coverage_of_allocation(n, c, best_allocation(n, c, cost, budget).k).mean()
    every = [
        coverage_of_allocation(n, c, [i, j]).mean()
        for i in range(10)
        for j in range(5)
        if i + 2 * j <= budget
    ]
    assert found >= max(every) - 1e-12
