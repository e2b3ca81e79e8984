"""Laws of the coverage curve itself, fitted by least squares to it: power laws, and saturation to a ceiling."""

import numpy as np

from ttscale.arrays import FloatArray
from ttscale.stats.laws.frame import CurveLaw, Range

_A = Range("a", 1e-6, 1e4, "log")
_B = Range("b", 1e-4, 1e1, "log")
_NEXT_TO_ZERO, _NEXT_TO_ONE = 1e-300, 1.0 - 1e-16


def _log(coverage: FloatArray) -> FloatArray:
    """Return log coverage, finite also where a law's curve has underflowed to 0."""
    return np.asarray(np.log(np.maximum(coverage, _NEXT_TO_ZERO)))


def _log_log(coverage: FloatArray) -> FloatArray:
    """Return log(-log coverage), finite also at coverage 0 and 1."""
    return np.asarray(np.log(-_log(np.minimum(coverage, _NEXT_TO_ONE))))


def straight_line(k: FloatArray, coverage: FloatArray) -> FloatArray:
    """Return (a, b) of the least-squares line ``log(-log coverage) = log a - b log k``."""
    inside = (coverage > 0.0) & (coverage < 1.0)
    if np.count_nonzero(inside) < 2:
        return np.array([1.0, 0.3])
    slope, intercept = np.polyfit(np.log(k[inside]), _log_log(coverage[inside]), 1)
    return np.array([np.exp(intercept), max(-slope, 1e-3)])


class LogLog(CurveLaw):
    """``log(-log coverage) = log a - b log k``: a straight line by ordinary least squares.

    Schaeffer et al. 2025, arXiv 2502.17578.
    """

    name = "log-log"
    ranges = (_A, _B)

    def coverage(self, k: FloatArray, theta: FloatArray) -> FloatArray:
        """Return ``exp(-a k^-b)``."""
        return np.asarray(np.exp(-theta[0] * k ** -theta[1]))

    def link(self, coverage: FloatArray) -> FloatArray:
        """Return ``log(-log coverage)``, the scale on which the law is straight."""
        return _log_log(coverage)

    def starts(self, k: FloatArray, coverage: FloatArray) -> list[FloatArray]:
        """Start from the answer: the line has a closed form."""
        return [straight_line(k, coverage)]


class ExponentiatedPowerLaw(CurveLaw):
    """``coverage = exp(a k^b)`` with a, b < 0, by least squares on log coverage.

    Brown et al. 2024, arXiv 2407.21787, section 3; the signs are in the parameters, as there.
    """

    name = "exponentiated-power-law"
    ranges = (Range("a", -1e4, -1e-6, "negative log"), Range("b", -1e1, -1e-4, "negative log"))

    def coverage(self, k: FloatArray, theta: FloatArray) -> FloatArray:
        """Return ``exp(a k^b)``."""
        return np.asarray(np.exp(theta[0] * k ** theta[1]))

    def link(self, coverage: FloatArray) -> FloatArray:
        """Return ``log coverage``."""
        return _log(coverage)

    def starts(self, k: FloatArray, coverage: FloatArray) -> list[FloatArray]:
        """Start from the line of `LogLog`."""
        return [-straight_line(k, coverage)]


class PowerLawPlusConstant(CurveLaw):
    """``-log coverage = a k^-b + e``: a power law that levels off at ``exp(-e)``, by least squares on log coverage."""

    name = "power-law-plus-constant"
    ranges = (_A, _B, Range("e", 0.0, 1e2))

    def coverage(self, k: FloatArray, theta: FloatArray) -> FloatArray:
        """Return ``exp(-a k^-b - e)``."""
        return np.asarray(np.exp(-theta[0] * k ** -theta[1] - theta[2]))

    def link(self, coverage: FloatArray) -> FloatArray:
        """Return ``log coverage``."""
        return _log(coverage)

    def starts(self, k: FloatArray, coverage: FloatArray) -> list[FloatArray]:
        """Start from the straight line without a ceiling, and with one half way up from the last point."""
        a, b = straight_line(k, coverage)
        ceiling = -0.5 * np.log(max(float(coverage[-1]), 1e-6))
        return [np.array([a, b, 0.01]), np.array([a, 1.5 * b, ceiling])]


class Saturation(CurveLaw):
    """``coverage = ceiling (1 - (1 - p)^k)``: every solvable problem is equally hard; by least squares on coverage."""

    name = "saturation"
    ranges = (Range("ceiling", 1e-6, 1.0, "log"), Range("p", 1e-9, 1.0 - 1e-9, "logit"))

    def coverage(self, k: FloatArray, theta: FloatArray) -> FloatArray:
        """Return ``ceiling (1 - (1 - p)^k)``."""
        return np.asarray(-theta[0] * np.expm1(k * np.log1p(-theta[1])))

    def starts(self, k: FloatArray, coverage: FloatArray) -> list[FloatArray]:
        """Start from the last point as the ceiling and from twice that."""
        top = float(coverage[-1])
        return [
            np.array([c, np.clip(coverage[0] / c, 1e-9, 0.99)])
            for c in (min(1.0, 1.02 * top), min(1.0, 2 * top))
        ]
