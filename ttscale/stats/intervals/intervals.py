"""Intervals for a mean over problems, chosen by the coverage they reach in simulation rather than by custom.

Notation: V_ik is the estimate of problem i at budget k, shape (P, K), each unbiased for the problem's own
expectation. What an interval generalises over:

* "problems": the target is the mean over all problems of this kind. A problem enters with its own draws, so
  the V_i are independent and identically distributed, and their spread holds the noise of sampling already.
* "both" has therefore the same target and the same interval as "problems". The customary two-level bootstrap,
  which counts the noise of sampling twice, is offered as a named alternative (`ttscale.stats.intervals.bootstrap`).
* "samples": the target is the expectation for these very problems with other draws; only the noise of
  sampling counts.

`benchmarks/interval_coverage.py` measures all of them.
"""

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv, expit, logit, ndtr, ndtri, stdtrit

from ttscale.errors import InvalidInputError
from ttscale.stats.counts.counts import budgets
from ttscale.stats.counts.curve import Curve, FloatArray, IntArray, Over

Rng = np.random.Generator | int | None
"""A generator, a seed, or None for fresh entropy."""

IntervalMethod = Literal["analytic", "bootstrap"]
"""The default, or percentiles of resampled problems."""

_BATCH = 2_000_000
"""Random numbers drawn at a time, so that memory stays bounded for many problems."""


@dataclass(frozen=True, slots=True, eq=False)
class Interval:
    """Ends of an interval at each budget.

    Attributes:
        low: Lower ends, shape (K,).
        high: Upper ends, shape (K,).
        method: How they were computed, in a few words.
    """

    low: FloatArray
    high: FloatArray
    method: str


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Moments of the values over problems at each budget.

    Attributes:
        n_problems: P.
        mean: Shape (K,).
        variance: Unbiased variance of one problem's value, shape (K,).
        skewness: Third standardised moment, 0 where the variance is 0; shape (K,).
    """

    n_problems: int
    mean: FloatArray
    variance: FloatArray
    skewness: FloatArray


def moments(values: FloatArray, weight: IntArray | None = None) -> Moments:
    """Return the moments of values (U, K), each standing for `weight` (U,) problems, one each by default."""
    share = np.full(len(values), 1 / len(values)) if weight is None else weight / weight.sum()
    total = len(values) if weight is None else int(weight.sum())
    mean = share @ values
    deviation = values - mean
    square = deviation * deviation
    second = share @ square
    third = share @ (square * deviation)
    degenerate = second <= 1e-30
    skewness = np.where(degenerate, 0.0, third / np.where(degenerate, 1.0, second) ** 1.5)
    variance = np.where(degenerate, 0.0, second * total / max(total - 1, 1))
    return Moments(total, mean, variance, skewness)


def interval_over_problems(sample: Moments, confidence_level: float = 0.95) -> Interval:
    """Return the default interval for the mean over all problems of this kind, for values within [0, 1].

    The average of two skewness-corrected intervals, whose errors have opposite signs: Hall's transformed t
    with the sample skewness on the plain scale, and the same on the logit scale with the skewness of the beta
    law of equal mean and variance (the sample skewness is far too small when the tail is heavy and the
    problems are few).

    In simulation nominal 95 % covers 93-97 % from 30 problems on, at every k, where some ten problems are
    solved and some ten are not. Elsewhere:

    * few successes, such as Beta(0.2, 10) with 30 problems and 10 samples: 97-98 %, at worst above 99 %;
    * saturation, with less than one problem's worth of failures in the sample: the lower end is the exact
      binomial bound for whole problems, at 97-100 %; the same bound stands where all values are equal;
    * a tail much heavier than Beta(0.2, 10), such as log-normal rates with σ = 2: too narrow, 88 % at k = 1
      with 30 problems and 93 % with 128, as the sample does not show the tail; what reaches more there covers
      98 % and more elsewhere;
    * one problem alone says nothing about others: [0, 1].

    The laws that chose the method and the laws that did not are reported apart.

    Args:
        sample: Moments of the values.
        confidence_level: Such as 0.95.

    Returns:
        Ends of shape (K,), within [0, 1] and around the mean.

    References:
        Hall 1992, https://doi.org/10.1111/j.2517-6161.1992.tb01871.x
    """
    check_confidence(confidence_level)
    mean, P = sample.mean, sample.n_problems
    if P < 2:
        return Interval(np.zeros(mean.shape), np.ones(mean.shape), "one problem says nothing about others")
    z = float(ndtri(0.5 + confidence_level / 2))
    t = float(stdtrit(P - 1, 0.5 + confidence_level / 2))
    error = np.sqrt(sample.variance / P)
    spread = (sample.variance > 0) & (mean > 0) & (mean < 1)
    inner = np.where(spread, mean, 0.5)
    a, b = _hall(inner, error, sample.skewness / np.sqrt(P), z)
    c, d = _hall_logit(inner, error, _beta_skewness(inner, sample.variance) / np.sqrt(P), t)
    bound_low, bound_high = _binomial_bounds(mean, P, confidence_level)
    low = np.where(spread, (np.maximum(a, 0) + c) / 2, bound_low)
    high = np.where(spread, (np.minimum(b, 1) + d) / 2, bound_high)
    saturated = P * (1 - mean) < 1
    low = np.where(saturated, np.minimum(low, bound_low), low)
    return Interval(np.minimum(low, mean), np.maximum(high, mean), "skewness-corrected t")


def interval_over_samples(
    mean: FloatArray,
    error: FloatArray,
    trials: FloatArray,
    confidence_level: float = 0.95,
    *,
    degrees: FloatArray | float = np.inf,
) -> Interval:
    """Return the interval for these very problems with other draws, from the standard error of sampling.

    The Jeffreys interval of the binomial proportion that has this mean and this error. Where the error is
    zero because nothing or everything was solved, that of `trials` trials.

    Args:
        mean: Estimates within [0, 1], shape (K,).
        error: Standard errors of sampling, shape (K,).
        trials: Samples in all divided by k, the disjoint groups of k that they make, shape (K,).
        confidence_level: Such as 0.95.
        degrees: Degrees of freedom with which `error` is known, shape (K,); widens the interval as t against
            normal.

    Returns:
        Ends of shape (K,).
    """
    check_confidence(confidence_level)
    spread = (error > 0) & (mean > 0) & (mean < 1)
    wider = stdtrit(np.clip(degrees, 2.0, 1e6), 0.5 + confidence_level / 2) / ndtri(
        0.5 + confidence_level / 2
    )
    effective = np.where(spread, mean * (1 - mean) / np.where(spread, error * wider, 1.0) ** 2, trials)
    # n·variance falls with n for averages over subsets (Hoeffding 1948), so the error is never worse than that
    effective = np.maximum(effective, trials)
    tail = (1 - confidence_level) / 2
    hits, misses = effective * mean, effective * (1 - mean)
    low = np.where(mean > 0, betaincinv(hits + 0.5, misses + 0.5, tail), 0.0)
    high = np.where(mean < 1, betaincinv(hits + 0.5, misses + 0.5, 1 - tail), 1.0)
    return Interval(np.minimum(low, mean), np.maximum(high, mean), "Jeffreys with the sampling variance")


def simultaneous_level(
    values: FloatArray,
    confidence_level: float = 0.95,
    *,
    weight: IntArray | None = None,
    n_resamples: int = 2000,
    rng: Rng = None,
) -> float:
    """Return the pointwise level at which a whole band over k holds with `confidence_level`.

    The largest standardised deviation over k is simulated with Gaussian multipliers on the problems, which
    keeps the correlation between budgets.

    Args:
        values: Shape (U, K).
        confidence_level: Wanted for the band.
        weight: Problems that each row stands for, shape (U,).
        n_resamples: Simulated bands.
        rng: Generator or seed.

    Returns:
        A level between `confidence_level` and 1.

    References:
        Montiel Olea, Plagborg-Møller 2019 (sup-t bands), https://doi.org/10.1002/jae.2656
    """
    check_confidence(confidence_level)
    sample = moments(values, weight)
    varies = sample.variance > 0
    if not varies.any():
        return confidence_level
    mass = np.ones(len(values)) if weight is None else weight
    scale = np.sqrt(sample.variance[varies] * sample.n_problems)
    standardised = (values - sample.mean)[:, varies] * np.sqrt(mass)[:, None] / scale
    generator = np.random.default_rng(rng)
    batch = max(1, _BATCH // len(values))
    largest = np.concatenate(
        [
            np.abs(
                generator.standard_normal((min(batch, n_resamples - start), len(values))) @ standardised
            ).max(axis=1)
            for start in range(0, n_resamples, batch)
        ]
    )
    critical = float(np.quantile(largest, confidence_level))
    return max(confidence_level, float(2 * ndtr(critical) - 1))


def paired_difference(
    first: ArrayLike,
    second: ArrayLike,
    k: ArrayLike,
    *,
    metric: str = "difference",
    confidence_level: float = 0.95,
    simultaneous: bool = False,
    n_resamples: int = 2000,
    rng: Rng = None,
) -> Curve:
    """Compare two quantities on the same problems: mean of first − second with a paired bootstrap interval.

    Problems are resampled together with both their values, so what makes a problem hard for both cancels.
    Percentiles are widened as a t interval is against a normal one, since plain percentiles are too narrow
    for few problems.

    Args:
        first: Values of each problem, shape (P, K), such as `best_of_k` returns.
        second: Values of the same problems in the same order, shape (P, K).
        k: Budgets, increasing, shape (K,).
        metric: Name of the result.
        confidence_level: Such as 0.95.
        simultaneous: Whether the band shall hold at all k together instead of at each.
        n_resamples: Bootstrap replicates.
        rng: Generator or seed.

    Returns:
        A curve of differences in [−1, 1], over problems.

    Raises:
        InvalidInputError: Shapes that differ, NaN, or no problem.

    References:
        Hesterberg 2015 (expanded percentiles), https://doi.org/10.1080/00031305.2015.1089789

    >>> paired_difference([[0.5], [0.7]], [[0.4], [0.6]], 1, rng=0).value.round(3).tolist()
    [0.1]
    """
    check_confidence(confidence_level)
    a, b, ks = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64), budgets(k)
    if a.ndim != 2 or a.shape != b.shape or a.shape[1] != len(ks) or not len(a):
        raise InvalidInputError(
            f"A paired difference needs two arrays of shape (P, {len(ks)}) for the same problems, but got "
            f"{a.shape} and {b.shape}."
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise InvalidInputError(
            "A paired difference needs a value for every problem and budget, but some are NaN."
        )
    generator = np.random.default_rng(rng)
    difference = a - b
    level = confidence_level
    if simultaneous:
        level = simultaneous_level(difference, level, n_resamples=n_resamples, rng=generator)
    interval = bootstrap_over_problems(difference, level, n_resamples=n_resamples, rng=generator)
    mean = difference.mean(axis=0)
    return Curve(
        metric=metric,
        k=ks,
        value=mean,
        low=np.minimum(interval.low, mean),
        high=np.maximum(interval.high, mean),
        confidence_level=confidence_level,
        over="problems",
        method="paired bootstrap" + (", simultaneous" if simultaneous else ""),
        n_problems=len(a),
    )


def bootstrap_over_problems(
    values: FloatArray,
    confidence_level: float = 0.95,
    *,
    weight: IntArray | None = None,
    n_resamples: int = 2000,
    rng: Rng = None,
) -> Interval:
    """Resample problems with replacement; the interval is the expanded percentiles of the means.

    Args:
        values: Shape (U, K).
        confidence_level: Such as 0.95.
        weight: Problems that each row stands for, shape (U,).
        n_resamples: Replicates.
        rng: Generator or seed.

    Returns:
        Ends of shape (K,); the whole range of what is possible where one problem says nothing about others.
    """
    generator = np.random.default_rng(rng)
    mass = np.ones(len(values), dtype=np.int64) if weight is None else weight
    total = int(mass.sum())
    batch = max(1, _BATCH // len(values))
    means = np.concatenate(
        [
            generator.multinomial(total, mass / total, size=min(batch, n_resamples - start)) @ values / total
            for start in range(0, n_resamples, batch)
        ]
    )
    return percentiles(means, total, confidence_level)


def percentiles(replicates: FloatArray, n_problems: int, confidence_level: float) -> Interval:
    """Return expanded percentiles of bootstrap means (R, K): wider by t/z and by sqrt(P/(P−1))."""
    if n_problems < 2:
        shape = replicates.shape[1:]
        low = np.where(replicates.min(axis=0, initial=0.0) < 0, -1.0, 0.0)
        return Interval(np.broadcast_to(low, shape), np.ones(shape), "one problem says nothing about others")
    t = stdtrit(n_problems - 1, 0.5 + confidence_level / 2) * np.sqrt(n_problems / (n_problems - 1))
    tail = float(ndtr(-t))
    low, high = np.quantile(replicates, [tail, 1 - tail], axis=0)
    return Interval(low, high, "bootstrap")


def check_confidence(confidence_level: float) -> None:
    """Refuse a level that is no probability strictly between 0 and 1.

    Raises:
        InvalidInputError: Such as 95 for 0.95.
    """
    if not 0 < confidence_level < 1:
        raise InvalidInputError(
            f"confidence_level must lie between 0 and 1, such as 0.95, but is {confidence_level}."
        )


def check_options(over: str, method: str, simultaneous: bool) -> None:
    """Refuse an option that does not exist.

    Raises:
        InvalidInputError: Naming those that do.
    """
    if over not in get_args(Over):
        raise InvalidInputError(f"over must be 'problems', 'samples' or 'both', not '{over}'.")
    if method not in get_args(IntervalMethod):
        raise InvalidInputError(f"method must be 'analytic' or 'bootstrap', not '{method}'.")
    if simultaneous and (over == "samples" or method == "bootstrap"):
        raise InvalidInputError("A simultaneous band exists for the analytic interval over problems only.")


def named(interval: Interval, addition: str) -> Interval:
    """Return the interval with a longer method."""
    return replace(interval, method=f"{interval.method}, {addition}")


def _hall(
    mean: FloatArray, error: FloatArray, skewness: FloatArray, z: float
) -> tuple[FloatArray, FloatArray]:
    """Return Hall's interval; `skewness` is that of the mean, already divided by √P."""
    shift, bend = skewness / 6, skewness / 3
    return mean - error * _unbend(z - shift, bend), mean - error * _unbend(-z - shift, bend)


def _hall_logit(
    mean: FloatArray, error: FloatArray, skewness: FloatArray, z: float
) -> tuple[FloatArray, FloatArray]:
    """Return Hall's interval on the logit scale, whose curvature changes the skewness of the t statistic."""
    slope = 1 / (mean * (1 - mean))
    curvature = -(1 - 2 * mean) * slope  # second over first derivative
    shift, bend = skewness / 6, skewness / 3 + curvature * error / 2
    center = logit(mean)
    low = expit(center - slope * error * _unbend(z - shift, bend))
    high = expit(center - slope * error * _unbend(-z - shift, bend))
    return low, high


def _unbend(x: FloatArray, bend: FloatArray) -> FloatArray:
    """Invert t + a·t² + a²·t³/3, which is strictly increasing, for a = `bend`."""
    small = np.abs(bend) < 1e-8
    a = np.where(small, 1.0, bend)
    return np.where(small, x, (np.cbrt(1 + 3 * a * x) - 1) / a)


def _beta_skewness(mean: FloatArray, variance: FloatArray) -> FloatArray:
    """Return the skewness of the beta law with this mean and variance."""
    total = np.maximum(mean * (1 - mean) / np.maximum(variance, 1e-300) - 1, 1e-6)
    skewness: FloatArray = (
        2 * (1 - 2 * mean) * np.sqrt(total + 1) / ((total + 2) * np.sqrt(mean * (1 - mean)))
    )
    return skewness


def _binomial_bounds(
    mean: FloatArray, n_problems: int, confidence_level: float
) -> tuple[FloatArray, FloatArray]:
    """Return Clopper-Pearson ends, with P·mean whole problems solved; fractions are interpolated."""
    tail = (1 - confidence_level) / 2
    hits, misses = n_problems * mean, n_problems * (1 - mean)
    low = np.where(hits > 0, betaincinv(np.maximum(hits, 1e-12), misses + 1, tail), 0.0)
    high = np.where(misses > 0, betaincinv(hits + 1, np.maximum(misses, 1e-12), 1 - tail), 1.0)
    return low, high
