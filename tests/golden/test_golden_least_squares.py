"""The least-squares core of curve laws against certified fits, and from poor starts on laws of our own.

The search itself is SciPy's `least_squares`; ours are the scales of the parameters, the starts, the choice among them and
the tolerances. Certified values: NIST StRD, Nonlinear Regression (https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml),
each problem from both of NIST's starts; the first is far from the optimum. The residual sum of squares certifies the data
too.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from ttscale.arrays import FloatArray
from ttscale.errors import FitWarning
from ttscale.stats.counts.counts import counts
from ttscale.stats.laws.fitting import fit_law
from ttscale.stats.laws.frame import CurveLaw, Range
from ttscale.stats.laws.power import ExponentiatedPowerLaw, LogLog, PowerLawPlusConstant
from ttscale.stats.laws.searching import fit_curve, theta_of

DIGITS = 1e-7  # relative; certified to 11 digits, optimised to a gradient of 1e-12


class Growth(CurveLaw):
    """``b1 (1 - exp(-b2 x))``: NIST's Misra1a (lower difficulty) and BoxBOD (higher difficulty)."""

    name = "growth"
    ranges = (Range("b1", 1e-4, 1e4, "log"), Range("b2", 1e-8, 1e2, "log"))
    start: ClassVar[tuple[float, ...]]

    def coverage(self, k: FloatArray, theta: FloatArray) -> FloatArray:
        return np.asarray(-theta[0] * np.expm1(-theta[1] * k))

    def starts(self, k: FloatArray, coverage: FloatArray) -> list[FloatArray]:
        return [np.array(self.start)]


class Logistic(Growth):
    """``b1 / (1 + exp(b2 - b3 x))``: NIST's Rat42 (higher difficulty)."""

    name = "logistic"
    ranges = (Range("b1", 1e-4, 1e4, "log"), Range("b2", -50.0, 50.0), Range("b3", 1e-8, 1e2, "log"))

    def coverage(self, k: FloatArray, theta: FloatArray) -> FloatArray:
        return np.asarray(theta[0] / (1.0 + np.exp(theta[1] - theta[2] * k)))


@dataclass(frozen=True)
class Certified:
    law: type[Growth]
    x: list[float]
    y: list[float]
    starts: tuple[tuple[float, ...], tuple[float, ...]]
    params: tuple[float, ...]
    residual_sum: float


STRD = {
    "Misra1a": Certified(
        Growth,
        [77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1, 689.1, 760.0],
        [10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.40, 75.47, 81.78],
        ((500.0, 0.0001), (250.0, 0.0005)),
        (2.3894212918e2, 5.5015643181e-4),
        1.2455138894e-1,
    ),
    "BoxBOD": Certified(
        Growth,
        [1, 2, 3, 5, 7, 10],
        [109, 149, 149, 191, 213, 224],
        ((1.0, 1.0), (100.0, 0.75)),
        (2.1380940889e2, 5.4723748542e-1),
        1.1680088766e3,
    ),
    "Rat42": Certified(
        Logistic,
        [9, 14, 21, 28, 42, 57, 63, 70, 79],
        [8.93, 10.80, 18.59, 22.33, 39.35, 56.11, 61.73, 64.62, 67.08],
        ((100.0, 1.0, 0.1), (75.0, 2.5, 0.07)),
        (7.2462237576e1, 2.6180768402, 6.7359200066e-2),
        8.0565229338,
    ),
}


@pytest.mark.parametrize("which", [0, 1], ids=["far start", "near start"])
@pytest.mark.parametrize("name", STRD)
def test_certified_fits_are_reached_from_both_starts(name: str, which: int) -> None:
    case = STRD[name]
    scale = 1.0 / 1000.0  # a coverage lies below 1; b1 is in units of y
    start = (case.starts[which][0] * scale, *case.starts[which][1:])
    law = type("Started", (case.law,), {"start": start})()
    x, y = np.array(case.x, dtype=float), np.array(case.y) * scale
    found = fit_curve(law, x, y, y[None, :], counts(1, [1]).unique())
    params = theta_of(law, found.free)
    params[0] /= scale
    assert found.converged
    assert params == pytest.approx(np.array(case.params), rel=DIGITS)
    residual = (law.coverage(x, theta_of(law, found.free)) - y) / scale
    assert residual @ residual == pytest.approx(case.residual_sum, rel=1e-9)


POOR = [(1e-5, 5.0), (600.0, 5e-4), (0.1, 2.0), (2e3, 8.0), (1e-2, 1e-3)]


SOME = (400, np.random.default_rng(2).binomial(400, np.random.default_rng(1).beta(0.3, 20.0, 200)))


def started(law: type[CurveLaw], start: tuple[float, float]) -> CurveLaw:
    """Return a law that begins its search at (a, b), with its own signs."""
    sign = -1.0 if law is ExponentiatedPowerLaw else 1.0
    poor: CurveLaw = type("Poor", (law,), {"starts": lambda *_: [sign * np.array(start)]})()
    return poor


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("start", POOR)
@pytest.mark.parametrize("law", [LogLog, ExponentiatedPowerLaw])
def test_power_laws_are_found_from_starts_off_by_orders_of_magnitude(
    law: type[CurveLaw], start: tuple[float, float]
) -> None:
    usual, fit = fit_law(law(), *SOME), fit_law(started(law, start), *SOME)
    assert fit.converged
    for name in ("a", "b"):
        assert fit.params[name].value == pytest.approx(usual.params[name].value, rel=1e-5)


@pytest.mark.parametrize("law", [LogLog, ExponentiatedPowerLaw])
def test_a_start_from_which_nothing_can_be_learnt_is_no_convergence(law: type[CurveLaw]) -> None:
    """The curve has underflowed to 0 at every k, and its derivatives with it."""
    with pytest.warns(FitWarning, match="did not converge"):
        fit = fit_law(started(law, (5e3, 5e-4)), *SOME)
    assert not fit.converged


@pytest.mark.filterwarnings("error")
def test_logarithms_of_a_coverage_of_0_or_1_are_finite_and_silent() -> None:
    ends = np.array([0.0, 1.0])
    for law in (LogLog(), ExponentiatedPowerLaw(), PowerLawPlusConstant()):
        assert np.isfinite(law.link(ends)).all()
