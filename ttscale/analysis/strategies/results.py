"""What a comparison of strategies at equal cost found: tables, rows, and the sentence that says which is the best buy where."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ttscale.analysis.budget.choices import Metric
from ttscale.arrays import FloatArray
from ttscale.costs.amounts import unit_name
from ttscale.result import Result
from ttscale.showing.numbers import Shown, amount, count, p_value, points, rests_on, share
from ttscale.showing.view import View
from ttscale.stats.decide.best_buy import Crossing
from ttscale.stats.intervals.multiple import PairedDifferences

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BANDS = 4
"""Ways up to which bands are drawn: more of them over each other hide the curves."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class WayCurve:
    """A way over all costs that its samples reach, each array of shape (G,)."""

    cost: FloatArray
    value: FloatArray
    low: FloatArray
    high: FloatArray


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
        curve: For a figure.
        holds_to: The largest cost that its stored samples reach; beyond it the value stays what it was there.
    """

    label: str
    is_plain: bool
    value: FloatArray
    low: FloatArray
    high: FloatArray
    attempts: FloatArray
    holds_to: float
    curve: WayCurve


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

    def plot(self, ax: "Axes | None" = None) -> "Figure":
        """Draw every way over its cost, with the frontier in bold and the crossings below."""
        from ttscale.plots.cost import Change, CostLine, plot_costs

        position = {way.label: i for i, way in enumerate(self.ways)}
        few = len(self.ways) <= _BANDS
        return plot_costs(
            [
                CostLine(
                    label=way.label,
                    cost=way.curve.cost,
                    value=way.curve.value,
                    low=way.curve.low if few else None,
                    high=way.curve.high if few else None,
                )
                for way in self.ways
            ],
            title=f"{self.metric.capitalize()} of ways to spend compute",
            subtitle=rests_on(self.n_problems, self.confidence_level, "problems"),
            x_label=f"{unit_name(self.unit)} per problem (log scale)",
            best=[(one.begin, one.end, position[one.label]) for one in self.frontier if one.end > one.begin],
            changes=[
                Change(cost=one.budget, low=one.low, high=one.high, label=label)
                for label, one in self.crossings
            ],
            ax=ax,
        )

    def curve_rows(self) -> list[dict[str, Any]]:
        """Return the figure's data: a row per way and cost."""
        return [
            {
                "metric": self.metric,
                "way": way.label,
                f"cost_{self.unit}": cost,
                "value": value,
                "low": low,
                "high": high,
            }
            for way in self.ways
            for cost, value, low, high in zip(
                *(part.tolist() for part in (way.curve.cost, way.curve.value, way.curve.low, way.curve.high)),
                strict=True,
            )
        ]

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
            f"{one.label} from {amount(one.begin)} to {amount(one.end)} ({share(one.value, sign='%')} there)"
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
        costs: dict[str, list[str]] = {}
        for (best, _), cost in zip(self.best, self.cost, strict=True):
            costs.setdefault(best, []).append(str(amount(float(cost))))
        at = [f"{best} at {', '.join(own)}" for best, own in costs.items()]
        found = f"Highest {self.metric}: {'; '.join(at)} {unit}."
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
