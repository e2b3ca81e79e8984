"""Normal laws against SciPy's own densities, integrated adaptively instead of on the grid of hazards."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import norm

from ttscale.stats.laws.normal import LogitNormal, LogNormal, ZeroInflatedLogNormal

BUDGETS = np.array([1.0, 3.0, 40.0, 1000.0])


def expected(solved_once, mu: float, sigma: float, k: float) -> float:  # type: ignore[no-untyped-def]
    """Return coverage at k where `solved_once` maps a normal variable to a success rate."""
    total, _ = quad(
        lambda z: -np.expm1(k * np.log1p(-min(solved_once(mu + sigma * z), 1 - 1e-16))) * norm.pdf(z),
        -9,
        9,
        limit=500,
    )
    return total


@settings(max_examples=15, deadline=None)
@given(mu=st.floats(-9, -1), sigma=st.floats(0.3, 2.5))
def test_coverage_is_the_integral_over_the_normal_density(mu: float, sigma: float) -> None:
    theta = np.array([mu, sigma])
    of_logit = [expected(expit, mu, sigma, k) for k in BUDGETS]
    of_hazard = [expected(lambda x: -np.expm1(-np.exp(x)), mu, sigma, k) for k in BUDGETS]
    assert LogitNormal().coverage(BUDGETS, theta) == pytest.approx(of_logit, abs=2e-5)
    assert LogNormal().coverage(BUDGETS, theta) == pytest.approx(of_hazard, abs=2e-5)


@pytest.mark.parametrize("law", [LogNormal(), LogitNormal()])
@pytest.mark.parametrize(("mu", "sigma"), [(-3.0, 0.5), (-1.0, 2.0)])
def test_the_density_of_the_log_hazard_has_mass_one(law: LogNormal, mu: float, sigma: float) -> None:
    theta = np.array([mu, sigma])
    mass, _ = quad(lambda x: float(np.exp(law.log_density(np.array([x]), theta)[0])), -25, 12, limit=400)
    assert mass == pytest.approx(1, abs=1e-6)


def test_problems_that_nothing_solves_scale_the_curve_of_the_others() -> None:
    rest = LogNormal().coverage(BUDGETS, np.array([-2.0, 1.5]))
    whole = ZeroInflatedLogNormal().coverage(BUDGETS, np.array([0.3, -2.0, 1.5]))
    assert whole == pytest.approx(0.7 * rest)


@pytest.mark.parametrize("law", [LogNormal(), LogitNormal()])
@pytest.mark.parametrize("mean", [1e-6, 0.02, 0.5, 0.99])
def test_searches_start_inside_the_ranges(law: LogNormal, mean: float) -> None:
    for start in law.starts(mean):
        assert all(r.low <= value <= r.high for r, value in zip(law.ranges, start, strict=True))


@pytest.mark.parametrize(("mu", "sigma"), [(0.0, 10.0), (-3.0, 6.0), (11.0, 3.0)])
def test_problems_beyond_the_grid_are_always_solved(mu: float, sigma: float) -> None:
    of_hazard = [expected(lambda x: -np.expm1(-np.exp(min(x, 600.0))), mu, sigma, k) for k in BUDGETS]
    assert LogNormal().coverage(BUDGETS, np.array([mu, sigma])) == pytest.approx(of_hazard, abs=1e-4)
    inflated = ZeroInflatedLogNormal().coverage(BUDGETS, np.array([0.3, mu, sigma]))
    assert inflated == pytest.approx(0.7 * np.array(of_hazard), abs=1e-4)
