"""The probability of counts under a mixture of hazards, by quadrature.

Given a success rate p, a count is binomial: ``C(n, c) p^c (1-p)^(n-c)``. Only the distinct (n, c) pairs
matter; each is evaluated once on every grid point.
"""

import numpy as np
from scipy.special import gammaln

from ttscale.arrays import FloatArray
from ttscale.stats.counts.counts import UniqueCounts
from ttscale.stats.laws.condensing import CondensedCounts
from ttscale.stats.laws.frame import Mixture

_TINY = 1e-300
_MOST_PAIRS = 10_000


def sampled(pairs: UniqueCounts) -> UniqueCounts:
    """Keep at most 10,000 distinct counts, so that a kernel fits in memory; fewer pass unchanged.

    Hundreds of thousands of problems with sample sizes of their own are represented by a systematic sample of
    the sorted counts, each standing for equally many problems: a stratified sample, and far more precise than
    the law that is fitted to it.
    """
    if len(pairs.n) <= _MOST_PAIRS:
        return pairs
    total = int(pairs.weight.sum())
    position = (np.arange(_MOST_PAIRS) + 0.5) * total / _MOST_PAIRS
    chosen, times = np.unique(np.searchsorted(np.cumsum(pairs.weight), position), return_counts=True)
    weight = np.rint(times * total / _MOST_PAIRS).astype(np.int64)
    return UniqueCounts(pairs.n[chosen], pairs.c[chosen], weight, np.zeros(0, dtype=np.int64))


def binomial_kernel(pairs: UniqueCounts | CondensedCounts, x: FloatArray) -> FloatArray:
    """Return the binomial probability of each count at each log hazard.

    Args:
        pairs: Distinct counts, U of them.
        x: Log hazards ``log(-log(1 - p))``, shape (M,).

    Returns:
        Shape (U, M).
    """
    n, c = pairs.n.astype(float), pairs.c.astype(float)
    t = np.exp(x)
    log_p = np.log(-np.expm1(-t))
    log_choose = gammaln(n + 1.0) - gammaln(c + 1.0) - gammaln(n - c + 1.0)
    exponent = np.multiply.outer(c, log_p) - np.multiply.outer(n - c, t) + log_choose[:, None]
    return np.asarray(np.exp(exponent))


def count_probabilities(
    pairs: UniqueCounts | CondensedCounts, mixture: Mixture, kernel: FloatArray
) -> FloatArray:
    """Return the probability of each distinct count, shape (U,): at least 1e-300, so its logarithm is finite."""
    probability = kernel @ mixture.weight + mixture.zero * (pairs.c == 0)
    return np.asarray(np.maximum(probability, _TINY))
