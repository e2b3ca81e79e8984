"""Generalized beta laws: ``p^b ~ Beta(d, beta)``, a family that holds most others.

With b = 1 it is the beta law and with d = 1 Kumaraswamy's; for large beta it is a generalized gamma law of
p, of which the Weibull law belongs to an exactly exponentiated power law and the log-normal is the
limit b -> 0. Few problems are easy or hard in the same way, so its tails are set apart: the share of problems
harder than p falls like ``p^alpha`` with ``alpha = b d``, while b and beta shape the easy end.

McDonald 1984, "Some generalized functions for the size distribution of income" (the GB1 law).
"""

import numpy as np
from scipy.special import betaln

from ttscale.arrays import FloatArray
from ttscale.stats.laws.frame import MixingLaw, Range, ZeroInflated


def generalized_beta_log_density(
    x: FloatArray, alpha: FloatArray, b: FloatArray, beta: FloatArray
) -> FloatArray:
    """Return the log density of ``x = log(-log(1 - p))`` where ``p^b ~ Beta(alpha / b, beta)``."""
    t = np.exp(x)
    failure = np.exp(-t)
    log_p = np.log(-np.expm1(-t))
    precise = np.where(t > 30.0, -failure, log_p)  # log(1 - e^-t) without losing the last digits near p = 1
    rest = np.log(np.maximum(-np.expm1(b * precise), 1e-300))  # log(1 - p^b)
    jacobian = x - t - log_p  # d log p / dx = t (1 - p) / p
    return np.asarray(np.log(b) + alpha * log_p + (beta - 1.0) * rest - betaln(alpha / b, beta) + jacobian)


class GeneralizedBeta(MixingLaw):
    """``p^b ~ Beta(alpha / b, beta)``."""

    name = "generalized-beta"
    ranges = (
        Range("alpha", 1e-3, 1e2, "log"),
        Range("b", 2e-2, 1e1, "log"),
        Range("beta", 1e-2, 1e9, "log"),
    )

    def log_density(self, x: FloatArray, theta: FloatArray) -> FloatArray:
        """Return the log density of the log hazard."""
        return generalized_beta_log_density(x, *theta)

    def starts(self, mean: float) -> list[FloatArray]:
        """Start from a beta law and from a heavier easy end around the mean."""
        return [np.array([0.25, b, 0.25 / b * max(mean**-b - 1.0, 0.1)]) for b in (1.0, 0.5)]


class ZeroInflatedGeneralizedBeta(ZeroInflated):
    """A share `zero` of the problems is never solved; the others follow a generalized beta law."""

    name = "zero-inflated-generalized-beta"
    solvable = GeneralizedBeta()


class Kumaraswamy(MixingLaw):
    """``P(success rate < p) = 1 - (1 - p^a)^b``; close to an exponentiated power law for large b."""

    name = "kumaraswamy"
    ranges = (Range("a", 1e-3, 1e2, "log"), Range("b", 1e-2, 1e9, "log"))

    def log_density(self, x: FloatArray, theta: FloatArray) -> FloatArray:
        """Return the log density of the log hazard."""
        return generalized_beta_log_density(x, theta[0], theta[0], theta[1])

    def starts(self, mean: float) -> list[FloatArray]:
        """Start from a heavy and a flat spread around the mean."""
        return [np.array([a, max(mean**-a - 1.0, 0.1)]) for a in (0.3, 1.0)]
