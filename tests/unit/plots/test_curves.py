"""Figures of curves: what is drawn, where labels stand, and that nothing global changes."""

import subprocess
import sys
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from scipy.optimize import minimize

from ttscale.errors import InvalidInputError
from ttscale.plots import Line, plot_curves, plot_success_rates
from ttscale.plots.curves import spread
from ttscale.plots.style import PAPER, Style
from ttscale.showing.palette import PALETTE

K = np.array([1, 10, 100])


def line(label: str = "coverage", scale: float = 1.0, **options: object) -> Line:
    value = scale * np.array([0.1, 0.4, 0.8])
    return Line(label=label, k=K, value=value, low=value - 0.05, high=value + 0.05, **options)  # type: ignore[arg-type]


def named(axes: Axes) -> list[str]:
    legend = axes.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def test_each_line_is_drawn_with_its_band_and_named_where_it_ends() -> None:
    figure = plot_curves([line("majority vote", 0.5), line()], title="Scaling", subtitle="9 problems")
    (axes,) = figure.axes
    drawn = [drawn.get_ydata() for drawn in axes.lines]
    assert any(np.array_equal(y, [0.1, 0.4, 0.8]) for y in drawn)
    assert len(axes.lines) == 2  # nothing that could be read as a plateau
    assert len(axes.collections) == 2
    assert named(axes) == ["coverage", "majority vote"]
    assert {"Scaling", "9 problems"} <= {text.get_text() for text in figure.texts}


def test_the_legend_shows_every_line_as_it_is_drawn() -> None:
    law = Line(label="law", k=K, value=[0.1, 0.5, 0.9], dashed=True, color=0)
    (axes,) = plot_curves([line(), law, line("other", 0.5, color=1, dash=2)], title="t").axes
    legend = axes.get_legend()
    assert legend is not None
    by_name = {handle.get_label(): handle for handle in legend.get_lines()}
    looks = [(h.get_color(), h.get_linestyle(), h.is_dashed()) for h in by_name.values()]
    assert sorted(looks) == sorted((d.get_color(), d.get_linestyle(), d.is_dashed()) for d in axes.lines)


LONG = "a-model-with-a-name-that-nobody-can-remember-t0.6, best by casting-out-nines"


@pytest.mark.parametrize("style", ["page", "paper"])
@pytest.mark.parametrize("n_lines", [1, 6, 28])
def test_nothing_is_clipped_and_no_label_is_shortened(style: Style, n_lines: int) -> None:
    lines = [line(f"{LONG} {i}", (i + 1) / n_lines) for i in range(n_lines)]
    figure = plot_curves(lines, title="t", subtitle="s", measured_k=10, style=style)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert {"".join(name.split()) for name in named(axes)} == {"".join(one.label.split()) for one in lines}
    legend = axes.get_legend()
    assert legend is not None
    width, height = figure.bbox.width, figure.bbox.height
    for artist in (
        *legend.get_texts(),
        *figure.texts,
        axes.xaxis.label,
        axes.yaxis.label,
        *axes.get_xticklabels(),
    ):
        if artist.get_text():
            box = artist.get_window_extent()
            assert box.x0 >= 0, artist
            assert box.y0 >= 0, artist
            assert box.x1 <= width, artist
            assert box.y1 <= height, artist
    assert not axes.bbox.overlaps(legend.get_window_extent())


def test_a_paper_has_figures_as_wide_as_a_column_without_titles() -> None:
    for figure in (
        plot_curves([line()], title="A title", style="paper"),
        plot_success_rates([9, 9], [0, 3], title="A title", style="paper"),
    ):
        assert figure.get_figwidth() == pytest.approx(85 / 25.4, abs=0.01)
        assert "A title" not in {text.get_text() for text in figure.texts}
    with pytest.raises(InvalidInputError, match="Unknown style 'poster' of figures"):
        plot_curves([line()], title="t", style="poster")  # type: ignore[arg-type]


def test_budgets_are_on_a_log_axis_with_ticks_at_decades() -> None:
    (axes,) = plot_curves([line()], title="t").axes
    assert axes.get_xscale() == "log"
    assert list(axes.get_xticks()) == [1, 10, 100]


def test_a_law_is_dashed_in_the_colour_of_what_it_fits_and_marked_beyond_the_data() -> None:
    law = Line(label="fitted law", k=[1, 100, 1000], value=[0.1, 0.7, 0.9], dashed=True, color=0)
    (axes,) = plot_curves([line(), law], title="t", measured_k=100).axes
    dashed = [drawn for drawn in axes.lines if drawn.is_dashed()]
    assert [drawn.get_color() for drawn in dashed] == [PALETTE[0]]
    assert any("extrapolated" in text.get_text() for text in axes.texts)


def test_nothing_is_called_extrapolated_where_all_is_measured() -> None:
    (axes,) = plot_curves([line()], title="t", measured_k=100).axes
    assert not any("extrapolated" in text.get_text() for text in axes.texts)


def test_dollar_signs_in_names_are_not_formulas() -> None:
    figure = plot_curves([line("$x^{")], title="cost in $ and $\\bad", subtitle="$")
    figure.draw_without_rendering()


@pytest.mark.parametrize("log_y", [False, True])
@pytest.mark.parametrize("value", [0.0, 1.0, float("nan"), 1e-9])
def test_degenerate_values_still_make_a_figure(value: float, log_y: bool) -> None:
    flat = np.full(3, value)
    figure = plot_curves([Line(label="flat", k=K, value=flat, low=flat, high=flat)], title="t", log_y=log_y)
    figure.draw_without_rendering()


def test_one_budget_is_drawn_as_a_point() -> None:
    figure = plot_curves([Line(label="one", k=[1], value=[0.3])], title="t")
    figure.draw_without_rendering()
    assert figure.axes[0].lines[0].get_marker() == "o"


def test_no_lines_and_unequal_lengths_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="at least one line"):
        plot_curves([], title="t")
    with pytest.raises(InvalidInputError, match=r"'short' has arrays of shapes \(2,\) and \(3,\)"):
        plot_curves([Line(label="short", k=K, value=[0.1, 0.2])], title="t")


def test_matplotlib_settings_stay_as_they_were() -> None:
    before = dict(mpl.rcParams)
    plot_curves([line()], title="t")
    assert dict(mpl.rcParams) == before


def test_pyplot_is_never_imported() -> None:
    code = (
        "import sys, ttscale.plots as p\n"
        "p.plot_curves([p.Line(label='a', k=[1, 2], value=[0.1, 0.2])], title='t')\n"
        "sys.exit('matplotlib.pyplot' in sys.modules or 'polars' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.01, 0.2))
def test_labels_keep_their_distance_and_order_and_move_as_little_as_possible(
    wanted: list[float], gap: float
) -> None:
    target = np.array(wanted)
    placed = spread(target, gap)
    order = np.argsort(target, kind="stable")
    assert all(b - a >= gap - 1e-9 for a, b in pairwise(placed[order]))
    constraints = [{"type": "ineq", "fun": lambda y, i=i, j=j: y[j] - y[i] - gap} for i, j in pairwise(order)]
    start = np.empty_like(target)
    start[order] = target.min() + gap * np.arange(target.size)
    best = minimize(
        lambda y: np.sum((y - target) ** 2),
        start,
        jac=lambda y: 2 * (y - target),
        constraints=constraints,
        method="SLSQP",
    )
    assert np.sum((placed - target) ** 2) <= best.fun + 1e-6


def luminance(color: str) -> float:
    channels = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("color", PALETTE)
def test_line_colours_reach_three_to_one_on_paper(color: str) -> None:
    # WCAG 2.1, success criterion 1.4.11, graphical objects.
    assert (luminance(PAPER) + 0.05) / (luminance(color) + 0.05) >= 3.0
