"""Estimates from problems sampled until r of their samples are correct (inverse sampling), or until a cap.

Notation: `draws` samples were drawn from a problem and `successes` of them were correct; sampling was to stop
at the r-th success, or at a cap of samples. The rule leaves the likelihood as it is but biases c/n and the
pass@k formula: the last sample is correct because it is the last.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv

from ttscale.arrays import ArrayLike, FloatArray
from ttscale.errors import InvalidInputError
from ttscale.stats.counts.counts import Counts, budgets, counts, refuse_too_few, whole_numbers
from ttscale.stats.counts.pass_at_k import at_least_one
from ttscale.stats.intervals.intervals import check_confidence
from ttscale.types import CONFIDENCE_LEVEL


@dataclass(frozen=True, slots=True, eq=False)
class RateEstimate:
    """Success rate of each problem.

    Attributes:
        unbiased: (r−1)/(draws−1) where sampling stopped at the r-th success, c/draws at the cap; shape (P,).
            For r = 1 the only unbiased estimate is whether the first draw was correct.
        maximum_likelihood: c/draws, shape (P,).
        low: Lower ends of the exact interval, shape (P,).
        high: Upper ends, shape (P,).
        confidence_level: Such as 0.95.
    """

    unbiased: FloatArray
    maximum_likelihood: FloatArray
    low: FloatArray
    high: FloatArray
    confidence_level: float


def rate_until_successes(
    draws: ArrayLike, successes: ArrayLike, target: int, *, confidence_level: float = CONFIDENCE_LEVEL
) -> RateEstimate:
    """Estimate success rates from problems sampled until `target` successes.

    Args:
        draws: Samples drawn per problem, shape (P,).
        successes: Samples correct per problem, shape (P,), at most `target`; fewer where a cap stopped the
            sampling.
        target: r, successes at which sampling stops.
        confidence_level: Such as 0.95.

    Returns:
        Estimates and the exact (negative binomial) interval, which is conservative.

    Raises:
        InvalidInputError: Impossible counts, no draw, or more successes than the target.

    References:
        Haldane 1945, https://doi.org/10.1093/biomet/33.3.222; Hu et al. 2023 (PassUntil),
        https://arxiv.org/abs/2310.03262

    >>> rate_until_successes([11], [2], 2).unbiased.tolist()
    [0.1]
    """
    check_confidence(confidence_level)
    data, stopped = _stopped(draws, successes, target)
    n, c = data.n.astype(np.float64), data.c.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        unbiased = np.where(stopped, (c - 1) / (n - 1), c / n)  # 0/0 at r = 1, replaced below
    if target == 1:
        unbiased = np.where(stopped, (data.n == 1).astype(np.float64), unbiased)
    tail = (1 - confidence_level) / 2
    low = np.where(c > 0, betaincinv(np.maximum(c, 1), n - c + 1, tail), 0.0)
    hits = np.where(stopped, c, c + 1)
    high = np.where(n > c, betaincinv(hits, np.maximum(n - c, 1), 1 - tail), 1.0)
    return RateEstimate(unbiased, c / n, low, high, confidence_level)


def pass_at_k_until_successes(
    draws: ArrayLike, successes: ArrayLike, target: int, k: ArrayLike
) -> FloatArray:
    """Estimate pass@k without bias from problems sampled until `target` successes.

    Given the number of draws, every order of the samples before the last is equally likely, so the last one
    is dropped and the usual formula applies; for k >= draws the estimate is 1, since those draws held a
    success.

    Args:
        draws: Samples drawn per problem, shape (P,).
        successes: Samples correct per problem, shape (P,); fewer than `target` where a cap stopped the
            sampling.
        target: r, successes at which sampling stops.
        k: Budget or budgets, shape (K,), at most the cap.

    Returns:
        Shape (P, K).

    Raises:
        InvalidInputError: Impossible counts, or k above the draws of a problem that was stopped by the cap.

    >>> pass_at_k_until_successes([5], [2], 2, [1, 5]).round(3).tolist()
    [[0.25, 1.0]]
    """
    data, stopped = _stopped(draws, successes, target)
    ks = budgets(k)
    if (~stopped).any():
        refuse_too_few(data.n[~stopped], ks, "pass@{k} of problems stopped by the cap")
    n = (data.n - stopped)[:, None]
    c = (data.c - stopped)[:, None]
    usable = np.minimum(ks, np.maximum(n, 1))
    return np.where(ks <= n, at_least_one(np.maximum(n, 1), c, usable), 1.0)


def _stopped(draws: ArrayLike, successes: ArrayLike, target: int) -> tuple[Counts, np.ndarray]:
    """Validate; return the counts and whether each problem reached the target, shape (P,)."""
    data, r = counts(draws, successes), int(whole_numbers(target, "target"))
    if r < 1:
        raise InvalidInputError(f"target must be at least 1 success, but is {r}.")
    if data.n.min() < 1:
        raise InvalidInputError("draws must be at least 1 per problem. Leave out problems never sampled.")
    if data.c.max() > r:
        raise InvalidInputError(
            f"Sampling was to stop at {r} successes, but a problem has {data.c.max()}. Check target, or use pass_at_k."
        )
    return data, data.c == r
