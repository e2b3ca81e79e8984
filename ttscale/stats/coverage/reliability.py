"""How reliably k samples are correct, averaged over problems: G-Pass@k and mG-Pass@k as curves.

Notation: problem i has n_i samples, c_i of them correct; k is the budget and τ the share of k that must be correct.
"""

from collections.abc import Callable
from fractions import Fraction

import numpy as np

from ttscale.arrays import ArrayLike, FloatArray
from ttscale.stats.counts.counts import budgets, counts
from ttscale.stats.counts.curve import Curve
from ttscale.stats.counts.threshold_pass import g_pass_at_k, mg_pass_at_k
from ttscale.stats.intervals.intervals import (
    IntervalOptions,
    interval_over_problems,
    mean_curve,
)
from ttscale.types import CONFIDENCE_LEVEL

Estimator = Callable[[ArrayLike, ArrayLike, ArrayLike], FloatArray]
"""(n, c, k) -> values of each problem, shape (P, K)."""


def g_pass_curve(
    n: ArrayLike,
    c: ArrayLike,
    k: ArrayLike,
    tau: float | Fraction | str = 0.5,
    *,
    confidence_level: float = CONFIDENCE_LEVEL,
) -> Curve:
    """Estimate the chance that at least ⌈τk⌉ of k samples are correct, averaged over problems.

    τ = 1 is pass^k; τ small enough that ⌈τk⌉ = 1 is coverage.

    Args:
        n: Samples drawn per problem, shape (P,), or one number for all.
        c: Samples correct per problem, shape (P,).
        k: Budgets, shape (K,), at most the fewest samples of any problem.
        tau: Share of the k samples that must be correct, in (0, 1].
        confidence_level: Of the interval over problems.

    Returns:
        The curve; its values are exact averages over all subsets.

    Raises:
        InvalidInputError: Impossible counts, k > n or τ outside (0, 1].

    References:
        Liu et al. 2024, https://arxiv.org/abs/2412.13147

    >>> g_pass_curve(4, [2, 4], [2, 4], 1.0).value.round(4).tolist()
    [0.5833, 0.5]
    """
    return _curve(
        "g_pass_at_k",
        n,
        c,
        k,
        lambda drawn, right, budget: g_pass_at_k(drawn, right, budget, tau),
        confidence_level,
    )


def mg_pass_curve(
    n: ArrayLike, c: ArrayLike, k: ArrayLike, *, confidence_level: float = CONFIDENCE_LEVEL
) -> Curve:
    """Estimate mG-Pass@k, the mean of G-Pass@k over τ from ½ to 1, averaged over problems.

    Args:
        n: Samples drawn per problem, shape (P,), or one number for all.
        c: Samples correct per problem, shape (P,).
        k: Budgets, shape (K,), at most the fewest samples of any problem.
        confidence_level: Of the interval over problems.

    Returns:
        The curve; its values are exact averages over all subsets.

    Raises:
        InvalidInputError: Impossible counts or k > n.

    References:
        Liu et al. 2024, https://arxiv.org/abs/2412.13147

    >>> mg_pass_curve(4, [0, 4], [2]).value.tolist()
    [0.5]
    """
    return _curve("mg_pass_at_k", n, c, k, mg_pass_at_k, confidence_level)


def _curve(
    metric: str, n: ArrayLike, c: ArrayLike, k: ArrayLike, of_problems: Estimator, confidence_level: float
) -> Curve:
    data, ks = counts(n, c), np.unique(budgets(k))
    values = of_problems(data.n, data.c, ks)
    interval = interval_over_problems(values, confidence_level)
    options = IntervalOptions(confidence_level=confidence_level)
    return mean_curve(metric, ks, values.mean(axis=0), interval, len(data), options=options)
