"""Where the samples end and the forecast begins, an interval neither jumps to certainty nor falls."""

import numpy as np
import pytest

from ttscale.errors import FitWarning
from ttscale.stats.forecast.outlook import coverage_outlook


@pytest.mark.filterwarnings(f"ignore::{FitWarning.__module__}.{FitWarning.__name__}")
@pytest.mark.parametrize("over", ["problems", "samples"])
@pytest.mark.parametrize("c", [[10] * 20, [0] * 20, [0, 10] * 10, [5] * 20])
def test_nothing_is_certain_beyond_the_samples(c, over):
    curve = coverage_outlook(10, c, [1, 5, 9, 10, 11, 12, 100], over=over).curve
    assert (curve.high - curve.low > 0.005).all()
    assert (np.diff(curve.low) >= 0).all()
    assert (np.diff(curve.high) >= 0).all()


def test_what_all_of_twenty_problems_leave_open_stays_open():
    curve = coverage_outlook(10, [10] * 20, [10, 11, 1000]).curve
    assert curve.low == pytest.approx(np.full(3, 0.88), abs=0.01)
