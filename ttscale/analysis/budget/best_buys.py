"""Choices of one metric compared at equal cost: the best buy at every budget, where it changes, and what breaks even."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ttscale.analysis.budget.choices import Choice
from ttscale.analysis.budget.questions import (
    Inference,
)
from ttscale.arrays import FloatArray, IntArray
from ttscale.costs.amounts import unit_name
from ttscale.showing.numbers import amount
from ttscale.stats.decide.best_buy import BestBuy, Crossing, best_buys, crossings, pareto_front, values_at
from ttscale.stats.intervals.intervals import interval_over_problems
from ttscale.stats.intervals.unseen import SIGNED

_BUDGETS = 200
"""Budgets at which choices are compared, evenly spaced on a log scale."""


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


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class BuyComparison:
    """Choices compared at equal cost: those that are to be judged by the same metric.

    Attributes:
        metric: "coverage", or "selected accuracy" for every way to pick one answer.
        choices: Their positions in the view's `curves`.
        best: Which is best at each budget within those measured; its `arm` and the rows of `chance_best` count `choices`.
        segments: The same as ranges of budgets with one best choice.
        crossings: Budgets at which the best choice changes, with intervals; `before` and `after` count the view's `curves`.
        pareto: (position in the view's `curves`, k) of the measured points that no other point beats, by cost.
    """

    metric: str
    choices: tuple[int, ...]
    best: BestBuy
    segments: tuple[Segment, ...]
    crossings: tuple[Crossing, ...]
    pareto: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Group:
    """Every choice of one metric, valued at the same budgets.

    Attributes:
        metric: What they are judged by.
        choices: C of them.
        position: Of each among all choices.
        k: Of each, the points of its curve whose cost increases.
        cost: Of each, there.
        points: Of each, values (P, K) there.
        budget: Shape (M,).
        values: Of each, (P, M).
    """

    metric: str
    choices: Sequence[Choice]
    position: Sequence[int]
    k: Sequence[IntArray]
    cost: Sequence[FloatArray]
    points: Sequence[FloatArray]
    budget: FloatArray
    values: Sequence[FloatArray]

    @classmethod
    def of(cls, choices: Sequence[Choice], metric: str) -> "Group":
        """Compute the curves and read them off at common budgets."""
        position = [i for i, choice in enumerate(choices) if choice.metric == metric]
        own = [choices[i] for i in position]
        k, cost, points = zip(*(_increasing(choice) for choice in own), strict=True)
        budget = np.geomspace(min(one[0] for one in cost), max(one[-1] for one in cost), _BUDGETS)
        values = [values_at(x, v, budget) for x, v in zip(cost, points, strict=True)]
        return cls(
            metric=metric,
            choices=own,
            position=position,
            k=k,
            cost=cost,
            points=points,
            budget=budget,
            values=values,
        )

    def k_at(self, number: int, budget: float) -> float:
        """Return the samples per problem that a budget buys of a choice, at most those at hand."""
        cost, k = (np.concatenate([[0], one[number]]) for one in (self.cost, self.k))
        return float(np.interp(budget, cost, k))


def _increasing(choice: Choice) -> tuple[IntArray, FloatArray, FloatArray]:
    """Return k, cost and values at the budgets that cost more than the one before."""
    k = choice.grid()
    cost = choice.costs(k)
    kept = np.concatenate([[True], np.diff(cost) > 1e-12 * cost[-1]])
    return k[kept], cost[kept], choice.values(k[kept])


def compared(group: Group, how: Inference) -> BuyComparison:
    """Say which choice of a group is the best buy where."""
    best = best_buys(group.values, group.budget, confidence_level=how.confidence_level, rng=how.seed)
    return BuyComparison(
        metric=group.metric,
        choices=tuple(group.position),
        best=best,
        segments=tuple(_segments(group, best)),
        crossings=tuple(_crossings(group, best, how)),
        pareto=_pareto(group),
    )


def _segments(group: Group, best: BestBuy) -> list[Segment]:
    """Join neighbouring budgets with the same best choice."""
    edges = np.flatnonzero(np.diff(best.arm, prepend=-1, append=-1))
    segments = []
    for begin, end in zip(edges[:-1], edges[1:] - 1, strict=True):
        arm = int(best.arm[begin])
        first = _edge(best.budget, begin - 1) if begin else float(best.budget[0])
        last = _edge(best.budget, end) if end < len(best.budget) - 1 else float(best.budget[-1])
        segments.append(
            Segment(
                label=group.choices[arm].label,
                begin=first,
                end=last,
                k_begin=group.k_at(arm, first),
                k_end=group.k_at(arm, last),
                value_begin=float(best.value[begin]),
                value_end=float(best.value[end]),
                chance_best=float(best.chance_best[arm, begin : end + 1].mean()),
            )
        )
    return segments


def _edge(budget: FloatArray, j: int) -> float:
    """Return the middle between two neighbouring budgets, where one range ends and the next begins."""
    return float(np.sqrt(budget[j] * budget[j + 1]))


def _crossings(group: Group, best: BestBuy, how: Inference) -> list[Crossing]:
    """Find where the best choice changes, for each two that follow each other as the best one."""
    found = []
    for j in np.flatnonzero(np.diff(best.arm)):
        before, after = int(best.arm[j]), int(best.arm[j + 1])
        within = group.budget <= min(group.cost[before][-1], group.cost[after][-1])
        if not within[j + 1]:
            continue  # one of the two ends here: nothing crosses
        near = crossings(
            group.values[before][:, within],
            group.values[after][:, within],
            group.budget[within],
            arms=(group.position[before], group.position[after]),
            confidence_level=how.confidence_level,
        )
        found += [one for one in near if group.budget[j] <= one.budget <= group.budget[j + 1]]
    return found


def _pareto(group: Group) -> tuple[tuple[int, int], ...]:
    cost = np.concatenate(group.cost)
    value = np.concatenate([points.mean(axis=0) for points in group.points])
    owner = np.repeat(group.position, [len(one) for one in group.cost])
    k = np.concatenate(group.k)
    return tuple((int(owner[i]), int(k[i])) for i in pareto_front(cost, value))


def break_evens(group: Group, how: Inference) -> list[BreakEven]:
    """Compare each coverage choice with the next dearer one, at the price of one dear sample."""
    ranked = sorted(
        (i for i, choice in enumerate(group.choices) if choice.way.is_coverage),
        key=lambda i: float(group.cost[i][0]),
    )
    return [
        _break_even(group, cheap, dear, how)
        for cheap, dear in pairwise(ranked)
        if group.cost[cheap][0] < group.cost[dear][0] <= group.cost[cheap][-1]
    ]


def _break_even(group: Group, cheap: int, dear: int, how: Inference) -> BreakEven:
    price = group.cost[dear][:1]
    bought = values_at(group.cost[cheap], group.points[cheap], price)  # (P, 1)
    interval = interval_over_problems(bought, how.confidence_level)
    gain = group.points[dear][:, :1] - bought
    paired = interval_over_problems(gain, how.confidence_level, span=SIGNED)
    return BreakEven(
        dear=group.choices[dear].label,
        cheap=group.choices[cheap].label,
        price_ratio=float(price[0] / group.cost[cheap][0]),
        accuracy=float(bought.mean()),
        low=float(interval.low[0]),
        high=float(interval.high[0]),
        dear_accuracy=float(group.points[dear][:, 0].mean()),
        gain=float(gain.mean()),
        gain_low=float(paired.low[0]),
        gain_high=float(paired.high[0]),
    )


def short_curves(group: Group) -> list[str]:
    """Say which choices end before the largest budget compared."""
    last = group.budget[-1]
    short = [
        f"'{choice.label}' at {amount(cost[-1])}"
        for choice, cost in zip(group.choices, group.cost, strict=True)
        if cost[-1] < last * (1 - 1e-9)
    ]
    if not short:
        return []
    shown = ", ".join(short[:3]) + (f" and {len(short) - 3} more" if len(short) > 3 else "")
    return [
        f"Measured curves end where their samples do ({shown} {unit_name(group.choices[0].line.unit)} "
        "per problem); beyond, the comparison takes them as flat, which understates them."
    ]
