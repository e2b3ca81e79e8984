"""Which of several arms is first, second, ...: ranks by their means over the same problems, and how sure they are.

Notation: V_ia is the value of arm a on problem i, shape (P, A). Rank 1 is the highest mean.

The interval of a rank comes from all pairwise differences together (`ttscale.stats.intervals.multiple`): an arm cannot be better
than those that beat it for certain, nor worse than those that it beats. All intervals hold together at the confidence level,
also where arms lie close, where percentiles of bootstrapped ranks fail (Mogstad, Romano, Shaikh, Wilhelm 2024,
https://doi.org/10.1093/restud/rdad006). The chance of each rank is the share of bootstrap replicates over problems that give it.
"""

from dataclasses import dataclass

import numpy as np

from ttscale.arrays import ArrayLike, FloatArray, IntArray
from ttscale.stats.intervals.intervals import Rng
from ttscale.stats.intervals.multiple import paired_differences
from ttscale.types import CONFIDENCE_LEVEL

_SAME = 1e-12
"""Means that differ by less are one."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Ranking:
    """Ranks of A arms.

    Attributes:
        rank: 1 is best; equal means share the better rank, shape (A,).
        low: The best rank that an arm may have, shape (A,).
        high: The worst, shape (A,).
        chance: Share of bootstrap replicates in which arm a has rank r + 1, ties split evenly, shape (A, A).
        confidence_level: Of all intervals together.
        n_problems: P.
    """

    rank: IntArray
    low: IntArray
    high: IntArray
    chance: FloatArray
    confidence_level: float
    n_problems: int


def ranking(
    values: ArrayLike,
    *,
    confidence_level: float = CONFIDENCE_LEVEL,
    n_resamples: int = 10_000,
    rng: Rng = None,
) -> Ranking:
    """Rank arms by their means over problems.

    Args:
        values: Shape (P, A), at least two arms, within [0, 1].
        confidence_level: Of all intervals together.
        n_resamples: Simulated families, and bootstrap replicates.
        rng: Generator or seed.

    Raises:
        InvalidInputError: Fewer than two arms, or values outside [0, 1].

    >>> found = ranking([[1, 0], [1, 0]] * 20, rng=0)
    >>> found.rank.tolist(), found.low.tolist(), found.high.tolist()
    ([1, 2], [1, 2], [1, 2])
    """
    generator = np.random.default_rng(rng)
    table = np.asarray(values, dtype=np.float64)
    family = paired_differences(
        table, confidence_level=confidence_level, n_resamples=n_resamples, rng=generator
    )
    n_arms = table.shape[1]
    better, worse = np.zeros(n_arms, dtype=np.int64), np.zeros(n_arms, dtype=np.int64)
    for (first, second), low, high in zip(family.pairs, family.low, family.high, strict=True):
        winner, loser = (first, second) if low > 0 else (second, first)
        if low > 0 or high < 0:
            better[loser] += 1
            worse[winner] += 1
    mean = table.mean(axis=0)
    return Ranking(
        rank=1 + (mean > mean[:, None] + _SAME).sum(axis=1),
        low=1 + better,
        high=n_arms - worse,
        chance=rank_chances(table, n_resamples=n_resamples, rng=generator),
        confidence_level=confidence_level,
        n_problems=len(table),
    )


def rank_chances(values: FloatArray, *, n_resamples: int = 10_000, rng: Rng = None) -> FloatArray:
    """Return how often each arm has each rank when problems are drawn again with replacement, shape (A, A).

    Arms that tie in a replicate share their ranks evenly.

    >>> rank_chances(np.array([[1.0, 0.0]]), n_resamples=10, rng=0).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    n_problems = len(values)
    generator = np.random.default_rng(rng)
    weight = generator.multinomial(n_problems, np.full(n_problems, 1 / n_problems), size=n_resamples)
    return ranks_held(weight @ values / n_problems)


def ranks_held(means: FloatArray) -> FloatArray:
    """Return the share of rows (R, A) in which each arm has each rank, ties split evenly, shape (A, A)."""
    n_arms = means.shape[1]
    above = (means[:, None, :] > means[:, :, None] + _SAME).sum(axis=2)  # (R, A)
    alike = (np.abs(means[:, None, :] - means[:, :, None]) <= _SAME).sum(axis=2)
    position = np.arange(n_arms)
    held = (position >= above[:, :, None]) & (position < (above + alike)[:, :, None])  # (R, A, A)
    chance: FloatArray = (held / alike[:, :, None]).mean(axis=0)
    return chance
