"""The figure of any result: its curves, else its estimates, else an error that says where the numbers are."""

import pytest
from matplotlib.figure import Figure

from ttscale.errors import InvalidInputError
from ttscale.plots.views import plot_view
from ttscale.showing.notebook import ShownCurve
from ttscale.showing.view import Dot, View

CURVE = ShownCurve(label="mine", k=[1, 10], value=[0.1, 0.5], low=[0.05, 0.4], high=[0.2, 0.6])
DOTS = [Dot(label="first", value=0.3, low=0.2, high=0.4), Dot(label="x" * 80, value=0.5, low=0.4, high=0.6)]


def test_curves_are_drawn_over_a_log_axis_that_is_named() -> None:
    axes = plot_view(View(title="T", curves=[CURVE], axis="cost")).axes[0]
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "cost (log scale)"


def test_estimates_stand_below_each_other_from_the_first_on_with_their_intervals() -> None:
    axes = plot_view(View(title="T", dots=DOTS, axis="share")).axes[0]
    labels = [one.get_text() for one in axes.get_yticklabels()]
    places = dict(zip(labels, axes.get_yticks(), strict=True))
    assert places["first"] == max(places.values())
    assert max(map(len, labels)) <= 31 and any("…" in one for one in labels)
    assert axes.get_xlabel() == "share"
    assert axes.xaxis.get_major_formatter()(0.25, 0) == "25%"


def test_numbers_of_samples_are_no_percentages() -> None:
    dots = [Dot(label="a", value=1000.0, low=100.0, high=10_000.0)]
    axes = plot_view(View(title="T", dots=dots, is_share=False)).axes[0]
    assert axes.get_xscale() == "log"
    assert axes.xaxis.get_major_formatter()(1000.0, 0) == "1,000"
    zero = [Dot(label="a", value=10.0, low=0.0, high=20.0)]
    assert plot_view(View(title="T", dots=zero, is_share=False)).axes[0].get_xscale() == "linear"


def test_own_axes_are_drawn_on() -> None:
    figure = Figure()
    ax = figure.subplots()
    assert plot_view(View(title="T", dots=DOTS), ax=ax) is figure
    assert len(figure.axes) == 1 and ax.get_yticks().size == 2


def test_a_view_without_either_says_where_its_numbers_are() -> None:
    with pytest.raises(InvalidInputError, match=r"There is nothing to draw: T\. Its numbers are in to_frame"):
        plot_view(View(title="T"))
