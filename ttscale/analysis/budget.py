"""What more samples cost and which choice is the best buy: from run directories and tables to a `BudgetView`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from ttscale.analysis.budget_arms import Arm, on_shared_problems, read_arms
from ttscale.analysis.budget_choices import Choice, priced_choices, selectors_of
from ttscale.analysis.budget_pricing import Pricing, choose_cost_model, with_facts
from ttscale.analysis.budget_questions import (
    Inference,
    best_k,
    outlook_of,
    saturation_of,
    spend_answers,
    target_answers,
)
from ttscale.analysis.budget_results import BreakEven, BudgetView, CostCurve, Segment
from ttscale.costs.amounts import Amount
from ttscale.errors import InvalidInputError
from ttscale.stats.best_buy import BestBuy, Crossing, best_buys, crossings, pareto_front, values_at
from ttscale.stats.curve import FloatArray
from ttscale.stats.intervals import bootstrap_over_problems, interval_over_problems, moments

_BUDGETS = 200
"""Budgets at which choices are compared, evenly spaced on a log scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSettings:
    """What to ask.

    Attributes:
        selectors: "coverage", "majority", "best" (highest score) or "first" (first accepted).
        verifiers: Whose scores or verdicts the last two go by; "logprob" for the samples' own.
        oracle: What defines *correct*; by default each run's own.
        targets: Shares of problems to be solved.
        spends: Sums over all problems.
        worth: What a solved problem is worth, in the unit of the costs; asks for saturation points.
        wrong: What a wrong answer costs; with `worth` asks for the best number of samples of "first".
        pricing: What is known of costs.
        inference: How numbers beyond and around the data are made.
    """

    selectors: tuple[str, ...] = ("coverage",)
    verifiers: tuple[str, ...] = ()
    oracle: str | None = None
    targets: tuple[float, ...] = ()
    spends: tuple[Amount, ...] = ()
    worth: Amount | None = None
    wrong: Amount | None = None
    pricing: Pricing = field(default_factory=Pricing)
    inference: Inference = field(default_factory=Inference)


def budget_view(
    sources: Sequence[Path | str], *, by: Sequence[str] = (), settings: BudgetSettings | None = None
) -> BudgetView:
    """Price every arm of the sources, compare them at equal cost, and answer what is asked.

    Args:
        sources: Run directories (every cell is an arm) and tables of counts (every group is one).
        by: Columns that tell a table's groups apart.
        settings: What to ask.

    Raises:
        InvalidInputError: Something cannot be priced or compared; the message says what to give.
        StoreError: A folder is no run, or holds no verdicts of a verifier.
    """
    asked = settings or BudgetSettings()
    arms = read_arms(
        [Path(source) for source in sources], by=by, oracle=asked.oracle, verifiers=asked.verifiers
    )
    return view_of_arms(arms, asked)


def view_of_arms(arms: Sequence[Arm], asked: BudgetSettings) -> BudgetView:
    """Answer what is asked of arms in memory; see `budget_view`."""
    selectors = selectors_of(asked.selectors, asked.verifiers)
    if asked.inference.over == "samples" and asked.selectors != ("coverage",):
        raise InvalidInputError(
            "Intervals over samples are for coverage alone; leave --over or --selector out."
        )
    shared, notes = on_shared_problems(with_facts(arms, asked.pricing))
    amounts = [*asked.spends, *(one for one in (asked.worth, asked.wrong) if one is not None)]
    cost, model = choose_cost_model(shared, asked.pricing, [amount.unit for amount in amounts])
    choices = priced_choices(shared, selectors, model, cost)
    how = asked.inference
    table = _Comparison.of(choices)
    best = best_buys(table.values, table.budget, confidence_level=how.confidence_level, rng=how.seed)
    coverage = [choice for choice in choices if choice.selector.kind == "coverage"]
    first = [choice for choice in choices if choice.selector.kind == "first"]
    worth = asked.worth.value if asked.worth else None
    return BudgetView(
        unit=model.unit,
        cost_model=cost,
        n_problems=len(shared[0].n),
        confidence_level=how.confidence_level,
        over=how.over,
        curves=tuple(_cost_curve(choice, how) for choice in choices),
        best=best,
        segments=tuple(_segments(table, best)),
        crossings=tuple(_crossings(table, best, how)),
        pareto=_pareto(table),
        targets=tuple(one for target in asked.targets for one in target_answers(choices, target, how)),
        spends=tuple(one for amount in asked.spends for one in spend_answers(choices, amount, how)),
        saturations=tuple((c.label, saturation_of(c, worth, how)) for c in coverage if worth is not None),
        decisions=tuple(
            (c.label, best_k(c, worth, asked.wrong.value if asked.wrong else 0.0, how))
            for c in first
            if worth is not None
        ),
        break_evens=tuple(_break_evens(table, how)),
        notes=tuple(dict.fromkeys([*notes, *_notes(table), *(n for c in choices for n in c.charges.notes)])),
    )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Comparison:
    """Every choice valued at the same budgets.

    Attributes:
        choices: C of them.
        cost: Of each, at the points of its grid, increasing.
        points: Of each, values (P, K) there.
        budget: Shape (M,).
        values: Of each, (P, M).
    """

    choices: Sequence[Choice]
    cost: list[FloatArray]
    points: list[FloatArray]
    budget: FloatArray
    values: list[FloatArray]

    @classmethod
    def of(cls, choices: Sequence[Choice]) -> "_Comparison":
        """Compute the curves and read them off at common budgets."""
        cost, points = zip(*(_increasing(choice) for choice in choices), strict=True)
        budget = np.geomspace(min(one[0] for one in cost), max(one[-1] for one in cost), _BUDGETS)
        values = [values_at(x, v, budget) for x, v in zip(cost, points, strict=True)]
        return cls(choices=choices, cost=list(cost), points=list(points), budget=budget, values=values)

    def k_at(self, position: int, budget: float) -> float:
        """Return the samples per problem that a budget buys of a choice, at most those at hand."""
        choice = self.choices[position]
        k = np.concatenate([[0], choice.grid()])
        return float(np.interp(budget, np.concatenate([[0.0], choice.costs(choice.grid())]), k))


def _increasing(choice: Choice) -> tuple[FloatArray, FloatArray]:
    """Return cost and values at the budgets that cost more than the one before."""
    k = choice.grid()
    cost = choice.costs(k)
    kept = np.concatenate([[True], np.diff(cost) > 1e-12 * cost[-1]])
    return cost[kept], choice.values(k)[:, kept]


def _cost_curve(choice: Choice, how: Inference) -> CostCurve:
    outlook = outlook_of(choice, choice.grid(), how)
    curve = outlook.curve
    return CostCurve(
        label=choice.label,
        arm=choice.arm.label,
        selector=choice.selector.label,
        k=curve.k,
        cost=choice.costs(curve.k),
        value=curve.value,
        low=curve.low,
        high=curve.high,
        extrapolates=outlook.extrapolates,
        n_min=choice.n_min,
        line=choice.line,
        verification_s=choice.verification_s,
        method=curve.method,
    )


def _segments(table: _Comparison, best: BestBuy) -> list[Segment]:
    """Join neighbouring budgets with the same best choice."""
    edges = np.flatnonzero(np.diff(best.arm, prepend=-1, append=-1))
    segments = []
    for begin, end in zip(edges[:-1], edges[1:] - 1, strict=True):
        arm = int(best.arm[begin])
        first, last = float(best.budget[begin]), float(best.budget[end])
        segments.append(
            Segment(
                label=table.choices[arm].label,
                begin=first,
                end=last,
                k_begin=table.k_at(arm, first),
                k_end=table.k_at(arm, last),
                value_begin=float(best.value[begin]),
                value_end=float(best.value[end]),
                chance_best=float(best.chance_best[arm, begin : end + 1].mean()),
            )
        )
    return segments


def _crossings(table: _Comparison, best: BestBuy, how: Inference) -> list[Crossing]:
    """Find where the best choice changes, for each two that follow each other as the best one."""
    found = []
    for j in np.flatnonzero(np.diff(best.arm)):
        before, after = int(best.arm[j]), int(best.arm[j + 1])
        within = table.budget <= min(table.cost[before][-1], table.cost[after][-1])
        if not within[j + 1]:
            continue  # one of the two ends here: nothing crosses
        near = crossings(
            table.values[before][:, within],
            table.values[after][:, within],
            table.budget[within],
            arms=(before, after),
            confidence_level=how.confidence_level,
            rng=how.seed,
        )
        found += [one for one in near if table.budget[j] <= one.budget <= table.budget[j + 1]]
    return found


def _pareto(table: _Comparison) -> tuple[tuple[int, int], ...]:
    cost = np.concatenate(table.cost)
    value = np.concatenate([points.mean(axis=0) for points in table.points])
    owner = np.repeat(np.arange(len(table.choices)), [len(one) for one in table.cost])
    place = np.concatenate([np.arange(len(one)) for one in table.cost])
    return tuple((int(owner[i]), int(place[i])) for i in pareto_front(cost, value))


def _break_evens(table: _Comparison, how: Inference) -> list[BreakEven]:
    """Compare each coverage choice with the next dearer one, at the price of one dear sample."""
    ranked = sorted(
        (i for i, choice in enumerate(table.choices) if choice.selector.kind == "coverage"),
        key=lambda i: float(table.cost[i][0]),
    )
    return [
        _break_even(table, cheap, dear, how)
        for cheap, dear in pairwise(ranked)
        if table.cost[cheap][0] < table.cost[dear][0] <= table.cost[cheap][-1]
    ]


def _break_even(table: _Comparison, cheap: int, dear: int, how: Inference) -> BreakEven:
    price = table.cost[dear][:1]
    bought = values_at(table.cost[cheap], table.points[cheap], price)  # (P, 1)
    interval = interval_over_problems(moments(bought), how.confidence_level)
    gain = table.points[dear][:, :1] - bought
    paired = bootstrap_over_problems(gain, how.confidence_level, rng=how.seed)
    return BreakEven(
        dear=table.choices[dear].label,
        cheap=table.choices[cheap].label,
        price_ratio=float(price[0] / table.cost[cheap][0]),
        accuracy=float(bought.mean()),
        low=float(interval.low[0]),
        high=float(interval.high[0]),
        dear_accuracy=float(table.points[dear][:, 0].mean()),
        gain=float(gain.mean()),
        gain_low=float(paired.low[0]),
        gain_high=float(paired.high[0]),
    )


def _notes(table: _Comparison) -> list[str]:
    """Say which choices end before the largest budget compared."""
    last = table.budget[-1]
    short = [
        f"'{choice.label}' at {cost[-1]:.4g}"
        for choice, cost in zip(table.choices, table.cost, strict=True)
        if cost[-1] < last * (1 - 1e-9)
    ]
    if not short:
        return []
    return [
        f"Measured curves end where their samples do ({', '.join(short)}); beyond, the comparison takes them as flat, which "
        "understates them."
    ]
