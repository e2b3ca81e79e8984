"""best_of_k: the sample with the highest score of k, exactly and for all k at once.

Notation: a pool of n samples, each with a score and correct or not; k of them are drawn without replacement.
"""

from typing import ClassVar, Unpack

import numpy as np

from ttscale.arrays import ArrayLike, FloatArray, IntArray
from ttscale.stats.counts.counts import TooFew, budgets, refuse_too_few
from ttscale.stats.counts.curve import Curve
from ttscale.stats.counts.pools import Pools, flags, pools, scores
from ttscale.stats.intervals.intervals import IntervalKeywords, IntervalOptions, Rng
from ttscale.stats.selectors.averaging import curve
from ttscale.stats.selectors.contract import Need, Picked, SamplePools, Selector, sample_pools


def best_of_k(
    problem: ArrayLike, score: ArrayLike, correct: ArrayLike, k: ArrayLike, *, too_few: TooFew = "raise"
) -> FloatArray:
    """Estimate the chance that the highest-scored of k samples is correct.

    The mean over all subsets of k, with ties for the highest score broken at random. The sample of rank i
    (ascending) is the best of k in C(i−1, k−1) of the C(n, k) subsets.

    Args:
        problem: Problem number of each sample, shape (S,), 0..P-1.
        score: Score of each sample, higher is better, shape (S,).
        correct: Whether each sample is correct, shape (S,).
        k: Budget or budgets, shape (K,).
        too_few: What becomes of a problem with n < k: "raise" (default) or "nan".

    Returns:
        Shape (P, K).

    Raises:
        InvalidInputError: Columns of unequal length, a NaN score, or k > n with ``too_few="raise"``.

    >>> best_of_k([0, 0, 0], [0.1, 0.9, 0.5], [True, False, True], [1, 2, 3]).round(3).tolist()
    [[0.667, 0.333, 0.0]]
    """
    table, ks = pools(problem), budgets(k)
    size = len(table.order)
    value, label = scores(score, "score", size), flags(correct, "correct", size)
    if too_few != "nan":
        refuse_too_few(table.n, ks, "best_of_k at k = {k}")
    return _values(table, value, label, ks)


def rank_weights(n: int, k: IntArray) -> FloatArray:
    """Return C(i−1, k−1)/C(n, k) for the ranks i = 1..n: how often each is the best of k; shape (n, K).

    Built from the best rank downwards as a running product of (i−k)/(i−1), so nothing overflows.
    NaN where k > n.
    """
    rank = np.arange(n, 1, -1)[:, None]  # (n-1, 1)
    steps = np.maximum(rank - k, 0) / (rank - 1)
    downwards = np.vstack([k / n, steps]) if n else np.empty((0, len(k)))
    np.cumprod(downwards, axis=0, out=downwards)
    downwards[:, k > n] = np.nan
    return downwards[::-1]


class BestOfK(Selector):
    """The sample with the verifier's highest score, ties broken at random."""

    metric = "best_of_k"
    needs: ClassVar[frozenset[Need]] = frozenset({"scores"})
    at_k = "best_of_k at k = {k}"

    def label(self, verifier: str | None = None) -> str:
        """Return what a table calls it."""
        return f"best by {verifier}" if verifier else "best of k"

    def values(self, pools: SamplePools, k: IntArray, *, rng: Rng = None) -> Picked:
        """Return best_of_k of every problem, exactly."""
        table, label = pools.samples()
        return Picked(_values(table, pools.scores(), label, k))


def best_of_k_curve(
    problem: ArrayLike,
    score: ArrayLike,
    correct: ArrayLike,
    k: ArrayLike,
    **interval: Unpack[IntervalKeywords],
) -> Curve:
    """Estimate best_of_k, averaged over problems, with its interval at every budget.

    Args:
        problem: Problem number of each sample, shape (S,), 0..P-1.
        score: Score of each sample, higher is better, shape (S,).
        correct: Whether each sample is correct, shape (S,).
        k: Budgets, shape (K,), at most the fewest samples of any problem; sorted and made unique.
        **interval: How the interval is computed; see `IntervalOptions`.

    Returns:
        The curve; its values are exact averages over all subsets.

    Raises:
        InvalidInputError: As `best_of_k`, or an option that does not exist.
    """
    return curve(
        BestOfK(), sample_pools(problem, correct, score=score), k, interval=IntervalOptions(**interval)
    )


def _values(table: Pools, score: FloatArray, label: IntArray, k: IntArray) -> FloatArray:
    """Return best_of_k of every pool; NaN where k > n; shape (P, K)."""
    weights: dict[int, FloatArray] = {}
    result = np.empty((len(table), len(k)))
    for i, rows in enumerate(table.rows()):
        n = len(rows)
        if n not in weights:
            weights[n] = rank_weights(n, k)
        result[i] = _tied_means(score[rows], label[rows]) @ weights[n]
    return result


def _tied_means(score: FloatArray, label: IntArray) -> FloatArray:
    """Return the labels by ascending score, each replaced by the mean of those tied with it; shape (n,)."""
    order = np.argsort(score)
    score, label = score[order], label[order]
    begins = np.ones(len(score), dtype=bool)
    begins[1:] = score[1:] != score[:-1]  # not by differences: -inf less -inf is NaN
    first = np.flatnonzero(begins)
    if len(first) == len(score):
        return label.astype(np.float64)
    sizes = np.diff(np.append(first, len(score)))
    return np.repeat(np.add.reduceat(label, first) / sizes, sizes)
