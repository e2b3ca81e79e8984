"""The result that every curve estimator returns, values over budgets k with their interval, and the budgets shown."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ttscale.arrays import FloatArray, IntArray
from ttscale.errors import InvalidInputError, or_ask_for
from ttscale.result import Result
from ttscale.showing.notebook import ShownCurve
from ttscale.showing.numbers import rests_on, share
from ttscale.showing.view import View

TARGETS = (0.1, 0.2, 0.5, 0.8, 0.9, 0.95, 0.99)
"""Coverage of which a page asks for the next, where it looks ahead and where it tells costs."""

Over = Literal["problems", "samples", "both"]
"""What an interval generalises over: other problems of this kind, other samples of these problems, or both."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True, repr=False)
class Curve(Result):
    """A quantity at each budget k.

    Attributes:
        metric: What it is: "coverage", "maj_at_k", "best_of_k", ...
        k: Budgets in samples per problem, increasing, shape (K,).
        value: Point estimates, shape (K,).
        low: Lower ends of the pointwise interval, shape (K,).
        high: Upper ends, shape (K,).
        confidence_level: Such as 0.95.
        over: What the interval generalises over.
        method: How value and interval were computed, in a few words.
        n_problems: Problems averaged.
        standard_error: Monte Carlo error of `value`, shape (K,); None where the value is exact.
        caveat: Of each interval, what is known against it, or None; empty where nothing is said.
    """

    metric: str
    k: IntArray
    value: FloatArray
    low: FloatArray
    high: FloatArray
    confidence_level: float
    over: Over
    method: str
    n_problems: int
    standard_error: FloatArray | None = None
    caveat: tuple[str | None, ...] = ()

    def at(self, k: int, /) -> tuple[float, float, float] | None:
        """Return (value, low, high) at a budget, None where the curve does not have it.

        >>> curve = Curve(metric="coverage", k=np.array([1]), value=np.array([0.5]), low=np.array([0.4]),
        ...     high=np.array([0.6]), confidence_level=0.95, over="problems", method="", n_problems=9)
        >>> curve.at(1), curve.at(2)
        ((0.5, 0.4, 0.6), None)
        """
        found = np.flatnonzero(self.k == k)
        if not found.size:
            return None
        value, low, high = (float(array[found[0]]) for array in (self.value, self.low, self.high))
        return value, low, high

    def to_rows(self) -> Iterator[dict[str, Any]]:
        """Yield one plain dictionary per budget: tidy rows for any frame library or JSON."""
        for j, k in enumerate(self.k):
            row = {
                "metric": self.metric,
                "k": int(k),
                "value": float(self.value[j]),
                "low": float(self.low[j]),
                "high": float(self.high[j]),
                "confidence_level": self.confidence_level,
                "over": self.over,
                "method": self.method,
                "n_problems": self.n_problems,
            }
            if self.standard_error is not None:
                row["standard_error"] = float(self.standard_error[j])
            if self.caveat:
                row["caveat"] = self.caveat[j]
            yield row

    def table(self) -> list[dict[str, Any]]:
        """Return one row per budget as a person reads it."""
        known = self.caveat or (None,) * len(self.k)
        rows = zip(self.k.tolist(), self.value, self.low, self.high, known, strict=True)
        return [
            {"k": k, "percent": share(value, low, high)} | ({"caveat": said.split(":")[0]} if said else {})
            for k, value, low, high, said in rows
        ]

    def view(self) -> View:
        """Return the curve with its table and what is known against it."""
        return View(
            title=self.metric,
            about=f"{rests_on(self.n_problems, self.confidence_level, self.over)}; {self.method}",
            rows=self.table(),
            curves=[shown_curve(self, self.metric)],
            notes=list(dict.fromkeys(filter(None, self.caveat))),
        )


def shown_curve(curve: Curve, label: str, *, dashed: bool = False) -> ShownCurve:
    """Return a curve for the chart of a notebook."""
    k, value, low, high = (array.tolist() for array in (curve.k, curve.value, curve.low, curve.high))
    return ShownCurve(label=label, k=k, value=value, low=low, high=high, dashed=dashed)


def budget_grid(n_max: int, points: int = 40) -> IntArray:
    """Return the default budgets: unique whole numbers of a log grid from 1 to n_max, which is included.

    Args:
        n_max: Largest budget, usually the fewest samples that any problem has.
        points: Points of the grid before rounding; fewer are returned where they round together.

    Returns:
        Shape (K,), increasing, K <= points.

    Raises:
        InvalidInputError: n_max or points below 1.

    >>> budget_grid(8, points=4).tolist()
    [1, 2, 4, 8]
    """
    if n_max < 1 or points < 1:
        raise InvalidInputError(
            f"A grid of budgets needs n_max >= 1 and points >= 1, not {n_max} and {points}."
        )
    grid = np.rint(np.geomspace(1, n_max, points)).astype(np.int64)
    return np.unique(np.append(grid[:-1], n_max))


def table_budgets(wanted: tuple[int, ...] | None, k_max: int) -> tuple[int, ...]:
    """Return the budgets shown in tables: those asked for, or powers of ten and the largest k."""
    if wanted is None:
        powers = [10**e for e in range(12) if 10**e < k_max]
        return (*powers, k_max)
    return tuple(k for k in wanted if k <= k_max) or (k_max,)


def check_budgets(
    wanted: tuple[int, ...] | None, k_max: int, what: str, whose: str = "the smallest problem"
) -> None:
    """Refuse budgets beyond the samples.

    Args:
        wanted: What was asked for, None where nothing was.
        k_max: The largest budget with an answer.
        what: Who asks.
        whose: Whose samples end there.

    Raises:
        InvalidInputError: Naming the largest.
    """
    if wanted and max(wanted) > k_max:
        raise InvalidInputError(
            f"{what} k = {max(wanted)}, but {whose} has {k_max} verified samples. {or_ask_for(k_max)}"
        )
