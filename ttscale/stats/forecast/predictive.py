"""Predictive distribution of coverage to come: which of the open problems will be solved is chance.

A problem is *open* at budget k when it is unsolved so far and has fewer than k samples. The number of open
problems that will be solved is a sum of independent chances; its law is taken as binomial with their mean,
which is exact when all open problems have equally many samples and wider than the truth otherwise (Hoeffding
1956, "On the distribution of the number of successes in independent trials"). What is not known of
the chances themselves mixes these binomials.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from ttscale.stats.counts.counts import Counts
from ttscale.stats.counts.curve import FloatArray, IntArray
from ttscale.stats.counts.pass_at_k import pass_at_k

_BINS = 200  # of the chances that are mixed


@dataclass(frozen=True, slots=True, eq=False)
class OpenProblems:
    """What the counts leave to chance at each budget.

    Attributes:
        k: Budgets, shape (K,).
        known: Sum of the pass@k of the problems that are not open, shape (K,).
        n: Distinct numbers of samples of unsolved problems, increasing, shape (V,).
        count: Unsolved problems with each, shape (V,).
        n_problems: All problems.
    """

    k: IntArray
    known: FloatArray
    n: IntArray
    count: IntArray
    n_problems: int

    @property
    def n_open(self) -> IntArray:
        """Open problems at each budget, shape (K,)."""
        return np.asarray(self._sum_of_open(self.count))

    def _sum_of_open(self, value: np.ndarray) -> np.ndarray:
        """Sum values (..., V) over the n below each budget: (..., K)."""
        running = np.concatenate(
            [np.zeros((*value.shape[:-1], 1), value.dtype), np.cumsum(value, axis=-1)], axis=-1
        )
        return np.asarray(running[..., np.searchsorted(self.n, self.k)])

    def mean_chance(self, failure_n: FloatArray, failure_k: FloatArray) -> FloatArray:
        """Return the mean chance of the open problems to be solved by k.

        Args:
            failure_n: ``E[(1-p)^n]`` at `n`, shape (..., V).
            failure_k: ``E[(1-p)^k]`` at `k`, shape (..., K).

        Returns:
            Shape (..., K); 0 where nothing is open.
        """
        weighted = self._sum_of_open(self.count / np.maximum(failure_n, 1e-300))
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
    return OpenProblems(k, known, pairs.n[unsolved], pairs.weight[unsolved], len(data))


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

    def quantile(self, level: float) -> FloatArray:
        """Return the coverage that is not exceeded with probability `level`, shape (K,)."""
        solved = [self._count_quantile(j, level) for j in range(len(self.problems.k))]
        return np.asarray((self.problems.known + np.array(solved)) / self.problems.n_problems)

    def chance_to_reach(self, target: float) -> FloatArray:
        """Return the probability that coverage at each budget is at least `target`, shape (K,)."""
        needed = np.ceil(target * self.problems.n_problems - self.problems.known - 1e-9)
        return np.array([1.0 - self._cdf(j, needed[j] - 1) for j in range(len(self.problems.k))])

    def _cdf(self, j: int, solved: float) -> float:
        if solved < 0:
            return 0.0
        chance, weight = _binned(self.chance[:, j], self.weight)
        return float(weight @ binom.cdf(solved, self.problems.n_open[j], chance))

    def _count_quantile(self, j: int, level: float) -> int:
        """Find the smallest count whose distribution function reaches `level`, by bisection."""
        low, high = -1, int(self.problems.n_open[j])
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._cdf(j, middle) >= level else (middle, high)
        return high


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
