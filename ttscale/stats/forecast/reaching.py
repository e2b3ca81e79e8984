"""The budget that a target needs: a curve with its interval, at hand or ahead, read the other way round."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ttscale.arrays import ArrayLike, IntArray
from ttscale.errors import InvalidInputError
from ttscale.result import Result
from ttscale.showing.numbers import counts as shown_counts
from ttscale.showing.numbers import exact_percent, rests_on
from ttscale.showing.view import Dot, View
from ttscale.stats.counts.counts import counts, one_budget
from ttscale.stats.forecast.outlook import LARGEST, Generalises, Outlook, coverage_outlook
from ttscale.stats.intervals.intervals import Rng
from ttscale.types import CONFIDENCE_LEVEL


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Reached(Result):
    """How many samples per problem a target needs.

    Attributes:
        metric: What is to reach it.
        target: The value wanted.
        k: Smallest budget whose estimate reaches it; None: none up to `largest` does.
        low: Lower end of the interval for that budget; None: not even the upper end of the curve reaches it.
        high: Upper end; None: the lower end of the curve does not reach it.
        largest: The largest budget looked at.
        best: The highest estimate up to there.
        extrapolates: Whether `k` lies beyond the samples at hand; with None, whether `largest` does.
        confidence_level: Such as 0.95.
        over: What the interval generalises over.
        method: How it was computed.
        n_problems: Problems.
    """

    metric: str
    target: float
    k: int | None
    low: int | None
    high: int | None
    largest: int
    best: float
    extrapolates: bool
    confidence_level: float
    over: str
    method: str
    n_problems: int

    def view(self) -> View:
        """Return the answer in one sentence."""
        ends = shown_counts(self.k, self.low, self.high, most=self.largest)
        found = f"{ends.value} samples per problem" if self.k else f"not reached by {self.largest:,} samples"
        aside = ", extrapolated" if self.extrapolates else ""
        low, high = (self.largest if end is None else end for end in (self.low, self.high))
        target = f"{self.metric} {exact_percent(self.target)}"
        return View(
            title=f"{target}: {found} {ends.interval}{aside}",
            about=f"{rests_on(self.n_problems, self.confidence_level, self.over)}; {self.method}",
            dots=[Dot(label=target, value=self.k, low=low, high=high)] if self.k else [],
            axis="samples per problem",
            is_share=False,
        )


def samples_to_reach(outlook: Outlook, target: float) -> Reached:
    """Say which budget reaches a target.

    The number of samples needed is at most k exactly when the curve at k is at least the target, so an interval for the
    curve at every k gives one for the number: from the first budget whose upper end reaches the target to the first
    whose lower end does. Its level is that of the curve's interval.

    Args:
        outlook: At a fine ladder of budgets, see `ladder`; the answer is one of them.
        target: Value wanted, above 0 and at most 1.

    Raises:
        InvalidInputError: A target outside (0, 1].

    >>> ahead = coverage_outlook([20, 20, 20], [0, 2, 20], ladder(20))
    >>> samples_to_reach(ahead, 0.5).k
    6
    """
    check_target(target)
    curve = outlook.curve
    enough = target * (1 - 1e-12)
    k, low, high = (_first(curve.k, end >= enough) for end in (curve.value, curve.high, curve.low))
    position = len(curve.k) - 1 if k is None else int(np.searchsorted(curve.k, k))
    return Reached(
        metric=curve.metric,
        target=target,
        k=k,
        low=low,
        high=high,
        largest=int(curve.k[-1]),
        best=float(curve.value.max()),
        extrapolates=bool(outlook.extrapolates[position]),
        confidence_level=curve.confidence_level,
        over=curve.over,
        method=f"{curve.method}; inverted",
        n_problems=curve.n_problems,
    )


def coverage_to_reach(
    n: ArrayLike,
    c: ArrayLike,
    target: float,
    *,
    largest: int = LARGEST,
    over: Generalises = "problems",
    method: str = "auto",
    confidence_level: float = CONFIDENCE_LEVEL,
    rng: Rng = 0,
) -> Reached:
    """Say which budget's coverage reaches a target, forecasting only where the samples at hand do not tell.

    Args:
        n: Samples drawn per problem, shape (P,), or one number for all.
        c: Samples correct per problem, shape (P,).
        target: Coverage wanted, above 0 and at most 1.
        largest: Largest budget looked at.
        over: See `coverage_outlook`.
        method: Of the forecast.
        confidence_level: Such as 0.95.
        rng: Of the forecast.

    Returns:
        The answer of `samples_to_reach`.

    Raises:
        InvalidInputError: A target outside (0, 1], or impossible counts.

    >>> coverage_to_reach(20, [1, 3, 9, 20] * 8, 0.5).extrapolates
    False
    """
    data = counts(n, c)

    def outlook(k: IntArray) -> Outlook:
        return coverage_outlook(
            data.n, data.c, k, over=over, method=method, confidence_level=confidence_level, rng=rng
        )

    return reached_within(outlook, int(data.n.min()), target, largest=largest)


def reached_within(
    outlook: Callable[[IntArray], Outlook], n_min: int, target: float, *, largest: int = LARGEST
) -> Reached:
    """Say which budget of an outlook reaches a target, asking for budgets beyond `n_min` only where it must.

    Args:
        outlook: Budgets, shape (K,) -> the outlook there.
        n_min: Fewest samples of any problem.
        target: Value wanted, above 0 and at most 1.
        largest: Largest budget looked at.

    Raises:
        InvalidInputError: A target outside (0, 1].
    """
    check_target(target)
    largest = one_budget(largest, "largest")
    if 0 < n_min < largest:
        within = samples_to_reach(outlook(ladder(n_min)), target)
        if within.high is not None:
            return replace(within, largest=largest)
    return samples_to_reach(outlook(ladder(largest)), target)


def check_target(target: float) -> None:
    """Refuse a target that is no share of problems.

    Raises:
        InvalidInputError: Such as 90 for 0.9.
    """
    if not 0.0 < target <= 1.0:
        raise InvalidInputError(
            f"A target is a share of problems, above 0 and at most 1 (0.9 for 90 %), but is {target}."
        )


def ladder(largest: int) -> IntArray:
    """Return all budgets up to 1,000, then steps of half a percent, up to `largest` itself.

    >>> len(ladder(10**6)) < 2500
    True
    """
    largest = one_budget(largest, "largest")
    fine = np.arange(1, min(largest, 1000) + 1)
    steps = np.array([], dtype=np.int64)
    if largest > 1000:
        count = 1 + int(np.ceil(np.log(largest / 1000) / np.log1p(0.005)))
        steps = np.geomspace(1000, largest, count).round().astype(np.int64)
    rungs: IntArray = np.unique(np.concatenate([fine, steps]))
    return rungs


def _first(k: IntArray, enough: np.ndarray) -> int | None:
    found = np.flatnonzero(enough)
    return int(k[found[0]]) if len(found) else None
