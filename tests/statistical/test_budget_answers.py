"""Intervals of inverse questions against simulation, and closed forms of first-accepted sampling against single draws.

False-alarm rates: with 120 replicates an interval of true level 95 % holds in fewer than 105 with chance 0.0005; with 4
replicates, in fewer than 3 with chance 0.014, with 6 in fewer than 4 with chance 0.002. Beyond the samples the level is lower on the second law (see the
benchmark of budget intervals); the draws are fixed.
"""

import numpy as np
import pytest
from scipy.special import betaln
from verifier_theory import population_utility

from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.coverage.marginal import saturation
from ttscale.stats.decide.best_buy import crossings, values_at
from ttscale.stats.decide.deciding import best_decision
from ttscale.stats.forecast.reaching import coverage_to_reach, ladder

ALPHA, BETA = 0.3, 6.0


def true_coverage(k):
    return -np.expm1(betaln(ALPHA, BETA + k) - betaln(ALPHA, BETA))


def holds(low, truth, high):
    return (low or np.inf) <= truth <= (high or np.inf)


def test_the_interval_of_a_target_within_the_samples_holds_its_truth():
    rng = np.random.default_rng(11)
    k = np.arange(1, 201)
    target = float(true_coverage(12.0))
    truth = int(k[np.argmax(true_coverage(k) >= target - 1e-12)])
    held = 0
    for _ in range(120):
        c = rng.binomial(80, rng.beta(ALPHA, BETA, 60))
        one = coverage_to_reach(80, c, target, largest=80)
        held += holds(one.low, truth, one.high)
    assert held >= 105


LAWS = {
    "straight": lambda rng, size: rng.beta(ALPHA, BETA, size),
    "easier in the end than published curves": lambda rng, size: 1 / (1 + np.exp(-rng.normal(-3, 2, size))),
}


@pytest.mark.parametrize(
    ("law", "replicates"), [("straight", 4), ("easier in the end than published curves", 6)]
)
def test_the_interval_of_a_target_beyond_the_samples_holds_its_truth(law, replicates):
    rng = np.random.default_rng(7)
    rungs = ladder(20_000)
    everything = LAWS[law](rng, 100_000)
    target = coverage_of(everything, np.array([250]))[0]
    population = coverage_of(everything[:20_000], rungs)
    held = {"problems": 0, "samples": 0}
    for _ in range(replicates):
        p = LAWS[law](rng, 80)
        c = rng.binomial(30, p)
        for over in held:
            curve = population if over == "problems" else coverage_of(p, rungs)
            truth = rungs[np.argmax(curve >= target)] if (curve >= target).any() else np.inf
            one = coverage_to_reach(30, c, target, largest=20_000, over=over)
            assert one.extrapolates or one.k <= 30
            held[over] += holds(one.low and one.low * 0.99, truth, one.high and one.high * 1.01)
    assert min(held.values()) >= (2 * replicates + 2) // 3, held


def coverage_of(rates, k):
    return np.array([-np.expm1(b * np.log1p(-np.minimum(rates, 1 - 1e-16))).mean() for b in k])


def test_the_interval_of_a_saturation_point_holds_its_truth():
    rng = np.random.default_rng(3)
    k = np.arange(0, 300)
    gain = true_coverage(k + 1.0) - np.where(k > 0, true_coverage(np.maximum(k, 1).astype(float)), 0.0)
    threshold = float(gain[20])
    truth = int(np.argmax(gain <= threshold * (1 + 1e-12)))
    held = 0
    for _ in range(120):
        found = saturation(100, rng.binomial(100, rng.beta(ALPHA, BETA, 80)), threshold)
        held += holds(found.low, truth, found.high) or (found.low == 0 and truth == 0)
    assert held >= 105


def test_the_interval_of_a_crossing_holds_its_truth():
    """A dear arm solves a tenth more of everything at six times the price of one with rates of 0.15 or 0."""
    rng = np.random.default_rng(5)
    budget, k = np.geomspace(1, 60, 80), np.arange(1, 61)
    rates = (0.15, 0.65)
    curves = [
        values_at(price * k, 0.6 * -np.expm1(k * np.log1p(-rate))[None], budget)[0]
        for rate, price in zip(rates, (1.0, 6.0), strict=True)
    ]
    j = int(np.flatnonzero(np.diff(np.sign(curves[0] - curves[1])) != 0)[0])
    truth = float(np.sqrt(budget[j] * budget[j + 1]))
    held = found = 0
    for _ in range(60):
        solvable = (
            rng.random(160) < 0.6
        )  # of 80 problems a third of such crossings are not certain on either side
        tables = [
            values_at(price * k, pass_at_k(60, rng.binomial(60, rate * solvable), k), budget)
            for rate, price in zip(rates, (1.0, 6.0), strict=True)
        ]
        near = crossings(*tables, budget)
        if near:
            one = min(near, key=lambda each: abs(np.log(each.budget / truth)))
            found += 1
            held += (one.low or 0.0) <= truth <= (one.high or np.inf)
    assert found >= 40
    assert held >= 0.85 * found


def test_the_best_budget_under_a_cost_of_wrong_answers_is_the_closed_forms():
    """Stroebl et al.'s population utility, its peak found again from simulated samples and verdicts."""
    rng = np.random.default_rng(9)
    prior, accuracy, wrong = np.array([0.5, 0.5]), np.array([0.02, 0.5]), 0.8
    completeness, soundness = 0.95, 0.9
    k = np.arange(1, 41)
    law = population_utility(
        prior, accuracy, k, completeness=completeness, soundness=soundness, cost_wrong=wrong
    )
    types = rng.integers(0, 2, 20_000)
    worth = np.zeros((len(types), len(k)))
    waiting = np.ones(len(types), dtype=bool)
    for j in range(len(k)):
        right = rng.random(len(types)) < accuracy[types]
        accepted = waiting & (rng.random(len(types)) < np.where(right, completeness, 1 - soundness))
        worth[:, j:] += np.where(accepted, np.where(right, 1.0, -wrong), 0.0)[:, None]
        waiting &= ~accepted
    assert worth.mean(axis=0) == pytest.approx(law, abs=0.02)
    found = best_decision(worth, k, n_resamples=200, rng=0)
    peak = float(max(law.max(), 0.0))
    at_found = float(law[found.k - 1]) if found.k else 0.0
    assert at_found == pytest.approx(peak, abs=0.02)
    assert found.utility_low - 0.02 <= peak <= found.utility_high + 0.02
