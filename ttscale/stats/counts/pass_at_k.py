"""Chances of single problems from their counts: pass@k, pass^k, G-Pass@k, and pass@k beyond n under a prior.

Unbiased and exact to the last digits (the posterior apart), for ragged n and all k at once. Notation: n samples drawn, c of
them correct, k the budget (see `ttscale.stats.counts.counts`); X, the correct ones among k drawn, is hypergeometric.
"""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
from scipy.special import betaln, gammaln

from ttscale.arrays import ArrayLike, FloatArray, IntArray
from ttscale.errors import InvalidInputError
from ttscale.stats.counts.counts import Counts, TooFew, UniqueCounts, budgets, counts, refuse_too_few

Chance = Callable[[IntArray, IntArray, IntArray], FloatArray]
"""(n, c, k), broadcast and valid -> the estimate of one problem."""

_FEW_FACTORS = 16
"""Up to this many factors are multiplied one by one; Stirling's series is exact to 1e-15 beyond it."""


def pass_at_k(n: ArrayLike, c: ArrayLike, k: ArrayLike, *, too_few: TooFew = "raise") -> FloatArray:
    """Estimate the chance that at least one of k samples is correct: 1 − C(n−c, k)/C(n, k).

    The mean over all subsets of k of the n samples, hence unbiased for 1 − (1−p)^k. Not for data drawn
    with a stopping rule (see `ttscale.stats.coverage.stopping`), nor for k > n (see `posterior_pass_at_k` and the
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


def g_pass_at_k(n: ArrayLike, c: ArrayLike, k: ArrayLike, tau: float | Fraction | str) -> FloatArray:
    """Estimate the chance that at least ⌈τk⌉ of k samples are correct.

    Args:
        n: Samples drawn per problem, shape (P,), or one number for all.
        c: Samples correct per problem, shape (P,).
        k: Budget or budgets, shape (K,).
        tau: Share, 0 < τ <= 1. A float stands for the decimal it prints as, so ⌈0.55·100⌉ is 55.

    Returns:
        Shape (P, K).

    Raises:
        InvalidInputError: Impossible counts, k > n or τ outside (0, 1].

    References:
        Liu et al. 2024, https://arxiv.org/abs/2412.13147

    >>> g_pass_at_k([4], [2], [2], 1.0).round(4).tolist()
    [[0.1667]]
    """
    data, ks = counts(n, c), budgets(k)
    share = Fraction(str(tau))
    if not 0 < share <= 1:
        raise InvalidInputError(f"tau must lie in (0, 1], but is {tau}.")
    refuse_too_few(data.n, ks, "G-Pass@{k}")
    pairs = data.unique()
    values = [
        _hits(pairs, int(b))[:, -(-share.numerator * int(b) // share.denominator) :].sum(axis=1) for b in ks
    ]
    chance: FloatArray = np.minimum(np.stack(values, axis=1), 1.0)[pairs.inverse]
    return chance


def mg_pass_at_k(n: ArrayLike, c: ArrayLike, k: ArrayLike) -> FloatArray:
    """Estimate mG-Pass@k: (2/k) Σ_{i=⌈k/2⌉+1..k} P(X >= i) = (2/k) E[(X − ⌈k/2⌉)⁺].

    Args:
        n: Samples drawn per problem, shape (P,), or one number for all.
        c: Samples correct per problem, shape (P,).
        k: Budget or budgets, shape (K,).

    Returns:
        Shape (P, K).

    Raises:
        InvalidInputError: Impossible counts or k > n.

    References:
        Liu et al. 2024, https://arxiv.org/abs/2412.13147

    >>> mg_pass_at_k([4], [4], [2, 4]).tolist()
    [[1.0, 1.0]]
    """
    data, ks = counts(n, c), budgets(k)
    refuse_too_few(data.n, ks, "mG-Pass@{k}")
    pairs = data.unique()
    values = []
    for budget in ks.tolist():
        surplus = np.maximum(np.arange(budget + 1) - -(-budget // 2), 0)
        values.append(2 / budget * (_hits(pairs, budget) @ surplus))
    mean: FloatArray = np.stack(values, axis=1)[pairs.inverse]
    return mean


def _hits(pairs: UniqueCounts, k: int) -> FloatArray:
    """Return the hypergeometric chances of 0..k hits among k draws for each pair; shape (U, k+1)."""
    n, c, x = pairs.n[:, None], pairs.c[:, None], np.arange(k + 1)
    return np.exp(log_choose(c, x) + log_choose(n - c, k - x) - log_choose(n, np.asarray(k)))


def posterior_pass_at_k(
    n: ArrayLike, c: ArrayLike, k: ArrayLike, *, alpha0: float = 1.0, beta0: float = 1.0
) -> FloatArray:
    """Return the posterior mean of 1 − (1−p)^k: 1 − Π_{j<k} (β+j)/(α+β+j), α = c+α0, β = n−c+β0.

    Biased towards the prior, unlike `pass_at_k`; beyond n the prior decides, so state it. To forecast
    coverage, fit a law to all problems instead.

    Args:
        n: Samples drawn per problem, shape (P,), or one number for all; 0 gives the prior's own answer.
        c: Samples correct per problem, shape (P,).
        k: Budget or budgets, shape (K,), of any size.
        alpha0: Prior successes, above 0; 1 and 1 is the uniform prior.
        beta0: Prior failures, above 0.

    Returns:
        Shape (P, K).

    Raises:
        InvalidInputError: Impossible counts, k < 1, or a prior that is not above 0.

    >>> posterior_pass_at_k([0], [0], [1, 2]).round(3).tolist()
    [[0.5, 0.667]]
    """
    data, ks = counts(n, c), budgets(k)
    if not (0 < alpha0 < np.inf and 0 < beta0 < np.inf):
        raise InvalidInputError(f"alpha0 and beta0 must be above 0, but are {alpha0} and {beta0}.")
    pairs = data.unique()
    alpha, beta = (pairs.c + alpha0)[:, None], (pairs.n - pairs.c + beta0)[:, None]
    chance: FloatArray = 0.0 - np.expm1(betaln(alpha, beta + ks) - betaln(alpha, beta))
    return chance[pairs.inverse]
