"""Costs on the page: the chart of coverage against cost, best buys, targets and the Pareto front."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ttscale.analysis.budget.best_buys import BuyComparison, Segment
from ttscale.analysis.budget.questions import TargetAnswer
from ttscale.analysis.budget.result import BudgetView, CostCurve
from ttscale.analysis.budget.runs import RunsBudget, TaskBudget
from ttscale.analysis.budget.tables import shown_point, shown_rows
from ttscale.costs.amounts import unit_name
from ttscale.report.cells import PageCell
from ttscale.report.figures import ReportFigure
from ttscale.report.payload import numbers
from ttscale.report.visible import visible_text
from ttscale.result import Row
from ttscale.showing.numbers import amount, exact_percent, percent, rests_on

_PARETO_ROWS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSection:
    """What the page says of the costs on one task.

    Attributes:
        id: Of its chart.
        task: The task.
        unit: As a person reads it.
        chart: For the interactive chart.
        words: The main findings.
        targets: One row per choice and target.
        segments: The best buy by budget.
        crossings: Where the better choice changes.
        break_evens: What one dear sample must reach.
        pareto: Points that no other point beats.
        rests: What the numbers rest on.
        notes: Caveats.
    """

    id: str
    task: str
    unit: str
    chart: dict[str, Any]
    words: list[str]
    targets: list[Row]
    segments: list[Row]
    crossings: list[Row]
    break_evens: list[Row]
    pareto: list[Row]
    rests: str
    notes: tuple[str, ...] = field(default=())


def budget_sections(budget: RunsBudget, cells: Sequence[PageCell]) -> list[BudgetSection]:
    """Return one section per task."""
    return [_section(one, f"budget-{number}", cells) for number, one in enumerate(budget.tasks)]


def cost_figures(budget: RunsBudget) -> dict[str, ReportFigure]:
    """Draw coverage against cost, one figure per task, by the id of its chart."""
    names = ["cost-by-cell"] + [f"cost-by-cell-{number}" for number in range(2, len(budget.tasks) + 1)]
    return {
        f"budget-{number}": _figure(one, name)
        for number, (one, name) in enumerate(zip(budget.tasks, names, strict=False))
    }


def _figure(task: TaskBudget, name: str) -> ReportFigure:
    view = task.view
    figure = view.figure(title=f"Coverage by cost on {visible_text(task.task)}")
    rows = [
        {
            "cell": one.label,
            "k": int(one.k[j]),
            f"cost_{view.unit}": float(one.cost[j]),
            "value": float(one.value[j]),
            "low": float(one.low[j]),
            "high": float(one.high[j]),
            "extrapolated": bool(one.extrapolates[j]),
            "method": one.method,
        }
        for one in view.curves
        for j in range(len(one.k))
    ]
    labels = ", ".join(visible_text(one.label) for one in view.curves)
    alt = f"Share of problems solved against {unit_name(view.unit)} per problem on a log axis: {labels}. Tables follow."
    return ReportFigure(name, figure, rows, alt)


def _section(task: TaskBudget, chart_id: str, cells: Sequence[PageCell]) -> BudgetSection:
    view = task.view
    unit = unit_name(view.unit)
    return BudgetSection(
        id=chart_id,
        task=visible_text(task.task),
        unit=unit,
        chart=_chart(view, unit, cells),
        words=_words(view, unit),
        targets=shown_rows(view, "target"),
        segments=shown_rows(view, "best-buy") if len(view.curves) > 1 else [],
        crossings=shown_rows(view, "crossover"),
        break_evens=shown_rows(view, "break-even"),
        pareto=_pareto(view) if len(view.curves) > 1 else [],
        rests=rests_on(view.n_problems, view.confidence_level, view.over),
        notes=view.notes,
    )


def _chart(view: BudgetView, unit: str, cells: Sequence[PageCell]) -> dict[str, Any]:
    """Return curves for the interactive chart, in the cells' own styles where they can be told by name."""
    by_name = {cell.result.cell: cell for cell in cells}
    one_each = len(by_name) == len(cells)
    lines, shown = [], []
    for number, curve in enumerate(view.curves):
        cell = by_name.get(curve.arm) if one_each else None
        style = {
            "label": cell.label if cell else visible_text(curve.label),
            "color": cell.color if cell else number % 7,
            "dash": cell.dash if cell else number // 7 % 4,
        }
        shown.append(style)
        lines.append(
            {**style, **_cost_line(curve, unit), "cell": number, "curve": visible_text(curve.selector)}
        )
    return {"kind": "curves", "measuredK": None, "unit": unit, "cells": shown, "lines": lines}


def _cost_line(curve: CostCurve, unit: str) -> dict[str, Any]:
    line = curve.line
    return {
        "style": "measured",
        "measuredK": curve.n_min,
        "k": [int(k) for k in curve.k],
        "value": numbers(curve.value),
        "low": numbers(curve.low),
        "high": numbers(curve.high),
        "costs": {unit: [line.once, line.per_sample, line.per_request, line.request_size]},
    }


def _words(view: BudgetView, unit: str) -> list[str]:
    words = [_target_words(one, view, unit) for one in view.targets if one.cheapest and one.cost is not None]
    segments = _compared(view).segments
    if len(segments) > 1:
        first, last = segments[0], segments[-1]
        words.append(
            f"For small budgets {_with_chance(first)} looks like the best buy, for large ones {_with_chance(last)}."
        )
    elif len(view.curves) > 1 and segments:
        words.append(f"At every budget measured, {_with_chance(segments[0])} looks like the best buy.")
    return words


def _with_chance(one: Segment) -> str:
    return f"{visible_text(one.label)} (the best with a chance of {percent(one.chance_best)})"


def _target_words(one: TargetAnswer, view: BudgetView, unit: str) -> str:
    share = f"Solving {exact_percent(one.reached.target)} of the problems"
    verb = f"is cheapest with {visible_text(one.label)}:" if len(view.curves) > 1 else "costs"
    ends = (
        f"{amount(one.low or 0.0)} to {amount(one.high)}"
        if one.high is not None
        else f"{amount(one.low or 0.0)} at least, and no upper end was found"
    )
    ahead = ", an extrapolation" if one.reached.extrapolates else ""
    return (
        f"{share} {verb} {amount(one.cost or 0.0)} {unit} over all problems ({ends}), "
        f"with {one.reached.k or 0:,} samples of each{ahead}."
    )


def _compared(view: BudgetView) -> BuyComparison:
    """Return the comparison by coverage."""
    return next(one for one in view.comparisons if one.metric == "coverage")


def _pareto(view: BudgetView) -> list[Row]:
    """Return some of the points of the front, evenly along it."""
    front = view.pareto_rows()
    step = max(1, -(-len(front) // _PARETO_ROWS))
    return [shown_point(row) for i, row in enumerate(front) if i % step == 0 or i == len(front) - 1]
