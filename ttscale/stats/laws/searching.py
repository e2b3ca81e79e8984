"""The search for parameters: of greatest likelihood, of least squares, and the spread that the data leave them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares, minimize

from ttscale.arrays import FloatArray
from ttscale.stats.counts.counts import UniqueCounts
from ttscale.stats.laws.frame import CurveLaw, MixingLaw, ScalingLaw, hazard_grid
from ttscale.stats.laws.likelihood import binomial_kernel, blunted, count_probabilities
from ttscale.stats.laws.npmle import NonParametric

_EXACT, _SHARP = (
    10**6,
    10**4,
)  # samples up to which counts stay as they are; successes beyond which larger ones are blunted
_STEP = 1e-4  # of the central differences, on the scale of the fit
_BOUND_TOLERANCE = 1e-3
_FLAT = 1e-7  # relative curvature below which a direction is not identified
_UNKNOWN = 1e6  # its variance


@dataclass(frozen=True, slots=True)
class Found:
    """Where a search ended: `free` (D,), its covariance (D, D), which parameters sit at a bound (D,)."""

    free: FloatArray
    covariance: FloatArray
    at_bound: np.ndarray
    converged: bool
    status: str
    log_likelihood: float | None


def _bounds(law: ScalingLaw) -> tuple[FloatArray, FloatArray]:
    low = np.array([r.free(r.low) for r in law.ranges])
    high = np.array([r.free(r.high) for r in law.ranges])
    return low, high


def theta_of(law: ScalingLaw, free: FloatArray) -> FloatArray:
    """Return a law's parameters from those on the scale of the fit; both of shape (D,)."""
    if not law.ranges:  # non-parametric: the atoms themselves
        return free
    return np.array([r.value(f) for r, f in zip(law.ranges, free, strict=True)])


def _start(law: ScalingLaw, theta: FloatArray) -> FloatArray:
    """Return a start inside the bounds, on the scale of the fit."""
    inside = [np.clip(v, r.low, r.high) for r, v in zip(law.ranges, theta, strict=True)]
    return np.array([r.free(float(v)) for r, v in zip(law.ranges, inside, strict=True)])


def cover(law: ScalingLaw, k: np.ndarray, free: FloatArray) -> FloatArray:
    """Return a law's coverage at budgets, of parameters on the scale of the fit."""
    return law.coverage(np.asarray(k, dtype=float), theta_of(law, free))


def central(function: Callable[[FloatArray], FloatArray], free: FloatArray) -> FloatArray:
    """Differentiate by central differences; shape (..., D)."""
    steps = np.eye(len(free)) * _STEP
    return np.stack([(function(free + s) - function(free - s)) / (2.0 * _STEP) for s in steps], axis=-1)


def maximise_likelihood(law: MixingLaw, whole: UniqueCounts) -> Found:
    """Fit a mixing law; the mixture is differentiated, never the (U, M) kernel.

    Beyond a million samples counts are blunted. A sharp count has probability ``f(c/n) / (n + 1)`` under a smooth
    density f of p, so the log-likelihood of the whole ones follows.
    """
    n_max = int(whole.n.max())
    pairs = whole if n_max <= _EXACT else blunted(whole, _SHARP)
    lost = float(whole.weight @ np.log((pairs.n + 1.0) / (whole.n + 1.0)))
    grid, step = hazard_grid(n_max, n_max, np.inf if n_max <= _EXACT else _SHARP)
    fixed_kernel = binomial_kernel(pairs, grid)

    def probabilities(free: FloatArray) -> FloatArray:
        mixture = law.mixture(theta_of(law, free), grid, step)
        kernel = fixed_kernel if mixture.x is grid else binomial_kernel(pairs, mixture.x)
        return count_probabilities(pairs, mixture, kernel)

    def scores(free: FloatArray) -> FloatArray:
        """Return the gradient of each distinct count's negative log-probability, shape (U, D)."""
        return -central(lambda f: np.log(probabilities(f)), free)

    def objective(free: FloatArray) -> tuple[float, FloatArray]:
        value = -float(pairs.weight @ np.log(probabilities(free)))
        return value, np.asarray(pairs.weight @ scores(free))

    low, high = _bounds(law)
    p_mean = float(np.clip(pairs.weight @ pairs.c / (pairs.weight @ pairs.n), 1e-6, 1 - 1e-6))
    runs = [
        minimize(
            objective, _start(law, s), jac=True, method="L-BFGS-B", bounds=list(zip(low, high, strict=True))
        )
        for s in law.starts(p_mean)
    ]
    best = min(runs, key=lambda run: run.fun)
    at_bound = _at_bound(best.x, low, high)
    hessian = central(lambda f: objective(f)[1], best.x)
    score = scores(best.x)
    covariance = _sandwich(hessian, np.einsum("u,ud,ue->de", pairs.weight, score, score), ~at_bound)
    return Found(best.x, covariance, at_bound, bool(best.success), str(best.message), lost - float(best.fun))


def place_atoms(law: NonParametric, pairs: UniqueCounts) -> Found:
    """Fit the non-parametric law; its many weights have no intervals of their own."""
    atoms, likelihood, gap = law.fit(pairs)
    size = len(atoms)
    status = f"the likelihood is within {gap:.1e} per problem of its maximum"
    return Found(atoms, np.zeros((size, size)), np.zeros(size, bool), gap < 1e-3, status, likelihood)


def fit_curve(
    law: CurveLaw, k: np.ndarray, observed: FloatArray, curves: FloatArray, pairs: UniqueCounts
) -> Found:
    """Fit a curve law to the observed coverage at k where it lies strictly between 0 and 1."""
    inside = (observed > 0.0) & (observed < 1.0)
    low, high = _bounds(law)
    if np.count_nonzero(inside) < len(law.ranges):
        nothing = np.full(len(low), np.nan)
        status = f"coverage lies strictly between 0 and 1 at {np.count_nonzero(inside)} budgets only"
        return Found(nothing, np.full((len(low),) * 2, np.nan), np.zeros(len(low), bool), False, status, None)
    ks, target = k[inside], observed[inside]

    def residuals(free: FloatArray) -> FloatArray:
        return law.link(cover(law, ks, free)) - law.link(target)

    runs = [
        least_squares(
            residuals, _start(law, s), bounds=(low, high), x_scale="jac", xtol=1e-12, ftol=1e-12, gtol=1e-12
        )
        for s in law.starts(ks.astype(float), target)
    ]
    best = min(runs, key=lambda run: run.cost)
    at_bound = _at_bound(best.x, low, high)
    jacobian = central(residuals, best.x)  # (K, D)
    slope = (law.link(target * (1 + 1e-6)) - law.link(target * (1 - 1e-6))) / (2e-6 * target)
    score = (curves[:, inside] - target) * slope @ jacobian / pairs.weight.sum()  # (U, D)
    spread = np.einsum("u,ud,ue->de", pairs.weight, score, score)
    covariance = _sandwich(jacobian.T @ jacobian, spread, ~at_bound)
    moves = bool(np.any(jacobian))
    status = str(best.message) if moves else "the curve is flat in its parameters where the search began"
    return Found(best.x, covariance, at_bound, bool(best.success) and moves, status, None)


def _at_bound(free: FloatArray, low: FloatArray, high: FloatArray) -> np.ndarray:
    width = high - low
    return np.asarray((free - low < _BOUND_TOLERANCE * width) | (high - free < _BOUND_TOLERANCE * width))


def _sandwich(hessian: FloatArray, spread: FloatArray, inner: np.ndarray) -> FloatArray:
    """Return A^-1 B A^-1 over the parameters that are not at a bound, zero elsewhere.

    A direction in which the objective is flat is not identified; its variance is set so large that intervals
    span the whole range.
    """
    covariance = np.zeros_like(hessian)
    index = np.ix_(inner, inner)
    values, vectors = np.linalg.eigh((hessian[index] + hessian[index].T) / 2.0)
    flat = values <= _FLAT * np.max(values, initial=0.0)
    bread = (vectors[:, ~flat] / values[~flat]) @ vectors[:, ~flat].T
    unknown = _UNKNOWN * vectors[:, flat] @ vectors[:, flat].T
    covariance[index] = bread @ spread[index] @ bread + unknown
    return covariance
