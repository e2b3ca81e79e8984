"""What a budget analysis answers: frozen results that the command, the report and notebooks read.

Costs are per problem unless a name says total; the unit is that of the cost model. A *choice* is one arm (a cell, a
model, a token limit) with one way to pick an answer.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ttscale.costs.contract import CostLine
from ttscale.stats.best_buy import BestBuy, Crossing
from ttscale.stats.curve import FloatArray, IntArray
from ttscale.stats.deciding import BudgetDecision
from ttscale.stats.marginal import Saturation
from ttscale.stats.outlook import Reached

Row = dict[str, Any]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetAnswer:
    """What a target costs with one choice.

    Attributes:
        label: The choice.
        reached: Samples per problem with their interval; its `k` is None where the target is not reachable.
        cost: Total cost over all problems at `reached.k`, None where not reachable.
        low: Total cost at the lower end, None likewise.
        high: Total cost at the upper end, None: no end was found.
        why_not: Why it is not reachable, in words; empty where it is.
        cheapest: Whether no other choice reaches the target for less.
    """

    label: str
    reached: Reached
    cost: float | None
    low: float | None
    high: float | None
    why_not: str
    cheapest: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendAnswer:
    """What a sum reaches with one choice, every problem getting the same number of samples.

    Attributes:
        label: The choice.
        spend: The sum over all problems.
        text: The sum as given.
        k: Samples per problem that it buys; at most what was measured for selectors, which are not extrapolated.
        spent: What those cost over all problems.
        value: Share of problems solved.
        low: Lower end of its interval.
        high: Upper end.
        extrapolates: Whether k lies beyond the samples.
        capped: Whether the sum would buy more samples than could be valued.
        best: Whether no other choice reaches more.
        method: How the value and its interval were computed.
    """

    label: str
    spend: float
    text: str
    k: int
    spent: float
    value: float
    low: float
    high: float
    extrapolates: bool
    capped: bool
    best: bool
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A range of budgets with one best choice.

    Attributes:
        label: The choice.
        begin: Where the range begins, per problem.
        end: Where it ends.
        k_begin: Samples per problem there.
        k_end: And there.
        value_begin: Share of problems solved there.
        value_end: And there.
        chance_best: Mean share of bootstrap replicates over the range in which it is the best.
    """

    label: str
    begin: float
    end: float
    k_begin: float
    k_end: float
    value_begin: float
    value_end: float
    chance_best: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEven:
    """What one dear sample must reach to be worth its price, against cheap samples for the same money.

    Attributes:
        dear: The dear choice.
        cheap: The cheap one.
        price_ratio: Price of one dear sample over one cheap one.
        accuracy: What the cheap one reaches for the price of one dear sample: the break-even accuracy.
        low: Lower end of its interval.
        high: Upper end.
        dear_accuracy: What the dear one reaches with one sample.
        gain: Dear minus cheap at that price.
        gain_low: Lower end of its interval, paired over problems.
        gain_high: Upper end.
    """

    dear: str
    cheap: str
    price_ratio: float
    accuracy: float
    low: float
    high: float
    dear_accuracy: float
    gain: float
    gain_low: float
    gain_high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PilotAnswer:
    """How large a pilot must be for a target's number of samples to be known well enough.

    Attributes:
        label: The choice.
        target: The value wanted.
        within: The factor wanted between the ends of the interval and the answer.
        n_now: Samples per problem of the pilot at hand.
        factor_now: Largest factor by which the ends of its interval differ from the answer; infinite where an end is open.
        n_needed: Smallest pilot among `n_tried` whose simulated factor is small enough; None where none is.
        n_tried: Samples per problem that were simulated, increasing.
        factors: Median simulated factor of each.
        method: How it was simulated.
    """

    label: str
    target: float
    within: float
    n_now: int
    factor_now: float
    n_needed: int | None
    n_tried: tuple[int, ...]
    factors: tuple[float, ...]
    method: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class BudgetView:
    """Everything a budget analysis found; what a section of a report shows.

    Attributes:
        unit: Unit of every cost: "tokens", "flops", "eflops", "usd", "device_s", "joules" or "samples".
        cost_model: The cost model's name.
        n_problems: Problems that all arms share.
        confidence_level: Of every interval.
        over: What intervals generalise over: "problems" or "samples".
        curves: Cost against value of every choice: the measured points, then forecast ones where `extrapolates`.
        best: Which choice is best at each budget (positions in `curves`), within the budgets that were measured.
        segments: The same as ranges of budgets with one best choice.
        crossings: Budgets at which the best choice changes, with intervals; arms are positions in `curves`.
        pareto: (position in `curves`, position in its k) of the measured points that no other point beats, by cost.
        targets: Answers to `--target`, one per choice and target.
        spends: Answers to `--spend`, one per choice and sum.
        saturations: Label -> where the next sample is worth less than its price; empty without a worth.
        decisions: Label -> the best number of samples under a cost of wrong answers; only of "first accepted".
        break_evens: Cheap against dear arms at one dear sample's price.
        pilots: How large pilots must be.
        notes: Assumptions and caveats in plain sentences; they belong beside the numbers.
    """

    unit: str
    cost_model: str
    n_problems: int
    confidence_level: float
    over: str
    curves: tuple[CostCurve, ...]
    best: BestBuy
    segments: tuple[Segment, ...]
    crossings: tuple[Crossing, ...]
    pareto: tuple[tuple[int, int], ...]
    targets: tuple[TargetAnswer, ...] = ()
    spends: tuple[SpendAnswer, ...] = ()
    saturations: tuple[tuple[str, Saturation], ...] = ()
    decisions: tuple[tuple[str, BudgetDecision], ...] = ()
    break_evens: tuple[BreakEven, ...] = ()
    pilots: tuple[PilotAnswer, ...] = ()
    notes: tuple[str, ...] = ()

    def to_rows(self) -> Iterator[Row]:
        """Yield tidy rows; `question` says what each answers."""
        yield from self.target_rows()
        yield from self.spend_rows()
        yield from self.segment_rows()
        yield from self.crossing_rows()
        yield from self.pareto_rows()
        for label, one in self.saturations:
            yield {"question": "saturation", "choice": label, **asdict(one)}
        for label, decision in self.decisions:
            yield {"question": "best-k", "choice": label, "unit": self.unit, **asdict(decision)}
        for even in self.break_evens:
            yield {"question": "break-even", **asdict(even), **self._interval()}
        for pilot in self.pilots:
            yield {"question": "pilot", **_named(asdict(pilot))}

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
                "why_not": one.why_not or None,
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

    def segment_rows(self) -> list[Row]:
        """Return one row per range of budgets with one best choice."""
        return [
            {"question": "best-buy", **_named(asdict(one)), "unit": self.unit, **self._interval()}
            for one in self.segments
        ]

    def crossing_rows(self) -> list[Row]:
        """Return one row per budget at which the best choice changes."""
        return [
            {
                "question": "crossover",
                "before": self.curves[one.before].label,
                "after": self.curves[one.after].label,
                "budget": one.budget,
                "low": one.low,
                "high": one.high,
                "value": one.value,
                "unit": self.unit,
                **self._interval(),
                "method": "paired bootstrap over problems, inverted",
            }
            for one in self.crossings
        ]

    def pareto_rows(self) -> list[Row]:
        """Return one row per point that no other point beats."""
        rows = []
        for position, j in self.pareto:
            curve = self.curves[position]
            rows.append(
                {
                    "question": "pareto",
                    "choice": curve.label,
                    "k": int(curve.k[j]),
                    "cost": float(curve.cost[j]),
                    "unit": self.unit,
                    "value": float(curve.value[j]),
                    "low": float(curve.low[j]),
                    "high": float(curve.high[j]),
                    **self._interval(),
                    "method": curve.method,
                }
            )
        return rows

    def _interval(self) -> Row:
        return {
            "confidence_level": self.confidence_level,
            "over": self.over,
            "n_problems": self.n_problems,
        }


def _named(row: Row) -> Row:
    """Call the label what it is in every other row."""
    return {("choice" if key == "label" else key): value for key, value in row.items()}
