"""The chance that an answer wins a plurality vote of k samples of a pool: exact, also for large pools.

Notation: a pool of n samples holds classes a of n_a equal answers and n_0 abstentions, Σ n_a + n_0 = n; k
samples are drawn without replacement; the class with most votes wins, ties are broken at random, abstentions
never win.

The counts X_a in the draw are multivariate hypergeometric, which is the law of independent Binomial(n_a, q)
counts given that they sum to k, for any q; q = k/n makes that condition likely. So

    P(a wins) = Σ_t P(X_a = t) ∫_0^1 P_z(t) dz / P(Binomial(n, q) = k),
    P_z(t) = [x^{k−t}] Π_{b≠a} (Σ_{j<t} P(X_b = j) x^j + z P(X_b = t) x^t) · (1−q+qx)^{n_0},

where the integral over z gives an s-way tie its share 1/s. The coefficient is a discrete Fourier sum over
points of the unit circle; the integrand is a polynomial in z, so Gauss-Legendre nodes integrate it exactly.
Classes of equal size share one factor, and a class too small to reach t votes needs no truncation, so
thousands of classes cost little more than a handful.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlog1py, xlogy

from ttscale.arrays import FloatArray, IntArray

_TAIL = 1e-11
"""Counts outside a window that holds all but this share of each class's distribution are left out."""

_MAX_NODES = 64
"""Most nodes of the tie integral; half the largest possible number of ties is exact."""
_NODE_ERROR = 1e-13
"""Error allowed of it. With λ rivals tied on average no derivative of order m of the integrand exceeds λ^m, which bounds
the error of Gauss-Legendre nodes."""

_CACHED = 1 << 16
"""Numbers in work at a time: half a megabyte."""

_HALVINGS = 8
"""Steps in which the edge of what is plausible is narrowed down, to a 256th of the way."""

ComplexArray = NDArray[np.complex128]


@dataclass(frozen=True, slots=True, eq=False)
class VotePool:
    """Answer classes of one pool, grouped by size.

    Attributes:
        n: Samples in the pool, abstentions included.
        size: Distinct class sizes, largest first, shape (D,).
        classes: Number of classes of each size, shape (D,).
        correct: Sum over the classes of each size of the share of correct samples in the class, shape (D,).
    """

    n: int
    size: IntArray
    classes: IntArray
    correct: FloatArray


def vote_pool(answer_class: IntArray, correct: IntArray) -> VotePool:
    """Group the samples of one problem, given answer classes (−1 abstains) and labels of shape (n,)."""
    voting = answer_class >= 0
    _, member, n_a = np.unique(answer_class[voting], return_inverse=True, return_counts=True)
    share = np.bincount(member, weights=correct[voting], minlength=len(n_a)) / n_a
    size, group, classes = np.unique(-n_a, return_inverse=True, return_counts=True)
    total = np.bincount(group, weights=share, minlength=len(size)).astype(np.float64)
    return VotePool(len(answer_class), -size, classes.astype(np.int64), total)


def chance_of_correct(pool: VotePool, k: IntArray) -> FloatArray:
    """Return the chance that the winner of a vote of k is correct, for budgets 1 <= k <= n of shape (K,)."""
    result = np.zeros(len(k))
    winners = np.flatnonzero(pool.correct > 0)
    if not len(winners):
        return result
    low, high = _windows(pool, k)
    for j, budget in enumerate(k.tolist()):
        if budget == pool.n:
            result[j] = pool.correct[0] / pool.classes[0]
            continue
        for d in winners:
            result[j] += pool.correct[d] * _chance_to_win(pool, budget, int(d), low[:, j], high[:, j])
    return np.minimum(result, 1.0)


def _windows(pool: VotePool, k: IntArray) -> tuple[IntArray, IntArray]:
    """Return the fewest and most votes that a class of each size can plausibly get; two of shape (D, K).

    Hoeffding's bound: P(X >= x) <= exp(−k·KL(x/k ‖ s/n)), and the same with s and k exchanged.
    """
    s, budget = pool.size[:, None], k[None, :]
    needed = np.log(pool.classes[:, None] / _TAIL)
    mean = s * (budget / pool.n)

    drawn, member = _Divergence(s / pool.n), _Divergence(budget / pool.n)

    def unlikely(x: FloatArray) -> NDArray[np.bool_]:
        return np.asarray(np.maximum(budget * drawn(x / budget), s * member(x / s)) > needed)

    # Bernstein's bound, to begin near the edge
    reach = np.sqrt(2 * mean * needed) + needed
    most = np.minimum(np.minimum(s, budget), mean + reach)
    fewest = np.maximum(np.maximum(0, budget - (pool.n - s)), mean - reach)
    high = _bisect(mean, most, unlikely)
    low = _bisect(mean, fewest, unlikely)
    return np.floor(low).astype(np.int64), np.ceil(high).astype(np.int64)


def _bisect(
    inside: FloatArray, outside: FloatArray, unlikely: Callable[[FloatArray], NDArray[np.bool_]]
) -> FloatArray:
    """Narrow towards the edge of the plausible; return the outer end, or `outside` where all is plausible."""
    near, far = inside.copy(), outside.copy()
    open_ended = ~unlikely(far)
    for _ in range(_HALVINGS):
        middle = (near + far) / 2
        beyond = unlikely(middle)
        near, far = np.where(beyond, near, middle), np.where(beyond, middle, far)
    return np.where(open_ended, outside, far)


class _Divergence:
    """The Kullback-Leibler divergence of Bernoulli(x) from Bernoulli(p), for arrays p and x that broadcast."""

    def __init__(self, p: FloatArray) -> None:
        inner = np.clip(p, 1e-300, 1 - 1e-16)
        self._log_p, self._log_q = np.log(inner), np.log1p(-inner)

    def __call__(self, x: FloatArray) -> FloatArray:
        x = np.clip(x, 1e-300, 1.0)
        rest = np.maximum(1.0 - x, 1e-300)
        return np.asarray(x * (np.log(x) - self._log_p) + rest * (np.log(rest) - self._log_q))


def _chance_to_win(pool: VotePool, k: int, winner: int, low: IntArray, high: IntArray) -> float:
    """Return the chance that one class of group `winner` wins (ties shared); `low` and `high` of shape (D,)."""
    others = pool.classes.copy()
    others[winner] -= 1
    present = others > 0
    first, last = max(1, int(low[winner])), int(high[winner])
    if present.any():
        if last < low[present].max():
            return 0.0
        if low[winner] > high[present].max():
            return 1.0
        first = max(first, int(low[present].max()))
    rivals = np.flatnonzero(present & (high >= first))
    votes = np.arange(first, last + 1)
    joint = _joint_with_sum(
        pool,
        k,
        int(pool.size[winner]),
        votes,
        _Rivals(pool.size[rivals], others[rivals], low[rivals], high[rivals]),
    )
    return float(np.clip(joint.sum() / np.exp(_log_binomial(pool.n, k, k / pool.n)), 0.0, 1.0))


@dataclass(frozen=True, slots=True, eq=False)
class _Rivals:
    """Classes that may reach as many votes as the winner: size, number, fewest and most plausible votes; shape (G,)."""

    size: IntArray
    classes: IntArray
    low: IntArray
    high: IntArray


def _joint_with_sum(pool: VotePool, k: int, size: int, t: IntArray, rivals: _Rivals) -> FloatArray:
    """Return P(X_a = t, a wins, counts sum to k) under independent binomials for each t; shape (T,)."""
    q = k / pool.n
    bystanders = pool.n - size - int((rivals.size * rivals.classes).sum())
    omega, weight = _frequencies(k, pool.n, q, bystanders)
    one_sample = 1 + q * np.expm1(1j * omega)  # (W,)
    rest = weight * one_sample**bystanders  # (W,)
    most_bits = int(rivals.classes.max(initial=1)).bit_length()
    bits = [np.flatnonzero(rivals.classes >> j & 1) for j in range(most_bits)]
    fewest = min(int(t[0]), int(rivals.low.min(initial=int(t[0]))))
    turns = _turns(fewest, int(t[-1]) + 1, omega)  # (V, W)
    fewer, equal = _truncated(rivals.size, q, np.arange(fewest, t[0]), t, turns)
    tied = np.empty((len(t), len(omega)), dtype=np.complex128)
    start = 0
    while start < len(t):  # blocks of votes that share the number of nodes, which falls with the votes
        active = int(np.flatnonzero(rivals.high >= t[start]).max(initial=-1)) + 1  # the larger ones
        outrun = int((rivals.size * rivals.classes)[active:].sum())
        most = min(int(rivals.classes[:active].sum()), (k - int(t[start])) // int(t[start]))
        chances = rivals.classes @ equal[:, start:, 0].real  # ω = 0: P(X_b = t)
        nodes = min(most // 2 + 1, _nodes_needed(float(chances.max(initial=0.0))))
        rest_is_small = active * len(chances) * len(omega) * nodes <= _CACHED
        if not rest_is_small:
            nodes = min(most // 2 + 1, _nodes_needed(float(chances[: int(t[start])].max(initial=0.0))))
        block = slice(start, len(t) if rest_is_small else start + int(t[start]))
        planes = [_span(plane[: np.searchsorted(plane, active)]) for plane in bits]
        product = _over_ties(fewer[:active, block], equal[:active, block], planes, nodes)
        tied[block] = product * one_sample**outrun
        start = block.stop
    tied *= turns[-len(t) :]
    tied *= np.exp(-1j * k * omega) * rest
    joint: FloatArray = np.exp(_log_binomial(size, t, q)) * tied.real.sum(axis=1)
    return joint


def _over_ties(
    fewer: ComplexArray, equal: ComplexArray, planes: list[IntArray | slice], n_nodes: int
) -> ComplexArray:
    """Integrate Π_b (fewer_b + z·equal_b)^classes_b over z in [0, 1]: (G, T, W) -> (T, W).

    Powers are taken of the product and not of each factor: with Q_j the product of the factors in whose exponent bit j
    is set (`planes[j]` are their groups), the whole is (...(Q_J)²·Q_{J−1})²·...·Q_0. As many nodes are done at a time as the processor's cache holds.
    """
    nodes, weights = gauss_nodes(n_nodes)
    real = (*fewer.shape[:2], 2 * fewer.shape[2])  # z is real: half the work, seen as pairs
    below, tied = (np.ascontiguousarray(part).view(np.float64).reshape(real) for part in (fewer, equal))
    block = min(n_nodes, max(1, _CACHED // max(1, below.size)))
    buffer = np.empty((block, *real))
    total = np.zeros(fewer.shape[1:], dtype=np.complex128)
    for start in range(0, n_nodes, block):
        z = nodes[start : start + block, None, None, None]
        factor = np.multiply(z, tied, out=buffer[: len(z)])
        factor += below
        every = factor.view(np.complex128)  # (nodes, G, T, W)
        product: ComplexArray | None = None
        for plane in reversed(planes):
            if product is not None:
                product *= product
            if isinstance(plane, slice) or len(plane):
                part = np.multiply.reduce(every[:, plane], axis=1)
                product = part if product is None else np.multiply(product, part, out=product)
        if product is None:  # nobody ties
            return np.ones_like(total)
        total += np.einsum("n,ntw->tw", weights[start : start + block], product)
    return total


def _span(positions: IntArray) -> IntArray | slice:
    """Return positions as a slice where they are consecutive, which saves a copy."""
    if len(positions) and positions[-1] - positions[0] == len(positions) - 1:
        return slice(int(positions[0]), int(positions[-1]) + 1)
    return positions


def _nodes_needed(tied: float) -> int:
    """Return how many nodes integrate the ties with `tied` rivals on average."""
    return int(np.searchsorted(_most_tied(), tied)) + 1


@cache
def _most_tied() -> FloatArray:
    """Return the λ up to which 1, 2, ... nodes suffice: λ^2n (n!)^4 / ((2n + 1) (2n)!^3) is the error."""
    n = np.arange(1, _MAX_NODES)
    log_share = 4 * gammaln(n + 1) - np.log(2 * n + 1) - 3 * gammaln(2 * n + 1)
    return np.asarray(np.exp((np.log(_NODE_ERROR) - log_share) / (2 * n)))


def _frequencies(k: int, n: int, q: float, bystanders: int) -> tuple[FloatArray, FloatArray]:
    """Return the angles of the Fourier sum in [0, π] and their weights; both of shape (W,).

    A sum of M points reads off the coefficient of x^k plus those M, 2M, ... away, so M need only exceed the
    distance at which Binomial(n, q) is negligible. Angles where the bystanders' factor vanishes are left out.
    """
    variance = k * (1 - q)
    points = min(n + 1, int(10 + np.sqrt(100 + 56 * variance)) + 1)
    index = np.arange(points // 2 + 1)
    omega = 2 * np.pi * index / points
    weight = np.where((index == 0) | (2 * index == points), 1.0, 2.0) / points
    size = np.abs(1 + q * np.expm1(1j * omega)) ** bystanders
    kept = size > _TAIL / 100
    return omega[kept], weight[kept]


@cache
def gauss_nodes(count: int) -> tuple[FloatArray, FloatArray]:
    """Return Gauss-Legendre nodes and weights on [0, 1], exact for polynomials of degree 2·count − 1."""
    x, w = np.polynomial.legendre.leggauss(count)
    return (x + 1) / 2, w / 2


def _turns(start: int, stop: int, omega: FloatArray) -> ComplexArray:
    """Return exp(i·x·ω) for x = start..stop−1, shape (V, W): each the product of two of 2·√V powers."""
    step = max(1, int(np.sqrt(stop - start)))
    large = np.exp(1j * np.outer(np.arange(start, stop, step), omega))
    small = np.exp(1j * np.outer(np.arange(step), omega))
    return np.asarray((large[:, None] * small).reshape(-1, len(omega))[: stop - start])


def _truncated(
    size: IntArray, q: float, below: IntArray, t: IntArray, turns: ComplexArray
) -> tuple[ComplexArray, ComplexArray]:
    """Return E[x^X; X < t] and E[x^X; X = t] on the unit circle for X ~ Binomial(size, q); both (G, T, W).

    Args:
        size: Samples of each class, shape (G,).
        q: Chance of each to be drawn.
        below: Plausible numbers of votes less than the first of `t`.
        t: Numbers of votes, consecutive.
        turns: The points to the power of `below` and then of `t`.
    """
    chance = np.exp(_log_binomial(size[:, None], np.concatenate([below, t]), q))  # (G, V)
    equal = chance[:, len(below) :, None] * turns[len(below) :]
    base = chance[:, : len(below)] @ turns[: len(below)].view(np.float64)  # (G, 2 W)
    fewer = np.empty_like(equal)
    fewer[:, 0] = base.view(np.complex128)
    for j in range(1, len(t)):
        np.add(fewer[:, j - 1], equal[:, j - 1], out=fewer[:, j])
    return fewer, equal


def _log_binomial(n: IntArray | int, x: IntArray | int, q: float) -> FloatArray:
    """Return the log-probability of x successes of n, broadcast; −inf for x > n."""
    table = _log_factorials(1 << int(np.max(n, initial=0)).bit_length())
    inside = np.minimum(x, n)
    outside = n - inside
    value = table[n] - table[inside] - table[outside]
    return np.where(x <= n, value + xlogy(inside, q) + xlog1py(outside, -q), -np.inf)


@lru_cache(maxsize=4)
def _log_factorials(size: int) -> FloatArray:
    """Return log 0!, log 1!, ..., shape (size + 1,)."""
    return np.asarray(gammaln(np.arange(size + 1) + 1.0))
