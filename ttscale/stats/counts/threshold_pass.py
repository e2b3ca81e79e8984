"""G-Pass@k: at least a share τ of k samples correct, and its average mG-Pass@k over τ in [½, 1].

Notation: n samples drawn, c of them correct, k the budget; X, the correct ones among k drawn, is
hypergeometric.
"""

from fractions import Fraction

import numpy as np

from ttscale.arrays import ArrayLike, FloatArray
from ttscale.errors import InvalidInputError
from ttscale.stats.counts.counts import UniqueCounts, budgets, counts, refuse_too_few
from ttscale.stats.counts.pass_at_k import log_choose


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
