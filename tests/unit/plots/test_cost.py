"""The cost figure: what it draws, and what it refuses."""

import io

import numpy as np
import pytest

from ttscale.errors import InvalidInputError
from ttscale.plots.cost import Change, CostLine, plot_costs
from ttscale.plots.saving import save_figure

SMALL = CostLine(label="small $1B", cost=[1, 10, 100], value=[0.1, 0.3, 0.5], low=[0.05, 0.2, 0.4],
                 high=[0.2, 0.4, 0.6], dashed=[False, False, True])  # fmt: skip
BIG = CostLine(label="big", cost=[8, 80], value=[0.2, 0.7])


def drawn(**more):
    return plot_costs([SMALL, BIG], title="Cost", x_label="tokens", **more)


def test_the_strip_names_the_best_buys_and_marks_the_change():
    figure = drawn(best=[(1, 30, 0), (30, 80, 1)], changes=[Change(cost=30, low=None, high=45, label="big")])
    curves, strip = figure.axes
    assert curves.get_xscale() == strip.get_xscale() == "log"
    assert "small $1B" in {text.get_text() for text in strip.texts}
    ends = [line.get_xdata() for line in strip.lines]
    assert any(np.allclose(x, [curves.get_xlim()[0], 45]) for x in ends if len(x) == 2)
    widths = [line.get_linewidth() for line in curves.lines]
    assert max(widths) > 3  # the best stretch again, in bold


def test_forecasts_are_dashed_and_join_what_was_measured():
    dashed = [line for line in drawn().axes[0].lines if line.get_linestyle() == "--"]
    assert [line.get_xdata().tolist() for line in dashed] == [[10, 100]]


def test_the_same_figure_gives_the_same_bytes():
    files = [io.BytesIO(), io.BytesIO()]
    for file in files:
        save_figure(drawn(best=[(1, 80, 0)]), file, suffix=".svg")
    assert files[0].getvalue() == files[1].getvalue()


def test_no_lines_and_unequal_arrays_are_refused():
    with pytest.raises(InvalidInputError, match="at least one line"):
        plot_costs([], title="Cost", x_label="tokens")
    with pytest.raises(InvalidInputError, match="'x' has arrays of shapes"):
        plot_costs([CostLine(label="x", cost=[1, 2], value=[1])], title="Cost", x_label="tokens")
