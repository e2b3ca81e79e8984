"""Which of several arms is the best buy at which budget, and where the better choice changes.

Notation: A arms (models, selectors, temperatures) on the same P problems; arm a reaches the value V_i of problem i at
cost x_k with k samples per problem, k = 1, 2, ... Between two neighbouring k a budget buys one sample more for a
random share of the problems, and below the first sample it buys one for a share of them: so values are linear in cost
between the points, from zero on. Every problem gets the same number of samples but for that share: none is chosen in
hindsight.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ttscale.arrays import ArrayLike, FloatArray, IntArray
from ttscale.errors import InvalidInputError
from ttscale.stats.intervals.folds import problem_folds
from ttscale.stats.intervals.intervals import (
    Rng,
    check_confidence,
    interval_over_problems,
)
from ttscale.stats.intervals.unseen import SIGNED, UNIT, Span
from ttscale.types import CONFIDENCE_LEVEL


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class BestBuy:
    """The best arm at each budget.

    Attributes:
        budget: Cost per problem, increasing, shape (M,).
        arm: The arm with the highest mean value, shape (M,).
        value: Its mean value, shape (M,); optimistic where arms are close, since the best looks better than it is.
        low: Lower ends of its interval over problems, shape (M,).
        high: Upper ends, shape (M,).
        honest: Mean value when the arm is chosen on some problems and valued on the others, shape (M,).
        chance_best: Share of bootstrap replicates in which each arm is the best, shape (A, M).
        confidence_level: Such as 0.95.
        n_problems: P.
    """

    budget: FloatArray
    arm: IntArray
    value: FloatArray
    low: FloatArray
    high: FloatArray
    honest: FloatArray
    chance_best: FloatArray
    confidence_level: float
    n_problems: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """A budget at which the better of two arms changes.

    Attributes:
        budget: Cost per problem where the means cross.
        low: The largest budget below it at which the arm that was better is so for certain, at the confidence level; None
            where there is none.
        high: The smallest budget above it at which the other is better for certain; None likewise.
        value: Mean value of both there.
        before: The better arm below.
        after: The better arm above.
    """

    budget: float
    low: float | None
    high: float | None
    value: float
    before: int
    after: int


def values_at(cost: ArrayLike, values: ArrayLike, budget: ArrayLike) -> FloatArray:
    """Return what each problem's value is at each budget, by the rule above; beyond the last point it stays.

    Args:
        cost: Of the points, increasing and above 0, shape (K,).
        values: Of each problem there, shape (P, K).
        budget: Cost per problem, shape (M,).

    Returns:
        Shape (P, M).

    Raises:
        InvalidInputError: Costs that do not increase from above 0, or shapes that differ.

    >>> values_at([10, 20], [[0.4, 0.6]], [5, 10, 15, 40]).round(3).tolist()
    [[0.2, 0.4, 0.5, 0.6]]
    """
    x, table, at = (np.asarray(part, dtype=np.float64) for part in (cost, values, budget))
    if table.ndim != 2 or x.shape != (table.shape[1],) or not len(x) or x[0] <= 0 or (np.diff(x) <= 0).any():
        raise InvalidInputError(
            f"Costs must increase from above 0, one per column of the values {table.shape}, but are {x}."
        )
    x = np.concatenate([[0.0], x])
    table = np.concatenate([np.zeros((len(table), 1)), table], axis=1)
    right = np.clip(np.searchsorted(x, at, side="right"), 1, len(x) - 1)
    share = np.clip((at - x[right - 1]) / (x[right] - x[right - 1]), 0.0, 1.0)
    interpolated: FloatArray = table[:, right - 1] * (1 - share) + table[:, right] * share
    return interpolated


def pareto_front(cost: ArrayLike, value: ArrayLike) -> IntArray:
    """Return the points that no other point beats: none costs at most as much and is worth more.

    Args:
        cost: Shape (N,).
        value: Shape (N,).

    Returns:
        Positions by increasing cost and value; of equal points the first.

    >>> pareto_front([1, 2, 3, 2], [0.1, 0.5, 0.4, 0.3]).tolist()
    [0, 1]
    """
    x, y = np.asarray(cost, dtype=np.float64), np.asarray(value, dtype=np.float64)
    order = np.lexsort((np.arange(len(x)), -y, x))
    best_before = np.concatenate([[-np.inf], np.maximum.accumulate(y[order])[:-1]])
    front: IntArray = order[y[order] > best_before]
    return front


def best_buys(
    values: Sequence[ArrayLike],
    budget: ArrayLike,
    *,
    confidence_level: float = CONFIDENCE_LEVEL,
    n_resamples: int = 1000,
    n_folds: int = 5,
    span: Span = UNIT,
    rng: Rng = 0,
) -> BestBuy:
    """Say which arm is best at each budget, and how sure that is.

    Args:
        values: Of each arm, shape (P, M), such as `values_at` returns: the same problems, the same budgets.
        budget: Cost per problem, increasing, shape (M,).
        confidence_level: Such as 0.95.
        n_resamples: Bootstrap replicates over problems.
        n_folds: Folds of problems for the honest value, at most P.
        span: Least and greatest value that a problem can have.
        rng: Generator or seed.

    Returns:
        The best buys; ties go to the arm named first.

    Raises:
        InvalidInputError: No arm, or shapes that differ.
    """
    check_confidence(confidence_level)
    table = _stacked(values, budget)  # (A, P, M)
    n_arms, n_problems, n_budgets = table.shape
    at = np.arange(n_budgets)
    generator = np.random.default_rng(rng)
    best = np.argmax(table.mean(axis=1), axis=0)  # (M,)
    interval = interval_over_problems(table[best, :, at].T, confidence_level, span=span)
    weight = generator.multinomial(n_problems, np.full(n_problems, 1 / n_problems), size=n_resamples)
    means = np.tensordot(weight / n_problems, table, axes=(1, 1))  # (R, A, M)
    winner = np.argmax(means, axis=1)  # (R, M)
    return BestBuy(
        budget=np.asarray(budget, dtype=np.float64),
        arm=best,
        value=table[best, :, at].mean(axis=1),
        low=interval.low,
        high=interval.high,
        honest=_cross_fitted(table, n_folds, generator),
        chance_best=np.stack([(winner == arm).mean(axis=0) for arm in range(n_arms)]),
        confidence_level=confidence_level,
        n_problems=n_problems,
    )


def crossings(
    first: ArrayLike,
    second: ArrayLike,
    budget: ArrayLike,
    *,
    arms: tuple[int, int] = (0, 1),
    confidence_level: float = CONFIDENCE_LEVEL,
    span: Span = SIGNED,
) -> list[Crossing]:
    """Find the budgets at which the better of two arms changes, each with an interval.

    The interval holds every budget around the crossing at which neither arm is better for certain: the paired interval
    over problems at each budget, inverted. A change that is never certain on either side is the noise of two
    curves that lie on each other, and is left out.

    Args:
        first: Values of one arm, shape (P, M), on the same problems and budgets as the other's.
        second: Values of the other, shape (P, M).
        budget: Cost per problem, increasing, above 0, shape (M,); the finer, the sharper the ends.
        arms: What to call the two in the result.
        confidence_level: Of each interval.
        span: Least and greatest difference that a problem can have.

    Raises:
        InvalidInputError: Shapes that differ.
    """
    check_confidence(confidence_level)
    table = _stacked([first, second], budget)
    at = np.asarray(budget, dtype=np.float64)
    difference = table[0] - table[1]  # (P, M)
    mean = difference.mean(axis=0)
    interval = interval_over_problems(difference, confidence_level, span=span)
    certain = np.where(interval.low > 0, 1, np.where(interval.high < 0, -1, 0))
    found = []
    for j in _sign_changes(mean):
        side = int(np.sign(mean[j]))
        below = np.flatnonzero(certain[: j + 1] == side)
        above = np.flatnonzero(certain[j + 1 :] == -side)
        if not len(below) and not len(above):
            continue
        where, value = _meeting(at, table.mean(axis=1), mean, j)
        found.append(
            Crossing(
                budget=where,
                low=float(at[below[-1]]) if len(below) else None,
                high=float(at[j + 1 + above[0]]) if len(above) else None,
                value=value,
                before=arms[0] if side > 0 else arms[1],
                after=arms[1] if side > 0 else arms[0],
            )
        )
    return found


def _stacked(values: Sequence[ArrayLike], budget: ArrayLike) -> FloatArray:
    tables = [np.asarray(part, dtype=np.float64) for part in values]
    shapes = {table.shape for table in tables}
    if len(shapes) != 1 or (shape := shapes.pop()) != (shape[0], np.size(budget)) or not shape[0]:
        raise InvalidInputError(
            f"Arms are compared on the same problems and budgets: give each values of shape (P, {np.size(budget)}), not "
            f"{[table.shape for table in tables]}."
        )
    return np.stack(tables)


def _cross_fitted(table: FloatArray, n_folds: int, rng: np.random.Generator) -> FloatArray:
    """Return the mean value at each budget when each fold's arm is chosen by the other folds, shape (M,)."""
    n_arms, n_problems, n_budgets = table.shape
    if n_problems < 2 or n_arms == 1:
        return np.asarray(table.mean(axis=1).max(axis=0))
    fold = problem_folds(n_problems, n_folds, rng=rng)
    total = np.zeros(n_budgets)
    for f in range(int(fold.max()) + 1):
        held_out = fold == f
        chosen = np.argmax(table[:, ~held_out].mean(axis=1), axis=0)
        total += table[chosen, :, np.arange(n_budgets)][:, held_out].sum(axis=1)
    return np.asarray(total / n_problems)


def _sign_changes(mean: FloatArray) -> list[int]:
    """Return the positions j at which the sign differs from that of the next that is not zero."""
    signed = np.flatnonzero(mean)
    return [int(j) for j, after in pairwise(signed) if mean[j] * mean[after] < 0]


def _meeting(at: FloatArray, means: FloatArray, mean: FloatArray, j: int) -> tuple[float, float]:
    """Interpolate where the difference is zero after position j: (budget, value)."""
    after = j + 1 + int(np.flatnonzero(mean[j + 1 :])[0])
    share = mean[j] / (mean[j] - mean[after])
    where = at[j] * (at[after] / at[j]) ** share
    return float(where), float(means[0, j] + share * (means[0, after] - means[0, j]))
