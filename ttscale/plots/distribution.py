"""How success rates are spread over problems, the never-solved ones shown as themselves."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ttscale.arrays import ArrayLike
from ttscale.errors import InvalidInputError
from ttscale.plots.style import GRID, INK, MUTED, NEVER, Style, head, look_of, name_y, paper
from ttscale.showing.numbers import percent_tick
from ttscale.showing.palette import PALETTE

BINS_PER_DECADE = 3


@dataclass(frozen=True, slots=True, eq=False)
class RateHistogram:
    """Counts of problems by observed success rate c/n.

    Attributes:
        edges: Bin edges, log-spaced from below the smallest positive rate to 1, shape (B + 1,).
        counts: Problems with edges[j] < c/n <= edges[j + 1], shape (B,).
        never_solved: Problems with c = 0. Their rate is unknown below about 1/n, not zero.
        n_problems: All of them.
        n_min: The smallest number of samples of any problem.
        n_max: The largest.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    never_solved: int
    n_problems: int
    n_min: int
    n_max: int


def rate_histogram(n: ArrayLike, c: ArrayLike) -> RateHistogram:
    """Count problems by success rate, three bins to a decade.

    Args:
        n: Samples per problem, at least 1, shape (P,).
        c: Correct samples, 0 <= c <= n, shape (P,).

    Returns:
        Bins from 1/max(n) or above up to 1, and the never-solved problems apart.

    Raises:
        InvalidInputError: No problems, shapes that differ, or counts that cannot be.

    >>> histogram = rate_histogram([100, 100, 100], [0, 2, 100])
    >>> histogram.never_solved, histogram.counts.sum().item(), histogram.edges[-1].item()
    (1, 2, 1.0)
    """
    drawn = np.asarray(n, dtype=np.int64)
    correct = np.asarray(c, dtype=np.int64)
    if drawn.ndim != 1 or drawn.size == 0 or drawn.shape != correct.shape:
        raise InvalidInputError(
            f"n and c have shapes {drawn.shape} and {correct.shape}; give one number each per problem."
        )
    if np.any(drawn < 1) or np.any(correct < 0) or np.any(correct > drawn):
        raise InvalidInputError("Success rates need n >= 1 and 0 <= c <= n for every problem.")
    n_bins = BINS_PER_DECADE * max(1, int(np.ceil(np.log10(drawn.max()) - 1e-9)))
    steps = np.arange(-n_bins, 1) / BINS_PER_DECADE
    edges = 10.0**steps
    solved = correct > 0
    # The tolerance keeps a rate that equals an edge, such as 0.1, in the bin that it closes.
    place = np.ceil(BINS_PER_DECADE * np.log10(correct[solved] / drawn[solved]) - 1e-9).astype(np.int64)
    # 1/n lies on the lowest edge where n is a power of ten: it belongs to the lowest bin.
    index = np.clip(place + n_bins - 1, 0, n_bins - 1)
    counts = np.bincount(index, minlength=n_bins).astype(np.int64)
    return RateHistogram(
        edges, counts, int(np.sum(~solved)), int(drawn.size), int(drawn.min()), int(drawn.max())
    )


def plot_success_rates(
    n: ArrayLike,
    c: ArrayLike,
    *,
    title: str = "Success rates over problems",
    subtitle: str | None = None,
    style: Style = "page",
) -> Figure:
    """Draw the distribution of per-problem success rates on a log axis.

    Problems that no sample solved stand in a bar of their own: their rate is below what n samples can see, and
    zero has no place on a log axis.

    Args:
        n: Samples per problem, shape (P,).
        c: Correct samples, shape (P,).
        title: What the figure shows.
        subtitle: What it rests on.
        style: "page", or "paper": as wide as one of two columns, small type, no title.

    Raises:
        InvalidInputError: See `rate_histogram`; or an unknown style.
    """
    histogram, look = rate_histogram(n, c), look_of(style)
    tall = {"height": 3.7, "margins": (0.03, 0.975, 0.165, 0.76)}
    low = {"height": 2.0, "margins": (0.03, 0.975, 0.22, 0.85)}
    figure, axes = paper(width=look.width, **(tall if look.has_head else low))  # type: ignore[arg-type]
    axes.tick_params(labelsize=look.small_pt)
    n_bins = histogram.counts.size
    positions = np.arange(n_bins) + 1.6  # (B,); the never-solved bar stands apart, at 0
    axes.bar(positions, histogram.counts, width=0.88, align="edge", color=PALETTE[0], linewidth=0)
    axes.bar([0.0], [histogram.never_solved], width=0.88, align="edge", color=NEVER, linewidth=0)
    for x, count in zip([0.0, *positions], [histogram.never_solved, *histogram.counts], strict=True):
        if count:
            axes.annotate(
                f"{count}",
                (x + 0.44, float(count)),
                xytext=(0, 2),
                textcoords="offset points",
                ha="center",
                fontsize=look.small_pt,
                color=INK,
            )
    decades = np.arange(0, n_bins + 1, BINS_PER_DECADE)
    axes.set_xticks(
        [0.44, *(decades + 1.54)], ["never", *(percent_tick(histogram.edges[j]) for j in decades)]
    )
    axes.set_yticks([])
    axes.grid(axis="y", color=GRID)
    axes.set_ylim(0, 1.13 * max(1, histogram.never_solved, int(histogram.counts.max())))
    axes.set_xlabel(
        "share of a problem's samples that are correct (log scale)", fontsize=look.body_pt, color=MUTED
    )
    name_y(axes, "problems")
    if look.has_head:
        head(figure, title, subtitle, left=0.03)
    return figure
