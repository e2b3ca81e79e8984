"""Log-normal and logit-normal laws of success rates."""

import numpy as np
from scipy.special import ndtr

from ttscale.arrays import FloatArray
from ttscale.stats.laws.frame import MixingLaw, Range, ZeroInflated

_SIGMA = Range("sigma", 0.1, 3e1, "log")
"""As narrow as the grid of hazards resolves: its sums are off by 3e-4 there."""


def _normal_log_density(z: FloatArray, sigma: FloatArray) -> FloatArray:
    return np.asarray(-0.5 * z * z - np.log(sigma) - 0.5 * np.log(2.0 * np.pi))


class LogNormal(MixingLaw):
    """The hazard ``-log(1 - p)`` is log-normal: the log-normal law of p, with p kept below 1."""

    name = "log-normal"
    ranges = (Range("mu", -60.0, 12.0), _SIGMA)

    def log_density(self, x: FloatArray, theta: FloatArray) -> FloatArray:
        """Return the log density of the log hazard."""
        return _normal_log_density((x - theta[0]) / theta[1], theta[1])

    def above(self, x: float, theta: FloatArray) -> FloatArray:
        """Return the share of problems with a log hazard above x: a wide law has many that are always solved."""
        return np.asarray(ndtr((theta[0] - x) / theta[1]))

    def starts(self, mean: float) -> list[FloatArray]:
        """Start from a wide and a narrow spread around the mean."""
        return [np.array([np.log(mean) - 0.5 * s * s, s]) for s in (2.5, 1.0)]


class LogitNormal(MixingLaw):
    """``logit p`` is normal."""

    name = "logit-normal"
    ranges = (Range("mu", -60.0, 60.0), _SIGMA)

    def log_density(self, x: FloatArray, theta: FloatArray) -> FloatArray:
        """Return the log density of the log hazard; ``d logit p / dx = t / p``."""
        t = np.exp(x)
        log_p = np.log(-np.expm1(-t))
        return np.asarray(_normal_log_density((log_p + t - theta[0]) / theta[1], theta[1]) + x - log_p)

    def starts(self, mean: float) -> list[FloatArray]:
        """Start from a wide and a narrow spread around the mean."""
        return [np.array([np.log(mean / (1.0 - mean)) - 0.5 * s * s, s]) for s in (2.5, 1.0)]


class ZeroInflatedLogNormal(ZeroInflated):
    """A share `zero` of the problems is never solved; the hazards of the others are log-normal."""

    name = "zero-inflated-log-normal"
    solvable = LogNormal()
