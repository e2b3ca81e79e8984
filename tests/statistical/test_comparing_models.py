"""Comparing models on the same problems: families told apart by chance, intervals and ranks that hold, numbers that settle.

Problems have a difficulty that all models share in part; every model draws its own samples. Fixed seeds; each test states its
false-alarm rate.
"""

import numpy as np
import pytest
from scipy.special import expit

from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.decide.ranking import ranking
from ttscale.stats.decide.settling import what_settles
from ttscale.stats.intervals.multiple import paired_differences

K = np.array([1, 8])
N = 16
REPLICATES = 300


class Models:
    """Models whose log-odds on a problem are its difficulty, their skill and what is their own."""

    def __init__(self, skill: list[float], seed: int) -> None:
        self._skill = np.array(skill)
        self.rng = np.random.default_rng(seed)
        population = self.rates(400_000)
        self.truth = np.stack([1 - (1 - population) ** k for k in K], axis=-1).mean(axis=0)  # (A, K)

    def rates(self, n_problems: int) -> np.ndarray:
        """Return the success rates of new problems, shape (P, A)."""
        hard = self.rng.normal(-1.5, 2.0, (n_problems, 1))
        own = self.rng.normal(0.0, 0.7, (n_problems, len(self._skill)))
        return expit(hard + own + self._skill)

    def values(self, n_problems: int, n: int = N) -> np.ndarray:
        """Return estimated pass@k of new problems from n samples of each, shape (P, A, K)."""
        c = self.rng.binomial(n, self.rates(n_problems))
        return pass_at_k(n, np.arange(n + 1), K[n >= K])[c]


def family(values: np.ndarray, seed: int):
    """Compare all pairs of models at both budgets, as one family: columns model by model."""
    n_models = values.shape[1]
    pairs = tuple(
        (2 * i + j, 2 * m + j) for j in range(2) for i in range(n_models) for m in range(i + 1, n_models)
    )
    table = values.reshape(len(values), -1)
    return pairs, table, paired_differences(table, pairs=pairs, n_resamples=300, rng=seed)


@pytest.mark.parametrize("n_problems", [20, 50, 200])
def test_equal_models_are_rarely_told_apart(n_problems):
    """A true 5 % of 300 families exceeds 9 % with chance 0.2 %."""
    models = Models([0.0] * 3, seed=n_problems)
    told = [(family(models.values(n_problems), i)[2].p_value < 0.05).any() for i in range(REPLICATES)]
    assert np.mean(told) <= 0.09, np.mean(told)


@pytest.mark.parametrize("n_problems", [20, 50, 200])
def test_the_intervals_of_a_family_hold_together(n_problems):
    """A true 95 % of 300 families falls below 91 % with chance 0.2 %."""
    models = Models([0.0, 0.5, 1.2], seed=100 + n_problems)
    held = []
    for i in range(REPLICATES):
        pairs, _, found = family(models.values(n_problems), i)
        truth = np.array([models.truth.ravel()[a] - models.truth.ravel()[b] for a, b in pairs])
        held.append(((found.low <= truth) & (truth <= found.high)).all())
    assert np.mean(held) >= 0.91, np.mean(held)


@pytest.mark.parametrize("n_problems", [20, 50, 200])
def test_rank_intervals_hold_together_where_models_lie_close(n_problems):
    """A true 95 % of 300 falls below 91 % with chance 0.2 %; percentiles of bootstrapped ranks held far less here."""
    models = Models([0.0, 0.02, 0.04, 0.06, 0.8], seed=200 + n_problems)
    order = (-models.truth[:, 0]).argsort().argsort() + 1
    held = []
    for i in range(REPLICATES):
        found = ranking(models.values(n_problems)[:, :, 0], n_resamples=300, rng=i)
        held.append(((found.low <= order) & (order <= found.high)).all())
    assert np.mean(held) >= 0.91, np.mean(held)


def settled(models: Models, n_problems: int, n: int, column: int) -> float:
    """Return how often the two models are told apart with so many problems and samples."""
    found = []
    for i in range(REPLICATES):
        values = models.values(n_problems, n)[:, :, column]
        one = paired_differences(values, n_resamples=200, rng=i)
        found.append(one.low[0] > 0 or one.high[0] < 0)
    return float(np.mean(found))


@pytest.mark.parametrize(("gap", "column"), [(0.5, 0), (0.8, 1), (1.5, 0)])
def test_so_many_problems_settle_it_with_the_chance_asked_for(gap, column):
    """Told from 20,000 problems, so that difference and spread are those of the population; 80 % +- 8 is 3.5 errors."""
    models = Models([gap, 0.0], seed=3)
    values = models.values(20_000)[:, :, column]
    found = paired_differences(values, n_resamples=500, rng=0)
    (one,) = what_settles(values[:, :1] - values[:, 1:], found)
    assert one.is_settled and one.problems_low <= one.problems <= one.problems_high
    assert settled(models, one.problems, N, column) == pytest.approx(0.8, abs=0.08)


def test_so_many_samples_settle_it_with_the_chance_asked_for():
    """Two samples of each of 150 problems: most of the spread is theirs. 80 % +- 8 is 3.5 errors."""
    models, n, n_problems = Models([0.45, 0.0], seed=4), 2, 150
    rates = models.rates(n_problems * 400)
    means = models.rng.binomial(n, rates) / n
    kept = np.sort(means[:, 0] - means[:, 1])[200::400]  # 150 problems that stand for all
    values = np.column_stack([np.maximum(kept, 0.0), np.maximum(-kept, 0.0)])
    noise = np.sqrt((rates * (1 - rates) / n).mean(axis=0).sum() / n_problems)
    found = paired_differences(values, n_resamples=500, rng=0)
    (one,) = what_settles(kept[:, None], found, sampling_error=[noise], n=n)
    assert not one.is_settled and one.samples is not None and one.samples > n
    assert settled(models, n_problems, one.samples, 0) == pytest.approx(0.8, abs=0.08)
