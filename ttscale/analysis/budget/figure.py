"""The figure of a budget analysis: cost against value of every choice, with the best buy."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ttscale.analysis.budget.best_buys import BuyComparison, Segment
from ttscale.arrays import FloatArray
from ttscale.costs.amounts import unit_name
from ttscale.plots.cost import Change, CostLine, plot_costs

if TYPE_CHECKING:
    from ttscale.analysis.budget.result import CostCurve

_STEPS = 256
"""Costs at which a best buy is looked at, evenly on a log scale."""


def budget_figure(
    choices: "Sequence[CostCurve]",
    group: BuyComparison,
    *,
    unit: str,
    basis: str,
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw one comparison of choices.

    Args:
        choices: All curves of an analysis.
        group: Which of them are compared, and the best buys among them.
        unit: Of the costs.
        basis: What the numbers rest on, for the subtitle.
        title: Instead of the metric's name.
        ax: Axes of yours; they show the curves without the strip of best buys below.

    Returns:
        A figure that belongs to no window and no global state.
    """
    curves = [choices[i] for i in group.choices]
    position = {one.label: i for i, one in enumerate(curves)}
    lines = [
        CostLine(
            label=one.label,
            cost=one.cost,
            value=one.value,
            low=one.low,
            high=one.high,
            dashed=one.extrapolates,
        )
        for one in curves
    ]
    best = [cut for one in group.segments if (cut := _undisputed(one, position[one.label], curves))]
    is_cut = best != [(one.begin, one.end, position[one.label]) for one in group.segments]
    bold = "the best buy, as far as no forecast is higher" if is_cut else "the best buy"
    return plot_costs(
        lines,
        title=title or f"{group.metric.capitalize()} by cost",
        subtitle=f"{basis}; bold: {bold}",
        x_label=f"{unit_name(unit)} per problem (log scale)",
        best=best,
        changes=[
            Change(cost=one.budget, low=one.low, high=one.high, label=choices[one.after].label)
            for one in group.crossings
            if any(
                choices[one.after].label == curves[arm].label and one.budget <= end for _, end, arm in best
            )
        ],
        ax=ax,
    )


def _undisputed(segment: Segment, own: int, curves: "Sequence[CostCurve]") -> tuple[float, float, int] | None:
    """Cut a best buy where another choice's forecast rises above it; None if that is from its beginning.

    The comparison takes every curve as flat beyond its samples, which the figure, showing forecasts, must not contradict.
    """
    cost = np.geomspace(segment.begin, segment.end, _STEPS)
    value = np.interp(cost, curves[own].cost, curves[own].value)
    disputed = np.any([_forecast(one, cost) > value for i, one in enumerate(curves) if i != own], axis=0)
    last = int(np.argmax(disputed)) - 1 if disputed.any() else _STEPS - 1
    return (segment.begin, float(cost[last]) if disputed.any() else segment.end, own) if last > 0 else None


def _forecast(curve: "CostCurve", cost: FloatArray) -> FloatArray:
    """Return a curve's values where they are forecast, minus infinity elsewhere."""
    if not curve.extrapolates.any():
        return np.full(len(cost), -np.inf)
    ahead = (cost > curve.cost[~curve.extrapolates].max(initial=0.0)) & (cost <= curve.cost[-1])
    return np.where(ahead, np.interp(cost, curve.cost, curve.value), -np.inf)
