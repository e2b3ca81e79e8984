"""The figure of any result, drawn from what it has to say: its curves, or its estimates with their intervals."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from ttscale.errors import InvalidInputError
from ttscale.plots.curves import Line, plot_curves
from ttscale.plots.style import BODY_PT, GRID, MUTED, describe, paper, shortened
from ttscale.showing.numbers import percent_tick
from ttscale.showing.palette import PALETTE
from ttscale.showing.view import Dot, View

_LABEL_CHARS = 30


def plot_view(view: View, *, ax: Axes | None = None) -> Figure:
    """Draw a view.

    Args:
        view: What a result has to say.
        ax: Axes to draw on; by default a figure of its own.

    Returns:
        The figure.

    Raises:
        InvalidInputError: The view has neither curves nor estimates.
    """
    if view.curves:
        lines = [
            Line(label=one.label, k=one.k, value=one.value, low=one.low, high=one.high, dashed=one.dashed)
            for one in view.curves
        ]
        return plot_curves(
            lines, title=view.title, subtitle=view.about, x_label=f"{view.axis} (log scale)", ax=ax
        )
    if view.dots:
        return _plot_dots(view, ax)
    raise InvalidInputError(f"There is nothing to draw: {view.title}. Its numbers are in to_frame().")


def _plot_dots(view: View, ax: Axes | None) -> Figure:
    """Draw estimates below each other, each with its interval."""
    height = 1.5 + 0.3 * len(view.dots)
    margins = (0.34, 0.96, 0.55 / height, 1 - 0.75 / height)
    figure, axes = paper(width=8.2, height=height, margins=margins, ax=ax)
    places = np.arange(len(view.dots))[::-1]
    for place, dot in zip(places, view.dots, strict=True):
        axes.plot([dot.low, dot.high], [place, place], color=PALETTE[0], linewidth=1.6)
        axes.plot([dot.value], [place], color=PALETTE[0], marker="o")
    axes.set_yticks(places, [shortened(dot.label, _LABEL_CHARS) for dot in view.dots])
    axes.set_ylim(-0.6, len(view.dots) - 0.4)
    _scale(axes, view.dots[0], is_share=view.is_share)
    axes.grid(axis="x", color=GRID)
    axes.set_xlabel(view.axis, fontsize=BODY_PT, color=MUTED)
    describe(axes, view.title, view.about, borrowed=ax is not None)
    return figure


def _scale(axes: Axes, first: Dot, *, is_share: bool) -> None:
    """Show fractions as percentages, and numbers of samples on a log axis."""
    if is_share:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: percent_tick(value)))
    elif first.low > 0:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
