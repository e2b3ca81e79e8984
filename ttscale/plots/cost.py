"""What is reached at which cost: one curve per choice, the best buy in bold, and where the better choice changes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator
from numpy.typing import NDArray

from ttscale.arrays import ArrayLike
from ttscale.errors import InvalidInputError
from ttscale.plots.curves import spread
from ttscale.plots.style import (
    BODY_PT,
    INK,
    MUTED,
    RULE,
    SMALL_PT,
    describe,
    paper,
    percent_axis,
    shortened,
)
from ttscale.showing.palette import color_of

_LABEL_CHARS = 26
_LABEL_GAP = 0.05


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CostLine:
    """One choice of a figure.

    Attributes:
        label: Written at the curve's right end.
        cost: Increasing, above 0, shape (K,).
        value: Fractions in [0, 1], shape (K,).
        low: Lower edge of the band, shape (K,), or None.
        high: Upper edge, shape (K,), or None.
        dashed: Whether each point is a forecast, shape (K,), or None for none of them.
    """

    label: str
    cost: ArrayLike
    value: ArrayLike
    low: ArrayLike | None = None
    high: ArrayLike | None = None
    dashed: ArrayLike | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A budget at which the better choice changes.

    Attributes:
        cost: Where.
        low: Lower end of its interval, None where it is open.
        high: Upper end, None likewise.
        label: What it changes to.
    """

    cost: float
    low: float | None
    high: float | None
    label: str


def plot_costs(
    lines: Sequence[CostLine],
    *,
    title: str,
    x_label: str,
    subtitle: str | None = None,
    best: Sequence[tuple[float, float, int]] = (),
    changes: Sequence[Change] = (),
    ax: Axes | None = None,
) -> Figure:
    """Draw curves over a log axis of cost, with a strip below that says which one is the best buy.

    Args:
        lines: What to draw.
        title: What the figure shows.
        x_label: The cost and its unit.
        subtitle: What the numbers rest on.
        best: (from, to, line) of each range of costs with one best choice.
        changes: Where the best choice changes; drawn with their intervals in the strip.
        ax: Axes to draw on, without the strip; by default a figure of its own.

    Returns:
        A figure that belongs to no window and no global state.

    Raises:
        InvalidInputError: No lines, or arrays of one line that differ in length.

    >>> figure = plot_costs([CostLine(label="small", cost=[1, 10], value=[0.1, 0.4])], title="Cost", x_label="tokens")
    >>> figure.axes[0].get_xscale()
    'log'
    """
    if not lines:
        raise InvalidInputError("plot_costs needs at least one line.")
    bottom = 0.25 if best else 0.13
    figure, axes = paper(width=8.2, height=5.1, margins=(0.085, 0.77, bottom, 0.81), ax=ax)
    axes.set_xscale("log")
    percent_axis(axes)
    costs = [_array(line, line.cost) for line in lines]
    limits = (min(float(one[0]) for one in costs) * 0.8, max(float(one[-1]) for one in costs) * 1.15)
    axes.set_xlim(*limits)
    top = max(float(np.max(_array(line, line.value))) for line in lines)
    axes.set_ylim(0.0, 1.0 if top > 0.6 else 1.15 * top)
    for position, line in reversed(list(enumerate(lines))):
        _draw(axes, line, color_of(position))
    for begin, end, position in best:
        _embolden(axes, lines[position], begin, end, color_of(position))
    _label_ends(axes, lines, limits[1])
    under = _strip(figure, axes, lines, best, changes) if best and ax is None else axes
    if under is not axes:
        axes.tick_params(labelbottom=False)
        axes.spines["bottom"].set_visible(False)
    _cost_axis(under, x_label)
    describe(axes, title, subtitle, y_label="problems solved", borrowed=ax is not None)
    return figure


def _array(line: CostLine, values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not array.size or array.shape != np.shape(line.cost):
        raise InvalidInputError(
            f"Line '{line.label}' has arrays of shapes {array.shape} and {np.shape(line.cost)}; cost, value, low and high "
            "must be equally long and not empty."
        )
    return array


def _draw(axes: Axes, line: CostLine, color: str) -> None:
    cost, value = _array(line, line.cost), _array(line, line.value)
    dashed = np.zeros(len(cost), dtype=bool) if line.dashed is None else np.asarray(line.dashed, dtype=bool)
    if line.low is not None and line.high is not None:
        axes.fill_between(
            cost, _array(line, line.low), _array(line, line.high), color=color, alpha=0.08, linewidth=0
        )
    if dashed.any():
        first = max(int(np.argmax(dashed)) - 1, 0)
        axes.plot(cost[first:], value[first:], color=color, linewidth=1.2, linestyle=(0, (4, 2.4)))
    solid = ~dashed
    marker = "o" if solid.sum() == 1 else None
    axes.plot(cost[solid], value[solid], color=color, linewidth=1.3, marker=marker, solid_capstyle="round")


def _embolden(axes: Axes, line: CostLine, begin: float, end: float, color: str) -> None:
    """Draw a curve's best stretch again, heavier."""
    cost, value = _array(line, line.cost), _array(line, line.value)
    inside = cost[(cost > begin) & (cost < end)]
    at = np.concatenate([[max(begin, cost[0])], inside, [min(end, cost[-1])]])
    if at[0] < at[-1]:
        axes.plot(at, np.interp(at, cost, value), color=color, linewidth=3.4, solid_capstyle="butt")


def _label_ends(axes: Axes, lines: Sequence[CostLine], right: float) -> None:
    ends = np.array([_array(line, line.value)[-1] for line in lines])
    to_axes = axes.transData + axes.transAxes.inverted()
    wanted = np.array([to_axes.transform((right, end))[1] for end in ends])
    for position, (line, y) in enumerate(zip(lines, spread(wanted, _LABEL_GAP), strict=True)):
        color = color_of(position)
        edge = (axes.transAxes + axes.transData.inverted()).transform((1.0, y))
        axes.plot(
            [_array(line, line.cost)[-1], edge[0]],
            [ends[position], edge[1]],
            color=color,
            linewidth=0.6,
            alpha=0.45,
            zorder=0,
        )
        axes.annotate(
            shortened(line.label, _LABEL_CHARS),
            xy=(1.0, float(y)),
            xycoords="axes fraction",
            xytext=(6, 0),
            textcoords="offset points",
            fontsize=SMALL_PT,
            color=color,
            va="center",
            parse_math=False,
            annotation_clip=False,
        )


def _strip(
    figure: Figure,
    axes: Axes,
    lines: Sequence[CostLine],
    best: Sequence[tuple[float, float, int]],
    changes: Sequence[Change],
) -> Axes:
    """Draw which choice is the best buy where, and how sure the changes are."""
    place = axes.get_position()
    under = figure.add_axes((place.x0, 0.135, place.width, 0.075), sharex=axes)
    for side in ("top", "right", "left"):
        under.spines[side].set_visible(False)
    under.spines["bottom"].set_color(RULE)
    under.tick_params(colors=MUTED, labelsize=SMALL_PT, length=0, pad=5)
    under.set_yticks([])
    under.set_ylim(0, 1)
    for begin, end, position in best:
        under.fill_between([begin, end], 0.46, 1.0, color=color_of(position), alpha=0.85, linewidth=0)
        width = np.log(end / begin) / np.log(axes.get_xlim()[1] / axes.get_xlim()[0])
        label = lines[position].label
        if width * 72 > len(label):  # about 72 small characters fit across
            under.text(
                float(np.sqrt(begin * end)),
                0.72,
                label,
                fontsize=SMALL_PT - 1,
                color="white",
                ha="center",
                va="center",
                parse_math=False,
            )
    low, high = axes.get_xlim()
    for change in changes:
        ends = (change.low or low, change.high or high)
        under.plot(ends, [0.24, 0.24], color=INK, linewidth=1.0, solid_capstyle="butt")
        under.plot([change.cost], [0.24], marker="o", markersize=3.6, color=INK)
    for words, height in (("best buy", 0.72), *((("changes here", 0.2),) if changes else ())):
        under.annotate(
            words,
            xy=(1.0, height),
            xycoords="axes fraction",
            xytext=(6, 0),
            textcoords="offset points",
            fontsize=SMALL_PT,
            color=MUTED,
            va="center",
        )
    return under


def _cost_axis(axes: Axes, label: str) -> None:
    axes.xaxis.set_major_locator(LogLocator(numticks=8))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value)))
    axes.set_xlabel(label, fontsize=BODY_PT, color=MUTED, labelpad=6)


def _tick(value: float) -> str:
    """Write a cost out where it is short, as a power of ten elsewhere.

    >>> _tick(1000.0), _tick(1e15)
    ('1,000', '$10^{15}$')
    """
    if 1 <= value < 1e6:
        return f"{value:,.0f}"
    if 1e-4 <= value < 1:
        return f"{value:g}"
    return f"$10^{{{round(float(np.log10(value)))}}}$"
