"""Curves over budgets k: coverage, selectors, a fitted law, each with its band."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ttscale.arrays import ArrayLike
from ttscale.errors import InvalidInputError
from ttscale.plots.style import (
    MUTED,
    RULE,
    SMALL_PT,
    describe,
    log_k_axis,
    paper,
    percent_axis,
    shortened,
)
from ttscale.showing.palette import color_of

_LABEL_GAP = 0.052
"""Least distance between two labels at the right edge, as a fraction of the axes' height."""
_LABEL_CHARS = 27
"""What fits beside the axes."""
_FITTED = ((4, 2.4), (1.2, 1.6))
_MEASURED: tuple[tuple[float, ...], ...] = ((), (5, 1.8), (1.5, 1.5), (6, 1.5, 1.5, 1.5))
"""Line styles of fitted and of measured curves, in points of ink and gap."""
_LOG_FLOOR = 1e-5
"""Below this a log axis shows nothing worth reading, and zero has no place on it at all."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Line:
    """One curve of a figure.

    Attributes:
        label: Written at the curve's right end.
        k: Budgets, increasing, at least 1, shape (K,).
        value: Fractions in [0, 1], shape (K,).
        low: Lower edge of the band, shape (K,), or None for no band.
        high: Upper edge, shape (K,), or None.
        dashed: A fitted law or a forecast rather than something measured.
        color: Position in the palette; None: the line's position in the figure.
        dash: Position among the line styles, for more lines than colours; 0 is solid (dashed: short dashes).
    """

    label: str
    k: ArrayLike
    value: ArrayLike
    low: ArrayLike | None = None
    high: ArrayLike | None = None
    dashed: bool = False
    color: int | None = None
    dash: int = 0


def plot_curves(
    lines: Sequence[Line],
    *,
    title: str,
    subtitle: str | None = None,
    x_label: str = "samples per problem, k (log scale)",
    y_label: str = "problems solved",
    log_y: bool = False,
    measured_k: int | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw curves over a log axis of budgets, each labelled where it ends.

    Args:
        lines: What to draw; the first is the most important and lies on top.
        title: What the figure shows.
        subtitle: What the numbers rest on: problems, samples, interval.
        x_label: The x axis.
        y_label: The y axis.
        log_y: A log y axis; values below 1e-5 are left out of it.
        measured_k: The largest budget with data; a line beyond it is marked as extrapolated.
        ax: Axes to draw on; by default a figure of its own.

    Returns:
        A figure that belongs to no window and no global state; see `save_figure`.

    Raises:
        InvalidInputError: No lines, or arrays of one line that differ in length.

    >>> figure = plot_curves([Line(label="coverage", k=[1, 10], value=[0.1, 0.4])], title="Coverage")
    >>> figure.axes[0].get_xscale()
    'log'
    """
    if not lines:
        raise InvalidInputError("plot_curves needs at least one line.")
    left, right = 0.085, 0.77
    figure, axes = paper(width=8.2, height=4.7, margins=(left, right, 0.13, 0.80), ax=ax)
    k_max = max(float(np.max(_array(line, line.k))) for line in lines)
    log_k_axis(axes, k_max, x_label)
    percent_axis(axes)
    _set_y_limits(axes, lines, log_y=log_y)
    for position, line in reversed(list(enumerate(lines))):
        _draw(axes, line, color_of(position if line.color is None else line.color))
    axes.set_xlim(0.93, max(k_max, 2) * 1.04)
    _label_ends(axes, lines, k_max)
    if measured_k is not None and measured_k < k_max:
        _mark_extrapolation(axes, measured_k)
    describe(axes, title, subtitle, y_label=y_label, borrowed=ax is not None)
    return figure


def _array(line: Line, values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    expected = np.shape(line.k)
    if array.ndim != 1 or array.size == 0 or array.shape != expected:
        raise InvalidInputError(
            f"Line '{line.label}' has arrays of shapes {array.shape} and {expected}; "
            f"k, value, low and high must be equally long and not empty."
        )
    return array


def _draw(axes: Axes, line: Line, color: str) -> None:
    k = _array(line, line.k)
    value = _array(line, line.value)
    if line.low is not None and line.high is not None:
        low, high = _array(line, line.low), _array(line, line.high)
        axes.fill_between(k, low, high, color=color, alpha=0.07 if line.dashed else 0.14, linewidth=0)
    dashes = (
        (0, _FITTED[line.dash % len(_FITTED)]) if line.dashed else (0, _MEASURED[line.dash % len(_MEASURED)])
    )
    width = 1.4 if line.dashed else 2.1
    marker = "o" if k.size == 1 else None
    axes.plot(
        k,
        value,
        color=color,
        linewidth=width,
        linestyle=dashes if dashes[1] else "solid",
        marker=marker,
        solid_capstyle="round",
    )


def _set_y_limits(axes: Axes, lines: Sequence[Line], *, log_y: bool) -> None:
    values = np.concatenate([_array(line, line.value) for line in lines])
    bounds = [_array(line, edge) for line in lines for edge in (line.low, line.high) if edge is not None]
    seen = np.concatenate([values, *bounds])
    seen = seen[np.isfinite(seen)]
    top = float(np.max(seen, initial=0.0))
    if log_y:
        positive = values[values > _LOG_FLOOR]
        axes.set_ylim(0.8 * float(np.min(positive, initial=1.0)), min(1.0, max(top, 1e-3) * 1.3))
        axes.set_yscale("log")
    else:
        axes.set_ylim(0.0, 1.0 if top > 0.6 else max(1.12 * top, 0.01))


def _label_ends(axes: Axes, lines: Sequence[Line], k_max: float) -> None:
    """Write each line's label at its right end, pushed apart where they would touch."""
    to_axes = axes.transData + axes.transAxes.inverted()
    ends = [_array(line, line.value)[-1] for line in lines]
    lowest = axes.get_ylim()[0]
    wanted = np.array([to_axes.transform((k_max, max(end, lowest)))[1] for end in ends])
    for position, (line, y) in enumerate(zip(lines, spread(wanted, _LABEL_GAP), strict=True)):
        color = color_of(position if line.color is None else line.color)
        _lead(axes, line, float(y), k_max, color)
        axes.annotate(
            shortened(line.label, _LABEL_CHARS),
            xy=(1.0, y),
            xycoords="axes fraction",
            xytext=(6, 0),
            textcoords="offset points",
            fontsize=SMALL_PT,
            color=color,
            va="center",
            fontweight="bold" if position == 0 else "normal",
            parse_math=False,
            annotation_clip=False,
        )


def _lead(axes: Axes, line: Line, y: float, k_max: float, color: str) -> None:
    """Join the end of a line that stops early to its label."""
    k_end, end = _array(line, line.k)[-1], _array(line, line.value)[-1]
    if k_end < k_max:
        edge = (axes.transAxes + axes.transData.inverted()).transform((1.0, y))
        axes.plot([k_end, edge[0]], [end, edge[1]], color=color, linewidth=0.6, alpha=0.45, zorder=0)


def spread(wanted: NDArray[np.float64], gap: float) -> NDArray[np.float64]:
    """Move positions apart until neighbours are `gap` away, each as little as possible.

    Pool-adjacent-violators on ``wanted - rank * gap``: the least-squares solution, and order is kept.

    Args:
        wanted: Positions, any order, shape (L,).
        gap: Least distance.

    Returns:
        Positions in the order given, shape (L,).

    >>> spread(np.array([0.5, 0.5, 0.9]), 0.1).round(2).tolist()
    [0.45, 0.55, 0.9]
    """
    order = np.argsort(wanted, kind="stable")
    shift = gap * np.arange(wanted.size)
    pools: list[tuple[float, int]] = []  # (mean, size) of labels moved together
    for target in wanted[order] - shift:
        mean, size = float(target), 1
        while pools and pools[-1][0] > mean:
            below, count = pools.pop()
            mean, size = (mean * size + below * count) / (size + count), size + count
        pools.append((mean, size))
    placed = np.concatenate([np.full(size, mean) for mean, size in pools]) + shift
    result: NDArray[np.float64] = np.empty_like(wanted)
    result[order] = placed
    return result


def _mark_extrapolation(axes: Axes, measured_k: int) -> None:
    axes.axvline(measured_k, color=RULE, linewidth=1.0, zorder=0)
    axes.annotate(
        "extrapolated →",
        xy=(measured_k, 1.0),  # above the axes, where no curve, band or label can be
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        fontsize=SMALL_PT - 1,
        color=MUTED,
        va="bottom",
    )
