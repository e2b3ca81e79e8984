"""From the values of each problem to a curve: the mean over problems and its interval."""

from dataclasses import dataclass

import numpy as np

from ttscale.stats.counts.counts import refuse_too_few
from ttscale.stats.counts.curve import Curve, FloatArray, IntArray, Over
from ttscale.stats.counts.pools import Pools
from ttscale.stats.intervals.intervals import (
    Interval,
    IntervalMethod,
    Rng,
    bootstrap_over_problems,
    check_confidence,
    check_options,
    interval_over_problems,
    interval_over_samples,
    moments,
    named,
    simultaneous_level,
)
from ttscale.stats.intervals.sampling_error import ValuesOf, split_sampling_error


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalOptions:
    """How the interval of a curve over sample pools is computed.

    Attributes:
        confidence_level: Such as 0.95.
        over: What it generalises over; see `ttscale.stats.intervals.intervals`.
        method: "analytic" or "bootstrap" (over problems only).
        simultaneous: Whether the band shall hold at all k together; analytic over problems only.
        n_resamples: Replicates of whatever is simulated.
        rng: Generator or seed.
    """

    confidence_level: float = 0.95
    over: Over = "problems"
    method: IntervalMethod = "analytic"
    simultaneous: bool = False
    n_resamples: int = 2000
    rng: Rng = None


def averaged_curve(
    metric: str,
    table: Pools,
    k: IntArray,
    values_of: ValuesOf,
    options: IntervalOptions,
    *,
    how: str = "exact mean over subsets",
    standard_error: FloatArray | None = None,
    values: FloatArray | None = None,
) -> Curve:
    """Average the values of all problems and put an interval around each mean.

    Args:
        metric: Name of the curve.
        table: The pools, one per problem.
        k: Budgets, increasing, shape (K,).
        values_of: Computes values (P, K) from rows of the table and budgets.
        options: Of the interval.
        how: How the values are computed, for the curve's method.
        standard_error: Monte Carlo error of the mean, shape (K,), where the values are simulated.
        values: The values of all rows where the caller has them already, shape (P, K).

    Returns:
        The curve.

    Raises:
        InvalidInputError: Some pool has fewer samples than the largest budget, or an option does not exist.
    """
    check_options(options.over, options.method, options.simultaneous)
    check_confidence(options.confidence_level)
    refuse_too_few(table.n, k, f"{metric} at k = {{k}}")
    if values is None:
        values = values_of(table.order, k)
    mean = values.mean(axis=0)
    interval = _interval(values, table, k, values_of, options)
    return Curve(
        metric=metric,
        k=k,
        value=mean,
        low=np.minimum(interval.low, mean),
        high=np.maximum(interval.high, mean),
        confidence_level=options.confidence_level,
        over=options.over,
        method=f"{how}; {interval.method}",
        n_problems=len(values),
        standard_error=standard_error,
    )


def _interval(
    values: FloatArray, table: Pools, k: IntArray, values_of: ValuesOf, options: IntervalOptions
) -> Interval:
    level = options.confidence_level
    if options.over == "samples":
        error = split_sampling_error(table, k, values_of, options.rng)
        mean = values.mean(axis=0)
        unknown = ~np.isfinite(error)  # a single sample says nothing of other draws but that it is 0 or 1
        error = np.where(unknown, np.sqrt(mean * (1 - mean) / len(table)), error)
        groups = len(table) ** 2 / (k * (1 / np.maximum(table.n, 1)).sum())
        return interval_over_samples(mean, error, groups, level)
    if options.method == "bootstrap":
        return bootstrap_over_problems(values, level, n_resamples=options.n_resamples, rng=options.rng)
    if options.simultaneous:
        band = simultaneous_level(values, level, n_resamples=options.n_resamples, rng=options.rng)
        return named(interval_over_problems(moments(values), band), "simultaneous")
    return interval_over_problems(moments(values), level)
