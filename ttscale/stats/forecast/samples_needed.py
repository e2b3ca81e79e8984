"""How many samples per problem until coverage reaches a target: a forecast read the other way round.

The number is at most k exactly when coverage at k is at least the target, so the intervals of the forecasts at all k
are one for the number.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ttscale.arrays import ArrayLike, FloatArray, IntArray
from ttscale.errors import InvalidInputError
from ttscale.result import Result
from ttscale.showing.numbers import counts as shown_counts
from ttscale.showing.numbers import exact_percent, percent
from ttscale.showing.view import Dot, View
from ttscale.stats.counts.counts import counts, one_budget
from ttscale.stats.forecast.forecasting import curve_of, resolved
from ttscale.stats.forecast.likeness import Earlier, earlier
from ttscale.stats.forecast.predicting import predict
from ttscale.stats.forecast.prior import Tail, check_tail
from ttscale.stats.intervals.intervals import Rng, check_confidence
from ttscale.stats.laws.frame import ScalingLaw
from ttscale.types import PREDICTIVE_LEVEL

_LARGEST_BUDGET = 10**6
_STRIDE = 32


@dataclass(frozen=True, slots=True, eq=False, kw_only=True, repr=False)
class SamplesNeeded(Result):
    """How many samples per problem, in all, until coverage reaches a target.

    Attributes:
        target: Coverage wanted.
        k: Where the forecast reaches the target; None where it does not.
        low: Where the upper end of its interval does; None likewise.
        high: Where the lower end does; None likewise.
        largest: Where the search ended: None means "not with this many".
        chance_at_largest: Probability that coverage reaches the target by `largest`.
        confidence_level: Of the interval [low, high].
        n_problems: Problems.
        method: The forecasting method.
    """

    target: float
    k: int | None
    low: int | None
    high: int | None
    largest: int
    chance_at_largest: float
    confidence_level: float
    n_problems: int
    method: str

    def view(self) -> View:
        """Return the answer in one sentence."""
        ends = shown_counts(self.k, self.low, self.high, most=self.largest)
        found = f"{ends.value} samples per problem"
        if self.k is None:
            found = f"not within {self.largest:,} samples (chance {percent(self.chance_at_largest)})"
        dots = [] if self.k is None else [_dot(self)]
        return View(
            title=f"coverage {exact_percent(self.target)}: {found} {ends.interval}",
            about=f"these {self.n_problems} problems with the samples at hand among them, "
            f"{exact_percent(self.confidence_level)} predictive interval; {self.method}",
            dots=dots,
            axis="samples per problem",
            is_share=False,
        )


def _dot(needed: SamplesNeeded) -> Dot:
    low, high = (needed.largest if end is None else end for end in (needed.low, needed.high))
    return Dot(
        label=f"coverage {exact_percent(needed.target)}", value=needed.k or needed.largest, low=low, high=high
    )


def samples_for(
    n: ArrayLike,
    c: ArrayLike,
    target: float,
    *,
    method: str | ScalingLaw = "auto",
    tail: Tail = "auto",
    like: Earlier = (),
    confidence_level: float = PREDICTIVE_LEVEL,
    largest: int = _LARGEST_BUDGET,
    rng: Rng = 0,
) -> SamplesNeeded:
    """Say how many samples per problem it takes until coverage of these very problems reaches a target.

    The samples at hand are among them, and the interval is predictive: where going on from here ends. What a target takes
    anew, on problems of this kind, is another question: `ttscale.budget_view`, with its interval over problems.

    Args:
        n: Samples drawn per problem, shape (P,), or one number for all.
        c: Samples correct per problem, shape (P,).
        target: Coverage wanted, above 0 and at most 1.
        method: As in `forecast`.
        tail: Likewise.
        like: Likewise.
        confidence_level: Of the interval.
        largest: Largest budget considered.
        rng: As in `forecast`.

    Returns:
        The number and its interval; None stands for "not within `largest`".

    Raises:
        InvalidInputError: A target outside (0, 1], or what `forecast` refuses.

    >>> samples_for(20, [0, 0, 1, 2, 5, 9, 20, 0], 0.5).k
    8
    """
    _check(target, confidence_level, tail)
    data, largest = counts(n, c), one_budget(largest, "largest")
    method, _ = resolved(data, largest, method, confidence_level, rng)
    seed = rng if isinstance(rng, int) else int(np.random.default_rng(rng).integers(2**32))
    before = earlier(like, data)
    furthest = predict(data, np.array([largest]), method, seed, tail, before)

    def ends(k: IntArray) -> FloatArray:
        ahead = curve_of(predict(data, np.append(k, largest), method, seed, tail, before), confidence_level)
        return np.stack([ahead.high, ahead.value, ahead.low])[:, :-1]  # (3, K), from the same draws each time

    low, middle, high = _first_reaching(_ladder(largest), target * (1.0 - 1e-12), ends)
    return SamplesNeeded(
        target=target,
        k=middle,
        low=low,
        high=high,
        largest=largest,
        chance_at_largest=float(furthest.predictive.chance_to_reach(target)[0]),
        confidence_level=confidence_level,
        n_problems=len(data),
        method=furthest.method,
    )


def _check(target: float, confidence_level: float, tail: str) -> None:
    if not 0.0 < target <= 1.0:
        raise InvalidInputError(f"A target coverage lies above 0 and is at most 1, but is {target}.")
    check_confidence(confidence_level)
    check_tail(tail)


def _ladder(largest: int) -> IntArray:
    """Return all budgets up to 100, then 1 % steps."""
    steps = np.geomspace(100, largest, 1 + int(np.ceil(np.log(max(largest / 100, 1)) / np.log(1.01)))).round()
    ladder = np.unique(np.concatenate([np.arange(1, 101), steps]).astype(np.int64))
    return np.asarray(ladder[ladder <= largest])


def _first_reaching(k: IntArray, target: float, ends: Callable[[IntArray], FloatArray]) -> list[int | None]:
    """Return the first k at which each of the curves (E, K), which never fall, is at least the target.

    Every 32nd k is asked for, then those between the two that enclose an answer.
    """
    coarse = np.unique(np.append(np.arange(0, len(k), _STRIDE), len(k) - 1))
    found = [_first(curve, target) for curve in ends(k[coarse])]
    between = [np.arange(coarse[max(j - 1, 0)], coarse[j] + 1) for j in found if j is not None]
    if not between:
        return [None] * len(found)
    fine = np.unique(np.concatenate(between))
    exact = [_first(curve, target) for curve in ends(k[fine])]
    return [
        int(k[fine[j]]) if rough is not None and j is not None else None
        for rough, j in zip(found, exact, strict=True)
    ]


def _first(curve: FloatArray, target: float) -> int | None:
    enough = np.flatnonzero(np.maximum.accumulate(curve) >= target)
    return int(enough[0]) if len(enough) else None
