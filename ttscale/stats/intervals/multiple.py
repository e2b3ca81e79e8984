"""Many quantities compared on the same problems, without one being declared better by the number of tries.

Notation: V_im is the value of quantity m on problem i, shape (P, M). A family is every pair of quantities, at every
budget that is looked at. The *single-step* method gives intervals that all hold together with the
confidence level, and p-values that fit them: the critical value is the quantile of the largest |z| of the family,
simulated with Gaussian multipliers on the problems, which keeps the correlation between comparisons and is therefore
less strict than Bonferroni or Holm on comparisons as correlated as these. Each z is the signed root of
`ttscale.stats.intervals.unseen`, whose half a problem unseen keeps a few problems, or many that agree, from proving more
than they can.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from ttscale.arrays import ArrayLike, FloatArray
from ttscale.errors import InvalidInputError
from ttscale.stats.counts.counts import budgets
from ttscale.stats.counts.curve import Curve
from ttscale.stats.intervals.intervals import (
    Rng,
    check_confidence,
    interval_over_problems,
    simultaneous_level,
)
from ttscale.stats.intervals.unseen import SIGNED, UNSEEN, Span, mean_ends, roots_against
from ttscale.types import CONFIDENCE_LEVEL

_BATCH = 4_000_000
"""Random numbers drawn at a time."""

METHOD = "paired over problems, half of one unseen; single-step over the family (Gaussian multipliers)"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PairedDifferences:
    """Differences of means over the same problems, one family of D comparisons.

    Attributes:
        pairs: (first, second) positions of each comparison, length D.
        value: Mean of first − second, shape (D,).
        low: Lower ends of the simultaneous intervals, shape (D,).
        high: Upper ends, shape (D,).
        p_value: Adjusted for the family, shape (D,).
        p_unadjusted: Of each comparison alone, shape (D,).
        critical: The z that an interval reaches to either side, of the whole family.
        confidence_level: Of all intervals together.
        n_problems: P.
    """

    pairs: tuple[tuple[int, int], ...]
    value: FloatArray
    low: FloatArray
    high: FloatArray
    p_value: FloatArray
    p_unadjusted: FloatArray
    critical: float
    confidence_level: float
    n_problems: int

    def to_rows(self, names: list[str]) -> Iterator[dict[str, Any]]:
        """Yield one tidy row per comparison.

        Args:
            names: Of the quantities, by position.
        """
        for j, (first, second) in enumerate(self.pairs):
            yield {
                "verifier": names[first],
                "versus": names[second],
                "value": float(self.value[j]),
                "low": float(self.low[j]),
                "high": float(self.high[j]),
                "p_value": float(self.p_value[j]),
                "p_unadjusted": float(self.p_unadjusted[j]),
                "confidence_level": self.confidence_level,
                "method": METHOD,
                "n_problems": self.n_problems,
            }


def paired_differences(
    values: ArrayLike,
    *,
    pairs: tuple[tuple[int, int], ...] | None = None,
    span: Span | None = None,
    confidence_level: float = CONFIDENCE_LEVEL,
    n_resamples: int = 10_000,
    rng: Rng = None,
) -> PairedDifferences:
    """Compare means over the same problems, pair by pair, with simultaneous intervals.

    Args:
        values: One row per problem and one column per quantity, shape (P, M), within [0, 1] unless there is a `span`.
        pairs: Which columns to compare; all pairs by default.
        span: Least and greatest difference that a problem can have; (−1, 1) by default.
        confidence_level: Of all intervals together.
        n_resamples: Simulated families.
        rng: Generator or seed.

    Returns:
        The comparisons. Two quantities that agree on every problem differ by 0 with the interval that P problems
        without a difference allow, and a p-value of 1.

    Raises:
        InvalidInputError: Fewer than two columns, or values that are not finite.

    References:
        Hothorn, Bretz, Westfall 2008, https://doi.org/10.1002/bimj.200810425;
        Montiel Olea, Plagborg-Møller 2019, https://doi.org/10.1002/jae.2656

    >>> paired_differences([[1, 0], [1, 1], [0, 0]], rng=0).value.round(3).tolist()
    [0.333]
    """
    check_confidence(confidence_level)
    table = _checked(values, is_share=span is None)
    within = span or SIGNED
    chosen = pairs if pairs is not None else tuple(combinations(range(table.shape[1]), 2))
    first, second = np.array(chosen).T
    difference = table[:, first] - table[:, second]  # (P, D)
    P = len(table)
    if P < 2:  # one problem says nothing about others
        return _told_nothing(chosen, difference, within, confidence_level)
    largest = _largest_z(difference / max(within), n_resamples, np.random.default_rng(rng))
    critical = max(float(np.quantile(largest, confidence_level)), float(ndtri(0.5 + confidence_level / 2)))
    low, high = mean_ends(difference, critical, span=within)
    mean = difference.mean(axis=0)
    z = roots_against(difference, 0.0, span=within)
    alone = 2 * ndtr(-z)
    exceeded = (largest[:, None] >= z).sum(axis=0)
    return PairedDifferences(
        pairs=chosen,
        value=mean,
        low=np.minimum(low, mean),
        high=np.maximum(high, mean),
        p_value=np.maximum((1 + exceeded) / (1 + n_resamples), alone),
        p_unadjusted=alone,
        critical=critical,
        confidence_level=confidence_level,
        n_problems=P,
    )


def _checked(values: ArrayLike, *, is_share: bool) -> FloatArray:
    """Return a table, shape (P, M); refuse what is none, and values that are no shares where they should be."""
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] < 2 or not len(table) or not np.isfinite(table).all():
        raise InvalidInputError(f"Comparing needs finite values of shape (P, at least 2), not {table.shape}.")
    if not is_share:
        return table
    if table.min() < -1e-9 or table.max() > 1 + 1e-9:
        raise InvalidInputError(
            f"Comparing needs values within [0, 1], but they lie between {table.min():g} and {table.max():g}."
        )
    return np.clip(table, 0.0, 1.0)


def _told_nothing(
    pairs: tuple[tuple[int, int], ...], difference: FloatArray, within: Span, confidence_level: float
) -> PairedDifferences:
    none = np.ones(len(pairs))
    return PairedDifferences(
        pairs=pairs,
        value=difference.mean(axis=0),
        low=within[0] * none,
        high=within[1] * none,
        p_value=none,
        p_unadjusted=none,
        critical=float(ndtri(0.5 + confidence_level / 2)),
        confidence_level=confidence_level,
        n_problems=len(difference),
    )


def _largest_z(difference: FloatArray, n_resamples: int, rng: np.random.Generator) -> FloatArray:
    """Simulate the largest |z| of the family when no pair differs, shape (R,).

    The half unseen at either end is another problem for every pair: on the safe side, and exact for a single pair.
    """
    centered = difference - difference.mean(axis=0)
    unseen = np.sqrt(2 * UNSEEN)  # variance of the two halves, at 1 and −1
    scale = np.sqrt((centered**2).sum(axis=0) + unseen**2)
    standardised, own = centered / scale, unseen / scale
    batch = max(1, _BATCH // len(difference))
    largest = []
    for start in range(0, n_resamples, batch):
        size = min(batch, n_resamples - start)
        shared = rng.standard_normal((size, len(difference))) @ standardised
        largest.append(np.abs(shared + own * rng.standard_normal((size, difference.shape[1]))).max(axis=1))
    return np.concatenate(largest)


def paired_difference(
    first: ArrayLike,
    second: ArrayLike,
    k: ArrayLike,
    *,
    metric: str = "difference",
    confidence_level: float = CONFIDENCE_LEVEL,
    simultaneous: bool = False,
    n_resamples: int = 2000,
    rng: Rng = None,
) -> Curve:
    """Compare two quantities on the same problems: mean of first − second with its interval over problems.

    What makes a problem hard for both cancels. Rows that agree everywhere differ by 0 with the interval that this many
    problems leave open, never one without width.

    Args:
        first: Values of each problem, shape (P, K), such as `best_of_k` returns.
        second: Values of the same problems in the same order, shape (P, K).
        k: Budgets, increasing, shape (K,).
        metric: Name of the result.
        confidence_level: Such as 0.95.
        simultaneous: Whether the band shall hold at all k together instead of at each.
        n_resamples: Replicates of the band's simulation.
        rng: Generator or seed of it.

    Returns:
        A curve of differences in [−1, 1], over problems.

    Raises:
        InvalidInputError: Shapes that differ, NaN, a value outside [0, 1], or no problem.

    >>> paired_difference([[0.5], [0.7]], [[0.4], [0.6]], 1, rng=0).value.round(3).tolist()
    [0.1]
    """
    check_confidence(confidence_level)
    ks = budgets(k)
    difference = _paired(first, second, len(ks))
    level = confidence_level
    if simultaneous:
        level = simultaneous_level(difference, level, span=SIGNED, n_resamples=n_resamples, rng=rng)
    interval = interval_over_problems(difference, level, span=SIGNED)
    return Curve(
        metric=metric,
        k=ks,
        value=difference.mean(axis=0),
        low=interval.low,
        high=interval.high,
        confidence_level=confidence_level,
        over="problems",
        method=f"paired; {interval.method}" + (", simultaneous" if simultaneous else ""),
        n_problems=len(difference),
    )


def _paired(first: ArrayLike, second: ArrayLike, n_budgets: int) -> FloatArray:
    """Return first − second of each problem at each budget, shape (P, K); refuse what cannot be paired."""
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.ndim != 2 or a.shape != b.shape or a.shape[1] != n_budgets or not len(a):
        raise InvalidInputError(
            f"A paired difference needs two arrays of shape (P, {n_budgets}) for the same problems, but got "
            f"{a.shape} and {b.shape}."
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise InvalidInputError(
            "A paired difference needs a value for every problem and budget, but some are NaN."
        )
    difference = a - b
    if np.abs(difference).max() > 1 + 1e-9:
        raise InvalidInputError(
            f"A paired difference compares shares within [0, 1], but some differ by {np.abs(difference).max():g}."
        )
    return np.clip(difference, -1.0, 1.0)
