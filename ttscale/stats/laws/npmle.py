"""Non-parametric maximum likelihood: whatever distribution of success rates explains the counts best.

The maximiser is a few atoms (Lindsay 1983). It is found here on a fixed grid of log hazards, where the log-likelihood
is concave in the weights, by expectation maximisation sped up by squared extrapolation (Varadhan and Roland 2008).
Beyond the samples it says nothing: unsolved problems end in an atom that the data cannot place, so its
forecasts are lower bounds more than estimates.
"""

import numpy as np

from ttscale.stats.counts import UniqueCounts
from ttscale.stats.curve import FloatArray
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
