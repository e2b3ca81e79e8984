"""What a verifier of known error rates is worth on problem types of known accuracy: the truth that estimates are held to."""

import numpy as np
from numpy.typing import ArrayLike

from ttscale.arrays import FloatArray
from ttscale.errors import InvalidInputError
from ttscale.stats.counts.counts import budgets


def population_utility(
    prior: ArrayLike,
    accuracy: ArrayLike,
    k: ArrayLike,
    *,
    completeness: float,
    soundness: float,
    value_correct: float = 1.0,
    cost_wrong: float = 0.0,
) -> FloatArray:
    """Return the expected utility under known laws: problem types, their accuracy, and a verifier's error rates.

    A sample of type t is correct with chance r_t; the verifier accepts a correct one with chance κ
    (completeness) and rejects a wrong one with chance s (soundness). A draw is rejected with chance β_t =
    (1−κ)r_t + s(1−r_t), so the value up to k is Σ_t π_t [V κ r_t − C (1−s)(1−r_t)]·(1−β_t^k)/(1−β_t).

    Args:
        prior: π_t, share of each problem type, shape (T,), summing to 1.
        accuracy: r_t, shape (T,).
        k: Budget or budgets, shape (K,).
        completeness: κ.
        soundness: s.
        value_correct: V.
        cost_wrong: C.

    Returns:
        Shape (K,).

    Raises:
        InvalidInputError: A chance outside [0, 1], or a prior that does not sum to 1.

    References:
        Stroebl, Kapoor, Narayanan 2024, https://arxiv.org/abs/2411.17501
    """
    pi, r, ks = (
        np.atleast_1d(np.asarray(prior, float)),
        np.atleast_1d(np.asarray(accuracy, float)),
        budgets(k),
    )
    chances = np.concatenate([pi, r, [completeness, soundness]])
    if pi.shape != r.shape or not ((chances >= 0) & (chances <= 1)).all() or abs(pi.sum() - 1) > 1e-9:
        raise InvalidInputError(
            "prior and accuracy must be chances of equal length, the prior summing to 1, and completeness and "
            f"soundness chances too; got prior {pi.tolist()}, accuracy {r.tolist()}."
        )
    reject = (1 - completeness) * r + soundness * (1 - r)
    worth = value_correct * completeness * r - cost_wrong * (1 - soundness) * (1 - r)
    certain = reject >= 1  # never accepts, and then the worth is zero as well
    draws = np.where(
        certain[:, None], ks, (1 - reject[:, None] ** ks) / np.where(certain, 1.0, 1 - reject)[:, None]
    )
    total: FloatArray = (pi * worth) @ draws
    return total
