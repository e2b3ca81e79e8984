"""pass@k and pass^k of each problem: unbiased, exact to the last digits, for ragged n and all k at once.

Notation: n samples drawn, c of them correct, k the budget; see `ttscale.stats.counts.counts`.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import gammaln

from ttscale.arrays import ArrayLike, FloatArray, IntArray
from ttscale.stats.counts.counts import Counts, TooFew, budgets, counts, refuse_too_few

Chance = Callable[[IntArray, IntArray, IntArray], FloatArray]
"""(n, c, k), broadcast and valid -> the estimate of one problem."""

_FEW_FACTORS = 16
"""Up to this many factors are multiplied one by one; Stirling's series is exact to 1e-15 beyond it."""


def pass_at_k(n: ArrayLike, c: ArrayLike, k: ArrayLike, *, too_few: TooFew = "raise") -> FloatArray:
    """Estimate the chance that at least one of k samples is correct: 1 − C(n−c, k)/C(n, k).

    The mean over all subsets of k of the n samples, hence unbiased for 1 − (1−p)^k. Not for data drawn
    with a stopping rule (see `ttscale.stats.coverage.stopping`), nor for k > n (see `ttscale.stats.counts.posterior` and the
    forecasts).

    Args:
        n: Samples drawn per problem, shape (P,), or one number for all.
        c: Samples correct per problem, shape (P,).
        k: Budget or budgets, shape (K,).
        too_few: What becomes of a problem with n < k: "raise" (default) or "nan".

    Returns:
        Shape (P, K), within 1e-12 of the exact fraction in relative terms for n up to 1e5.

    Raises:
        InvalidInputError: Impossible counts, or k > n with ``too_few="raise"``.

    References:
        Chen et al. 2021, eq. 1, https://arxiv.org/abs/2107.03374

    >>> pass_at_k([5, 4], [2, 0], [1, 2]).round(3).tolist()
    [[0.4, 0.7], [0.0, 0.0]]
    """
    data, ks = counts(n, c), budgets(k)
    return _by_unique_pairs(data, ks, too_few, "pass@{k}", at_least_one)


def pass_hat_k(n: ArrayLike, c: ArrayLike, k: ArrayLike, *, too_few: TooFew = "raise") -> FloatArray:
    """Estimate the chance that all k samples are correct, pass^k: C(c, k)/C(n, k).

    Args:
        n: Samples drawn per problem, shape (P,), or one number for all.
        c: Samples correct per problem, shape (P,).
        k: Budget or budgets, shape (K,).
        too_few: What becomes of a problem with n < k: "raise" (default) or "nan".

    Returns:
        Shape (P, K).

    Raises:
        InvalidInputError: Impossible counts, or k > n with ``too_few="raise"``.

    References:
        Yao et al. 2024 (tau-bench), https://arxiv.org/abs/2406.12045

    >>> pass_hat_k([5], [4], [1, 2]).round(3).tolist()
    [[0.8, 0.6]]
    """
    data, ks = counts(n, c), budgets(k)
    return _by_unique_pairs(data, ks, too_few, "pass^{k}", all_of_them)


def at_least_one(n: IntArray, c: IntArray, k: IntArray) -> FloatArray:
    """Return 1 − C(n−c, k)/C(n, k) for arrays that broadcast and are valid already (k <= n)."""
    chance: FloatArray = 0.0 - np.expm1(log_none(n, c, k))  # never minus zero
    return chance


def all_of_them(n: IntArray, c: IntArray, k: IntArray) -> FloatArray:
    """Return C(c, k)/C(n, k) for arrays that broadcast and are valid already (k <= n)."""
    chance: FloatArray = np.exp(log_none(n, n - c, k))
    return chance


def log_none(n: IntArray, c: IntArray, k: IntArray) -> FloatArray:
    """Return log[C(n−c, k)/C(n, k)]: the log-chance that none of k draws without replacement is correct.

    Differences of log-gammas would lose seven digits at n = 1e5. Here the ratio is a product of min(c, k)
    factors where those are few (it is symmetric in c and k), and elsewhere Stirling's series, arranged
    so that the large terms cancel before they are rounded.

    Args:
        n: Pool size, broadcast with the others; int64.
        c: Members of the pool that count as correct, 0 <= c <= n.
        k: Draws, 1 <= k <= n.

    Returns:
        The common broadcast shape; −inf where k > n − c.
    """
    n, c, k = np.broadcast_arrays(n, c, k)
    few, many = np.minimum(c, k), np.maximum(c, k)
    result = np.full(n.shape, -np.inf)
    possible = n - c - k >= 0
    direct = possible & (few <= _FEW_FACTORS)
    result[direct] = _log_product(n[direct], many[direct], few[direct])
    rest = possible & ~direct
    result[rest] = _log_stirling(n[rest], c[rest], k[rest])
    return result


def log_choose(n: IntArray | int, x: IntArray) -> FloatArray:
    """Return log C(n, x) to about 1e-12, −inf outside 0 <= x <= n.

    >>> log_choose(4, np.array([0, 2, 5])).round(3).tolist()
    [0.0, 1.792, -inf]
    """
    inside = np.clip(x, 0, n)
    log = gammaln(np.add(n, 1.0)) - gammaln(inside + 1.0) - gammaln(n - inside + 1.0)
    return np.where(inside == x, log, -np.inf)


def _log_product(n: IntArray, many: IntArray, few: IntArray) -> FloatArray:
    """Sum log1p(−many/(n−j)) over j < few; all shapes (M,)."""
    order = np.argsort(-few, kind="stable")
    n, many, sorted_few = n[order], many[order], few[order]
    total = np.zeros(n.shape)
    for j in range(int(sorted_few[0]) if len(sorted_few) else 0):
        alive = int(np.searchsorted(-sorted_few, -j, side="left"))  # entries with few > j come first
        total[:alive] += np.log1p(-many[:alive] / (n[:alive] - j))
    result = np.empty(n.shape)
    result[order] = total
    return result


def _log_stirling(n: IntArray, c: IntArray, k: IntArray) -> FloatArray:
    """Return log[(n−c)! (n−k)! / (n! (n−c−k)!)] for n, n−c and n−k above `_FEW_FACTORS`; shapes (M,)."""
    left = n - c - k
    result: FloatArray = gammaln(n - c + 1.0) + gammaln(n - k + 1.0) - gammaln(n + 1.0) - gammaln(left + 1.0)
    large = left > _FEW_FACTORS  # otherwise nothing cancels: the chance is below 1e-5
    n, c, k, left = n[large], c[large], k[large], left[large]
    result[large] = (
        (n - c + 0.5) * np.log1p(-c / n)
        + (n - k + 0.5) * np.log1p(-k / n)
        - (left + 0.5) * np.log1p(-(c + k) / n)
        + (_stirling_tail(n - c) + _stirling_tail(n - k) - _stirling_tail(n) - _stirling_tail(left))
    )
    return result


def _stirling_tail(x: IntArray) -> FloatArray:
    """Return log x! − [(x+½) log x − x + ½ log 2π] for x > 16 (DLMF 5.11.1)."""
    inverse = 1.0 / x
    square = inverse * inverse
    tail: FloatArray = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)))
    return tail


def _by_unique_pairs(data: Counts, k: IntArray, too_few: TooFew, metric: str, chance: Chance) -> FloatArray:
    """Evaluate `chance` once per distinct (n, c) and spread it over the problems; shape (P, K)."""
    if too_few != "nan":
        refuse_too_few(data.n, k, metric)
    pairs = data.unique()
    n, c = pairs.n[:, None], pairs.c[:, None]
    usable = np.minimum(k, np.maximum(n, 1))  # (U, K): a legal stand-in where k > n
    values = np.where(k <= n, chance(np.maximum(n, 1), c, usable), np.nan)
    spread: FloatArray = values[pairs.inverse]
    return spread
