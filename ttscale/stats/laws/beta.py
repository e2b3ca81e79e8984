"""Beta laws: success rates p ~ Beta(alpha, beta), their zero-inflated, scaled and mixed relatives, and the generalized ones.

``E[(1-p)^k] = B(alpha, beta + k) / B(alpha, beta)``, so ``-log coverage`` falls like ``k^-alpha`` in the end.

Generalized: ``p^b ~ Beta(d, beta)``, a family that holds most others. With b = 1 it is the beta law and with d = 1
Kumaraswamy's; for large beta it is a generalized gamma law of p, of which the Weibull law belongs to an exactly exponentiated
power law and the log-normal is the limit b -> 0. Few problems are easy or hard in the same way, so its tails are set apart: the
share of problems harder than p falls like ``p^alpha`` with ``alpha = b d``, while b and beta shape the easy end.

McDonald 1984, "Some generalized functions for the size distribution of income" (the GB1 law).
"""

import numpy as np
from scipy.special import betaln

from ttscale.arrays import FloatArray
from ttscale.stats.laws.frame import MixingLaw, Mixture, Range, ZeroInflated

_ALPHA = Range("alpha", 1e-3, 1e2, "log")
_BETA = Range("beta", 1e-3, 1e7, "log")


def beta_log_density(x: FloatArray, alpha: FloatArray, beta: FloatArray) -> FloatArray:
    """Return the log density of ``x = log(-log(1 - p))`` where p ~ Beta(alpha, beta)."""
    t = np.exp(x)
    log_p = np.log(-np.expm1(-t))
    return np.asarray((alpha - 1.0) * log_p - beta * t + x - betaln(alpha, beta))


class BetaBinomial(MixingLaw):
    """Success rates are Beta(alpha, beta) over problems."""

    name = "beta-binomial"
    ranges = (_ALPHA, _BETA)

    def log_density(self, x: FloatArray, theta: FloatArray) -> FloatArray:
        """Return the log density of the log hazard."""
        return beta_log_density(x, theta[0], theta[1])

    def starts(self, mean: float) -> list[FloatArray]:
        """Start from a heavy and a flat spread around the mean."""
        return [np.array([a, a * (1.0 - mean) / mean]) for a in (0.25, 1.0)]


class ZeroInflatedBeta(ZeroInflated):
    """A share `zero` of the problems is never solved; the others are Beta(alpha, beta)."""

    name = "zero-inflated-beta"
    solvable = BetaBinomial()


class ScaledBeta(MixingLaw):
    """Success rates are ``scale * u`` with u ~ Beta(alpha, beta) and the scale fitted too."""

    name = "scaled-beta"
    ranges = (Range("scale", 1e-4, 1.0 - 1e-9, "logit"), _ALPHA, Range("beta", 1e-1, 1e7, "log"))

    def log_density(self, x: FloatArray, theta: FloatArray) -> FloatArray:
        """Return the log density of the log hazard of u."""
        return beta_log_density(x, theta[1], theta[2])

    def mixture(self, theta: FloatArray, grid: FloatArray, step: FloatArray) -> Mixture:
        """Place u on the grid and move its points to ``scale * u``: the density of p has an edge, u has none."""
        weight = np.exp(self.log_density(grid, theta)) * step
        moved = np.log(-np.log1p(theta[0] * np.expm1(-np.exp(grid))))
        return Mixture(moved, weight, max(0.0, 1.0 - float(weight.sum())))

    def starts(self, mean: float) -> list[FloatArray]:
        """Start from the plain beta law and from a ceiling of a half."""
        return [
            np.array([s, 0.25, 0.25 * max(s / mean - 1.0, 0.1)])
            for s in (0.95, max(0.5, min(0.95, 2 * mean)))
        ]


class BetaMixture(MixingLaw):
    """Two kinds of problem: a share is Beta(alpha1, beta1), the rest Beta(alpha2, beta2)."""

    name = "beta-mixture"
    ranges = (
        Range("share", 1e-4, 1.0 - 1e-4, "logit"),
        Range("alpha1", 1e-3, 1e2, "log"),
        Range("beta1", 1e-3, 1e7, "log"),
        Range("alpha2", 1e-3, 1e2, "log"),
        Range("beta2", 1e-3, 1e7, "log"),
    )

    def log_density(self, x: FloatArray, theta: FloatArray) -> FloatArray:
        """Return the log density of the log hazard."""
        share, a1, b1, a2, b2 = theta
        first = np.log(share) + beta_log_density(x, a1, b1)
        second = np.log1p(-share) + beta_log_density(x, a2, b2)
        return np.asarray(np.logaddexp(first, second))

    def starts(self, mean: float) -> list[FloatArray]:
        """Start from easy and hard problems on both sides of the mean."""
        easy, hard = min(0.9, 3.0 * mean), mean / 3.0
        odds = [(1.0 - p) / p for p in (easy, hard)]
        return [np.array([0.3, a, a * odds[0], a, a * odds[1]]) for a in (0.5, 3.0)]


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
