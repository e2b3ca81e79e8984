"""What is believed of coverage curves before any counts: laws of success rates, and shapes of curves.

What a benchmark does beyond the samples differs by kind and not by chance: of the measured ones, contest problems have
a share that is out of reach, competition mathematics follows straight lines of log(-log coverage), and a school
benchmark bends upwards until nearly all is solved. So the prior spreads evenly over what can happen, and the counts
decide as far as they can:

* Five laws, equally likely: a power law of hard problems without end and two kinds of problem (*open*), a bell of
  difficulties or a power law beside a share that is never solved (*ceiling*), and a bell that ends (*all-solvable*).
* Under each, half of the curves are *straight* (Brown et al. 2024, arXiv 2407.21787; Schaeffer et al. 2025, arXiv
  2502.17578), a quarter are *bent*, a quarter are whatever the law gives.

Slopes are those of ``log(-log coverage)`` over the four equal steps of log k between 2 and 10^4. (At k = 1 every curve
starts flatter: doubling k at most doubles coverage.) Nothing here was fitted to a benchmark; spreads are wide on the scale
of each parameter. How it fares on benchmarks of several kinds: ``results/benchmarks/forecast_table.md``.
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np
from scipy.special import logsumexp, ndtri

from ttscale.arrays import FloatArray
from ttscale.errors import InvalidInputError
from ttscale.stats.laws.beta import BetaBinomial, BetaMixture, GeneralizedBeta, ZeroInflatedGeneralizedBeta
from ttscale.stats.laws.frame import MixingLaw, hazard_grid
from ttscale.stats.laws.normal import LogitNormal, LogNormal, ZeroInflatedLogNormal

Tail = Literal["auto", "open", "ceiling", "all-solvable"]
"""What is known of the hardest problems: nothing, ever rarer without end, a share never solved, or all within reach."""

TAILS: tuple[Tail, ...] = ("auto", "open", "ceiling", "all-solvable")

KNOTS = np.geomspace(2.0, 1e4, 5)
"""Budgets at which the shape of a curve is judged."""

_CURVE_FREEDOM = 3.0  # Student tails: a shape that the prior did not expect costs a few nats, not hundreds
_SLOPE = 0.3
_SLOPE_SPREAD = 1.0  # of its logarithm: measured slopes are .11 (contests) to .47 (school mathematics)
_PRIOR_DRAWS = 2048


@dataclass(frozen=True, slots=True)
class CurveShape:
    """One kind of curve that the prior expects: how far the slopes of its quarters differ, as log ratios.

    Attributes:
        weight: Prior probability of the kind.
        bend: Scale of the log ratio of the slopes of the later and the earlier half; infinite where any curve will do.
        wiggle: Scale of the log ratio of the slopes of the two quarters of either half.
    """

    weight: float
    bend: float
    wiggle: float

    def log_density(self, failure: FloatArray) -> FloatArray:
        """Return the log density of curves up to a constant, shape (B,), from their failure at `KNOTS`, (B, 5)."""
        if np.isinf(self.bend):
            return np.zeros(len(failure))
        level = np.log(-np.log1p(-np.clip(failure, 1e-12, 1.0 - 1e-12)))
        fall = np.maximum(-np.diff(level, axis=1), 1e-6)  # (B, 4)
        early, late = fall[:, 0] + fall[:, 1], fall[:, 2] + fall[:, 3]
        slope = (early + late) / np.log(KNOTS[-1] / KNOTS[0])
        return np.asarray(
            _student_log_density(np.log(late / early), self.bend)
            + _student_log_density(np.log(fall[:, 1] / fall[:, 0]), self.wiggle)
            + _student_log_density(np.log(fall[:, 3] / fall[:, 2]), self.wiggle)
            - 0.5 * (np.log(slope / _SLOPE) / _SLOPE_SPREAD) ** 2
        )


STRAIGHT = CurveShape(weight=0.5, bend=0.04, wiggle=0.15)
"""Published curves: bends scatter by .1 with 128 problems, the noise of which problems fall included."""

BENT = CurveShape(weight=0.25, bend=0.6, wiggle=0.5)
"""Halves differ by a factor of two as easily as not: measured on GSM8K (+.5) and on laws with two bumps (.3 to 1.6)."""

ANY = CurveShape(weight=0.25, bend=np.inf, wiggle=np.inf)
"""Whatever the law's own parameters give."""

SHAPES = (STRAIGHT, BENT, ANY)


def _student_log_density(x: FloatArray, scale: float) -> FloatArray:
    """Return the log density of a scaled Student law, up to a constant that all scales share."""
    return np.asarray(
        -(_CURVE_FREEDOM + 1.0) / 2.0 * np.log1p((x / scale) ** 2 / _CURVE_FREEDOM) - np.log(scale)
    )


@dataclass(frozen=True, slots=True, eq=False)
class PriorLaw:
    """A law with a normal prior on the scale of its fit.

    Attributes:
        law: The law; its density is evaluated for many parameters at once.
        center: Prior means of the free parameters, shape (D,).
        spread: Prior standard deviations, shape (D,).
        weight: Prior probability of the law.
    """

    law: MixingLaw
    center: FloatArray
    spread: FloatArray
    weight: float

    def log_density(self, free: FloatArray) -> FloatArray:
        """Return the log density of parameters (B, D), shape (B,)."""
        z = (free - self.center) / self.spread
        constant = np.log(self.spread).sum() + 0.5 * len(self.center) * np.log(2.0 * np.pi)
        return np.asarray(-0.5 * np.sum(z * z, axis=1) - constant)

    def inside(self, free: FloatArray) -> np.ndarray:
        """Say which parameters (B, D) lie in the law's ranges, shape (B,)."""
        low, high = self.bounds
        return np.asarray(np.all((free >= low) & (free <= high), axis=1))

    @property
    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Ends of the free parameters, each of shape (D,)."""
        ranges = self.law.ranges
        return np.array([r.free(r.low) for r in ranges]), np.array([r.free(r.high) for r in ranges])

    def mixtures(self, free: FloatArray, x: FloatArray, step: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return masses (B, M) on a grid of log hazards and zeros (B,) for parameters (B, D)."""
        law = self.law
        theta = np.stack([r.values(column) for r, column in zip(law.ranges, free.T, strict=True)])[..., None]
        mass = law.masses(theta, x, step)
        return mass, np.maximum(1.0 - mass.sum(axis=1), 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class PriorModel:
    """A law under one shape of curve, normalised over the law's parameters.

    So the odds of two models are what they say, not how much room their parameters leave for such curves.

    Attributes:
        prior: The law with its prior.
        shape: What its curves look like.
        log_weight: Log of its prior probability over the integral of prior times shape.
    """

    prior: PriorLaw
    shape: CurveShape
    log_weight: float


def under_shapes(prior: PriorLaw, shapes: tuple[CurveShape, ...] = SHAPES) -> tuple[PriorModel, ...]:
    """Return a law under each shape, with the constants that make prior times shape a density."""
    failure = _failure_beforehand(prior)
    return tuple(
        PriorModel(prior, shape, float(np.log(prior.weight * shape.weight)) - _log_mass(shape, failure))
        for shape in shapes
    )


def _failure_beforehand(prior: PriorLaw) -> FloatArray:
    """Return the failure at `KNOTS` of parameters drawn from a prior by quasi-Monte Carlo, shape (B, 5)."""
    from scipy.stats import qmc  # takes as long to import as all else here

    uniform = qmc.Sobol(len(prior.center), seed=0).random(_PRIOR_DRAWS)
    free = prior.center + prior.spread * ndtri(np.clip(uniform, 1e-12, 1.0 - 1e-12))
    x, step = hazard_grid(1, int(KNOTS[-1]))
    mass, zero = prior.mixtures(free[prior.inside(free)], x, step)
    return np.asarray(mass @ np.exp(-np.multiply.outer(np.exp(x), KNOTS)) + zero[:, None])


def _log_mass(shape: CurveShape, failure: FloatArray) -> float:
    """Return the log of the integral of prior times shape over a law's parameters, outside its ranges 0."""
    return float(logsumexp(shape.log_density(failure)) - np.log(_PRIOR_DRAWS))


def prior_models(tail: Tail = "auto") -> tuple[PriorModel, ...]:
    """Return the models that forecasts average over.

    Args:
        tail: What is known of the hardest problems; "auto" weighs the three kinds of tail by the counts.

    Raises:
        InvalidInputError: No such tail.
    """
    check_tail(tail)
    return _models(tail)


@cache
def _models(tail: Tail) -> tuple[PriorModel, ...]:
    return tuple(model for law in _laws(tail) for model in under_shapes(law))


@cache
def beta_model() -> PriorModel:
    """Return a beta law of success rates under any curve, with the priors of the power law: what a beta-binomial fit supposes."""
    law = _law(BetaBinomial(), (np.log(0.25), 1.5), (np.log(10.0), 4.0))
    (model,) = under_shapes(law, (replace(ANY, weight=1.0),))
    return model


def check_tail(tail: str) -> None:
    """Refuse a tail that is none.

    Raises:
        InvalidInputError: Not one of `TAILS`.
    """
    if tail not in TAILS:
        raise InvalidInputError(f"tail is one of {', '.join(TAILS)}, not '{tail}'.")


def _laws(tail: Tail) -> tuple[PriorLaw, ...]:
    """Return the laws of a tail with equal weights."""
    b, beta = (np.log(0.7), 0.7), (np.log(10.0), 4.0)
    zero, share, kind = (0.0, 3.0), (0.0, 1.5), (0.0, 1.5)
    middle, sigma = (-7.0, 5.0), (np.log(2.5), 0.7)
    power = _law(GeneralizedBeta(), (np.log(0.25), 1.5), b, beta)
    kinds = _law(BetaMixture(), share, kind, beta, kind, beta)
    capped = _law(ZeroInflatedLogNormal(), zero, middle, (np.log(2.0), 0.7))
    bell = _law(LogitNormal(), middle, sigma)
    capped_power = _law(ZeroInflatedGeneralizedBeta(), zero, (np.log(0.35), 1.5), b, beta)
    chosen = {
        "auto": (power, kinds, capped, capped_power, bell),
        "open": (power, kinds),
        "ceiling": (capped, capped_power),
        "all-solvable": (bell, _law(LogNormal(), middle, sigma)),
    }[tail]
    return tuple(replace(law, weight=1.0 / len(chosen)) for law in chosen)


def _law(which: MixingLaw, *priors: tuple[float, float]) -> PriorLaw:
    center, spread = np.array(priors).T
    return PriorLaw(which, center, spread, 1.0)
