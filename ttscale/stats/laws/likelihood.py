"""The probability of counts under a mixture of hazards, by quadrature, and counts reduced to what a law can tell apart.

Given a success rate p, a count is binomial: ``C(n, c) p^c (1-p)^(n-c)``. Only the distinct (n, c) pairs
matter; each is evaluated once on every grid point.

A law varies smoothly in the log hazard x. A count of c successes places x within ``1 / sqrt(c)``; beyond some hundred
successes that is sharper than any law, so a count is replaced by one of the same rate out of fewer samples. And problems
whose counts place x almost alike are one count, as often as there are problems. Counts become fractions so, and no forecast
grows with the samples.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from ttscale.arrays import FloatArray
from ttscale.stats.counts.counts import UniqueCounts
from ttscale.stats.laws.frame import Mixture

SHARPEST = 1000
"""Successes beyond which a count says no more: x is known within .03, and the narrowest law spreads by .05."""

_MOST_CONDENSED = 450
_EXACT = 16.0  # successes up to which counts are kept apart
_WIDTH = 0.1  # of the first bins of log n
_FINER = 2.5  # bins of log c / n, in standard deviations, over bins of log n
_TINY = 1e-300
_MOST_PAIRS = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class CondensedCounts:
    """Counts that need not be whole.

    Attributes:
        n: Samples drawn, shape (U,).
        c: Samples correct, shape (U,).
        weight: Problems that each stands for, shape (U,).
    """

    n: FloatArray
    c: FloatArray
    weight: FloatArray


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


def blunted(pairs: UniqueCounts, sharpest: int = SHARPEST) -> CondensedCounts:
    """Replace counts of more successes than `sharpest` by the same rate out of fewer samples; one for one.

    >>> blunted(UniqueCounts(*np.array([[10**9], [10**8], [1], [0]]))).n.tolist()
    [10000.0]
    """
    n, c = pairs.n.astype(float), pairs.c.astype(float)
    share = np.minimum(1.0, sharpest / np.maximum(c, 1.0))
    return CondensedCounts(n * share, c * share, pairs.weight.astype(float))


def condensed(pairs: UniqueCounts) -> CondensedCounts:
    """Blunt counts and merge the nearest until at most 450 are left; fewer are only blunted.

    Merged counts share the successes where those are few and lie within a fraction of a standard deviation of log c / n
    where they are many; each is replaced by the mean.
    """
    fine = blunted(pairs)
    coarse, width = fine, _WIDTH
    while len(coarse.n) > _MOST_CONDENSED:
        coarse, width = _merged(fine, width), 2.0 * width
    return coarse


def _merged(pairs: CondensedCounts, width: float) -> CondensedCounts:
    n, c = np.maximum(pairs.n, 1.0), pairs.c
    sharp = np.floor(2.0 * np.log(np.maximum(c / _EXACT, 1.0)))  # steps of a half in log c
    place = np.where(c > _EXACT, np.log(np.maximum(c, 1.0) / n), -np.log(n))
    step = np.where(c > _EXACT, _FINER * width * np.exp(-sharp / 4.0) / np.sqrt(_EXACT), width)
    key = np.stack([np.where(c > _EXACT, _EXACT + 1.0 + sharp, np.rint(c)), np.floor(place / step)])
    _, group = np.unique(key, axis=1, return_inverse=True)
    weight = np.bincount(group.ravel(), pairs.weight).astype(float)
    mean_c, mean_place = (np.bincount(group.ravel(), pairs.weight * v) / weight for v in (c, place))
    return CondensedCounts(np.exp(-mean_place) * np.where(mean_c > _EXACT, mean_c, 1.0), mean_c, weight)
