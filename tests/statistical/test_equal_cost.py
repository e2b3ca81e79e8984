"""Differences at equal cost: how often their intervals hold on problems whose costs go with their difficulty."""

import numpy as np
import pytest

from ttscale.arrays import FloatArray
from ttscale.stats.decide.best_buy import crossings, values_at
from ttscale.stats.decide.equal_cost import spans, values_at_cost
from ttscale.stats.intervals.multiple import paired_differences

K = np.arange(1, 33)
BUDGET = np.array([80.0, 300.0, 900.0])
N_PROBLEMS, ROUNDS = 60, 300
WAYS = ((1.0, 1.0), (1.6, 1.4), (3.0, 2.0))
"""Power of each way's rate (1: as plain), and price of an attempt."""


def drawn(rng: np.random.Generator, n_problems: int) -> list[tuple[FloatArray, FloatArray]]:
    """Return costs and values of every way on the same problems: what a way finds hard is dear for it."""
    ways = []
    for gain, price in WAYS:
        rate = rng.beta(0.6, 1.5, n_problems)
        length = 20 * (8 - 7 * np.sqrt(rate)) * rng.gamma(8, 1 / 8, n_problems)
        ways.append((price * length[:, None] * K, 1 - (1 - rate[:, None]) ** (gain * K)))
    return ways


def at_budget(ways: list[tuple[FloatArray, FloatArray]], budget: FloatArray) -> list[FloatArray]:
    return [values_at_cost(cost, value, budget) for cost, value in ways]


def test_the_family_of_differences_holds_at_its_level_when_costs_are_uncertain_too() -> None:
    rng = np.random.default_rng(11)
    population = drawn(rng, 400_000)
    means = [
        values_at(cost.mean(axis=0), value.mean(axis=0, keepdims=True), BUDGET)[0]
        for cost, value in population
    ]
    truth = np.concatenate([mean - means[0] for mean in means[1:]])
    pairs = tuple((j * 3 + m, m) for j in (1, 2) for m in range(3))
    held = {"with cost": 0, "without": 0}
    for _ in range(ROUNDS):
        ways = drawn(rng, N_PROBLEMS)
        values = at_budget(ways, BUDGET)
        flat = [values_at(cost.mean(axis=0), value, BUDGET) for cost, value in ways]
        for name, tables, span in (("with cost", values, spans(*values)[1]), ("without", flat, None)):
            found = paired_differences(
                np.concatenate(tables, axis=1), pairs=pairs, span=span, n_resamples=1000, rng=rng
            )
            held[name] += bool(((found.low <= truth) & (truth <= found.high)).all())
    assert 0.925 <= held["with cost"] / ROUNDS <= 1.0  # nominal 0.95; three standard errors are 0.038
    assert held["without"] / ROUNDS < 0.91  # costs taken as known promise too much


def test_ways_that_are_worth_the_same_at_equal_cost_cross_and_differ_at_the_false_alarm_rate() -> None:
    rng = np.random.default_rng(12)
    alarms = crossed = 0
    fine = np.geomspace(80.0, 600.0, 40)
    for _ in range(ROUNDS):
        one, other = drawn(rng, N_PROBLEMS)[0], drawn(rng, N_PROBLEMS)[0]  # the same law, other problems
        values = at_budget([one, other], BUDGET[:2])
        found = paired_differences(
            np.concatenate(values, axis=1),
            pairs=((2, 0), (3, 1)),
            span=spans(*values)[1],
            n_resamples=1000,
            rng=rng,
        )
        alarms += bool((found.p_value < 0.05).any())
        both = at_budget([one, other], fine)
        crossed += any(
            c.low is not None and c.high is not None for c in crossings(*both, fine, span=spans(*both)[1])
        )
    assert alarms / ROUNDS <= 0.08
    assert crossed / ROUNDS <= 0.03


def test_a_crossing_interval_holds_the_true_crossing() -> None:
    rng = np.random.default_rng(13)
    fine = np.geomspace(60.0, 4000.0, 60)

    def two(n_problems: int) -> list[tuple[FloatArray, FloatArray]]:
        """A cheap way that levels off at 60 % of the problems, and a dear one that does not."""
        rate = rng.beta(0.8, 1.2, n_problems)
        length = 15 * (4 - 3 * rate) * rng.gamma(8, 1 / 8, n_problems)
        able = rng.random(n_problems) < 0.6
        cheap = length[:, None] * K, able[:, None] * (1 - (1 - rate[:, None]) ** (1.5 * K))
        return [cheap, (2.5 * length[:, None] * K, 1 - (1 - rate[:, None]) ** (1.5 * K))]

    population = two(400_000)
    means = [values_at(c.mean(axis=0), v.mean(axis=0, keepdims=True), fine)[0] for c, v in population]
    true = float(fine[np.flatnonzero(np.diff(np.sign(means[0] - means[1])))[0]])
    held = found = 0
    for _ in range(ROUNDS):
        both = at_budget(two(N_PROBLEMS), fine)
        near = crossings(*both, fine, span=spans(*both)[1])
        if near:
            found += 1
            held += any((c.low or 0.0) <= true * 1.08 and true <= (c.high or np.inf) * 1.08 for c in near)
    assert found > 0.9 * ROUNDS
    assert held / found >= 0.92


@pytest.mark.parametrize("n_problems", [1, 2])
def test_few_problems_prove_nothing(n_problems: int) -> None:
    values = at_budget(drawn(np.random.default_rng(1), n_problems), BUDGET)
    found = paired_differences(np.concatenate(values, axis=1), pairs=((3, 0),), span=spans(*values)[1], rng=0)
    assert found.low[0] < 0 < found.high[0]
