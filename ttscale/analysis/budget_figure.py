"""The figure of a budget analysis: cost against value of every choice, with the best buy."""

from matplotlib.figure import Figure

from ttscale.analysis.budget_results import BudgetView
from ttscale.costs.amounts import UNIT_NAMES
from ttscale.plots.cost import Change, CostLine, plot_costs


def budget_figure(view: BudgetView, *, comparison: int = 0, title: str | None = None) -> Figure:
    """Draw one comparison of a view.

    Args:
        view: From `ttscale.analysis.budget.budget_view`.
        comparison: Position in the view's `comparisons`; the first is coverage, unless only selectors were asked for.
        title: Instead of the metric's name.

    Returns:
        A figure that belongs to no window and no global state.
    """
    group = view.comparisons[comparison]
    curves = [view.curves[i] for i in group.choices]
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
    level = f"{100 * view.confidence_level:g}% interval over {view.over}"
    return plot_costs(
        lines,
        title=title or f"{group.metric.capitalize()} by cost",
        subtitle=f"{view.n_problems} problems, {level}; bold: the best buy",
        x_label=f"{UNIT_NAMES.get(view.unit, view.unit)} per problem (log scale)",
        best=[(one.begin, one.end, position[one.label]) for one in group.segments],
        changes=[
            Change(cost=one.budget, low=one.low, high=one.high, label=view.curves[one.after].label)
            for one in group.crossings
        ],
    )
