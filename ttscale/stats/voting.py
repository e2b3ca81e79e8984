"""Plurality vote of k samples: maj@k exactly for any pool, and score-weighted votes by simulation.

Notation: answers fall into classes; `answer_class` −1 abstains (no answer extracted) and never wins; a class is
correct as far as its samples are.
"""

import numpy as np
from numpy.typing import ArrayLike

from ttscale.stats.counts import TooFew, budgets, refuse_too_few
from ttscale.stats.curve import Curve, FloatArray, Over
from ttscale.stats.intervals import curve_of_means
from ttscale.stats.plurality import chance_of_correct, vote_pool
from ttscale.stats.pools import classes, flags, pools


def maj_at_k(
    problem: ArrayLike,
    answer_class: ArrayLike,
    correct: ArrayLike,
    k: ArrayLike,
    *,
    too_few: TooFew = "raise",
) -> FloatArray:
    """Estimate the chance that a plurality vote of k samples is correct.

    The mean over all subsets of k, ties broken at random (see `ttscale.stats.plurality`).

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
    result = np.full((len(table), len(ks)), np.nan)
    for i, rows in enumerate(table.rows()):
        usable = ks <= len(rows)
        result[i, usable] = chance_of_correct(vote_pool(answer[rows], label[rows]), ks[usable])
    return result


def majority_curve(
    problem: ArrayLike,
    answer_class: ArrayLike,
    correct: ArrayLike,
    k: ArrayLike,
    *,
    confidence_level: float = 0.95,
    over: Over = "problems",
    n_resamples: int = 2000,
    rng: np.random.Generator | int | None = None,
) -> Curve:
    """Estimate maj@k, averaged over problems, with its interval at every budget."""
    ks = np.unique(budgets(k))
    values = maj_at_k(problem, answer_class, correct, ks)
    return curve_of_means("maj_at_k", ks, values, confidence_level=confidence_level, over=over)
