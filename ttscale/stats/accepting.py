"""Resampling until a verifier accepts: what the first accepted sample is worth.

Notation: of n samples the verifier accepts A, and T of those are correct. Samples are drawn in random order,
at most k of them, and the first accepted one is returned.
"""

import numpy as np
from numpy.typing import ArrayLike

from ttscale.stats.counts import Counts, budgets, counts, refuse_too_few
from ttscale.stats.curve import Curve, FloatArray, IntArray, Over
from ttscale.stats.intervals import curve_of_means
from ttscale.stats.pass_at_k import at_least_one
from ttscale.stats.pools import flags, pools


def first_accepted(
    n: ArrayLike, accepted: ArrayLike, accepted_correct: ArrayLike, k: ArrayLike
) -> FloatArray:
    """Estimate the chance that a correct sample is returned: (T/A)·[1 − C(n−A, k)/C(n, k)].

    Args:
        n: Samples per problem, shape (P,).
        accepted: A, those accepted by the verifier, shape (P,).
        accepted_correct: T, those accepted and correct, shape (P,).
        k: Budget or budgets, shape (K,).

    Returns:
        Shape (P, K).

    Raises:
        InvalidInputError: Impossible counts, or k > n.

    >>> first_accepted([4], [2], [1], [1, 4]).tolist()
    [[0.25, 0.5]]
    """
    verdicts, right, ks = _validated(n, accepted, accepted_correct, k)
    precision = right / np.maximum(verdicts.c, 1)  # (P,)
    chance: FloatArray = precision[:, None] * at_least_one(verdicts.n[:, None], verdicts.c[:, None], ks)
    return chance


def expected_draws(n: ArrayLike, accepted: ArrayLike, k: ArrayLike) -> FloatArray:
    """Estimate how many samples are drawn until one is accepted, at most k: Σ_{j<k} C(n−A, j)/C(n, j).

    The sum telescopes to [(n+1)·P(accept) + k·P(none accepted)]/(A+1).

    Args:
        n: Samples per problem, shape (P,).
        accepted: A, those accepted by the verifier, shape (P,).
        k: Budget or budgets, shape (K,).

    Returns:
        Shape (P, K), in samples.

    Raises:
        InvalidInputError: Impossible counts, or k > n.

    >>> expected_draws([4], [4], [3]).tolist()
    [[1.0]]
    """
    verdicts, ks = counts(n, accepted), budgets(k)
    refuse_too_few(verdicts.n, ks, "first accepted of {k}")
    size, hits = verdicts.n[:, None], verdicts.c[:, None]
    accept = at_least_one(size, hits, ks)
    draws: FloatArray = ((size + 1) * accept + ks * (1 - accept)) / (hits + 1)
    return draws


def first_accepted_curve(
    problem: ArrayLike,
    accepted: ArrayLike,
    correct: ArrayLike,
    k: ArrayLike,
    *,
    confidence_level: float = 0.95,
    over: Over = "problems",
    n_resamples: int = 2000,
    rng: np.random.Generator | int | None = None,
) -> Curve:
    """Estimate the chance of returning a correct sample, averaged over problems, with its interval."""
    table = pools(problem)
    size = len(table.order)
    yes, right = flags(accepted, "accepted", size), flags(correct, "correct", size)
    ks = np.unique(budgets(k))
    values = first_accepted(table.n, table.totals(yes), table.totals(yes * right), ks)
    return curve_of_means("first_accepted", ks, values, confidence_level=confidence_level, over=over)


def _validated(
    n: ArrayLike, accepted: ArrayLike, accepted_correct: ArrayLike, k: ArrayLike
) -> tuple[Counts, IntArray, IntArray]:
    verdicts, ks = counts(n, accepted), budgets(k)
    right = counts(verdicts.c, accepted_correct).c
    refuse_too_few(verdicts.n, ks, "first accepted of {k}")
    return verdicts, right, ks
