"""How many samples a target needs: within the samples and beyond them."""

import numpy as np
import pytest

from ttscale.errors import InvalidInputError
from ttscale.stats.adaptive.piloting import uncertainty
from ttscale.stats.coverage.coverage import coverage_curve
from ttscale.stats.forecast.forecasting import forecast
from ttscale.stats.forecast.outlook import coverage_outlook
from ttscale.stats.forecast.reaching import ladder, samples_to_reach

RNG = np.random.default_rng(5)


def test_within_the_samples_the_answer_is_the_first_k_of_the_measured_curve_and_of_its_ends():
    n, c = np.full(40, 60), RNG.binomial(60, RNG.beta(0.4, 3, 40))
    curve = coverage_curve(n, c, np.arange(1, 61))
    target = float(curve.value[24])
    reached = samples_to_reach(coverage_outlook(n, c, ladder(60)), target)
    assert reached.k == 25
    assert reached.low == int(curve.k[np.argmax(curve.high >= target)])
    assert reached.high is None or curve.low[reached.high - 1] >= target > curve.low[reached.high - 2]
    assert not reached.extrapolates


def test_beyond_the_samples_the_estimate_is_the_forecasts_own():
    n, c = np.full(60, 50), RNG.binomial(50, RNG.beta(0.25, 10, 60))
    k = [60, 200, 1000]
    ahead = coverage_outlook(n, c, k, over="samples").curve
    assert ahead.value == pytest.approx(forecast(n, c, k).curve.value, abs=1e-9)
    with pytest.raises(InvalidInputError, match="average over laws alone, not for 'beta-binomial'"):
        coverage_outlook(n, c, k, over="samples", method="beta-binomial")


@pytest.mark.parametrize("over", ["problems", "samples"])
def test_values_and_both_ends_never_fall_within_and_beyond_the_samples(over):
    curve = coverage_outlook(40, RNG.binomial(40, RNG.beta(0.3, 5, 30)), ladder(2000), over=over).curve
    for end in (curve.low, curve.value, curve.high):
        assert (np.diff(end) >= 0).all()
    assert (curve.low <= curve.value).all()
    assert (curve.value <= curve.high).all()


def test_what_the_forecast_does_not_reach_is_not_reachable():
    n, c = np.full(30, 200), np.repeat([0, 150], 15)
    reached = samples_to_reach(coverage_outlook(n, c, ladder(1000)), 0.95)
    assert reached.k is None
    assert "not reached by 1,000 samples" in str(reached)
    assert uncertainty(reached) == np.inf
