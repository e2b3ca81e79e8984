"""The chance that an answer wins a plurality vote of k samples drawn from a pool: exact, also for large pools.

Notation: a pool of n samples holds classes a of n_a equal answers and n_0 abstentions, Σ n_a + n_0 = n; k samples
are drawn without replacement; the class with most votes wins, ties are broken at random, abstentions never win.

The counts X_a in the draw are multivariate hypergeometric, which is the law of independent Binomial(n_a, q)
counts given that they sum to k, for any q; q = k/n makes that condition likely. So

    P(a wins) = Σ_t P(X_a = t) ∫_0^1 P_z(t) dz / P(Binomial(n, q) = k),
    P_z(t) = [x^{k−t}] Π_{b≠a} (Σ_{j<t} P(X_b = j) x^j + z P(X_b = t) x^t) · (1−q+qx)^{n_0},

where the integral over z gives an s-way tie its share 1/s. The coefficient is a discrete Fourier sum over points of
the unit circle; the integrand is a polynomial in z, so Gauss-Legendre nodes integrate it exactly. Classes of equal
size share one factor, and a class too small to reach t votes needs no truncation, so thousands of classes cost
little more than a handful.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlog1py, xlogy

from ttscale.stats.curve import FloatArray, IntArray

_TAIL = 1e-13
"""Counts outside a window that holds all but this share of each class's distribution are left out."""

_MAX_NODES = 64
"""Nodes for the tie integral: exact up to 127-way ties."""

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

    def unlikely(x: FloatArray) -> NDArray[np.bool_]:
        drawn = budget * _divergence(x / budget, s / pool.n)
        member = s * _divergence(x / s, budget / pool.n)
        return np.asarray(np.maximum(drawn, member) > needed)

    most, fewest = np.minimum(s, budget) + 0.0, np.maximum(0, budget - (pool.n - s)) + 0.0
    high = _bisect(mean, most, unlikely)
    low = _bisect(mean, fewest, unlikely)
    return np.floor(low).astype(np.int64), np.ceil(high).astype(np.int64)


def _bisect(
    inside: FloatArray, outside: FloatArray, unlikely: Callable[[FloatArray], NDArray[np.bool_]]
) -> FloatArray:
    """Narrow towards the edge of the plausible; return the outer end, or `outside` where all is plausible."""
    near, far = inside.copy(), outside.copy()
    open_ended = ~unlikely(far)
    for _ in range(20):
        middle = (near + far) / 2
        beyond = unlikely(middle)
        near, far = np.where(beyond, near, middle), np.where(beyond, middle, far)
    return np.where(open_ended, outside, far)


def _divergence(x: FloatArray, p: FloatArray) -> FloatArray:
    """Return the Kullback-Leibler divergence of Bernoulli(x) from Bernoulli(p)."""
    x = np.clip(x, 0.0, 1.0)
    inner = np.clip(p, 1e-300, 1 - 1e-16)
    divergence: FloatArray = xlogy(x, x) + xlog1py(1 - x, -x) - xlogy(x, inner) - xlog1py(1 - x, -inner)
    return divergence


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
    total = 0.0
    q = k / pool.n
    while first <= last:  # blocks of votes t that share the number of nodes
        until = min(last, 2 * first - 1)
        total += _block(pool, k, q, winner, others, low, high, np.arange(first, until + 1))
        first = until + 1
    return min(total, 1.0)


def _block(
    pool: VotePool,
    k: int,
    q: float,
    winner: int,
    others: IntArray,
    low: IntArray,
    high: IntArray,
    t: IntArray,
) -> float:
    """Sum P(X_a = t, a wins) over a range of votes t, shape (T,)."""
    rivals = np.flatnonzero((others > 0) & (high >= t[0]))
    bystanders = pool.n - int(pool.size[winner]) - int((pool.size[rivals] * others[rivals]).sum())
    omega, weight = _frequencies(k, pool.n, q, bystanders)
    phase = np.exp(1j * omega)  # (W,)
    rest = weight * np.exp(bystanders * np.log1p(q * (phase - 1)))  # (W,)
    ties = min(int(others[rivals].sum()), (k - int(t[0])) // int(t[0]))
    z, z_weight = _tie_nodes(ties)
    product = np.ones((len(t), len(z), len(omega)), dtype=np.complex128)
    for b in rivals:
        fewer, equal = _truncated(int(pool.size[b]), q, t, int(low[b]), omega)
        factor = fewer[:, None, :] + z[:, None] * equal[:, None, :]
        product *= factor if others[b] == 1 else factor ** int(others[b])
    tied = np.einsum("z,tzw->tw", z_weight, product)  # (T, W)
    shifted = np.exp(1j * np.outer(t - k, omega)) * rest
    joint = (tied * shifted).real.sum(axis=1) * np.exp(_log_binomial(int(pool.size[winner]), t, q))
    return float(joint.sum() / np.exp(_log_binomial(pool.n, np.array([k]), q))[0])


def _frequencies(k: int, n: int, q: float, bystanders: int) -> tuple[FloatArray, FloatArray]:
    """Return the angles of the Fourier sum in [0, π] and their weights; both of shape (W,).

    A sum of M points reads off the coefficient of x^k plus those M, 2M, ... away, so M need only exceed the distance
    at which Binomial(n, q) is negligible. Angles where the bystanders' factor vanishes are left out.
    """
    variance = k * (1 - q)
    points = min(n + 1, int(10 + np.sqrt(100 + 70 * variance)) + 1)
    index = np.arange(points // 2 + 1)
    omega = 2 * np.pi * index / points
    weight = np.where((index == 0) | (2 * index == points), 1.0, 2.0) / points
    with np.errstate(divide="ignore"):
        size = 0.5 * bystanders * np.log1p(-2 * q * (1 - q) * (1 - np.cos(omega)))
    kept = size > np.log(_TAIL) - 5
    return omega[kept], weight[kept]


def _tie_nodes(ties: int) -> tuple[FloatArray, FloatArray]:
    """Return Gauss-Legendre nodes and weights on [0, 1], exact for polynomials of degree `ties`."""
    x, w = np.polynomial.legendre.leggauss(min(ties // 2 + 1, _MAX_NODES))
    return (x + 1) / 2, w / 2


def _truncated(
    size: int, q: float, t: IntArray, low: int, omega: FloatArray
) -> tuple[ComplexArray, ComplexArray]:
    """Return E[x^X; X < t] and E[x^X; X = t] on the unit circle for X ~ Binomial(size, q); both (T, W)."""
    votes = np.arange(min(low, int(t[0])), int(t[-1]) + 1)
    terms = np.exp(_log_binomial(size, votes, q)[:, None] + 1j * np.outer(votes, omega))
    below = np.cumsum(terms, axis=0) - terms
    here = t - votes[0]
    return below[here], terms[here]


def _log_binomial(n: int, x: IntArray, q: float) -> FloatArray:
    """Return the log-probability of x successes of n; −inf for x > n."""
    inside = np.minimum(x, n)
    value = (
        gammaln(n + 1)
        - gammaln(inside + 1)
        - gammaln(n - inside + 1)
        + xlogy(inside, q)
        + xlog1py(n - inside, -q)
    )
    return np.where(x <= n, value, -np.inf)
