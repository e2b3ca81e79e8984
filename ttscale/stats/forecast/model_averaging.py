"""Average over laws and their parameters: what the counts leave open, weighed by how well it explains them.

Each law gets a prior (`ttscale.stats.forecast.prior`) and the counts their likelihood; parameters are drawn from the
posterior by adaptive importance sampling and laws weigh by their evidence: in full for a best guess, and for an interval less where problems are many. Every law is averaged under every shape of
curve, each with draws of its own, so none is lost where the posterior has several modes. Where the samples are few the
prior carries the forecast; where they are many the counts do. The cost depends on neither samples nor problems, see
`ttscale.stats.laws.likelihood`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaincinv, gammaln, logsumexp, ndtri
from threadpoolctl import threadpool_limits

from ttscale.arrays import FloatArray, IntArray
from ttscale.stats.counts.counts import UniqueCounts
from ttscale.stats.forecast.prior import KNOTS, STRAIGHT, PriorModel, beta_model, prior_models
from ttscale.stats.intervals.intervals import Rng
from ttscale.stats.laws.frame import hazard_grid
from ttscale.stats.laws.likelihood import SHARPEST, CondensedCounts, binomial_kernel, condensed

_TINY = 1e-300
_NEGLIGIBLE = 1e-40
"""Share of a count's largest probability below which a hazard that gives it does not matter."""
_BANDS = 8
_PROPOSAL_FREEDOM = 6.0
_ADAPTATIONS = 2
_COARSENESS = 500.0
"""Problems whose evidence for one law and against another counts half: no law is true, and many problems prove small
faults of the ones that forecast best (Miller and Dunson 2019, https://doi.org/10.1080/01621459.2018.1469995)."""
_ENOUGH = 12.0  # effective draws per parameter for a proposal's mean and covariance


@dataclass(frozen=True, slots=True, eq=False)
class PosteriorDraws:
    """Mixtures drawn from the posterior, all on one grid.

    Attributes:
        x: Log hazards of the grid, shape (M,).
        mass: Probability of each grid point in each draw, shape (S, M).
        zero: Probability of a hazard of zero in each draw, shape (S,).
        weight: Of the draws, summing to 1, shape (S,): wary, with the evidence discounted.
        sharp: Likewise, with the evidence in full.
        law_weight: Posterior probability of each law by name.
        straight: Posterior over prior odds, with the evidence in full, of straight curves against all.
        beta: Likewise of a beta law of success rates against the average.
    """

    x: FloatArray
    mass: FloatArray
    zero: FloatArray
    weight: FloatArray
    sharp: FloatArray
    law_weight: dict[str, float]
    straight: float
    beta: float

    def failure(self, k: FloatArray) -> FloatArray:
        """Return ``E[(1 - p)^k]`` of each draw, shape (S, K)."""
        kernel = np.exp(-np.multiply.outer(np.exp(self.x), k))  # (M, K)
        return np.asarray(self.mass @ kernel + self.zero[:, None])


def posterior_of(
    pairs: UniqueCounts, *, k: int, rng: Rng, models: tuple[PriorModel, ...] | None = None
) -> PosteriorDraws:
    """Return `posterior_draws`; the latest draws of a seed are kept and shared.

    A report asks several questions of the same counts: a forecast, the samples for a target, a budget.

    Args:
        pairs: The distinct counts.
        k: Largest budget that will be asked for.
        rng: Source of randomness; draws are shared where it is a seed.
        models: What is believed beforehand; `prior_models` by default.
    """
    furthest = max(k, int(KNOTS[-1]))
    models = prior_models() if models is None else models
    if isinstance(rng, int):
        columns = (pairs.n, pairs.c, pairs.weight)
        return _draws_of(
            tuple(column.astype(np.int64).tobytes() for column in columns), furthest, rng, models
        )
    return posterior_draws(pairs, k=furthest, rng=np.random.default_rng(rng), models=models)


@lru_cache(maxsize=6)
def _draws_of(
    columns: tuple[bytes, ...], k: int, seed: int, models: tuple[PriorModel, ...]
) -> PosteriorDraws:
    n, c, weight = (np.frombuffer(column, np.int64) for column in columns)
    pairs = UniqueCounts(n, c, weight, inverse=np.zeros(0, dtype=np.int64))
    return posterior_draws(pairs, k=k, rng=np.random.default_rng(seed), models=models)


def posterior_draws(
    pairs: UniqueCounts,
    *,
    k: int,
    rng: np.random.Generator,
    models: Sequence[PriorModel] | None = None,
    n_draws: int = 512,
) -> PosteriorDraws:
    """Draw mixtures from the posterior over laws and parameters.

    Args:
        pairs: The distinct counts.
        k: Largest budget that will be asked for.
        rng: Source of randomness.
        models: Laws under shapes of curves with their priors; `prior_models` by default.
        n_draws: Draws per model.
    """
    observed = _Observed(pairs, k)
    models = prior_models() if models is None else models
    # On one thread: the matrices are small, and threads that wait for each other took twice the time.
    with threadpool_limits(1, user_api="blas"):
        samples = [_importance_sample(_Posterior(model, observed), n_draws, rng) for model in models]
        beta = _importance_sample(_Posterior(beta_model(), observed), n_draws, rng).evidence
    own = np.log([model.prior.weight * model.shape.weight for model in models])
    evidence = np.array([sample.evidence for sample in samples]) - own
    wary, sharp = (_log_shares(own, part * evidence) for part in (_part(int(pairs.weight.sum())), 1.0))
    law_weight = dict.fromkeys((model.prior.law.name for model in models), 0.0)
    for model, share in zip(models, wary, strict=True):
        law_weight[model.prior.law.name] += float(np.exp(share))
    kept = [s.kept(*shares) for s, *shares in zip(samples, wary, sharp, strict=True)]
    mass, zero, weight, sharper = (np.concatenate(parts) for parts in zip(*kept, strict=True))
    straight = np.array([model.shape.bend == STRAIGHT.bend for model in models])
    return PosteriorDraws(
        observed.x,
        mass,
        zero,
        weight / weight.sum(),
        sharper / sharper.sum(),
        law_weight,
        straight=_odds(logsumexp(sharp[straight]), logsumexp(own[straight])) if straight.any() else 0.0,
        beta=_odds(beta, logsumexp(evidence + own) - logsumexp(own)),
    )


def _odds(log_after: float, log_before: float) -> float:
    return float(np.exp(np.clip(log_after - log_before, -700.0, 700.0)))


def _part(n_problems: int) -> float:
    """Return the share of the evidence that a coarsened posterior counts."""
    return _COARSENESS / (_COARSENESS + n_problems)


def _log_shares(own: FloatArray, evidence: FloatArray) -> FloatArray:
    """Return the log posterior probability of each model from its log prior probability and evidence."""
    return np.asarray(own + evidence - logsumexp(own + evidence))


class _Observed:
    """The counts on a grid of hazards, shared by all laws."""

    def __init__(self, pairs: UniqueCounts, k: int) -> None:
        fewer = condensed(pairs)
        n = int(pairs.n.max())
        self.x, self.step = hazard_grid(n, max(k, n), SHARPEST)
        order, self.bands = _bands(binomial_kernel(fewer, self.x))
        self.pairs = CondensedCounts(fewer.n[order], fewer.c[order], fewer.weight[order])
        self.unsolved = (self.pairs.c == 0).astype(float)
        self.knots = np.exp(-np.multiply.outer(KNOTS, np.exp(self.x)))  # (5, M)

    def log_likelihood(self, mass: FloatArray, zero: FloatArray) -> FloatArray:
        """Return the log likelihood of mixtures (B, M) and (B,), shape (B,)."""
        probability = np.concatenate([part @ mass[:, at].T for at, part in self.bands])  # (U, B)
        probability += np.multiply.outer(self.unsolved, zero)
        return np.asarray(self.pairs.weight @ np.log(np.maximum(probability, _TINY)))

    def failure_at_knots(self, mass: FloatArray, zero: FloatArray) -> FloatArray:
        """Return the chance that all samples fail at `KNOTS`, shape (B, 5)."""
        return np.asarray(mass @ self.knots.T + zero[:, None])


def _bands(kernel: FloatArray) -> tuple[IntArray, list[tuple[slice, FloatArray]]]:
    """Cut a kernel (U, M) into bands of rows that matter at the same columns; return the rows' order and the bands.

    Beyond, a kernel holds nothing but zeros and numbers so small that products with them are slow.
    """
    matters = kernel > _NEGLIGIBLE * kernel.max(axis=1, keepdims=True)
    first = matters.argmax(axis=1)
    last = matters.shape[1] - matters[:, ::-1].argmax(axis=1)
    order = np.lexsort((last, first))
    bands = []
    for rows in np.array_split(order, min(_BANDS, len(order))):
        at = slice(int(first[rows].min()), int(last[rows].max()))
        bands.append((at, np.where(matters[rows, at], kernel[rows, at], 0.0)))
    return order, bands


class _Posterior:
    """The unnormalised log posterior of one model, over free parameters."""

    def __init__(self, model: PriorModel, observed: _Observed) -> None:
        self.model = model
        self.prior = model.prior
        self.observed = observed
        self.low, self.high = model.prior.bounds

    def mixtures(self, free: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return masses (B, M) and zeros (B,) for parameters (B, D)."""
        return self.prior.mixtures(free, self.observed.x, self.observed.step)

    def log_density(self, free: FloatArray, mass: FloatArray, zero: FloatArray) -> FloatArray:
        """Return the log posterior of parameters (B, D) whose mixtures are given, shape (B,)."""
        curve = self.model.shape.log_density(self.observed.failure_at_knots(mass, zero))
        prior = self.prior.log_density(free) + curve + self.model.log_weight
        return np.asarray(self.observed.log_likelihood(mass, zero) + prior)

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

    @property
    def evidence(self) -> float:
        """Log of the mean weight."""
        return float(logsumexp(self.log_weight) - np.log(len(self.log_weight)))

    def kept(self, *log_shares: float) -> tuple[FloatArray, ...]:
        """Return masses and zeros of the draws that matter, and their weights, which sum to each of the model's shares."""
        log_weight = self.log_weight - logsumexp(self.log_weight)
        weights = [np.exp(log_weight + share) for share in log_shares]
        kept = np.max(weights, axis=0) > 1e-7
        return self.mass[kept], self.zero[kept], *(weight[kept] for weight in weights)


def _importance_sample(posterior: _Posterior, size: int, rng: np.random.Generator) -> _Sample:
    """Draw around the mode, move the proposal to what was found, and draw again (adaptive importance sampling)."""
    center, covariance = _mode(posterior)
    for _ in range(_ADAPTATIONS):
        free, log_proposal = _student(center, covariance, size // 2, rng)
        weight = _tempered(posterior(free) - log_proposal, _ENOUGH * len(center))
        center = weight @ free
        offset = free - center
        covariance = (weight[:, None] * offset).T @ offset + 1e-8 * np.eye(len(center))
    free, log_proposal = _student(center, covariance, size, rng)
    inside = posterior.prior.inside(free)
    free, log_proposal = free[inside], log_proposal[inside]
    mass, zero = posterior.mixtures(free)
    log_weight = posterior.log_density(free, mass, zero) - log_proposal + np.log(inside.mean())
    return _Sample(mass, zero, _truncated(log_weight))


def _truncated(log_weight: FloatArray) -> FloatArray:
    """Cap weights at their mean times the root of their number, so that no draw is all (Ionides 2008)."""
    size = len(log_weight)
    return np.asarray(np.minimum(log_weight, logsumexp(log_weight) - 0.5 * np.log(size)))


def _tempered(log_weight: FloatArray, enough: float) -> FloatArray:
    """Return normalised weights, flattened by a power until their effective number is at least `enough`."""
    for power in 0.7 ** np.arange(12):
        weight = np.exp(power * (log_weight - log_weight.max()))
        weight /= weight.sum()
        if 1.0 / np.sum(weight**2) >= enough:
            break
    return np.asarray(weight)


def highest_mode(
    models: Sequence[PriorModel], pairs: UniqueCounts, k: int
) -> list[tuple[FloatArray, FloatArray, float]]:
    """Return, per model, the highest mode of its posterior, the inverse Hessian there, and the log density.

    Args:
        models: Laws under shapes of curves with their priors.
        pairs: The distinct counts.
        k: Largest budget of interest.
    """
    observed = _Observed(pairs, k)
    posteriors = [_Posterior(model, observed) for model in models]
    modes = [_mode(posterior) for posterior in posteriors]
    return [(*mode, float(p(mode[0][None])[0])) for p, mode in zip(posteriors, modes, strict=True)]


def _mode(posterior: _Posterior) -> tuple[FloatArray, FloatArray]:
    """Return the highest posterior mode and the inverse Hessian there."""
    law, pairs = posterior.prior.law, posterior.observed.pairs
    size = len(law.ranges)
    step = 1e-4 * np.eye(size)

    def objective(free: FloatArray) -> tuple[float, FloatArray]:
        around = np.concatenate([[free], free + step, free - step])
        value = -posterior.log_density(around, *posterior.mixtures(around))
        return float(value[0]), np.asarray((value[1 : size + 1] - value[size + 1 :]) / 2e-4)

    def gradient(points: FloatArray) -> FloatArray:  # (B, D) -> (B, D)
        around = (points[:, None] + np.concatenate([step, -step])).reshape(-1, size)
        value = -posterior.log_density(around, *posterior.mixtures(around)).reshape(len(points), 2, size)
        return np.asarray((value[:, 0] - value[:, 1]) / 2e-4)

    mean = float(np.clip(pairs.weight @ pairs.c / (pairs.weight @ pairs.n), 1e-6, 1 - 1e-6))
    room = 1e-3
    bounds = list(zip(posterior.low + room, posterior.high - room, strict=True))
    clipped = [
        np.clip(t, [r.low for r in law.ranges], [r.high for r in law.ranges]) for t in law.starts(mean)
    ]
    free = [[r.free(float(v)) for r, v in zip(law.ranges, theta, strict=True)] for theta in clipped]
    starts = np.clip([*free, posterior.prior.center], posterior.low + room, posterior.high - room)
    start = starts[np.argmax(posterior(starts))]
    best = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 60})
    shift = 1e-2 * np.eye(size)
    hessian = (gradient(best.x + shift) - gradient(best.x - shift)) / 2e-2
    values, vectors = np.linalg.eigh((hessian + hessian.T) / 2.0)
    curvature = np.maximum(values, 1.0 / np.max(posterior.prior.spread) ** 2)
    return best.x, np.asarray((vectors / curvature) @ vectors.T)


def _student(
    center: FloatArray, covariance: FloatArray, size: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Draw from a multivariate t law by scrambled quasi-random points; return draws and log densities."""
    from scipy.stats import qmc  # takes as long to import as all else here

    dimension = len(center)
    uniform = np.clip(qmc.Sobol(dimension + 1, seed=rng).random(size), 1e-12, 1.0 - 1e-12)
    normal = ndtri(uniform[:, :dimension])
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
