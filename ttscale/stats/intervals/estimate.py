"""One number with its interval, and the interval of a ratio over problems: what scalar estimators return.

Samples of one problem resemble each other, so problems are the unit of every interval here, never samples.
"""

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from scipy.special import ndtri

from ttscale.arrays import ArrayLike, FloatArray, IntArray
from ttscale.errors import InvalidInputError
from ttscale.result import Result
from ttscale.showing.numbers import DASH, decimal, rests_on
from ttscale.showing.view import Dot, View
from ttscale.stats.intervals.bootstrap import percentiles
from ttscale.stats.intervals.intervals import Rng, check_confidence, interval_over_problems
from ttscale.stats.intervals.unseen import METHOD, ratio_ends, widened
from ttscale.types import CONFIDENCE_LEVEL

Averaging = Literal["pooled", "within problem"]
"""All samples in one pool, or computed problem by problem and then averaged with equal weight."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Estimate(Result):
    """A quantity with its interval over problems.

    Attributes:
        metric: What it is: "auroc", "precision", ...
        value: The estimate; NaN where the data cannot tell.
        low: Lower end of the interval.
        high: Upper end.
        confidence_level: Such as 0.95.
        averaging: "pooled" or "within problem".
        method: How the interval was computed, in a few words.
        n_problems: Problems that contribute.
    """

    metric: str
    value: float
    low: float
    high: float
    confidence_level: float
    averaging: Averaging
    method: str
    n_problems: int

    def to_row(self) -> dict[str, Any]:
        """Return a plain dictionary: a tidy row."""
        return asdict(self)

    def view(self) -> View:
        """Return the number with its interval."""
        found = decimal(self.value, self.low, self.high) or DASH
        return View(
            title=f"{self.metric} ({self.averaging}): {found}",
            about=f"{rests_on(self.n_problems, self.confidence_level, 'problems')}; {self.method}",
            dots=[Dot(label=self.metric, value=self.value, low=self.low, high=self.high)],
            axis=self.metric,
        )


def ratio_of_sums(
    metric: str, numerator: ArrayLike, denominator: ArrayLike, *, confidence_level: float = CONFIDENCE_LEVEL
) -> Estimate:
    """Estimate a proportion Σ a_i / Σ b_i of clustered counts, with its interval over problems.

    The interval is that of `ttscale.stats.intervals.unseen` for a ratio: half a problem of mean size is unseen.

    Args:
        metric: Name of the estimate.
        numerator: a_i, shape (P,), 0 <= a_i <= b_i.
        denominator: b_i, shape (P,); problems with 0 do not contribute.
        confidence_level: Such as 0.95.

    Returns:
        The pooled estimate; NaN within [0, 1] where every denominator is 0.

    Raises:
        InvalidInputError: Lengths that differ, or a numerator outside [0, b_i].

    >>> ratio_of_sums("precision", [1, 2, 0], [2, 4, 0]).value
    0.5
    """
    check_confidence(confidence_level)
    a, b = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape or (a < 0).any() or (a > b).any():
        raise InvalidInputError(
            f"{metric} is a ratio of counts per problem and needs 0 <= numerator <= denominator, of one length; "
            f"got shapes {a.shape} and {b.shape}."
        )
    used = b > 0
    a, b, n_problems = a[used], b[used], int(used.sum())
    value = float(a.sum() / b.sum()) if n_problems else float("nan")
    low, high = 0.0, 1.0
    if n_problems > 1:
        low, high = ratio_ends(a, b, float(ndtri(0.5 + confidence_level / 2)))
    return Estimate(
        metric=metric,
        value=value,
        low=min(low, value) if n_problems else low,
        high=max(high, value) if n_problems else high,
        confidence_level=confidence_level,
        averaging="pooled",
        method=f"{METHOD}, as a ratio",
        n_problems=n_problems,
    )


def mean_over_problems(
    metric: str, values: ArrayLike, *, confidence_level: float = CONFIDENCE_LEVEL, how: str = ""
) -> Estimate:
    """Average values within [0, 1] over problems; a NaN is a problem that does not contribute.

    Args:
        metric: Name of the estimate.
        values: One per problem, shape (P,).
        confidence_level: Such as 0.95.
        how: What comes before the interval in the method.
    """
    known = np.asarray(values, dtype=np.float64)
    known = known[~np.isnan(known)]
    value, low, high, method = float("nan"), 0.0, 1.0, "no problem tells"
    if len(known):
        interval = interval_over_problems(known[:, None], confidence_level)
        value, low, high = float(known.mean()), float(interval.low[0]), float(interval.high[0])
        method = interval.method
    return Estimate(
        metric=metric,
        value=value,
        low=low,
        high=high,
        confidence_level=confidence_level,
        averaging="within problem",
        method="; ".join(part for part in (how, method) if part),
        n_problems=len(known),
    )


def ratio_of_means(
    metric: str,
    numerator: ArrayLike,
    denominator: ArrayLike,
    *,
    confidence_level: float = CONFIDENCE_LEVEL,
    n_resamples: int = 2000,
    rng: Rng = None,
) -> Estimate:
    """Estimate a ratio of two means over the same problems that may leave [0, 1], with a bootstrap interval.

    Args:
        metric: Name of the estimate.
        numerator: Of each problem, shape (P,).
        denominator: Of the same problems, shape (P,), with a mean above 0.
        confidence_level: Such as 0.95.
        n_resamples: Bootstrap replicates over problems, numerator and denominator together.
        rng: Generator or seed.

    Returns:
        The estimate; NaN and without bounds where the mean denominator is not above 0.
    """
    check_confidence(confidence_level)
    a, b = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    P, value, low, high = len(a), float("nan"), -np.inf, np.inf
    if b.sum() > 1e-12:
        value = float(a.sum() / b.sum())
        drawn = _often_drawn(P, n_resamples, rng) if isinstance(rng, int) else _drawn(P, n_resamples, rng)
        below = drawn @ b
        replicates = (drawn @ a)[below > 1e-12] / below[below > 1e-12]
        if P > 1:
            ends = percentiles(replicates[:, None], P, confidence_level)
            z = float(ndtri(0.5 + confidence_level / 2))
            low, high = widened(float(ends.low[0]), float(ends.high[0]), value, P, z)
    return Estimate(
        metric=metric,
        value=value,
        low=low,
        high=high,
        confidence_level=confidence_level,
        averaging="pooled",
        method="ratio of means; bootstrap over problems",
        n_problems=P,
    )


def cluster_variance(influence: FloatArray) -> float:
    """Return the variance of a sum of independent clusters' influences, shape (P,), each about 0."""
    n = len(influence)
    return float(n / (n - 1) * (influence**2).sum()) if n > 1 else float("nan")


def _drawn(n_problems: int, n_resamples: int, rng: Rng) -> IntArray:
    """Return how often each bootstrap replicate draws each problem, shape (R, P)."""
    chance = np.full(n_problems, 1 / n_problems)
    return np.random.default_rng(rng).multinomial(n_problems, chance, size=n_resamples)


_often_drawn = lru_cache(maxsize=1)(_drawn)
"""The same for the same seed: a comparison asks for dozens of ratios over the same problems."""
