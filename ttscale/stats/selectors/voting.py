"""Plurality vote of k samples: maj@k exactly for any pool, and score-weighted votes by simulation.

Notation: answers fall into classes; `answer_class` −1 abstains (no answer extracted) and never wins; a class
is correct as far as its samples are.
"""

import numpy as np
from numpy.typing import ArrayLike

from ttscale.stats.counts.counts import TooFew, budgets, refuse_too_few
from ttscale.stats.counts.curve import Curve, FloatArray, IntArray, Over
from ttscale.stats.counts.pools import Pools, classes, flags, pools
from ttscale.stats.intervals.intervals import IntervalMethod, Rng
from ttscale.stats.selectors.averaging import IntervalOptions, averaged_curve
from ttscale.stats.selectors.plurality import chance_of_correct, vote_pool
from ttscale.stats.selectors.weighted_voting import vote_weights, weighted_maj_at_k, weighted_majority_curve


def maj_at_k(
    problem: ArrayLike,
    answer_class: ArrayLike,
    correct: ArrayLike,
    k: ArrayLike,
    *,
    too_few: TooFew = "raise",
) -> FloatArray:
    """Estimate the chance that a plurality vote of k samples is correct.

    The mean over all subsets of k, ties broken at random (see `ttscale.stats.selectors.plurality`).

    Args:
        problem: Problem number of each sample, shape (S,), 0..P-1.
        answer_class: Class of each sample's answer within its problem, shape (S,); −1 abstains.
        correct: Whether each sample is correct, shape (S,). Within a class the labels are averaged.
        k: Budget or budgets, shape (K,).
        too_few: What becomes of a problem with n < k: "raise" (default) or "nan".

    Returns:
        Shape (P, K), exact within 1e-9.

    Raises:
        InvalidInputError: Columns of unequal length, bad classes, or k > n with ``too_few="raise"``.

    References:
        Wang et al. 2023, https://arxiv.org/abs/2203.11171

    >>> maj_at_k([0, 0, 0], [7, 7, 2], [True, True, False], [1, 2, 3]).round(3).tolist()
    [[0.667, 0.667, 1.0]]
    """
    table, ks = pools(problem), budgets(k)
    size = len(table.order)
    answer, label = classes(answer_class, "answer_class", size), flags(correct, "correct", size)
    if too_few != "nan":
        refuse_too_few(table.n, ks, "maj@{k}")
    return _values(table, answer, label, ks)


def majority_curve(
    problem: ArrayLike,
    answer_class: ArrayLike,
    correct: ArrayLike,
    k: ArrayLike,
    *,
    confidence_level: float = 0.95,
    over: Over = "problems",
    method: IntervalMethod = "analytic",
    simultaneous: bool = False,
    n_resamples: int = 2000,
    rng: Rng = None,
) -> Curve:
    """Estimate maj@k, averaged over problems, with its interval at every budget.

    Args:
        problem: Problem number of each sample, shape (S,), 0..P-1.
        answer_class: Class of each sample's answer within its problem, shape (S,); −1 abstains.
        correct: Whether each sample is correct, shape (S,).
        k: Budgets, shape (K,), at most the fewest samples of any problem; sorted and made unique.
        confidence_level: Such as 0.95.
        over: What the interval generalises over; see `ttscale.stats.intervals.intervals`. "samples" costs about ten
            times as much as "problems".
        method: "analytic" (default) or "bootstrap", over problems.
        simultaneous: Whether the band shall hold at all k together.
        n_resamples: Replicates of whatever is simulated.
        rng: Generator or seed, for whatever is simulated.

    Returns:
        The curve; its values are exact averages over all subsets.

    Raises:
        InvalidInputError: As `maj_at_k`, or an option that does not exist.
    """
    table, ks = pools(problem), np.unique(budgets(k))
    size = len(table.order)
    answer, label = classes(answer_class, "answer_class", size), flags(correct, "correct", size)
    number = table.problem_of_row()

    def values_of(rows: IntArray, k: IntArray) -> FloatArray:
        return _values(pools(number[rows]), answer[rows], label[rows], k)

    options = IntervalOptions(
        confidence_level=confidence_level,
        over=over,
        method=method,
        simultaneous=simultaneous,
        n_resamples=n_resamples,
        rng=rng,
    )
    refuse_too_few(table.n, ks, "maj@{k}")
    values = _values(table, answer, label, ks)
    return averaged_curve("maj_at_k", table, ks, values_of, options, values=values)


def _values(table: Pools, answer: IntArray, label: IntArray, k: IntArray) -> FloatArray:
    """Return maj@k of every pool; NaN where k > n; shape (P, K)."""
    result = np.full((len(table), len(k)), np.nan)
    for i, rows in enumerate(table.rows()):
        usable = k <= len(rows)
        result[i, usable] = chance_of_correct(vote_pool(answer[rows], label[rows]), k[usable])
    return result


__all__ = ["maj_at_k", "majority_curve", "vote_weights", "weighted_maj_at_k", "weighted_majority_curve"]
