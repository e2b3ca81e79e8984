"""Curves over budgets k: coverage, selectors, a fitted law, each with its band."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from ttscale.arrays import ArrayLike
from ttscale.errors import InvalidInputError
from ttscale.plots.style import (
    INK,
    MUTED,
    RULE,
    Look,
    Style,
    describe,
    log_k_axis,
    look_of,
    paper,
    percent_axis,
)
from ttscale.showing.palette import color_of

_LABEL_CHARS = 25
"""What fits into a line of the legend."""
_ROW = 1.5
"""Height of a line of the legend, in sizes of its type."""
_FITTED = ((4, 2.4), (1.2, 1.6))
_MEASURED: tuple[tuple[float, ...], ...] = ((), (5, 1.8), (1.5, 1.5), (6, 1.5, 1.5, 1.5))
"""Line styles of fitted and of measured curves, in points of ink and gap."""
_LOG_FLOOR = 1e-5
"""Below this a log axis shows nothing worth reading, and zero has no place on it at all."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Line:
    """One curve of a figure.

    Attributes:
        label: Its name in the legend.
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
    style: Style = "page",
    ax: Axes | None = None,
) -> Figure:
    """Draw curves over a log axis of budgets, with a legend in the order in which they end, the highest first.

    Args:
        lines: What to draw; the first is the most important and lies on top.
        title: What the figure shows.
        subtitle: What the numbers rest on: problems, samples, interval.
        x_label: The x axis.
        y_label: The y axis.
        log_y: A log y axis; values below 1e-5 are left out of it.
        measured_k: The largest budget with data; a line beyond it is marked as extrapolated.
        style: "page", or "paper": as wide as one of two columns, small type, no title, the legend below.
        ax: Axes to draw on; by default a figure of its own.

    Returns:
        A figure that belongs to no window and no global state; see `save_figure`.

    Raises:
        InvalidInputError: No lines, arrays of one line that differ in length, or an unknown style.

    >>> figure = plot_curves([Line(label="coverage", k=[1, 10], value=[0.1, 0.4])], title="Coverage")
    >>> figure.axes[0].get_xscale()
    'log'
    """
    if not lines:
        raise InvalidInputError("plot_curves needs at least one line.")
    look = look_of(style)
    labels = [_folded(line.label) for line in lines]
    figure, axes = _canvas(look, labels, ax)
    k_max = max(float(np.max(_array(line, line.k))) for line in lines)
    log_k_axis(axes, k_max, x_label, look.body_pt)
    percent_axis(axes)
    _set_y_limits(axes, lines, log_y=log_y)
    handles = [
        _draw(axes, line, color_of(position if line.color is None else line.color), look.scale)
        for position, line in reversed(list(enumerate(lines)))
    ][::-1]
    axes.set_xlim(0.93, max(k_max, 2) * 1.04)
    _legend(axes, lines, handles, labels, look, inside=ax is not None)
    if measured_k is not None and measured_k < k_max:
        _mark_extrapolation(axes, measured_k, look.small_pt - 1)
    if look.has_head or ax is not None:
        describe(axes, title, subtitle, y_label=y_label, borrowed=ax is not None)
    else:
        axes.set_ylabel(y_label, fontsize=look.body_pt, color=MUTED)
    return figure


def _canvas(look: Look, labels: Sequence[str], ax: Axes | None) -> tuple[Figure, Axes]:
    """Return axes with room for the legend: to their right on a page, below them in a paper."""
    n_rows = sum(label.count("\n") + 1 for label in labels)
    legend = _ROW * look.small_pt / 72 * n_rows  # inches
    if look.has_head:
        height = max(4.7, legend + 1.7)
        margins = (0.085, 0.72, 0.61 / height, 1 - 0.94 / height)
    else:
        height = 2.35 + legend
        margins = (0.175, 0.975, (0.5 + legend) / height, 1 - 0.16 / height)
    figure, axes = paper(width=look.width, height=height, margins=margins, ax=ax)
    if ax is None:
        axes.tick_params(labelsize=look.small_pt)
    return figure, axes


def _folded(label: str) -> str:
    """Break a long label into lines: nothing of it is left out."""
    return "\n".join(wrap(label, _LABEL_CHARS, break_on_hyphens=True)) or label


def _array(line: Line, values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    expected = np.shape(line.k)
    if array.ndim != 1 or array.size == 0 or array.shape != expected:
        raise InvalidInputError(
            f"Line '{line.label}' has arrays of shapes {array.shape} and {expected}; "
            f"k, value, low and high must be equally long and not empty."
        )
    return array


def _draw(axes: Axes, line: Line, color: str, scale: float) -> Line2D:
    k = _array(line, line.k)
    if line.low is not None and line.high is not None:
        low, high = _array(line, line.low), _array(line, line.high)
        axes.fill_between(k, low, high, color=color, alpha=0.07 if line.dashed else 0.14, linewidth=0)
    styles = _FITTED if line.dashed else _MEASURED
    dashes = styles[line.dash % len(styles)]
    (drawn,) = axes.plot(
        k,
        _array(line, line.value),
        color=color,
        linewidth=scale * (1.4 if line.dashed else 2.1),
        linestyle=(0, dashes) if dashes else "solid",
        marker="o" if k.size == 1 else None,
        solid_capstyle="round",
    )
    return drawn


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


def _legend(
    axes: Axes,
    lines: Sequence[Line],
    handles: Sequence[Line2D],
    labels: Sequence[str],
    look: Look,
    *,
    inside: bool,
) -> None:
    """Name the lines beside samples of them, the one that ends highest first."""
    ends = [float(np.nan_to_num(_array(line, line.value)[-1])) for line in lines]
    order = sorted(range(len(lines)), key=lambda i: -ends[i])
    at_right = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.02)}
    below = {"loc": "lower left", "bbox_to_anchor": (0.0, 0.0), "bbox_transform": axes.figure.transFigure}
    place: dict[str, Any] = {"loc": "best"} if inside else at_right if look.has_head else below
    legend = axes.legend(
        [handles[i] for i in order],
        [labels[i] for i in order],
        frameon=False,
        fontsize=look.small_pt,
        handlelength=2.8,
        labelspacing=0.45,
        borderaxespad=0.2,
        **place,
    )
    for text in legend.get_texts():
        text.set_parse_math(
            False
        )  # names come from users: a dollar sign in one is not the start of a formula
        text.set_color(INK)


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


def _mark_extrapolation(axes: Axes, measured_k: int, size: float) -> None:
    axes.axvline(measured_k, color=RULE, linewidth=1.0, zorder=0)
    axes.annotate(
        "extrapolated →",
        xy=(measured_k, 1.0),  # above the axes, where no curve, band or label can be
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        fontsize=size,
        color=MUTED,
        va="bottom",
    )
