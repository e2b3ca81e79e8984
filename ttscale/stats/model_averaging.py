"""Average over laws and their parameters: what the counts leave open, weighed by how well it explains them.

Each law gets a prior and the counts their exact likelihood; parameters are drawn from the posterior by
adaptive importance sampling and laws weigh by their evidence. The prior says two weak things of the curve
itself, the same for every law, from what published curves share (Brown et al. 2024, arXiv 2407.21787;
Schaeffer et al. 2025, arXiv 2502.17578):

* ``log(-log coverage)`` is nearly straight in log k: the logarithm of the ratio of its slopes over [141, 10^4] and
  over [2, 141], two equal steps of log k, is around 0. (At k = 1 every curve starts flatter: doubling k
  at most doubles coverage.) The tails are heavy (Student), so data that bend are believed.
* its slope is around 0.3, within a factor of two or so.

Where the samples are few these two carry the forecast; where they are many the counts do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaincinv, gammaln, logsumexp
from scipy.stats import norm, qmc

from ttscale.stats.counts import UniqueCounts
from ttscale.stats.curve import FloatArray
from ttscale.stats.laws.beta import BetaMixture
from ttscale.stats.laws.frame import MixingLaw, hazard_grid
from ttscale.stats.laws.generalized_beta import GeneralizedBeta, ZeroInflatedGeneralizedBeta
from ttscale.stats.laws.likelihood import binomial_kernel, condensed
from ttscale.stats.laws.normal import LogitNormal, LogNormal, ZeroInflatedLogNormal

_KNOTS = np.array([2.0, np.sqrt(2e4), 1e4])
_BEND_SCALE = (
    0.04  # of the log ratio of the two slopes; measured ones scatter by about 0.1, their noise included
)
_BEND_FREEDOM = 1.5  # tails near Cauchy's: a curve that bends by a factor of three costs 8 nats, not hundreds
_SLOPE = 0.3  # measured: .19 to .37 (MATH, Pythia), .35 (HumanEval, CodeGen), .33 (Game of 24, GPT-4)
_SLOPE_SPREAD = 0.5  # of its logarithm
_TINY = 1e-300
_PROPOSAL_FREEDOM = 6.0
_ADAPTATIONS = 3
_ENOUGH = 12.0  # effective draws per parameter for a proposal's mean and covariance


@dataclass(frozen=True, slots=True)
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


def default_laws() -> tuple[PriorLaw, ...]:
    """Return the laws that forecasts average over.

    The generalized beta law holds the shapes that fit real benchmarks best; the others are there for the populations
    it cannot hold: problems out of reach, two kinds of problem, normal spreads of difficulty. Spreads are wide
    on the scale of each parameter; what the curves may look like is said once, by `log_curve_prior`.
    """
    alpha, b, beta = (np.log(0.25), 0.7), (np.log(0.7), 0.4), (np.log(10.0), 3.0)
    zero = (-1.5, 1.5)
    share = (0.0, 1.5)

    def law(which: MixingLaw, weight: float, *priors: tuple[float, float]) -> PriorLaw:
        center, spread = np.array(priors).T
        return PriorLaw(which, center, spread, weight)

    return (
        law(GeneralizedBeta(), 0.5, alpha, b, beta),
        law(ZeroInflatedGeneralizedBeta(), 0.3, zero, (np.log(0.35), 0.7), b, beta),
        law(BetaMixture(), 0.1, share, (0.0, 1.0), beta, (0.0, 1.0), beta),
        law(LogNormal(), 0.1, (-6.0, 4.0), (np.log(2.5), 0.5)),
        law(LogitNormal(), 0.1, (-6.0, 4.0), (np.log(2.5), 0.5)),
        law(ZeroInflatedLogNormal(), 0.1, zero, (-6.0, 4.0), (np.log(2.0), 0.5)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class PosteriorDraws:
    """Mixtures drawn from the posterior, all on one grid.

    Attributes:
        x: Log hazards of the grid, shape (M,).
        mass: Probability of each grid point in each draw, shape (S, M).
        zero: Probability of a hazard of zero in each draw, shape (S,).
        weight: Of the draws, summing to 1, shape (S,).
        law_weight: Posterior probability of each law by name.
    """

    x: FloatArray
    mass: FloatArray
    zero: FloatArray
    weight: FloatArray
    law_weight: dict[str, float]

    def failure(self, k: FloatArray) -> FloatArray:
        """Return ``E[(1 - p)^k]`` of each draw, shape (S, K)."""
        kernel = np.exp(-np.multiply.outer(np.exp(self.x), k))  # (M, K)
        return np.asarray(self.mass @ kernel + self.zero[:, None])


def posterior_draws(
    pairs: UniqueCounts,
    *,
    k: int,
    rng: np.random.Generator,
    laws: Sequence[PriorLaw] | None = None,
    n_draws: int = 512,
) -> PosteriorDraws:
    """Draw mixtures from the posterior over laws and parameters.

    Args:
        pairs: The distinct counts.
        k: Largest budget that will be asked for.
        rng: Source of randomness.
        laws: Laws with their priors; `default_laws` by default.
        n_draws: Draws per law.
    """
    pairs = condensed(pairs)
    posteriors = [_Posterior(prior, pairs, k) for prior in (default_laws() if laws is None else laws)]
    samples = [_importance_sample(posterior, n_draws, rng) for posterior in posteriors]
    evidence = np.array([logsumexp(s.log_weight) - np.log(len(s.log_weight)) for s in samples])
    log_share = evidence - logsumexp(evidence)
    weight = np.concatenate(
        [
            np.exp(s.log_weight - logsumexp(s.log_weight) + share)
            for s, share in zip(samples, log_share, strict=True)
        ]
    )
    kept = weight > 1e-7
    return PosteriorDraws(
        posteriors[0].x,
        np.concatenate([s.mass for s in samples])[kept],
        np.concatenate([s.zero for s in samples])[kept],
        weight[kept] / weight[kept].sum(),
        {p.prior.law.name: float(np.exp(share)) for p, share in zip(posteriors, log_share, strict=True)},
    )


class _Posterior:
    """The unnormalised log posterior of one law, over free parameters."""

    def __init__(self, prior: PriorLaw, pairs: UniqueCounts, k: int) -> None:
        self.prior = prior
        self.pairs = pairs
        self.x, self.step = hazard_grid(int(pairs.n.max()), max(k, int(_KNOTS[-1])))
        self.kernel = binomial_kernel(pairs, self.x)  # (U, M)
        self.unsolved = (pairs.c == 0).astype(float)
        self.knots = np.exp(-np.multiply.outer(_KNOTS, np.exp(self.x)))  # (3, M)
        ranges = prior.law.ranges
        self.low = np.array([r.free(r.low) for r in ranges])
        self.high = np.array([r.free(r.high) for r in ranges])

    def mixtures(self, free: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return masses (B, M) and zeros (B,) for parameters (B, D)."""
        law = self.prior.law
        theta = np.stack([r.values(column) for r, column in zip(law.ranges, free.T, strict=True)])[..., None]
        zero = np.broadcast_to(law.zero(theta), (len(free), 1))
        mass = (1.0 - zero) * np.exp(law.log_density(self.x, theta)) * self.step  # (B, M)
        return mass, np.maximum(1.0 - mass.sum(axis=1), 0.0)

    def log_density(self, free: FloatArray, mass: FloatArray, zero: FloatArray) -> FloatArray:
        """Return the log posterior of parameters (B, D) whose mixtures are given, shape (B,)."""
        probability = mass @ self.kernel.T + np.multiply.outer(zero, self.unsolved)  # (B, U)
        likelihood = np.log(np.maximum(probability, _TINY)) @ self.pairs.weight
        return np.asarray(likelihood + self.log_prior(free, mass, zero))

    def log_prior(self, free: FloatArray, mass: FloatArray, zero: FloatArray) -> FloatArray:
        z = (free - self.prior.center) / self.prior.spread
        normal = np.sum(-0.5 * z * z - np.log(np.sqrt(2.0 * np.pi) * self.prior.spread), axis=1)
        return np.asarray(
            normal + log_curve_prior(mass @ self.knots.T + zero[:, None]) + np.log(self.prior.weight)
        )

    def __call__(self, free: FloatArray) -> FloatArray:
        """Return the log posterior of parameters (B, D), minus infinity outside their ranges."""
        inside = np.all((free >= self.low) & (free <= self.high), axis=1)
        result = np.full(len(free), -np.inf)
        if inside.any():
            result[inside] = self.log_density(free[inside], *self.mixtures(free[inside]))
        return result


def log_curve_prior(failure: FloatArray) -> FloatArray:
    """Return the log prior of curves from their failure chances at `_KNOTS`, shape (B, 3) -> (B,)."""
    level = np.log(-np.log1p(-np.clip(failure, 1e-12, 1.0 - 1e-12)))
    early, late = (np.maximum(d, 1e-6) for d in (level[:, 0] - level[:, 1], level[:, 1] - level[:, 2]))
    bend = np.log(late / early) / _BEND_SCALE
    slope = np.log((early + late) / np.log(_KNOTS[-1] / _KNOTS[0]) / _SLOPE) / _SLOPE_SPREAD
    straight = -(_BEND_FREEDOM + 1.0) / 2.0 * np.log1p(bend * bend / _BEND_FREEDOM)
    return np.asarray(straight - 0.5 * slope * slope)


@dataclass(frozen=True, slots=True)
class _Sample:
    mass: FloatArray
    zero: FloatArray
    log_weight: FloatArray


def _importance_sample(posterior: _Posterior, size: int, rng: np.random.Generator) -> _Sample:
    """Draw around the mode, move the proposal to what was found, and draw again (adaptive importance sampling)."""
    center, covariance = _mode(posterior)
    for _ in range(_ADAPTATIONS):
        free, log_proposal = _student(center, covariance, size, rng)
        weight = _tempered(posterior(free) - log_proposal, _ENOUGH * len(center))
        center = weight @ free
        offset = free - center
        covariance = (weight[:, None] * offset).T @ offset + 1e-8 * np.eye(len(center))
    free, log_proposal = _student(center, covariance, size, rng)
    inside = np.all((free >= posterior.low) & (free <= posterior.high), axis=1)
    free, log_proposal = free[inside], log_proposal[inside]
    mass, zero = posterior.mixtures(free)
    log_weight = posterior.log_density(free, mass, zero) - log_proposal + np.log(inside.mean())
    return _Sample(mass, zero, log_weight)


def _tempered(log_weight: FloatArray, enough: float) -> FloatArray:
    """Return normalised weights, flattened by a power until their effective number is at least `enough`."""
    for power in 0.7 ** np.arange(12):
        weight = np.exp(power * (log_weight - log_weight.max()))
        weight /= weight.sum()
        if 1.0 / np.sum(weight**2) >= enough:
            break
    return np.asarray(weight)


def _mode(posterior: _Posterior) -> tuple[FloatArray, FloatArray]:
    """Return the highest posterior mode and the inverse Hessian there."""
    law, pairs = posterior.prior.law, posterior.pairs
    size = len(law.ranges)
    step = 1e-4 * np.eye(size)

    def objective(free: FloatArray) -> tuple[float, FloatArray]:
        around = np.concatenate([[free], free + step, free - step])
        value = -posterior.log_density(around, *posterior.mixtures(around))
        return float(value[0]), np.asarray((value[1 : size + 1] - value[size + 1 :]) / 2e-4)

    mean = float(np.clip(pairs.weight @ pairs.c / (pairs.weight @ pairs.n), 1e-6, 1 - 1e-6))
    room = 1e-3
    bounds = list(zip(posterior.low + room, posterior.high - room, strict=True))
    runs = []
    for theta in law.starts(mean):
        free = [r.free(float(np.clip(v, r.low, r.high))) for r, v in zip(law.ranges, theta, strict=True)]
        start = np.clip(free, posterior.low + room, posterior.high - room)
        runs.append(minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds))
    best = min(runs, key=lambda run: run.fun)
    shift = 1e-2 * np.eye(size)
    hessian = np.stack([(objective(best.x + s)[1] - objective(best.x - s)[1]) / 2e-2 for s in shift])
    values, vectors = np.linalg.eigh((hessian + hessian.T) / 2.0)
    curvature = np.maximum(values, 1.0 / np.max(posterior.prior.spread) ** 2)
    return best.x, np.asarray((vectors / curvature) @ vectors.T)


def _student(
    center: FloatArray, covariance: FloatArray, size: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Draw from a multivariate t law by scrambled quasi-random points; return draws and log densities."""
    dimension = len(center)
    uniform = np.clip(qmc.Sobol(dimension + 1, seed=rng).random(size), 1e-12, 1.0 - 1e-12)
    normal = norm.ppf(uniform[:, :dimension])
    chi_square = 2.0 * gammaincinv(_PROPOSAL_FREEDOM / 2.0, uniform[:, dimension])
    z = normal * np.sqrt(_PROPOSAL_FREEDOM / chi_square)[:, None]
    root = np.linalg.cholesky(covariance)
    half = (_PROPOSAL_FREEDOM + dimension) / 2.0
    constant = (
        gammaln(half) - gammaln(_PROPOSAL_FREEDOM / 2.0) - dimension / 2.0 * np.log(_PROPOSAL_FREEDOM * np.pi)
    )
    log_density = (
        constant - half * np.log1p(np.sum(z * z, axis=1) / _PROPOSAL_FREEDOM) - np.log(np.diag(root)).sum()
    )
    return center + z @ root.T, log_density
