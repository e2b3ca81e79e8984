"""The result of a budget analysis: every answer, as rows, tables, a view and a figure."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from ttscale.analysis.budget.best_buys import BreakEven, BuyComparison
from ttscale.analysis.budget.questions import SpendAnswer, TargetAnswer
from ttscale.analysis.budget.tables import shown_tables
from ttscale.arrays import FloatArray, IntArray
from ttscale.costs.amounts import unit_name
from ttscale.costs.contract import CostLine
from ttscale.result import Result, Row
from ttscale.showing.notebook import ShownCurve
from ttscale.showing.numbers import amount, rests_on
from ttscale.showing.view import View
from ttscale.stats.adaptive.piloting import PilotPlan
from ttscale.stats.coverage.marginal import Saturation
from ttscale.stats.decide.deciding import BudgetDecision

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSummary:
    """What is known of one arm: its samples, their tokens, its model and how fast it ran.

    Attributes:
        label: The arm.
        n_min: Fewest samples of any problem.
        prompt_tokens: Mean over problems, None where unknown.
        completion_tokens: Mean over samples, problems weighing equally, None where unknown.
        parameters: Of its model, None where unknown.
        size_from: Where the size was read.
        tokens_per_s: Generated tokens per device-second of the run itself, None where not measured.
        verification_s: Seconds of the oracle's verification per sample, None where not measured.
    """

    label: str
    n_min: int
    prompt_tokens: float | None
    completion_tokens: float | None
    parameters: float | None
    size_from: str | None
    tokens_per_s: float | None
    verification_s: float | None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CostCurve:
    """What one choice reaches at which cost.

    Attributes:
        label: The arm, and the selector where it is not coverage.
        arm: The arm alone.
        selector: "coverage", "majority vote", "best by NAME" or "first accepted by NAME".
        k: Samples per problem, increasing, shape (K,).
        cost: Mean cost per problem, increasing, shape (K,).
        value: Share of problems solved, shape (K,).
        low: Lower ends of the interval, shape (K,).
        high: Upper ends, shape (K,).
        extrapolates: Which points lie beyond the samples, shape (K,).
        n_min: Fewest samples of any problem.
        line: Cost of k samples.
        verification_s: Seconds of verification per sample, None where unknown.
        method: How values and interval were computed.
    """

    label: str
    arm: str
    selector: str
    k: IntArray
    cost: FloatArray
    value: FloatArray
    low: FloatArray
    high: FloatArray
    extrapolates: np.ndarray
    n_min: int
    line: CostLine
    verification_s: float | None
    method: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True, repr=False)
class BudgetView(Result):
    """Everything a budget analysis found; what a section of a report shows.

    Attributes:
        unit: Unit of every cost: "tokens", "flops", "eflops", "usd", "device_s", "joules" or "samples".
        cost_model: The cost model's name.
        n_problems: Problems that all arms share.
        confidence_level: Of every interval.
        over: What intervals generalise over: "problems" or "samples".
        arms: What is known of every arm.
        curves: Cost against value of every choice: the measured points, then forecast ones where `extrapolates`.
        comparisons: Which choice is the best buy at which budget: for coverage, and for selected accuracy.
        targets: Answers to `--target`, one per choice and target.
        spends: Answers to `--spend`, one per choice and sum.
        saturations: Label -> where the next sample is worth less than its price; empty without a worth.
        decisions: Label -> the best number of samples under a cost of wrong answers; only of "first accepted".
        break_evens: Cheap against dear arms at one dear sample's price.
        pilots: Label -> how large a pilot must be for a target; empty where it was not asked.
        notes: Assumptions and caveats in plain sentences; they belong beside the numbers.
    """

    unit: str
    cost_model: str
    n_problems: int
    confidence_level: float
    over: str
    arms: tuple[ArmSummary, ...]
    curves: tuple[CostCurve, ...]
    comparisons: tuple[BuyComparison, ...]
    targets: tuple[TargetAnswer, ...] = ()
    spends: tuple[SpendAnswer, ...] = ()
    saturations: tuple[tuple[str, Saturation], ...] = ()
    decisions: tuple[tuple[str, BudgetDecision], ...] = ()
    break_evens: tuple[BreakEven, ...] = ()
    pilots: tuple[tuple[str, PilotPlan], ...] = ()
    notes: tuple[str, ...] = ()

    def view(self) -> View:
        """Return the cost curves, every answer and the caveats."""
        cheapest = min(float(curve.cost[0]) for curve in self.curves)
        unit = unit_name(self.unit)
        return View(
            title=f"What {self.n_problems} problems cost, in {unit}",
            about=self.basis,
            more=shown_tables(self),
            curves=[_drawn(curve, cheapest) for curve in self.curves],
            axis=f"cost per problem, in {amount(cheapest)} {unit}",
            notes=self.notes,
        )

    def plot(self, ax: "Axes | None" = None) -> "Figure":
        """Draw what every choice reaches at which cost, the best buy in bold."""
        return self.figure(ax=ax)

    def figure(self, *, comparison: int = 0, title: str | None = None, ax: "Axes | None" = None) -> "Figure":
        """Draw one of the comparisons; the first is coverage, unless only selectors were asked for."""
        from ttscale.analysis.budget.figure import budget_figure

        group = self.comparisons[comparison]
        return budget_figure(self.curves, group, unit=self.unit, basis=self.basis, title=title, ax=ax)

    @property
    def basis(self) -> str:
        """What every number rests on, in words."""
        return rests_on(self.n_problems, self.confidence_level, self.over)

    def to_rows(self) -> Iterator[Row]:
        """Yield tidy rows; `question` says what each answers."""
        yield from self.target_rows()
        yield from self.spend_rows()
        yield from self.segment_rows()
        yield from self.crossing_rows()
        yield from self.pareto_rows()
        yield from self.saturation_rows()
        yield from self.decision_rows()
        yield from self.break_even_rows()
        yield from self.pilot_rows()
        yield from self.arm_rows()

    def arm_rows(self) -> list[Row]:
        """Return one row per arm: what is known of it."""
        return [
            {
                "question": "arm",
                **_named(asdict(one)),
                "n_problems": self.n_problems,
                "method": "means of the samples at hand",
            }
            for one in self.arms
        ]

    def target_rows(self) -> list[Row]:
        """Return one row per target and choice."""
        return [
            {
                "question": "target",
                "choice": one.label,
                "target": one.reached.target,
                "k": one.reached.k,
                "k_low": one.reached.low,
                "k_high": one.reached.high,
                "unit": self.unit,
                "total_cost": one.cost,
                "total_cost_low": one.low,
                "total_cost_high": one.high,
                "cheapest": one.cheapest,
                "extrapolates": one.reached.extrapolates,
                "verdict": one.verdict,
                "why_not": one.why_not or None,
                "at_least_k": one.at_least,
                "largest_k": one.reached.largest,
                **self._interval(),
                "method": one.reached.method,
            }
            for one in self.targets
        ]

    def spend_rows(self) -> list[Row]:
        """Return one row per sum and choice."""
        return [
            {
                "question": "spend",
                "choice": one.label,
                "spend": one.spend,
                "unit": self.unit,
                "k": one.k,
                "total_cost": one.spent,
                "value": one.value,
                "low": one.low,
                "high": one.high,
                "best": one.best,
                "extrapolates": one.extrapolates,
                "capped": one.capped,
                **self._interval(),
                "method": one.method,
            }
            for one in self.spends
        ]

    def saturation_rows(self) -> list[Row]:
        """Return one row per choice: where the next sample is worth less than its price."""
        return [
            {
                "question": "saturation",
                "choice": label,
                **asdict(one),
                "over": "problems",
                "method": "gain of the next sample, interval inverted",
            }
            for label, one in self.saturations
        ]

    def decision_rows(self) -> list[Row]:
        """Return one row per choice that stops at the first accepted sample: how many to draw at most."""
        return [
            {
                "question": "best-k",
                "choice": label,
                "unit": self.unit,
                **asdict(one),
                "over": "problems",
                "method": "bootstrap for k; utility cross-fitted over problems",
            }
            for label, one in self.decisions
        ]

    def break_even_rows(self) -> list[Row]:
        """Return one row per pair of a cheap and the next dearer choice."""
        return [
            {
                "question": "break-even",
                **asdict(one),
                "unit": self.unit,
                **self._interval(),
                "over": "problems",
                "method": "paired bootstrap over problems",
            }
            for one in self.break_evens
        ]

    def pilot_rows(self) -> list[Row]:
        """Return one row per pilot that was tried, the one at hand first."""
        return [
            {"question": "pilot", "choice": label, **row}
            for label, plan in self.pilots
            for row in plan.to_rows()
        ]

    def segment_rows(self) -> list[Row]:
        """Return one row per range of budgets with one best choice."""
        return [
            {
                "question": "best-buy",
                "metric": group.metric,
                **_named(asdict(one)),
                "unit": self.unit,
                "n_problems": self.n_problems,
                "method": "highest mean; chance_best by bootstrap over problems",
            }
            for group in self.comparisons
            for one in group.segments
        ]

    def crossing_rows(self) -> list[Row]:
        """Return one row per budget at which the best choice changes."""
        return [
            {
                "question": "crossover",
                "metric": group.metric,
                "before": self.curves[one.before].label,
                "after": self.curves[one.after].label,
                "budget": one.budget,
                "low": one.low,
                "high": one.high,
                "value": one.value,
                "unit": self.unit,
                **self._interval(),
                "over": "problems",
                "method": "paired bootstrap over problems, inverted",
            }
            for group in self.comparisons
            for one in group.crossings
        ]

    def pareto_rows(self) -> list[Row]:
        """Return one row per point that no other point beats."""
        return [
            self._point_row(group.metric, position, k)
            for group in self.comparisons
            for position, k in group.pareto
        ]

    def _point_row(self, metric: str, position: int, k: int) -> Row:
        curve = self.curves[position]
        j = int(np.searchsorted(curve.k, k))
        return {
            "question": "pareto",
            "metric": metric,
            "choice": curve.label,
            "k": k,
            "cost": float(curve.cost[j]),
            "unit": self.unit,
            "value": float(curve.value[j]),
            "low": float(curve.low[j]),
            "high": float(curve.high[j]),
            **self._interval(),
            "method": curve.method,
        }

    def _interval(self) -> Row:
        return {
            "confidence_level": self.confidence_level,
            "over": self.over,
            "n_problems": self.n_problems,
        }


def _drawn(curve: CostCurve, cheapest: float) -> ShownCurve:
    return ShownCurve(
        label=curve.label,
        k=(curve.cost / cheapest).tolist(),
        value=curve.value.tolist(),
        low=curve.low.tolist(),
        high=curve.high.tolist(),
        dashed=bool(curve.extrapolates.any()),
    )


def _named(row: Row) -> Row:
    """Call the label what it is in every other row."""
    return {("choice" if key == "label" else key): value for key, value in row.items()}
