"""Counts reduced to what a smooth law of success rates can tell apart, so that no forecast grows with the samples.

A law varies smoothly in the log hazard x. A count of c successes places x within ``1 / sqrt(c)``; beyond some hundred
successes that is sharper than any law, so a count is replaced by one of the same rate out of fewer samples. And
problems whose counts place x almost alike are one count, as often as there are problems. Counts become fractions so.
"""

from dataclasses import dataclass

import numpy as np

from ttscale.arrays import FloatArray
from ttscale.stats.counts.counts import UniqueCounts

SHARPEST = 1000
"""Successes beyond which a count says no more: x is known within .03, and the narrowest law spreads by .05."""

_MOST_PAIRS = 450
_EXACT = 16.0  # successes up to which counts are kept apart
_WIDTH = 0.1  # of the first bins of log n
_FINER = 2.5  # bins of log c / n, in standard deviations, over bins of log n


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
    while len(coarse.n) > _MOST_PAIRS:
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
