"""Non-parametric maximum likelihood: whatever distribution of success rates explains the counts best.

The maximiser is a few atoms (Lindsay 1983). It is found here on a fixed grid of log hazards, where the log-likelihood
is concave in the weights, by expectation maximisation sped up by squared extrapolation (Varadhan and Roland 2008).
Beyond the samples it says nothing: unsolved problems end in an atom that the data cannot place, so its
forecasts are lower bounds more than estimates. Its band ends there too: up to n samples it is that of the curve, which
the maximiser follows, and beyond them it reaches up to 1.
"""

import numpy as np

from ttscale.arrays import FloatArray, IntArray
from ttscale.stats.counts.counts import UniqueCounts
from ttscale.stats.intervals.intervals import interval_over_problems
from ttscale.stats.laws.frame import Mixture, ScalingLaw
from ttscale.stats.laws.likelihood import binomial_kernel

_GRID_POINTS = 200
_MAX_ROUNDS = 2000


class NonParametric(ScalingLaw):
    """A free distribution of success rates; `theta` holds the log hazards, their weights and the mass at zero."""

    name = "npmle"
    ranges = ()

    def coverage(self, k: FloatArray, theta: FloatArray) -> FloatArray:
        """Return coverage at each k of the atoms in `theta`, shape (2 A + 1,)."""
        atoms = (len(theta) - 1) // 2
        return 1.0 - Mixture(theta[:atoms], theta[atoms:-1], float(theta[-1])).failure(k)

    def band(
        self, k: IntArray, theta: FloatArray, *, n: int, n_problems: int, confidence_level: float
    ) -> tuple[FloatArray, FloatArray]:
        """Return the ends of the band over problems at each k, shapes (K,).

        Up to n samples the interval is that of problems as the atoms have them: ``f = 1 - (1-p)^k``, and with chance k/n
        the outcome of a single group of k, 0 or 1, so that the variance within a problem is that of an average over
        ``n / k`` groups, which pass@k is never worse than (Hoeffding 1948). Beyond n the data set no upper end.

        Args:
            k: Budgets.
            theta: The atoms.
            n: Samples per problem.
            n_problems: Problems that were fitted.
            confidence_level: Such as 0.95.
        """
        atoms = (len(theta) - 1) // 2
        x, weight = np.append(theta[:atoms], -np.inf), theta[atoms:]
        reached = np.minimum(k, n)
        f = -np.expm1(-np.multiply.outer(np.exp(x), reached.astype(float)))  # (A + 1, K)
        group = np.broadcast_to(reached / n, f.shape)
        values = np.concatenate([f, np.zeros_like(f), np.ones_like(f)])
        share = np.concatenate([1.0 - group, group * (1.0 - f), group * f])
        mass = n_problems * np.tile(weight, 3)[:, None] * share
        interval = interval_over_problems(values, confidence_level, weight=mass)
        return interval.low, np.where(k > n, 1.0, interval.high)

    def fit(self, pairs: UniqueCounts) -> tuple[FloatArray, float, float]:
        """Maximise the likelihood of the counts.

        Returns:
            Atoms as `theta`, the log-likelihood, and the largest gradient that remains: a bound on how far, per
            problem, the log-likelihood lies below that of the best distribution on the grid.
        """
        reach = np.log(float(pairs.n.max()))
        x = np.linspace(-reach - 6.0, 4.0, _GRID_POINTS)
        kernel = np.column_stack([binomial_kernel(pairs, x), pairs.c == 0])  # (U, M + 1)
        share = pairs.weight / pairs.weight.sum()
        weight = np.full(kernel.shape[1], 1.0 / kernel.shape[1])
        gap = np.inf
        for _ in range(_MAX_ROUNDS):
            weight = _accelerated(weight, kernel, share)
            gap = float(np.max(_gradient(weight, kernel, share)) - 1.0)
            if gap < 1e-6:
                break
        kept = weight[:-1] > 1e-6
        zero = max(0.0, 1.0 - float(weight[:-1][kept].sum()))
        theta = np.concatenate([x[kept], weight[:-1][kept], [zero]])
        return theta, float(pairs.weight @ np.log(kernel @ weight)), gap


def _gradient(weight: FloatArray, kernel: FloatArray, share: FloatArray) -> FloatArray:
    """Return the derivative of the mean log-likelihood with respect to each weight, shape (M,)."""
    return np.asarray((share / np.maximum(kernel @ weight, 1e-300)) @ kernel)


def _accelerated(weight: FloatArray, kernel: FloatArray, share: FloatArray) -> FloatArray:
    """Take two steps of expectation maximisation and extrapolate where that is uphill."""

    def step(w: FloatArray) -> FloatArray:
        return w * _gradient(w, kernel, share)

    def likelihood(w: FloatArray) -> float:
        return float(share @ np.log(np.maximum(kernel @ w, 1e-300)))

    first = step(weight)
    second = step(first)
    r, v = first - weight, second - 2.0 * first + weight
    length = float(np.linalg.norm(r)) / max(float(np.linalg.norm(v)), 1e-300)
    leap = np.maximum(weight + 2.0 * length * r + length**2 * v, 1e-12)
    leap = step(leap / leap.sum())
    return leap if likelihood(leap) >= likelihood(second) else second
