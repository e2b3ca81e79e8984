"""What a comparison of strategies at equal cost found: tables, rows, and the sentence that says which is the best buy where."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ttscale.analysis.budget.choices import Metric
from ttscale.costs.amounts import unit_name
from ttscale.result import Result
from ttscale.showing.numbers import Shown, amount, count, p_value, points, rests_on, share
from ttscale.showing.view import View
from ttscale.stats.counts.curve import FloatArray
from ttscale.stats.decide.best_buy import Crossing
from ttscale.stats.intervals.multiple import PairedDifferences


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One strategy with one way to pick an answer of its attempts, at M costs.

    Attributes:
        label: Such as "rsa, majority vote".
        is_plain: Whether its cell draws plain samples.
        value: Share of problems solved at each cost, shape (M,).
        low: Lower ends, over problems.
        high: Upper ends.
        attempts: Attempts that each cost buys, on average.
        holds_to: The largest cost that its stored samples reach; beyond it the value stays what it was there.
    """

    label: str
    is_plain: bool
    value: FloatArray
    low: FloatArray
    high: FloatArray
    attempts: FloatArray
    holds_to: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A stretch of the frontier: where one way is worth more than any other at equal cost.

    Attributes:
        label: The way.
        begin: Cost from which it is.
        end: Cost up to which it is.
        value: Share of problems solved at the end.
    """

    label: str
    begin: float
    end: float
    value: float


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StrategyComparison(Result):
    """Strategies compared at equal cost, for one metric.

    Attributes:
        metric: "coverage" or "selected accuracy".
        unit: Of the costs, per problem.
        cost: Those compared at, shape (M,).
        ways: What is compared; the baseline first.
        differences: Of each other way from the baseline, way by way and cost by cost, as one family.
        crossings: Costs at which the better of baseline and a way changes, by the way's label.
        frontier: Which way is worth most from which cost to which, over all costs that any of them reaches.
        best: Label of the way with the highest value at each cost, and its chance to be the best.
        confidence_level: Such as 0.95.
        n_problems: P.
    """

    metric: Metric
    unit: str
    cost: FloatArray
    ways: tuple[Way, ...]
    differences: PairedDifferences
    crossings: tuple[tuple[str, Crossing], ...]
    frontier: tuple[Stretch, ...]
    best: tuple[tuple[str, float], ...]
    confidence_level: float
    n_problems: int
    notes: tuple[str, ...] = field(default=())

    def to_rows(self) -> Iterator[dict[str, Any]]:
        """Yield one row per way and cost."""
        for i, way in enumerate(self.ways):
            for m, cost in enumerate(self.cost):
                row = {
                    "metric": self.metric,
                    "way": way.label,
                    "unit": self.unit,
                    "cost": float(cost),
                    "attempts": float(way.attempts[m]),
                    "value": float(way.value[m]),
                    "low": float(way.low[m]),
                    "high": float(way.high[m]),
                    "beyond_samples": bool(cost > way.holds_to * (1 + 1e-9)),
                    "confidence_level": self.confidence_level,
                    "n_problems": self.n_problems,
                }
                yield row | self._difference(i, m)

    def view(self) -> View:
        """Return what every way reaches at each cost, its difference from the baseline, and what that means in words."""
        unit = unit_name(self.unit)
        shown = [
            (
                f"At {amount(float(cost))} {unit} per problem",
                [self._told(i, m, way) for i, way in enumerate(self.ways)],
            )
            for m, cost in enumerate(self.cost)
        ]
        return View(
            title=f"{self.metric.capitalize()} of {count(len(self.ways), 'way')} to spend compute, at equal cost",
            about=rests_on(self.n_problems, self.confidence_level, "problems"),
            more=shown,
            axis=f"cost per problem, in {unit}",
            notes=(self.sentence(), self._frontier_told(), *self._crossings_told(), *self.notes),
        )

    def _told(self, i: int, m: int, way: Way) -> dict[str, Any]:
        beyond = " (all its samples)" if self.cost[m] > way.holds_to * (1 + 1e-9) else ""
        return {
            "way": way.label + beyond,
            "attempts": amount(float(way.attempts[m])),
            "percent solved": share(float(way.value[m]), float(way.low[m]), float(way.high[m])),
            "points more than the first": self._told_difference(i, m) if i else None,
            "p": p_value(float(self.differences.p_value[self._index(i, m)])) if i else None,
        }

    def _frontier_told(self) -> str:
        stretches = [
            f"{one.label} from {amount(one.begin)} to {amount(one.end)} ({share(one.value)} % there)"
            for one in self.frontier
        ]
        return f"Frontier: {', '.join(stretches)} {unit_name(self.unit)}."

    def _crossings_told(self) -> list[str]:
        unit = unit_name(self.unit)
        return [
            f"{self.ways[0].label} and {label} cross at {amount(one.budget)} {unit} {_range_of(one)}."
            for label, one in self.crossings
        ]

    def sentence(self) -> str:
        """Return which way is the best buy where, in words."""
        unit = unit_name(self.unit)
        at = [
            f"{best} at {amount(float(cost))}" for (best, _), cost in zip(self.best, self.cost, strict=True)
        ]
        found = f"Highest {self.metric}: {', '.join(at)} {unit}."
        clear = [
            (way.label, float(cost), self._index(i, m))
            for i, way in enumerate(self.ways[1:], start=1)
            for m, cost in enumerate(self.cost)
            if self.differences.low[self._index(i, m)] > 0 or self.differences.high[self._index(i, m)] < 0
        ]
        if not clear:
            return f"{found} None of these differs for certain from {self.ways[0].label} on {self.n_problems} problems."
        label, cost, d = max(clear, key=lambda one: abs(float(self.differences.value[one[2]])))
        told = self._told_difference(d // len(self.cost) + 1, d % len(self.cost))
        return f"{found} The clearest difference: {label} against {self.ways[0].label} at {amount(cost)} {unit}: {told} points."

    def _index(self, way: int, cost: int) -> int:
        return (way - 1) * len(self.cost) + cost

    def _difference(self, way: int, cost: int) -> dict[str, Any]:
        if not way:
            return dict.fromkeys(("difference", "difference_low", "difference_high", "p_value"))
        d, found = self._index(way, cost), self.differences
        return {
            "difference": float(found.value[d]),
            "difference_low": float(found.low[d]),
            "difference_high": float(found.high[d]),
            "p_value": float(found.p_value[d]),
        }

    def _told_difference(self, way: int, cost: int) -> Shown:
        d, found = self._index(way, cost), self.differences
        return points(float(found.value[d]), float(found.low[d]), float(found.high[d]))


def _range_of(crossing: Crossing) -> str:
    ends = ["-" if end is None else amount(end) for end in (crossing.low, crossing.high)]
    return f"[{', '.join(ends)}]"
