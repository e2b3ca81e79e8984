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
from typing import Literal, TypedDict, get_args

import numpy as np
from scipy.special import betaincinv, ndtr, ndtri, stdtrit

from ttscale.arrays import ArrayLike, FloatArray, IntArray
from ttscale.errors import InvalidInputError
from ttscale.stats.counts.curve import Curve, Over
from ttscale.stats.intervals.unseen import METHOD, UNIT, UNSEEN, Span, mean_ends
from ttscale.types import CONFIDENCE_LEVEL

Rng = np.random.Generator | int | None
"""A generator, a seed, or None for fresh entropy."""

IntervalMethod = Literal["analytic", "bootstrap"]
"""The default, or percentiles of resampled problems."""

ENOUGH = 10.0
"""Solved and unsolved problems, in expectation, from which on the nominal level is reached."""

_HELD = {"problems": "92 to 100 %", "both": "92 to 100 %", "samples": "90 to 100 %"}
_BOOTSTRAP_HELD = "85 to 100 %"
"""How often nominal 95 % intervals held the truth where fewer are: `results/benchmarks/interval_coverage.md`."""

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


def interval_over_problems(
    values: FloatArray,
    confidence_level: float = CONFIDENCE_LEVEL,
    *,
    weight: ArrayLike | None = None,
    span: Span = UNIT,
) -> Interval:
    """Return the default interval for the mean over all problems of this kind: see `ttscale.stats.intervals.unseen`.

    In simulation nominal 95 % covers 92-100 % from 10 problems on, at every k and for every law tried, also where
    nearly none or nearly all problems are solved and where what matters most is rare. One problem alone says
    nothing about others: the whole span.

    Args:
        values: Shape (U, K), within the span.
        confidence_level: Such as 0.95.
        weight: Problems that each row stands for, shape (U,) or (U, K); one each by default.
        span: Least and greatest value that a problem can have; (−1, 1) for differences.

    Returns:
        Ends of shape (K,), within the span and around the mean.

    >>> ends = interval_over_problems(np.array([[1.0], [1.0], [1.0]]))
    >>> ends.low.round(2).tolist(), ends.high.tolist()
    ([0.4], [1.0])
    """
    check_confidence(confidence_level)
    mass = np.ones(len(values)) if weight is None else np.asarray(weight, dtype=np.float64)
    total = mass.sum(axis=0)
    if np.max(total) < 2:
        shape = values.shape[1:]
        return Interval(
            np.full(shape, span[0]), np.full(shape, span[1]), "one problem says nothing about others"
        )
    low, high = mean_ends(values, float(ndtri(0.5 + confidence_level / 2)), weight=mass, span=span)
    mean = (mass if mass.ndim > 1 else mass[:, None]) * values
    mean = mean.sum(axis=0) / total
    return Interval(np.minimum(low, mean), np.maximum(high, mean), METHOD)


def interval_over_samples(
    mean: FloatArray,
    error: FloatArray,
    trials: FloatArray,
    confidence_level: float = CONFIDENCE_LEVEL,
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
    confidence_level: float = CONFIDENCE_LEVEL,
    *,
    weight: IntArray | None = None,
    span: Span = UNIT,
    n_resamples: int = 2000,
    rng: Rng = None,
) -> float:
    """Return the pointwise level at which a whole band over k holds with `confidence_level`.

    The largest standardised deviation over k is simulated with Gaussian multipliers on the problems, which
    keeps the correlation between budgets. Half a problem at either end of the span has its part in it.

    Args:
        values: Shape (U, K).
        confidence_level: Wanted for the band.
        weight: Problems that each row stands for, shape (U,).
        span: Least and greatest value that a problem can have.
        n_resamples: Simulated bands.
        rng: Generator or seed.

    Returns:
        A level between `confidence_level` and 1.

    References:
        Montiel Olea, Plagborg-Møller 2019 (sup-t bands), https://doi.org/10.1002/jae.2656
    """
    check_confidence(confidence_level)
    rows = np.concatenate([values, np.multiply.outer(span, np.ones(values.shape[1]))])
    mass = np.append(np.ones(len(values)) if weight is None else weight, [UNSEEN, UNSEEN])
    deviation = (rows - mass @ rows / mass.sum()) * np.sqrt(mass)[:, None]
    standardised = deviation / np.sqrt((deviation**2).sum(axis=0))
    generator = np.random.default_rng(rng)
    batch = max(1, _BATCH // len(rows))
    largest = np.concatenate(
        [
            np.abs(
                generator.standard_normal((min(batch, n_resamples - start), len(rows))) @ standardised
            ).max(axis=1)
            for start in range(0, n_resamples, batch)
        ]
    )
    critical = float(np.quantile(largest, confidence_level))
    return max(confidence_level, float(2 * ndtr(critical) - 1))


def check_confidence(confidence_level: float) -> None:
    """Refuse a level that is no probability strictly between 0 and 1.

    Raises:
        InvalidInputError: Such as 95 for 0.95.
    """
    if not 0 < confidence_level < 1:
        raise InvalidInputError(
            f"confidence_level must lie between 0 and 1, such as 0.95, but is {confidence_level}."
        )


def rising(interval: Interval) -> Interval:
    """Return the interval of a curve that never falls with k: what holds at one budget bounds the larger ones, too.

    Args:
        interval: At increasing budgets.
    """
    low, high = (np.maximum.accumulate(end) for end in (interval.low, interval.high))
    return replace(interval, low=low, high=high)


def named(interval: Interval, addition: str) -> Interval:
    """Return the interval with a longer method."""
    return replace(interval, method=f"{interval.method}, {addition}")


class IntervalKeywords(TypedDict, total=False):
    """The fields of `IntervalOptions` as keyword arguments."""

    confidence_level: float
    over: Over
    method: IntervalMethod
    simultaneous: bool
    n_resamples: int
    rng: Rng


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalOptions:
    """How the interval of a curve is computed.

    Attributes:
        confidence_level: Such as 0.95.
        over: "problems" for all problems of this kind, "samples" for these problems with other draws, "both"; see
            `ttscale.stats.intervals.intervals` for what each target is and why "both" equals "problems". "samples" costs a
            vote about ten times as much.
        method: "analytic", or "bootstrap", which misses its nominal level more often; for votes and scores over problems only.
        simultaneous: Whether the band shall hold at all k together; analytic over problems only.
        n_resamples: Replicates of whatever is simulated.
        rng: Generator or seed, for whatever is simulated.
    """

    confidence_level: float = CONFIDENCE_LEVEL
    over: Over = "problems"
    method: IntervalMethod = "analytic"
    simultaneous: bool = False
    n_resamples: int = 2000
    rng: Rng = None

    def check(self) -> None:
        """Refuse an option that does not exist.

        Raises:
            InvalidInputError: Naming those that do.
        """
        check_confidence(self.confidence_level)
        if self.over not in get_args(Over):
            raise InvalidInputError(f"over must be 'problems', 'samples' or 'both', not '{self.over}'.")
        if self.method not in get_args(IntervalMethod):
            raise InvalidInputError(f"method must be 'analytic' or 'bootstrap', not '{self.method}'.")
        if self.simultaneous and (self.over == "samples" or self.method == "bootstrap"):
            raise InvalidInputError(
                "A simultaneous band exists for the analytic interval over problems only."
            )


def interval_caveats(
    mean: FloatArray, n_problems: int, *, over: Over, method: str = "analytic"
) -> tuple[str | None, ...]:
    """Say of each interval of a mean over problems whether its level was reached in simulation.

    Args:
        mean: The estimates within [0, 1], shape (K,).
        n_problems: Problems averaged.
        over: What the intervals generalise over.
        method: "analytic" or "bootstrap".

    Returns:
        One text per budget: what is scarce and how often intervals held the truth there; None where the level is
        reached.

    >>> import numpy as np
    >>> interval_caveats(np.array([0.05, 0.5]), 100, over="problems")
    ('few solved: where fewer than 10 problems are, nominal 95 % intervals held the truth in 92 to 100 % of simulations', None)
    """

    def caveat(share: float) -> str | None:
        if method == "bootstrap":
            return f"bootstrap: nominal 95 % intervals held the truth in {_BOOTSTRAP_HELD} of simulations"
        if min(share, 1.0 - share) * n_problems >= ENOUGH:
            return None
        scarce = "few solved" if share <= 0.5 else "few unsolved"
        return (
            f"{scarce}: where fewer than {ENOUGH:g} problems are, nominal 95 % intervals held the truth in {_HELD[over]} of "
            "simulations"
        )

    return tuple(caveat(float(share)) for share in mean)


def mean_curve(
    metric: str,
    k: IntArray,
    mean: FloatArray,
    interval: Interval,
    n_problems: int,
    *,
    options: IntervalOptions,
    how: str = "exact mean over subsets",
    standard_error: FloatArray | None = None,
    caveats: bool = True,
) -> Curve:
    """Return means over problems as a curve: with their interval, which always holds them, and what is known against it.

    Args:
        metric: Name of the curve.
        k: Budgets, increasing, shape (K,).
        mean: Shape (K,).
        interval: Its ends.
        n_problems: Problems averaged.
        options: How the interval was computed.
        how: And how the means were, in a few words.
        standard_error: Monte Carlo error of the means, None where they are exact.
        caveats: Whether it is said where such intervals miss their level, see `interval_caveats`.
    """
    said = interval_caveats(mean, n_problems, over=options.over, method=options.method) if caveats else ()
    return Curve(
        metric=metric,
        k=k,
        value=mean,
        low=np.minimum(interval.low, mean),
        high=np.maximum(interval.high, mean),
        confidence_level=options.confidence_level,
        over=options.over,
        method=f"{how}; {interval.method}",
        n_problems=n_problems,
        standard_error=standard_error,
        caveat=said,
    )
