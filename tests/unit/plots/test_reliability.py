"""Reliability diagrams: what is drawn where, and what is refused."""

import numpy as np
import pytest

from ttscale.errors import InvalidInputError
from ttscale.plots.reliability import ReliabilityLine, plot_reliability


def test_bins_stand_where_they_claim_with_their_interval() -> None:
    line = ReliabilityLine(
        label="reward $x$", claimed=[0.1, 0.8], accuracy=[0.2, 0.5], low=[0.1, 0.3], high=[0.4, 0.6]
    )
    (axes,) = plot_reliability([line], subtitle="3 problems").axes
    (container,) = axes.containers
    data, _, (bars,) = container.lines
    assert data.get_xdata().tolist() == [0.1, 0.8]
    assert data.get_ydata().tolist() == [0.2, 0.5]
    ends = [segment[:, 1].tolist() for segment in bars.get_segments()]
    assert np.allclose(ends, [[0.1, 0.4], [0.3, 0.6]])


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="read as probabilities"):
        plot_reliability([])
