"""Predictive distribution of coverage to come: which of the open problems will be solved is chance.

A problem is *open* at budget k when it is unsolved so far and has fewer than k samples. The number of open
problems that will be solved is a sum of independent chances; its law is taken as binomial with their mean,
which is exact when all open problems have equally many samples and wider than the truth otherwise (Hoeffding
1956, "On the distribution of the number of successes in independent trials"). What is not known of
the chances themselves mixes these binomials.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import bdtr, ndtri

from ttscale.arrays import FloatArray, IntArray
from ttscale.stats.counts.counts import Counts
from ttscale.stats.counts.pass_at_k import pass_at_k

_BINS = 200  # of the chances that are mixed
_TELLING = 0.1
_GOLDEN = (5.0**0.5 - 1.0) / 2.0
_MOST_SIZES = 256  # distinct numbers of samples that are evaluated each


@dataclass(frozen=True, slots=True, eq=False)
class OpenProblems:
    """What the counts leave to chance at each budget.

    Attributes:
        k: Budgets, shape (K,).
        known: Sum of the pass@k of the problems that are not open, shape (K,).
        n: Numbers of samples of unsolved problems, increasing, shape (V,): the distinct ones, or some between which the
            others are interpolated.
        count: Open problems at each budget with each n, shape (K, V).
        n_problems: All problems.
    """

    k: IntArray
    known: FloatArray
    n: FloatArray
    count: FloatArray
    n_problems: int

    @property
    def n_open(self) -> IntArray:
        """Open problems at each budget, shape (K,)."""
        return np.asarray(np.rint(self.count.sum(axis=1)), dtype=np.int64)

    def mean_chance(self, failure_n: FloatArray, failure_k: FloatArray) -> FloatArray:
        """Return the mean chance of the open problems to be solved by k.

        Args:
            failure_n: ``E[(1-p)^n]`` at `n`, shape (..., V).
            failure_k: ``E[(1-p)^k]`` at `k`, shape (..., K).

        Returns:
            Shape (..., K); 0 where nothing is open.
        """
        weighted = (1.0 / np.maximum(failure_n, 1e-300)) @ self.count.T
        n_open = self.n_open
        return np.asarray(
            np.clip(1.0 - failure_k * weighted / np.maximum(n_open, 1), 0.0, 1.0) * (n_open > 0)
        )


def open_problems(data: Counts, k: IntArray) -> OpenProblems:
    """Split the problems into those whose pass@k is known and those that are open."""
    pairs = data.unique()
    enough = pairs.n[:, None] >= k  # (U, K)
    observed = np.nan_to_num(pass_at_k(pairs.n, pairs.c, k, too_few="nan"))
    known = pairs.weight @ np.where(enough, observed, pairs.c[:, None] > 0)
    unsolved = pairs.c == 0
    n, count = _between(pairs.n[unsolved], pairs.weight[unsolved] * (pairs.n[unsolved] < k[:, None]))
    return OpenProblems(k, known, n, count, len(data))


def _between(n: IntArray, count: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Share counts (K, V) of many n among few, as linear interpolation in log(1 + n) does."""
    if len(n) <= _MOST_SIZES:
        return n.astype(float), count.astype(float)
    at, knots = np.log1p(n), np.linspace(np.log1p(n[0]), np.log1p(n[-1]), _MOST_SIZES)
    right = np.clip(np.searchsorted(knots, at), 1, _MOST_SIZES - 1)
    part = (at - knots[right - 1]) / (knots[right] - knots[right - 1])
    toward = np.zeros((len(n), _MOST_SIZES))
    rows = np.arange(len(n))
    toward[rows, right], toward[rows, right - 1] = part, 1.0 - part
    return np.expm1(knots), count @ toward


@dataclass(frozen=True, slots=True, eq=False)
class Predictive:
    """A mixture of binomials for the number of open problems that will be solved, at each budget.

    Attributes:
        problems: What is open.
        chance: Mean chance of the open problems in each draw, shape (S, K).
        weight: Of the draws, summing to 1, shape (S,).
    """

    problems: OpenProblems
    chance: FloatArray
    weight: FloatArray

    def median_chance(self) -> FloatArray:
        """Return the weighted median of the chances, shape (K,)."""
        return np.array([_weighted_quantile(column, self.weight, 0.5) for column in self.chance.T])

    def blurred(self, spread: float) -> "Predictive":
        """Let each draw be wrong about the hazard of the open problems by a log-normal factor.

        One factor for all budgets, so that quantiles never fall with k; factors of neighbours are spread evenly.

        Args:
            spread: Standard deviation of the factor's logarithm.
        """
        normal = ndtri((np.arange(len(self.weight)) * _GOLDEN + 0.5) % 1.0)
        hazard = -np.log1p(-np.minimum(self.chance, 1.0 - 1e-16))
        return replace(self, chance=-np.expm1(-np.exp(spread * normal)[:, None] * hazard))

    def ends_in_doubt(self) -> tuple[float, float] | None:
        """Return coverage at the last budget under low and under high laws (one in ten each); None where they agree.

        They agree where which problems happen to fall is more uncertain than the law, or where it makes less than
        `_TELLING` of all problems.
        """
        chance, problems = self.chance[:, -1], self.problems
        n_open = float(problems.n_open[-1])
        mean = float(self.weight @ chance)
        of_law = n_open**2 * float(self.weight @ (chance - mean) ** 2)
        by_chance = n_open * float(self.weight @ (chance * (1.0 - chance)))
        low, high = (
            (problems.known[-1] + n_open * _weighted_quantile(chance, self.weight, level))
            / problems.n_problems
            for level in (0.1, 0.9)
        )
        return (float(low), float(high)) if of_law > by_chance and high - low > _TELLING else None

    def quantile(self, level: float) -> FloatArray:
        """Return the coverage that is not exceeded with probability `level`, shape (K,)."""
        n_open, mixed = self.problems.n_open, self._mixed()
        low, high = np.full(len(n_open), -1), n_open.copy()
        while (wide := high - low > 1).any():  # by bisection at all budgets together
            middle = (low + high) // 2
            enough = self._cdf(middle, *mixed) >= level
            high, low = np.where(wide & enough, middle, high), np.where(wide & ~enough, middle, low)
        return np.asarray((self.problems.known + high) / self.problems.n_problems)

    def chance_to_reach(self, target: float) -> FloatArray:
        """Return the probability that coverage at each budget is at least `target`, shape (K,)."""
        needed = np.ceil(target * self.problems.n_problems - self.problems.known - 1e-9)
        return np.asarray(1.0 - self._cdf(needed - 1, *self._mixed()))

    def _cdf(self, solved: FloatArray | IntArray, chance: FloatArray, weight: FloatArray) -> FloatArray:
        """Return the probability that at most `solved` open problems will be solved, both of shape (K,)."""
        at_most = bdtr(np.maximum(solved, 0), self.problems.n_open, chance)
        return np.asarray(np.where(solved < 0, 0.0, np.sum(weight * at_most, axis=0)))

    def _mixed(self) -> tuple[FloatArray, FloatArray]:
        """Few chances that stand for all draws at each budget, with weights that sum to 1; each of shape (B, K)."""
        binned = [_binned(column, self.weight) for column in self.chance.T]
        size = max((len(value) for value, _ in binned), default=0)
        chance, weight = np.zeros((2, size, len(binned)))
        for j, (value, share) in enumerate(binned):
            chance[: len(value), j], weight[: len(value), j] = value, share
        return chance, weight


def _binned(value: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Reduce weighted values to few: the mean and the weight of runs of neighbours."""
    if len(value) <= _BINS:
        return value, weight
    order = np.argsort(value)
    value, weight = value[order], weight[order]
    bins = np.minimum((np.cumsum(weight) * _BINS).astype(int), _BINS - 1)
    total = np.bincount(bins, weight, _BINS)
    mean = np.bincount(bins, weight * value, _BINS) / np.maximum(total, 1e-300)
    return mean[total > 0], np.asarray(total[total > 0], dtype=float)


def _weighted_quantile(value: FloatArray, weight: FloatArray, level: float) -> float:
    order = np.argsort(value)
    return float(np.interp(level, np.cumsum(weight[order]) - 0.5 * weight[order], value[order]))
