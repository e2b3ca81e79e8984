"""Per-problem saturation: how much the next sample still adds, and where it stops to pay.

With success rate p the (k+1)-th sample is the first success with chance ``p (1-p)^k``. The saturation point is the
first k at which this gain has fallen to a threshold (TTSPM, arXiv 2505.20522).
"""

import numpy as np
from numpy.typing import ArrayLike

from ttscale.errors import InvalidInputError
from ttscale.stats.counts.counts import budgets, counts
from ttscale.stats.counts.curve import FloatArray
from ttscale.stats.laws.frame import CurveLaw, Range


class Saturation(CurveLaw):
    """``coverage = ceiling (1 - (1 - p)^k)``: every solvable problem is equally hard; by least squares on coverage."""

    name = "saturation"
    ranges = (Range("ceiling", 1e-6, 1.0, "log"), Range("p", 1e-9, 1.0 - 1e-9, "logit"))

    def coverage(self, k: FloatArray, theta: FloatArray) -> FloatArray:
        """Return ``ceiling (1 - (1 - p)^k)``."""
        return np.asarray(-theta[0] * np.expm1(k * np.log1p(-theta[1])))

    def starts(self, k: FloatArray, coverage: FloatArray) -> list[FloatArray]:
        """Start from the last point as the ceiling and from twice that."""
        top = float(coverage[-1])
        return [
            np.array([c, np.clip(coverage[0] / c, 1e-9, 0.99)])
            for c in (min(1.0, 1.02 * top), min(1.0, 2 * top))
        ]


def saturation_point(p: ArrayLike, epsilon: float, *, ceiling: float = 1.0) -> int:
    """Return the first k at which one more sample adds at most `epsilon` of coverage.

    The gain of sample k + 1 is ``ceiling mean_i p_i (1 - p_i)^k``, decreasing in k. For one p this is
    ``ceil(log(epsilon / (ceiling p)) / log(1 - p))``.

    Args:
        p: Success rates, shape (P,) or a number, each in [0, 1].
        epsilon: Gain below which a sample no longer pays, above 0.
        ceiling: Largest coverage that is reachable, in (0, 1].

    Returns:
        The saturation point, 0 where already the first sample adds too little.

    Raises:
        InvalidInputError: Rates outside [0, 1] or an epsilon that is not positive.

    References:
        TTSPM, https://arxiv.org/abs/2505.20522

    >>> saturation_point(0.1, 0.01)
    22
    """
    rates = np.atleast_1d(np.asarray(p, dtype=float))
    if not rates.size or not np.all((rates >= 0.0) & (rates <= 1.0)):
        raise InvalidInputError("Success rates lie between 0 and 1. Give c / n, or fitted rates.")
    if not epsilon > 0.0 or not 0.0 < ceiling <= 1.0:
        raise InvalidInputError(
            f"epsilon is above 0 and ceiling in (0, 1], but they are {epsilon} and {ceiling}."
        )

    def pays(k: int) -> bool:
        return bool(
            ceiling * np.mean(rates * np.exp(k * np.log1p(-np.minimum(rates, 1.0 - 1e-16)))) > epsilon
        )

    high = 1
    while pays(high):
        high *= 2
    low = -1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if pays(middle) else (low, middle)
    return high


def mean_gain(n: ArrayLike, c: ArrayLike, k: ArrayLike) -> FloatArray:
    """Estimate without bias what one more sample after k adds to coverage, ``mean_i p_i (1 - p_i)^k``.

    It is the difference of pass@(k+1) and pass@k: ``C(n-c, k) c / (C(n, k) (n - k))``.

    Args:
        n: Samples drawn per problem, shape (P,), or one number for all.
        c: Samples correct per problem, shape (P,).
        k: Budgets, each below every n, shape (K,).

    Returns:
        Shape (K,).
    """
    from ttscale.stats.counts.pass_at_k import pass_at_k

    data, ks = counts(n, c), budgets(k)
    failing = 1.0 - pass_at_k(data.n, data.c, ks)
    if ks.max() >= data.n.min():
        raise InvalidInputError(
            f"The gain after {ks.max()} samples needs {ks.max() + 1} samples of every problem."
        )
    return np.asarray((failing * data.c[:, None] / (data.n[:, None] - ks)).mean(axis=0))
