"""The look that every figure shares: paper, type sizes, axes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from ttscale.errors import InvalidInputError
from ttscale.showing.numbers import percent_tick

INK = "#1b1f24"
MUTED = "#5b6570"
RULE = "#d9dee3"
GRID = "#eceff2"
PAPER = "#ffffff"
NEVER = "#8a929b"
"""Problems never solved: grey, for want of evidence."""

BODY_PT = 9.5
SMALL_PT = 8.5
TITLE_PT = 13.0
_TITLE_CHARS, _SUBTITLE_CHARS = 68, 120
"""What fits across the figure."""


Style = Literal["page", "paper"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a figure of a style is laid out.

    Attributes:
        width: Inches.
        body_pt: Size of the axes' names.
        small_pt: Size of numbers and of the legend.
        scale: Factor on the width of lines.
        has_head: Whether title and subtitle stand above; a paper has a caption.
    """

    width: float
    body_pt: float
    small_pt: float
    scale: float
    has_head: bool


LOOKS: dict[Style, Look] = {
    "page": Look(width=8.2, body_pt=BODY_PT, small_pt=SMALL_PT, scale=1.0, has_head=True),
    "paper": Look(width=3.35, body_pt=8.0, small_pt=7.0, scale=0.65, has_head=False),
}
"""A page's figures are as wide as its text; a paper's as wide as one of two columns (85 mm)."""


def look_of(style: str) -> Look:
    """Return the layout of a style.

    Raises:
        InvalidInputError: No such style.
    """
    if style not in LOOKS:
        raise InvalidInputError(f"Unknown style '{style}' of figures. Known: {', '.join(sorted(LOOKS))}.")
    return LOOKS[style]


def paper(
    *, width: float, height: float, margins: Sequence[float], ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Return an empty figure with one pair of axes, or the axes given and their figure.

    Args:
        width: Inches.
        height: Inches.
        margins: Left, right, bottom and top edge of the axes, as fractions of the figure.
        ax: Axes of the caller, which keep their place and their looks.
    """
    if ax is not None:
        borrowed = ax.get_figure(root=True)
        if borrowed is None:
            raise InvalidInputError("These axes belong to no figure.")
        return borrowed, ax
    left, right, bottom, top = margins
    figure = Figure(figsize=(width, height), facecolor=PAPER, dpi=160)
    axes = figure.add_axes((left, bottom, right - left, top - bottom), facecolor=PAPER)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(RULE)
    axes.tick_params(colors=MUTED, labelsize=SMALL_PT, length=0, pad=5)
    axes.set_axisbelow(True)
    return figure, axes


def describe(
    axes: Axes, title: str, subtitle: str | None, *, y_label: str = "", borrowed: bool = False
) -> None:
    """Write title, subtitle and name of the y axis: as a head over a figure of ours, plainly on axes of others."""
    figure = axes.get_figure(root=True)
    if borrowed or figure is None:
        axes.set_title(shortened(title, _TITLE_CHARS), fontsize=BODY_PT, loc="left", parse_math=False)
        axes.set_ylabel(y_label, fontsize=SMALL_PT, color=MUTED)
        return
    if y_label:
        name_y(axes, y_label)
    head(figure, title, subtitle, left=0.03)


def head(figure: Figure, title: str, subtitle: str | None, *, left: float) -> None:
    """Write the title and, below it, what the numbers rest on."""
    inch = 1 / figure.get_figheight()
    _text(
        figure, left, 1 - 0.18 * inch, shortened(title, _TITLE_CHARS), size=TITLE_PT, color=INK, weight="bold"
    )
    if subtitle:
        _text(figure, left, 1 - 0.46 * inch, shortened(subtitle, _SUBTITLE_CHARS), size=SMALL_PT, color=MUTED)


def _text(
    figure: Figure, x: float, y: float, words: str, *, size: float, color: str, weight: str = "normal"
) -> None:
    # Names come from users: a dollar sign in one is not the start of a formula.
    figure.text(
        x, y, words, fontsize=size, color=color, fontweight=weight, ha="left", va="top", parse_math=False
    )


def shortened(words: str, length: int) -> str:
    """Cut words to a length, with an ellipsis where something is missing.

    >>> shortened("best by casting-out-nines", 12)
    'best by cas…'
    """
    return words if len(words) <= length else words[: length - 1].rstrip() + "…"


def name_y(axes: Axes, words: str) -> None:
    """Name the y axis where it is read: above it, upright, flush with the title."""
    figure = axes.get_figure(root=True)
    top = axes.get_position().y1 + (0.14 / figure.get_figheight() if figure else 0.0)
    axes.figure.text(
        0.03, top, words, fontsize=SMALL_PT, color=MUTED, ha="left", va="bottom", parse_math=False
    )


def percent_axis(axes: Axes) -> None:
    """Show fractions on the y axis as percentages, with a quiet grid."""
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: percent_tick(value)))
    axes.grid(axis="y", color=GRID, linewidth=0.9)


def log_k_axis(axes: Axes, k_max: float, label: str, size: float = BODY_PT) -> None:
    """Make x a log axis of budgets with ticks at whole decades, written out."""
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xticks(decades(k_max))
    axes.set_xlabel(label, fontsize=size, color=MUTED, labelpad=0.6 * size)


def decades(k_max: float) -> list[float]:
    """Return 1, 10, 100, ... up to `k_max`; below 10, every power of two.

    >>> decades(1000)
    [1.0, 10.0, 100.0, 1000.0]
    >>> decades(6)
    [1.0, 2.0, 4.0]
    """
    base = 10.0 if k_max >= 10 else 2.0
    ticks = [1.0]
    while ticks[-1] * base <= k_max * (1 + 1e-9):
        ticks.append(ticks[-1] * base)
    return ticks
