"""The budget with the highest utility, and what it is worth on problems that did not choose it."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from ttscale.arrays import ArrayLike, FloatArray, IntArray
from ttscale.errors import InvalidInputError
from ttscale.result import Result
from ttscale.showing.numbers import Shown, amounts, counts, rests_on
from ttscale.showing.view import View
from ttscale.stats.intervals.folds import problem_folds
from ttscale.stats.intervals.intervals import Rng, check_confidence
from ttscale.stats.intervals.unseen import Span, mean_ends, redrawn_curves
from ttscale.types import CONFIDENCE_LEVEL

MOST_DECISIONS = 512
"""Budgets up to here are all looked at for the best one; beyond, a grid of this many."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BudgetDecision(Result):
    """The best budget.

    Attributes:
        k: Budget with the highest mean utility; 0 means not to ask at all, which is worth 0.
        low: Lower end of its interval over problems.
        high: Upper end.
        at_edge: Whether it is the largest budget measured, so that more might be better still.
        utility: Mean utility per problem at k, cross-fitted: chosen on some problems, valued on the others.
        utility_low: Lower end of the utility's interval over problems at the chosen k.
        utility_high: Upper end.
        confidence_level: Such as 0.95.
        n_problems: P.
    """

    k: int
    low: int
    high: int
    at_edge: bool
    utility: float
    utility_low: float
    utility_high: float
    confidence_level: float
    n_problems: int

    @property
    def shown(self) -> Shown:
        """The budget with its interval, as a person reads it; "+" where more might be better still."""
        found = counts(self.k, self.low, self.high)
        return Shown(found.value + ("+" if self.at_edge else ""), found.interval)

    @property
    def shown_utility(self) -> Shown:
        """What it is worth per problem, with its interval."""
        return amounts(self.utility, self.utility_low, self.utility_high)

    def view(self) -> View:
        """Return the budget and its worth in one line."""
        return View(
            title=f"best k = {self.shown}, worth {self.shown_utility} per problem",
            about=rests_on(self.n_problems, self.confidence_level, "problems"),
        )


def best_decision(
    utility: ArrayLike,
    k: ArrayLike,
    *,
    span: Span | None = None,
    confidence_level: float = CONFIDENCE_LEVEL,
    n_resamples: int = 2000,
    n_folds: int = 5,
    rng: Rng = None,
) -> BudgetDecision:
    """Choose the budget with the highest mean utility.

    The maximum over budgets of an estimated mean is optimistic, so the utility reported is cross-fitted: each fold of the
    problems is valued at the budget that the other folds choose.

    Args:
        utility: Of each problem, shape (P, K), such as `ttscale.stats.selectors.accepting.utility` returns.
        k: Budgets, increasing, shape (K,).
        span: Least and greatest utility that a problem can have: intervals allow for half a problem there, unlike those seen
            (`ttscale.stats.intervals.unseen`). By default the least and the greatest seen, 0 included.
        confidence_level: Such as 0.95.
        n_resamples: Utility curves redrawn.
        n_folds: Folds of problems, at most P.
        rng: Generator or seed, for the curves and the folds.

    Returns:
        The decision.

    Raises:
        InvalidInputError: Shapes that differ, or values that are not finite or outside the span.

    >>> best_decision([[0.1, 0.4, 0.2]] * 3, [1, 2, 4], rng=0).k
    2
    """
    check_confidence(confidence_level)
    values, ks = _with_not_asking(utility, k)
    ends = _span(values, span)
    generator = np.random.default_rng(rng)
    curves = redrawn_curves(values[:, 1:], n_resamples, generator, span=ends)
    chosen = ks[np.argmax(np.column_stack([np.zeros(n_resamples), curves]), axis=1)]
    tail = (1 - confidence_level) / 2
    low, high = np.quantile(chosen, [tail, 1 - tail], method="closest_observation")
    best = int(np.argmax(values.mean(axis=0)))
    worth = _cross_fitted(values, n_folds, generator)
    worth_low, worth_high = _ends_of_mean(worth, ends, confidence_level)
    return BudgetDecision(
        k=int(ks[best]),
        low=int(low),
        high=int(high),
        at_edge=best == len(ks) - 1,
        utility=float(worth.mean()),
        utility_low=worth_low,
        utility_high=worth_high,
        confidence_level=confidence_level,
        n_problems=len(values),
    )


def _with_not_asking(utility: ArrayLike, k: ArrayLike) -> tuple[FloatArray, IntArray]:
    """Validate utilities and budgets, and put the budget 0 before them, which is worth 0."""
    values, ks = np.asarray(utility, dtype=np.float64), np.asarray(k, dtype=np.int64)
    if values.ndim != 2 or values.shape[1] != len(ks) or not len(values) or not np.isfinite(values).all():
        raise InvalidInputError(
            f"A decision needs finite utilities of shape (P, {len(ks)}), not {values.shape}."
        )
    return np.column_stack([np.zeros(len(values)), values]), np.concatenate([[0], ks])


def _ends_of_mean(worth: FloatArray, span: Span, confidence_level: float) -> tuple[float, float]:
    if span[0] == span[1]:
        return span
    within = np.clip(worth, *span)[:, None]
    low, high = mean_ends(within, float(ndtri(0.5 + confidence_level / 2)), span=span)
    return float(low[0]), float(high[0])


def _span(values: FloatArray, span: Span | None) -> Span:
    least, most = float(values.min()), float(values.max())
    low, high = span or (least, most)
    slack = 1e-9 * max(abs(low), abs(high))
    if not low - slack <= least <= most <= high + slack:
        raise InvalidInputError(
            f"Utilities lie within their span, {low:g} to {high:g}, but reach from {least:g} to {most:g}."
        )
    return low, high


def _cross_fitted(values: FloatArray, n_folds: int, rng: np.random.Generator) -> FloatArray:
    """Return each problem's utility at the budget that the other folds choose, shape (P,)."""
    if len(values) < 2:
        best: FloatArray = values.max(axis=1)
        return best
    worth = np.empty(len(values))
    for fold in _folds(len(values), n_folds, rng):
        others = np.ones(len(values), dtype=bool)
        others[fold] = False
        worth[fold] = values[fold, int(np.argmax(values[others].mean(axis=0)))]
    return worth


def _folds(n_problems: int, n_folds: int, rng: np.random.Generator) -> list[IntArray]:
    number = problem_folds(n_problems, n_folds, rng=rng)
    return [np.flatnonzero(number == fold) for fold in range(int(number.max()) + 1)]
