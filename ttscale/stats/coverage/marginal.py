"""What the next sample is worth, and where it stops paying.

Notation: n samples, c correct, k the budget; coverage at k is the mean of pass@k over problems.
"""

from dataclasses import dataclass

import numpy as np

from ttscale.arrays import ArrayLike, FloatArray
from ttscale.errors import InvalidInputError
from ttscale.result import Result
from ttscale.showing.numbers import Shown, rests_on, width
from ttscale.showing.numbers import counts as shown_counts
from ttscale.showing.view import View
from ttscale.stats.counts.counts import budgets, counts, refuse_too_few
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.intervals.intervals import check_confidence, interval_over_problems
from ttscale.types import CONFIDENCE_LEVEL


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Saturation(Result):
    """The number of samples from which on the next one is worth less than its price.

    Attributes:
        k: First budget at which one sample more per problem gains at most `threshold` of coverage; None: it gains more up
            to the samples at hand.
        low: Lower end of the interval over problems; None likewise.
        high: Upper end; None likewise.
        threshold: Price of a sample over the worth of a solved problem.
        k_max: The largest budget at which the next sample's gain is known.
        confidence_level: Such as 0.95.
        n_problems: P.
    """

    k: int | None
    low: int | None
    high: int | None
    threshold: float
    k_max: int
    confidence_level: float
    n_problems: int

    @property
    def shown(self) -> Shown:
        """The budget with its interval, as a person reads it."""
        return shown_counts(self.k, self.low, self.high, most=self.k_max)

    def view(self) -> View:
        """Return the budget in one line."""
        return View(
            title=f"the next sample gains at most {width(self.threshold)} from k = {self.shown}",
            about=rests_on(self.n_problems, self.confidence_level, "problems"),
        )


def marginal_gain(n: ArrayLike, c: ArrayLike, k: ArrayLike) -> FloatArray:
    """Estimate what sample k+1 adds to each problem's chance: pass@(k+1) − pass@k.

    Unbiased for p (1−p)^k (TTSPM: Wang et al. 2025, arXiv 2505.20522), never negative, and falling in k.

    Args:
        n: Samples drawn per problem, shape (P,), or one number for all.
        c: Samples correct per problem, shape (P,).
        k: Samples drawn before, at least 0 and below n, shape (K,).

    Returns:
        Shape (P, K).

    Raises:
        InvalidInputError: Impossible counts, or k + 1 > n.

    >>> marginal_gain([2], [1], [0, 1]).tolist()
    [[0.5, 0.5]]
    """
    data = counts(n, c)
    ks = np.asarray(budgets(np.asarray(k) + 1)) - 1
    refuse_too_few(data.n, ks + 1, "the gain of sample {k}")
    pairs = data.unique()
    n_, c_ = pairs.n[:, None], pairs.c[:, None]
    before = np.where(ks > 0, pass_at_k(pairs.n, pairs.c, np.maximum(ks, 1)), 0.0)
    # given that none of the k before was correct, the next is so with chance c/(n−k)
    gain = (1.0 - before) * np.minimum(c_ / (n_ - ks), 1.0)
    return np.asarray(gain[pairs.inverse])


def saturation(
    n: ArrayLike, c: ArrayLike, threshold: float, *, confidence_level: float = CONFIDENCE_LEVEL
) -> Saturation:
    """Find the first k at which the next sample gains at most `threshold` of coverage.

    The gain falls with k, so that its interval over problems at each k, inverted, is one for the answer.

    Args:
        n: Samples drawn per problem, shape (P,), or one number for all.
        c: Samples correct per problem, shape (P,).
        threshold: Price of one sample of one problem over the worth of a solved problem, above 0.
        confidence_level: Such as 0.95.

    Returns:
        The saturation point, at which another sample no longer pays; k = 0 means that not even the first does.

    Raises:
        InvalidInputError: Impossible counts, or a threshold of 0 or less.

    >>> saturation([8, 8], [8, 8], 0.1).k
    1
    """
    data = counts(n, c)
    check_confidence(confidence_level)
    if not threshold > 0:
        raise InvalidInputError(
            f"The least gain worth paying for is above 0, but is {threshold:g}. With free samples, draw more always."
        )
    k_max = int(data.n.min()) - 1
    if k_max < 0:
        raise InvalidInputError("Every problem needs at least one sample to tell what a sample gains.")
    pairs = data.unique()
    ks = _candidates(k_max)
    gain = marginal_gain(pairs.n, pairs.c, ks)
    interval = interval_over_problems(gain, confidence_level, weight=pairs.weight)
    mean = pairs.weight @ gain / len(data)
    k, low, high = (_first_below(ks, end, threshold) for end in (mean, interval.low, interval.high))
    return Saturation(
        k=k,
        low=low,
        high=high,
        threshold=threshold,
        k_max=k_max,
        confidence_level=confidence_level,
        n_problems=len(data),
    )


def _candidates(k_max: int) -> np.ndarray:
    """Return 0..k_max, thinned to half-percent steps beyond 1,000."""
    fine = np.arange(min(k_max, 1000) + 1)
    if k_max <= 1000:
        return fine
    steps = np.geomspace(1000, k_max, 1 + int(np.ceil(np.log(k_max / 1000) / np.log1p(0.005))))
    return np.unique(np.concatenate([fine, steps.round().astype(np.int64)]))


def _first_below(k: np.ndarray, end: FloatArray, threshold: float) -> int | None:
    found = np.flatnonzero(end <= threshold * (1 + 1e-12))
    return int(k[found[0]]) if len(found) else None
