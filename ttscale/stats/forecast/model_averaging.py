"""Average over laws and their parameters: what the counts leave open, weighed by how well it explains them.

Each law gets a prior and the counts their exact likelihood; parameters are drawn from the posterior by
adaptive importance sampling and laws weigh by their evidence. The prior says weak things of the curve itself, the
same for every law, in terms of the slopes of ``log(-log coverage)`` over the four equal steps of log k between 2
and 10^4. (At k = 1 every curve starts flatter: doubling k at most doubles coverage.)

* Nine curves in ten are *straight*, as published ones are (Brown et al. 2024, arXiv 2407.21787; Schaeffer et al.
  2025, arXiv 2502.17578): the slope of the second half is that of the first, within some percent.
* One in ten is *bent*: halves differ by a factor of two as easily as not, because some problems are out of
  reach, or because the easy ones ran out. Without it a forecast is sure of a straight line that the
  samples cannot show.
* The whole slope is around 0.3, within a factor of two or so.

Every law is averaged under both kinds of curve, each with draws of its own, so neither is lost where the posterior
has two modes. Each pair is normalised over the law's parameters: the odds of the kinds are what they say, not how
much room the parameters leave for such curves. Where the samples are few the prior carries the forecast; where they
are many the counts do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import product

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_array
from scipy.special import gammaincinv, gammaln, logsumexp
from scipy.stats import norm, qmc
from threadpoolctl import threadpool_limits

from ttscale.stats.counts.counts import UniqueCounts
from ttscale.stats.counts.curve import FloatArray
from ttscale.stats.intervals.intervals import Rng
from ttscale.stats.laws.beta import BetaMixture
from ttscale.stats.laws.frame import MixingLaw, hazard_grid
from ttscale.stats.laws.generalized_beta import GeneralizedBeta, ZeroInflatedGeneralizedBeta
from ttscale.stats.laws.likelihood import binomial_kernel, condensed
from ttscale.stats.laws.normal import LogitNormal, LogNormal, ZeroInflatedLogNormal

_KNOTS = np.geomspace(2.0, 1e4, 5)
_CURVE_FREEDOM = 3.0  # Student tails: a shape that the prior did not expect costs a few nats, not hundreds
_SLOPE = 0.3  # measured: .19 to .37 (MATH, Pythia), .35 (HumanEval, CodeGen), .33 (Game of 24, GPT-4)
_SLOPE_SPREAD = 0.5  # of its logarithm
_TINY = 1e-300
_NEGLIGIBLE = 1e-150  # beside the largest of its row
_SPARSE = 0.25  # share of a kernel below which a sparse product is faster
_PRIOR_DRAWS = 4096
_PROPOSAL_FREEDOM = 6.0
_ADAPTATIONS = 3
_ENOUGH = 12.0  # effective draws per parameter for a proposal's mean and covariance


@dataclass(frozen=True, slots=True)
class CurveShape:
    """One kind of curve that the prior expects: how far the slopes of its quarters differ, as log ratios.

    Attributes:
        weight: Prior probability of the kind.
        bend: Scale of the log ratio of the slopes of the later and the earlier half.
        wiggle: Scale of the log ratio of the slopes of the two quarters of either half.
    """

    weight: float
    bend: float
    wiggle: float

    def log_density(self, failure: FloatArray) -> FloatArray:
        """Return the log density of curves up to a constant, shape (B,), from their failure at `_KNOTS`, (B, 5)."""
        level = np.log(-np.log1p(-np.clip(failure, 1e-12, 1.0 - 1e-12)))
        fall = np.maximum(-np.diff(level, axis=1), 1e-6)  # (B, 4)
        early, late = fall[:, 0] + fall[:, 1], fall[:, 2] + fall[:, 3]
        slope = (early + late) / np.log(_KNOTS[-1] / _KNOTS[0])
        return np.asarray(
            _student_log_density(np.log(late / early), self.bend)
            + _student_log_density(np.log(fall[:, 1] / fall[:, 0]), self.wiggle)
            + _student_log_density(np.log(fall[:, 3] / fall[:, 2]), self.wiggle)
            - 0.5 * (np.log(slope / _SLOPE) / _SLOPE_SPREAD) ** 2
        )


STRAIGHT = CurveShape(weight=0.9, bend=0.04, wiggle=0.15)
"""Measured curves: bends scatter by .1 with 128 problems, the noise of which problems fall included."""

BENT = CurveShape(weight=0.1, bend=0.6, wiggle=0.5)
"""Simulated laws with two bumps, unsolvable problems or normal spreads bend by .3 to 1.6."""


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
        return np.asarray(norm.logpdf(free, self.center, self.spread).sum(axis=1))

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
        zero = np.broadcast_to(law.zero(theta), (len(free), 1))
        mass = (1.0 - zero) * np.exp(law.log_density(x, theta)) * step  # (B, M)
        return mass, np.maximum(1.0 - mass.sum(axis=1), 0.0)


@cache
def _log_mass(prior: PriorLaw, shape: CurveShape) -> float:
    """Return the log of the integral of prior times shape over a law's parameters, by quasi-Monte Carlo."""
    uniform = qmc.Sobol(len(prior.center), seed=0).random(_PRIOR_DRAWS)
    free = prior.center + prior.spread * norm.ppf(np.clip(uniform, 1e-12, 1.0 - 1e-12))
    free = free[prior.inside(free)]
    x, step = hazard_grid(1, int(_KNOTS[-1]))
    mass, zero = prior.mixtures(free, x, step)
    failure = mass @ np.exp(-np.multiply.outer(np.exp(x), _KNOTS)) + zero[:, None]
    return float(logsumexp(shape.log_density(failure)) - np.log(_PRIOR_DRAWS))


@cache
def default_laws() -> tuple[PriorLaw, ...]:
    """Return the laws that forecasts average over.

    The generalized beta law holds the shapes that fit real benchmarks best; the others are there for the populations
    it cannot hold: problems out of reach, two kinds of problem, normal spreads of difficulty. Spreads are wide
    on the scale of each parameter; what the curves may look like is said once, by `CurveShape`.
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


def posterior_of(
    pairs: UniqueCounts, *, k: int, rng: Rng, shapes: tuple[CurveShape, ...] = (STRAIGHT, BENT)
) -> PosteriorDraws:
    """Return `posterior_draws` under the default laws; the latest draws of a seed are kept and shared.

    A report asks several questions of the same counts: a forecast, the samples for a target, a budget.

    Args:
        pairs: The distinct counts.
        k: Largest budget that will be asked for.
        rng: Source of randomness; draws are shared where it is a seed.
        shapes: Kinds of curve that each law is averaged under.
    """
    furthest = max(k, int(_KNOTS[-1]))
    if isinstance(rng, int):
        columns = (pairs.n, pairs.c, pairs.weight)
        return _draws_of(
            tuple(column.astype(np.int64).tobytes() for column in columns), furthest, rng, shapes
        )
    return posterior_draws(pairs, k=furthest, rng=np.random.default_rng(rng), shapes=shapes)


@lru_cache(maxsize=6)
def _draws_of(
    columns: tuple[bytes, ...], k: int, seed: int, shapes: tuple[CurveShape, ...]
) -> PosteriorDraws:
    n, c, weight = (np.frombuffer(column, np.int64) for column in columns)
    pairs = UniqueCounts(n, c, weight, inverse=np.repeat(np.arange(len(n)), weight))
    return posterior_draws(pairs, k=k, rng=np.random.default_rng(seed), shapes=shapes)


def posterior_draws(
    pairs: UniqueCounts,
    *,
    k: int,
    rng: np.random.Generator,
    laws: Sequence[PriorLaw] | None = None,
    shapes: Sequence[CurveShape] = (STRAIGHT, BENT),
    n_draws: int = 512,
) -> PosteriorDraws:
    """Draw mixtures from the posterior over laws and parameters.

    Args:
        pairs: The distinct counts.
        k: Largest budget that will be asked for.
        rng: Source of randomness.
        laws: Laws with their priors; `default_laws` by default.
        shapes: Kinds of curve that each law is averaged under.
        n_draws: Draws per law and shape.
    """
    observed = _Observed(condensed(pairs), k)
    models = list(product(default_laws() if laws is None else laws, shapes))
    # On one thread: the matrices are small, and threads that wait for each other took twice the time.
    with threadpool_limits(1, user_api="blas"):
        samples = [
            _importance_sample(_Posterior(law, shape, observed), n_draws, rng) for law, shape in models
        ]
    evidence = np.array([logsumexp(s.log_weight) - np.log(len(s.log_weight)) for s in samples])
    log_share = evidence - logsumexp(evidence)
    law_weight = dict.fromkeys((law.law.name for law, _ in models), 0.0)
    for (law, _), share in zip(models, log_share, strict=True):
        law_weight[law.law.name] += float(np.exp(share))
    kept = [s.kept(share) for s, share in zip(samples, log_share, strict=True)]
    mass, zero, weight = (np.concatenate(parts) for parts in zip(*kept, strict=True))
    return PosteriorDraws(observed.x, mass, zero, weight / weight.sum(), law_weight)


class _Observed:
    """The counts on a grid of hazards, shared by all laws."""

    def __init__(self, pairs: UniqueCounts, k: int) -> None:
        self.pairs = pairs
        self.x, self.step = hazard_grid(int(pairs.n.max()), max(k, int(_KNOTS[-1])))
        self.kernel = _without_zeros(binomial_kernel(pairs, self.x))  # (U, M)
        self.unsolved = (pairs.c == 0).astype(float)
        self.knots = np.exp(-np.multiply.outer(_KNOTS, np.exp(self.x)))  # (5, M)

    def log_likelihood(self, mass: FloatArray, zero: FloatArray) -> FloatArray:
        """Return the log likelihood of mixtures (B, M) and (B,), shape (B,)."""
        probability = self.kernel @ mass.T + np.multiply.outer(self.unsolved, zero)  # (U, B)
        return np.asarray(self.pairs.weight @ np.log(np.maximum(probability, _TINY)))

    def failure_at_knots(self, mass: FloatArray, zero: FloatArray) -> FloatArray:
        """Return the chance that all samples fail at `_KNOTS`, shape (B, 5)."""
        return np.asarray(mass @ self.knots.T + zero[:, None])


def _without_zeros(kernel: FloatArray) -> FloatArray | csr_array:
    """Store a kernel sparsely where most of it is negligible: counts out of many samples are sharp."""
    matters = kernel > _NEGLIGIBLE * kernel.max(axis=1, keepdims=True)
    return csr_array(np.where(matters, kernel, 0.0)) if matters.mean() < _SPARSE else kernel


class _Posterior:
    """The unnormalised log posterior of one law under one shape of curve, over free parameters."""

    def __init__(self, prior: PriorLaw, shape: CurveShape, observed: _Observed) -> None:
        self.prior = prior
        self.shape = shape
        self.observed = observed
        self.low, self.high = prior.bounds
        self.constant = float(np.log(prior.weight * shape.weight)) - _log_mass(prior, shape)

    def mixtures(self, free: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return masses (B, M) and zeros (B,) for parameters (B, D)."""
        return self.prior.mixtures(free, self.observed.x, self.observed.step)

    def log_density(self, free: FloatArray, mass: FloatArray, zero: FloatArray) -> FloatArray:
        """Return the log posterior of parameters (B, D) whose mixtures are given, shape (B,)."""
        return self.observed.log_likelihood(mass, zero) + self.log_prior(free, mass, zero)

    def log_prior(self, free: FloatArray, mass: FloatArray, zero: FloatArray) -> FloatArray:
        curve = self.shape.log_density(self.observed.failure_at_knots(mass, zero))
        return np.asarray(self.prior.log_density(free) + curve + self.constant)

    def __call__(self, free: FloatArray) -> FloatArray:
        """Return the log posterior of parameters (B, D), minus infinity outside their ranges."""
        inside = self.prior.inside(free)
        result = np.full(len(free), -np.inf)
        if inside.any():
            result[inside] = self.log_density(free[inside], *self.mixtures(free[inside]))
        return result


@dataclass(frozen=True, slots=True)
class _Sample:
    mass: FloatArray
    zero: FloatArray
    log_weight: FloatArray

    def kept(self, log_share: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return masses, zeros and weights of the draws that matter; the weights sum to the model's share."""
        weight = np.exp(self.log_weight - logsumexp(self.log_weight) + log_share)
        kept = weight > 1e-7
        return self.mass[kept], self.zero[kept], weight[kept]


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
    inside = posterior.prior.inside(free)
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
    law, pairs = posterior.prior.law, posterior.observed.pairs
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
