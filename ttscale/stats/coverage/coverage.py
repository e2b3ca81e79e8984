"""Means over problems as curves with intervals: coverage, and how reliably k samples are correct (pass^k, G-Pass@k, mG-Pass@k).

Notation: problem i has n_i samples, c_i of them correct; k is the budget and τ the share of k that must be correct.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Unpack

import numpy as np

from ttscale.arrays import ArrayLike, FloatArray, IntArray
from ttscale.stats.counts.counts import Counts, UniqueCounts, budgets, counts, refuse_too_few
from ttscale.stats.counts.curve import Curve
from ttscale.stats.counts.pass_at_k import all_of_them, at_least_one, g_pass_at_k, mg_pass_at_k
from ttscale.stats.intervals.bootstrap import bootstrap_coverage
from ttscale.stats.intervals.intervals import (
    Interval,
    IntervalKeywords,
    IntervalOptions,
    Rng,
    interval_over_problems,
    interval_over_samples,
    mean_curve,
    named,
    rising,
    simultaneous_level,
)
from ttscale.stats.intervals.sampling_error import coverage_sampling_error
from ttscale.types import CONFIDENCE_LEVEL

Estimator = Callable[[ArrayLike, ArrayLike, ArrayLike], FloatArray]
"""(n, c, k) -> values of each problem, shape (P, K)."""


def coverage_curve(
    n: ArrayLike,
    c: ArrayLike,
    k: ArrayLike,
    **interval: Unpack[IntervalKeywords],
) -> Curve:
    """Estimate coverage, the mean of pass@k over problems, with an interval at every budget.

    Args:
        n: Samples drawn per problem, shape (P,), or one number for all.
        c: Samples correct per problem, shape (P,).
        k: Budgets, shape (K,), at most the fewest samples of any problem; sorted and made unique.
        **interval: How the interval is computed; see `IntervalOptions`.

    Returns:
        The curve; its values are exact averages over all subsets of k.

    Raises:
        InvalidInputError: Impossible counts, k > n, or an option that does not exist.

    References:
        Brown et al. 2024, https://arxiv.org/abs/2407.21787

    >>> coverage_curve([4, 4], [1, 2], [1, 2]).value.round(3).tolist()
    [0.375, 0.667]
    """
    data, ks = counts(n, c), np.unique(budgets(k))
    refuse_too_few(data.n, ks)
    options = IntervalOptions(**interval)
    options.check()
    pairs = data.unique()
    values = at_least_one(pairs.n[:, None], pairs.c[:, None], ks)
    between = rising(_interval(data, pairs, values, ks, options))
    mean = pairs.weight @ values / len(data)
    return mean_curve("coverage", ks, mean, between, len(data), options=options)


def pass_hat_curve(
    n: ArrayLike, c: ArrayLike, k: ArrayLike, *, confidence_level: float = CONFIDENCE_LEVEL
) -> Curve:
    """Estimate pass^k, averaged over problems, with its interval over problems at every budget.

    Args:
        n: Samples drawn per problem, shape (P,), or one number for all.
        c: Samples correct per problem, shape (P,).
        k: Budgets, shape (K,), at most the fewest samples of any problem.
        confidence_level: Such as 0.95.

    Returns:
        The curve.

    Raises:
        InvalidInputError: Impossible counts or k > n.

    >>> pass_hat_curve([5, 5], [4, 5], [1, 2]).value.round(3).tolist()
    [0.9, 0.8]
    """
    data, ks = counts(n, c), np.unique(budgets(k))
    refuse_too_few(data.n, ks, "pass^{k}")
    pairs = data.unique()
    values = all_of_them(pairs.n[:, None], pairs.c[:, None], ks)
    mean = pairs.weight @ values / len(data)
    interval = interval_over_problems(values, confidence_level, weight=pairs.weight)
    options = IntervalOptions(confidence_level=confidence_level)
    return mean_curve("pass_hat_k", ks, mean, interval, len(data), options=options)


def _interval(
    data: Counts, pairs: UniqueCounts, values: FloatArray, k: IntArray, options: IntervalOptions
) -> Interval:
    level, n_resamples, rng = options.confidence_level, options.n_resamples, options.rng
    if options.method == "bootstrap":
        return bootstrap_coverage(data, k, level, over=options.over, n_resamples=n_resamples, rng=rng)
    if options.over == "samples":
        return _over_samples(pairs, values, k, level)
    return _over_problems(pairs, values, level, options.simultaneous, n_resamples, rng)


def _over_problems(
    pairs: UniqueCounts, values: FloatArray, level: float, simultaneous: bool, n_resamples: int, rng: Rng
) -> Interval:
    if not simultaneous:
        return interval_over_problems(values, level, weight=pairs.weight)
    band = simultaneous_level(values, level, weight=pairs.weight, n_resamples=n_resamples, rng=rng)
    return named(interval_over_problems(values, band, weight=pairs.weight), "simultaneous")


def _over_samples(pairs: UniqueCounts, values: FloatArray, k: IntArray, level: float) -> Interval:
    mean = pairs.weight @ values / pairs.weight.sum()
    drawn = np.maximum(pairs.n, 1)
    trials = pairs.weight.sum() ** 2 / (pairs.weight @ (k / drawn[:, None]))  # few samples of some weigh most
    error = coverage_sampling_error(pairs, k)
    return interval_over_samples(mean, error.standard_error, trials, level, degrees=error.degrees)


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
