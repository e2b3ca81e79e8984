"""Reliability diagrams: the share correct at each claimed probability, against the diagonal of perfect calibration."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from ttscale.arrays import ArrayLike
from ttscale.errors import InvalidInputError
from ttscale.plots.style import (
    BODY_PT,
    MUTED,
    RULE,
    SMALL_PT,
    describe,
    paper,
    percent_axis,
    shortened,
)
from ttscale.showing.numbers import percent_tick
from ttscale.showing.palette import color_of


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ReliabilityLine:
    """One verifier of a reliability diagram.

    Attributes:
        label: Its name.
        claimed: Mean probability claimed in each bin, shape (B,).
        accuracy: Share correct in each bin, shape (B,).
        low: Lower ends of the accuracy's interval, shape (B,).
        high: Upper ends, shape (B,).
    """

    label: str
    claimed: ArrayLike
    accuracy: ArrayLike
    low: ArrayLike
    high: ArrayLike


def plot_reliability(
    lines: Sequence[ReliabilityLine],
    *,
    title: str = "Is the score a probability?",
    subtitle: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw accuracy over claimed probability, one colour per verifier, with an interval at every bin.

    Args:
        lines: What to draw.
        title: What the figure shows.
        subtitle: What the numbers rest on.
        ax: Axes to draw on; by default a figure of its own.

    Returns:
        A figure that belongs to no window and no global state; see `save_figure`.

    Raises:
        InvalidInputError: No lines.

    >>> line = ReliabilityLine(label="judge", claimed=[0.2], accuracy=[0.3], low=[0.1], high=[0.5])
    >>> plot_reliability([line]).axes[0].get_xlim()
    (np.float64(-0.02), np.float64(1.02))
    """
    if not lines:
        raise InvalidInputError(
            "plot_reliability needs at least one verifier whose scores read as probabilities."
        )
    figure, axes = paper(width=5.6, height=5.6, margins=(0.12, 0.95, 0.11, 0.82), ax=ax)
    percent_axis(axes)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: percent_tick(value)))
    axes.set_xlabel("claimed chance to be correct", fontsize=BODY_PT, color=MUTED, labelpad=6)
    axes.plot([0, 1], [0, 1], color=RULE, linewidth=1.2, zorder=0)
    for position, line in enumerate(lines):
        claimed, accuracy = np.asarray(line.claimed), np.asarray(line.accuracy)
        reach = np.maximum([accuracy - np.asarray(line.low), np.asarray(line.high) - accuracy], 0)
        color = color_of(position)
        axes.errorbar(
            claimed,
            accuracy,
            yerr=reach,
            color=color,
            marker="o",
            markersize=4,
            linewidth=1.4,
            elinewidth=0.9,
            label=shortened(line.label, 27),
        )
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.legend(frameon=False, fontsize=SMALL_PT, loc="upper left")
    describe(axes, title, subtitle, y_label="samples correct", borrowed=ax is not None)
    return figure
