"""Posterior pass@k of single problems under a beta prior: defined for every k, also beyond n.

Notation: n samples drawn, c of them correct, k the budget; the success rate has a Beta(α0, β0) prior.
"""

import numpy as np
from scipy.special import betaln

from ttscale.arrays import ArrayLike, FloatArray
from ttscale.errors import InvalidInputError
from ttscale.stats.counts.counts import budgets, counts


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
