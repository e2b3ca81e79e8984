"""Backtest forecasts on the data at hand: fit on a prefix of the samples, score on the rest.

From counts alone the successes among s random samples of a problem are exactly hypergeometric, so no record
of single samples is needed.
"""

import numpy as np
from numpy.typing import ArrayLike

from ttscale.stats.counts import Counts, counts


def thin(n: ArrayLike, c: ArrayLike, s: int, rng: np.random.Generator) -> Counts:
    """Draw the counts of s random samples of each problem, without replacement.

    Args:
        n: Samples drawn per problem, shape (P,).
        c: Samples correct per problem, shape (P,).
        s: Samples to keep; problems with fewer keep all of theirs.
        rng: Source of randomness.

    Returns:
        Counts out of ``min(s, n)`` samples.
    """
    data = counts(n, c)
    kept = np.minimum(s, data.n)
    return Counts(kept, rng.hypergeometric(data.c, data.n - data.c, kept))
