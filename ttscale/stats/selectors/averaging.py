"""From a selector to its curve: the mean over problems of what it collects, and an interval around it."""

import numpy as np

from ttscale.arrays import ArrayLike, FloatArray, IntArray
from ttscale.stats.counts.counts import budgets, refuse_too_few
from ttscale.stats.counts.curve import Curve
from ttscale.stats.intervals.bootstrap import bootstrap_over_problems
from ttscale.stats.intervals.intervals import (
    Interval,
    IntervalOptions,
    Rng,
    interval_over_problems,
    interval_over_samples,
    mean_curve,
    named,
    simultaneous_level,
)
from ttscale.stats.intervals.sampling_error import split_sampling_error
from ttscale.stats.selectors.contract import Picked, SamplePools, Selector


def curve(
    selector: Selector, pools: SamplePools, k: ArrayLike, *, interval: IntervalOptions | None = None
) -> Curve:
    """Estimate what a selector collects, averaged over problems, with its interval at every budget.

    Args:
        selector: How one answer of k is picked.
        pools: The samples, with what the selector needs.
        k: Budgets, shape (K,), at most the fewest samples of any problem; sorted and made unique.
        interval: How the interval is computed.

    Returns:
        The curve; exact, or with its Monte Carlo standard error where the selector simulates.

    Raises:
        InvalidInputError: Pools that lack what the selector needs, k > n, or an option that does not exist.

    >>> from ttscale.stats.selectors.contract import sample_pools
    >>> from ttscale.stats.selectors.selection import BestOfK
    >>> pools = sample_pools([0, 0, 0], [True, False, True], score=[0.1, 0.9, 0.5])
    >>> curve(BestOfK(), pools, [1, 2, 3]).value.round(3).tolist()
    [0.667, 0.333, 0.0]
    """
    options = interval or IntervalOptions()
    ks = np.unique(budgets(k))
    refuse_too_few(pools.n, ks, selector.at_k)
    options.check()
    rng = np.random.default_rng(options.rng)
    picked = selector.values(pools, ks, rng=rng)
    if options.over != "samples":
        return averaged_curve(selector.metric, ks, picked, options, rng=rng)
    between = _interval_over_samples(selector, pools, ks, picked, options.confidence_level, rng)
    return averaged_curve(selector.metric, ks, picked, options, interval=between)


def averaged_curve(
    metric: str,
    k: IntArray,
    picked: Picked,
    options: IntervalOptions,
    *,
    interval: Interval | None = None,
    rng: Rng = None,
) -> Curve:
    """Average the values of all problems and put an interval around each mean.

    Args:
        metric: Name of the curve.
        k: Budgets, increasing, shape (K,).
        picked: The values of all problems.
        options: Of the interval.
        interval: The interval itself, where it cannot be told from the values: over samples.
        rng: Generator or seed, instead of that of the options.
    """
    mean = picked.value.mean(axis=0)
    error = picked.error_of_mean()
    between = interval or _interval_over_problems(picked.value, options, options.rng if rng is None else rng)
    how = "exact mean over subsets" if error is None else "mean over random orders"
    return mean_curve(
        metric,
        k,
        mean,
        between,
        len(picked.value),
        options=options,
        how=how,
        standard_error=error,
        caveats=False,
    )


def _interval_over_problems(values: FloatArray, options: IntervalOptions, rng: Rng) -> Interval:
    level, n_resamples = options.confidence_level, options.n_resamples
    if options.method == "bootstrap":
        return bootstrap_over_problems(values, level, n_resamples=n_resamples, rng=rng)
    if options.simultaneous:
        band = simultaneous_level(values, level, n_resamples=n_resamples, rng=rng)
        return named(interval_over_problems(values, band), "simultaneous")
    return interval_over_problems(values, level)


def _interval_over_samples(
    selector: Selector, pools: SamplePools, k: IntArray, picked: Picked, level: float, rng: Rng
) -> Interval:
    def values_of(rows: IntArray, k: IntArray) -> FloatArray:
        return selector.values(pools.take(rows), k, rng=rng).value

    table, _ = pools.samples()
    error = split_sampling_error(table, k, values_of, rng)
    mean = picked.value.mean(axis=0)
    unknown = ~np.isfinite(error)  # a single sample says nothing of other draws but that it is 0 or 1
    error = np.where(unknown, np.sqrt(mean * (1 - mean) / len(table)), error)
    groups = len(table) ** 2 / (k * (1 / np.maximum(table.n, 1)).sum())
    return interval_over_samples(mean, error, groups, level)
