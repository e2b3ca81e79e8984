"""The probability of counts under a mixture of hazards, by quadrature.

Given a success rate p, a count is binomial: ``C(n, c) p^c (1-p)^(n-c)``. Only the distinct (n, c) pairs
matter; each is evaluated once on every grid point.
"""

import numpy as np
from scipy.special import gammaln

from ttscale.stats.counts import UniqueCounts
from ttscale.stats.curve import FloatArray
from ttscale.stats.laws.frame import Mixture

_TINY = 1e-300


def binomial_kernel(pairs: UniqueCounts, x: FloatArray) -> FloatArray:
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


def count_probabilities(pairs: UniqueCounts, mixture: Mixture, kernel: FloatArray) -> FloatArray:
    """Return the probability of each distinct count, shape (U,): at least 1e-300, so its logarithm is finite."""
    probability = kernel @ mixture.weight + mixture.zero * (pairs.c == 0)
    return np.asarray(np.maximum(probability, _TINY))
