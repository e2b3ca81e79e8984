"""The mean over problems, when half a problem like none that was seen may exist: the one rule for every interval.

Notation: V_i are the values of P problems, each within a known span [a, b]. Data that do not vary, or hardly, say
nothing of the problems that were not drawn: twenty problems solved 9 times of 10 may leave out the one in twenty that is
never solved, and no spread of the twenty tells. So each end of an interval allows for half a problem at the far end of the
span: the upper end is the quantile of

    M = Σ_i D_i V_i + D_0 b,    (D_1, ..., D_P, D_0) ~ Dirichlet(1, ..., 1, ½),

and the lower end that with D_0 a. With a whole problem there, the ends are those of Gaffke, which hold their level for
every law as far as anybody has found, and for values of 0 and 1 equal Clopper and Pearson's; half a problem relates to
them as mid-p and Jeffreys' interval do, and reaches the level instead of exceeding it. Whatever the data, an interval has a
width, stays within the span and never falls where no value does.

M >= q exactly when Σ G_i (V_i − q) >= 0 for gamma variables G_i, whose chance the saddlepoint approximation gives to
within some 5 % of itself (a fifth where a single problem stands apart), on the safe side. The saddlepoint s of q and q itself are both explicit in
t = s/(1 + s q), the multiplier of Owen's empirical likelihood, so a single equation in t is solved.

References:
    Gaffke 2005, https://doi.org/10.1007/s11117-004-2776-5; Rubin 1981, https://doi.org/10.1214/aos/1176345338;
    Barndorff-Nielsen 1986, https://doi.org/10.1093/biomet/73.2.307
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import betaincinv, ndtr

from ttscale.arrays import ArrayLike, FloatArray

UNSEEN = 0.5
"""Problems allowed for at the far end of the span."""

METHOD = "Bayesian bootstrap with half a problem unseen"

Span = tuple[float, float]
UNIT: Span = (0.0, 1.0)
SIGNED: Span = (-1.0, 1.0)

_STEPS = 40
_SETTLED = 1e-7
_NEAR, _FAR = np.log(1e-9), np.log(300.0)
"""Logarithms of −log(1 − t) between which an end is sought; at the outer one q is within e^-300 of the span's end."""
_CELLS = 400_000
"""Numbers in work at a time."""


class _Point(NamedTuple):
    """Means q with their signed root r*: P(M >= q) = Φ(−r*); both of shape (K,)."""

    q: FloatArray
    root: FloatArray


def mean_ends(
    values: FloatArray, z: float, *, weight: ArrayLike | None = None, span: Span = UNIT
) -> tuple[FloatArray, FloatArray]:
    """Return the ends of the interval for a mean over problems.

    Args:
        values: Shape (U, K).
        z: Normal quantile of either tail, such as 1.96.
        weight: Problems that each row stands for, shape (U,) or (U, K); one each by default.
        span: Least and greatest value that a problem can have.

    Returns:
        Low and high, each of shape (K,).

    >>> low, high = mean_ends(np.zeros((20, 1)), 1.96)
    >>> low.tolist(), high.round(2).tolist()
    ([0.0], [0.12])
    """
    mass = np.ones(len(values)) if weight is None else np.asarray(weight, dtype=np.float64)
    share = (values - span[0]) / (span[1] - span[0])
    low = span[1] - (span[1] - span[0]) * _upper_ends(1.0 - share, mass, z)
    high = span[0] + (span[1] - span[0]) * _upper_ends(share, mass, z)
    return np.maximum(low, span[0]), np.minimum(high, span[1])


def roots_against(
    values: FloatArray, null: float, *, weight: ArrayLike | None = None, span: Span = UNIT
) -> FloatArray:
    """Return how many standard deviations each mean lies from `null`: the z of the interval that just reaches it.

    Args:
        values: Shape (U, K).
        null: Within the span.
        weight: Problems that each row stands for.
        span: Least and greatest value that a problem can have.

    Returns:
        At least 0, shape (K,).
    """
    mass = np.ones(len(values)) if weight is None else np.asarray(weight, dtype=np.float64)
    share, at = (values - span[0]) / (span[1] - span[0]), (null - span[0]) / (span[1] - span[0])
    return np.maximum(_root_at(share, mass, at), _root_at(1.0 - share, mass, 1.0 - at))


def widened(
    low: float, high: float, value: float, n_problems: int, z: float, *, span: Span = UNIT
) -> tuple[float, float]:
    """Return an interval no narrower than what half a problem unseen leaves open where all that were seen agree.

    For quantities that are no mean of one value per problem, whose own intervals shrink to nothing on data that agree.

    >>> low, high = widened(1.0, 1.0, 1.0, 20, 1.96)
    >>> round(low, 2), high
    (0.88, 1.0)
    """
    below, above = still_open(value, n_problems, z, span=span)
    return min(low, float(below)), max(high, float(above))


def still_open(
    value: ArrayLike, n: ArrayLike, z: float, *, span: Span = UNIT
) -> tuple[FloatArray, FloatArray]:
    """Return the ends that n problems (or groups of samples) which all have `value` would have, by broadcasting."""
    middle = np.asarray(value, dtype=np.float64)
    share = betaincinv(UNSEEN, n, ndtr(z))
    below = middle - share * (middle - np.minimum(span[0], middle))
    return below, middle + share * (np.maximum(span[1], middle) - middle)


def redrawn_curves(
    table: FloatArray, n_resamples: int, rng: np.random.Generator, *, span: Span = UNIT
) -> FloatArray:
    """Draw the mean curve over problems from its posterior, half a problem unseen, for what is read off a curve.

    The unseen problem steps from one end of the span to the other, up or down, at any budget, before the first or never.

    Args:
        table: Curves of the problems, shape (P, K).
        n_resamples: Curves drawn.
        rng: Source of randomness.
        span: Least and greatest value that a problem can have.

    Returns:
        Shape (n_resamples, K).
    """
    P, K = table.shape
    batch = max(1, _CELLS // P)
    means = [
        _redrawn(table, min(batch, n_resamples - start), rng, span) for start in range(0, n_resamples, batch)
    ]
    return np.concatenate([np.zeros((0, K)), *means])


def _redrawn(table: FloatArray, size: int, rng: np.random.Generator, span: Span) -> FloatArray:
    P, K = table.shape
    seen, unseen = rng.standard_exponential((size, P)), rng.standard_gamma(UNSEEN, (size, 1))
    stepped = np.arange(K) >= rng.integers(0, K + 1, (size, 1))  # (R, K)
    falls = rng.random((size, 1)) < 0.5
    curve = np.where(stepped ^ falls, span[1], span[0])
    return np.asarray((seen @ table + unseen * curve) / (seen.sum(axis=1, keepdims=True) + unseen))


def ratio_ends(numerator: FloatArray, denominator: FloatArray, z: float) -> tuple[float, float]:
    """Return the ends of the interval for a proportion Σ a_i / Σ b_i over problems of unequal size.

    The same rule: (Σ D_i a_i + D_0 b) / (Σ D_i b_i + D_0 b) with half a problem of mean size b, all of it in the numerator for
    the upper end and none for the lower.

    Args:
        numerator: a_i, shape (P,), 0 <= a_i <= b_i.
        denominator: b_i > 0, shape (P,).
        z: Normal quantile of either tail.

    >>> low, high = ratio_ends(np.zeros(20), np.full(20, 8.0), 1.96)
    >>> round(low, 2), round(high, 2)
    (0.0, 0.12)
    """
    size = denominator / denominator.mean()
    a = numerator / denominator.mean()
    return float(1.0 - _upper_ratio(size - a, size, z)), float(_upper_ratio(a, size, z))


def _upper_ratio(a: FloatArray, b: FloatArray, z: float) -> float:
    """Return the upper end for sizes b of mean 1: where the root of P(ratio >= r) is z."""
    if (b - a).max() <= 1e-9:  # all of it, but for rounding
        return 1.0
    a = np.clip(a, 0.0, b)
    a, b = np.append(a, 1.0), np.append(b, 1.0)
    mass = np.append(np.ones(len(a) - 1), UNSEEN)
    spread = np.sqrt(float(mass @ (a - b * (mass @ a) / (mass @ b)) ** 2))
    near, far = np.log(0.05 * min(z, 1.0) / spread), np.log(1e9 * max(z, 1.0) / spread)
    best = float(brentq(lambda log_s: _ratio_at(a, b, mass, np.exp(log_s))[1] - z, near, far, xtol=1e-6))
    return min(_ratio_at(a, b, mass, np.exp(best))[0], 1.0)


def _ratio_at(a: FloatArray, b: FloatArray, mass: FloatArray, s: float) -> tuple[float, float]:
    """Return the ratio r whose saddlepoint is s, and its signed root.

    With θ = s r the weights are 1/(1 − s a_i + θ b_i), and θ makes them sum to the number of problems: a decreasing
    convex function of it, in which Newton's steps from below never overshoot.
    """
    total = mass.sum()
    theta = float(((mass / total + s * a - 1.0) / b).max())  # one term alone would be the sum
    for _ in range(_STEPS):
        tilt = 1.0 - s * a + theta * b
        step = float((mass / tilt).sum() - total) / float((mass * b / tilt**2).sum())
        theta += step
        if step <= 1e-13 * abs(theta):
            break
    tilt, ratio = 1.0 - s * a + theta * b, theta / s
    w = np.sqrt(max(2.0 * float(mass @ np.log(tilt)), 1e-300))
    u = s * np.sqrt(float(mass @ ((a - ratio * b) / tilt) ** 2))
    return ratio, float(w + np.log(max(u, 1e-300) / w) / w)


def _upper_ends(share: FloatArray, mass: FloatArray, z: float) -> FloatArray:
    """Return the upper ends for values within [0, 1], (U, K) -> (K,)."""
    ends = np.ones(share.shape[1])
    open_ended = np.flatnonzero(share.min(axis=0) < 1.0)
    columns = max(1, _CELLS // max(len(share), 1))
    for start in range(0, len(open_ended), columns):
        block = open_ended[start : start + columns]
        tilted = _Tilted(share[:, block], mass if mass.ndim == 1 else mass[:, block])
        ends[block] = _solve(tilted, lambda point: point.root / z).q
    return ends


def _root_at(share: FloatArray, mass: FloatArray, null: float) -> FloatArray:
    """Return r* of the one-sided question whether the mean may be as high as `null`; 0 where it is that high."""
    tilted = _Tilted(share, mass)
    roots = np.zeros(share.shape[1])
    below = np.flatnonzero(tilted.mean() < null)
    if len(below):
        excess = tilted.of(below)
        center = excess.mean()
        roots[below] = _solve(excess, lambda point: (point.q - center) / (null - center)).root
    return np.maximum(roots, 0.0)


class _Tilted:
    """The problems and the half unseen, weighted towards large values by y = −log(1 − t) > 0.

    Args:
        share: Values within [0, 1], shape (U, K).
        mass: Problems of each row, shape (U,) or (U, K).
    """

    def __init__(self, share: FloatArray, mass: FloatArray) -> None:
        self._share = np.concatenate([share, np.ones((1, share.shape[1]))])  # (U+1, K)
        self._mass = np.concatenate([mass, np.full((1, *mass.shape[1:]), UNSEEN)])
        if mass.ndim == 1:
            self._mass = self._mass[:, None]
        self.total = self._mass.sum(axis=0)

    @property
    def n_columns(self) -> int:
        """K."""
        return int(self._share.shape[1])

    def of(self, columns: np.ndarray) -> "_Tilted":
        """Return some columns alone."""
        mass = self._mass if self._mass.shape[1] == 1 else self._mass[:, columns]
        return _Tilted(self._share[:-1, columns], mass[:-1])

    def mean(self) -> FloatArray:
        """Return the mean without tilt, shape (K,)."""
        return np.asarray((self._mass * self._share).sum(axis=0) / self.total)

    def first_guess(self) -> FloatArray:
        """Return log y of two standard deviations in a normal approximation, shape (K,)."""
        center = self.mean()
        t = 2.0 / (np.sqrt((self._mass * (self._share - center) ** 2).sum(axis=0)) + 2.0 * center + 1e-300)
        return np.asarray(np.log(-np.log1p(-np.minimum(t, 0.95))))

    def at(self, y: FloatArray) -> _Point:
        """Return where the tilts y (K,) lead."""
        left = np.exp(-y)
        tilt = (1.0 - self._share) + self._share * left  # 1 − t·V
        weight = self._mass / tilt
        mass = weight.sum(axis=0)
        q = (weight * self._share).sum(axis=0) / mass
        scale = mass / self.total  # 1 + s·q
        log_chance = (self._mass * np.log(tilt)).sum(axis=0) + self.total * np.log(scale)
        curvature = (weight / tilt * (self._share - q) ** 2).sum(axis=0) / scale**2
        w = np.sqrt(2.0 * np.maximum(log_chance, 1e-300))
        u = -np.expm1(-y) * scale * np.sqrt(curvature)
        return _Point(q, w + np.log(np.maximum(u, 1e-300) / w) / w)


def _solve(tilted: _Tilted, measure: Callable[[_Point], FloatArray]) -> _Point:
    """Find the tilts at which an increasing measure of the point is 1: a secant in logarithms, kept within brackets."""
    near, far = np.full(tilted.n_columns, _NEAR), np.full(tilted.n_columns, _FAR)
    here = np.clip(tilted.first_guess(), near, far)
    slope = np.ones(tilted.n_columns)
    previous: tuple[FloatArray, FloatArray] | None = None
    for _ in range(_STEPS):
        point = tilted.at(np.exp(here))
        miss = np.log(np.maximum(measure(point), 1e-9))
        settled = np.abs(miss) < _SETTLED
        if settled.all():
            break
        near, far = np.where(miss < 0, here, near), np.where(miss > 0, here, far)
        with np.errstate(all="ignore"):
            if previous is not None:
                slope = (miss - previous[1]) / (here - previous[0])
            secant = here - miss / slope
        previous = here, miss
        inside = (secant > near) & (secant < far)
        here = np.where(settled, here, np.where(inside, secant, (near + far) / 2))
    return point
