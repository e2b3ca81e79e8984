"""Coverage of a budget spread over arms: models, temperatures or prompts that sample the same problems.

Notation: arm a has counts (n_ia, c_ia) on problem i, arrays of shape (P, A); k_a samples are drawn from each
arm.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ttscale.errors import InvalidInputError
from ttscale.stats.counts import counts, whole_numbers
from ttscale.stats.curve import FloatArray, IntArray
from ttscale.stats.intervals import Rng, interval_over_problems, moments
from ttscale.stats.pass_at_k import log_none


@dataclass(frozen=True, slots=True, eq=False)
class Allocation:
    """A budget spread over arms, chosen on one half of the samples and valued on the other.

    Attributes:
        k: Samples per problem from each arm, shape (A,).
        cost: What they cost per problem.
        coverage: On the half that did not choose it; an honest estimate.
        low: Lower end of its interval over problems.
        high: Upper end.
        optimistic: Coverage on the half that chose it; biased upwards.
    """

    k: IntArray
    cost: float
    coverage: float
    low: float
    high: float
    optimistic: float


def coverage_of_allocation(n: ArrayLike, c: ArrayLike, k: ArrayLike) -> FloatArray:
    """Estimate the chance that k_a samples from each arm hold a correct one: 1 − Π_a C(n_a−c_a, k_a)/C(n_a, k_a).

    Unbiased for arms sampled independently and an allocation not chosen on the same samples.

    Args:
        n: Samples per problem and arm, shape (P, A).
        c: Correct ones, shape (P, A).
        k: Samples from each arm, shape (A,), at least 0.

    Returns:
        Shape (P,).

    Raises:
        InvalidInputError: Impossible counts, a negative k, or k above an arm's samples.

    >>> coverage_of_allocation([[2, 2]], [[1, 1]], [1, 1]).tolist()
    [0.75]
    """
    drawn, right = _tables(n, c)
    spent = whole_numbers(k, "k")
    if spent.shape != (drawn.shape[1],) or spent.min() < 0:
        raise InvalidInputError(
            f"k must hold one number of at least 0 per arm ({drawn.shape[1]}), not {spent}."
        )
    short = drawn.min(axis=0) < spent
    if short.any():
        a = int(np.flatnonzero(short)[0])
        raise InvalidInputError(
            f"The allocation draws {spent[a]} samples from arm {a}, but some problem has only {drawn[:, a].min()}."
        )
    chance: FloatArray = 0.0 - np.expm1(_log_missed(drawn, right, spent))
    return chance


def greedy_allocation(n: ArrayLike, c: ArrayLike, cost: ArrayLike, budget: float) -> IntArray:
    """Spend a budget arm by arm, always where coverage gains most per cost.

    Coverage has diminishing returns in every k_a, so this is near-optimal; small cases can be enumerated
    instead.

    Args:
        n: Samples per problem and arm, shape (P, A).
        c: Correct ones, shape (P, A).
        cost: Cost of one sample from each arm, above 0, shape (A,).
        budget: Cost allowed per problem.

    Returns:
        Samples per problem from each arm, shape (A,).

    Raises:
        InvalidInputError: Impossible counts or costs.

    >>> greedy_allocation([[4, 4]], [[4, 1]], [1.0, 1.0], 1.0).tolist()
    [1, 0]
    """
    drawn, right = _tables(n, c)
    price = np.asarray(cost, dtype=np.float64)
    if price.shape != (drawn.shape[1],) or not (price > 0).all() or not np.isfinite(budget):
        raise InvalidInputError(f"cost must hold one number above 0 per arm ({drawn.shape[1]}), not {price}.")
    k = np.zeros(drawn.shape[1], dtype=np.int64)
    missed = np.ones(len(drawn))  # chance that nothing so far is correct, (P,)
    most = drawn.min(axis=0)
    while True:
        # one more from arm a fails with chance (n−c−k)/(n−k), given that the k before failed
        left = np.maximum(drawn - k, 1)
        hit = np.clip(right / left, 0.0, 1.0)  # (P, A)
        rate = (missed @ hit) / price
        rate[(k >= most) | (k @ price + price > budget * (1 + 1e-12))] = -1.0
        best = int(np.argmax(rate))
        if rate[best] <= 0:
            return k
        missed = missed * (1 - hit[:, best])
        k[best] += 1


def honest_allocation(
    n: ArrayLike,
    c: ArrayLike,
    cost: ArrayLike,
    budget: float,
    *,
    confidence_level: float = 0.95,
    rng: Rng = None,
) -> Allocation:
    """Choose an allocation on a random half of the samples and report its coverage on the other half.

    Choosing and scoring on the same samples is optimistic.

    Args:
        n: Samples per problem and arm, shape (P, A); half of them bounds each k.
        c: Correct ones, shape (P, A).
        cost: Cost of one sample from each arm, above 0, shape (A,).
        budget: Cost allowed per problem.
        confidence_level: Such as 0.95.
        rng: Generator or seed of the split.

    Returns:
        The allocation, its honest coverage with an interval over problems, and the optimistic one.

    Raises:
        InvalidInputError: Impossible counts or costs.
    """
    drawn, right = _tables(n, c)
    half = drawn // 2
    chosen = np.random.default_rng(rng).hypergeometric(right, drawn - right, half)
    rest, rest_right = drawn - half, right - chosen
    k = greedy_allocation(half, chosen, cost, budget)
    values = coverage_of_allocation(rest, rest_right, k)[:, None]
    interval = interval_over_problems(moments(values), confidence_level)
    return Allocation(
        k=k,
        cost=float(k @ np.asarray(cost, dtype=np.float64)),
        coverage=float(values.mean()),
        low=float(interval.low[0]),
        high=float(interval.high[0]),
        optimistic=float(coverage_of_allocation(half, chosen, k).mean()),
    )


def _tables(n: ArrayLike, c: ArrayLike) -> tuple[IntArray, IntArray]:
    drawn, right = np.asarray(n), np.asarray(c)
    if drawn.ndim != 2 or drawn.shape != right.shape or not drawn.size:
        raise InvalidInputError(
            f"n and c must be tables of one shape (P, A), problems by arms, not {drawn.shape} and {right.shape}."
        )
    flat = counts(drawn.ravel(), right.ravel())
    return flat.n.reshape(drawn.shape), flat.c.reshape(drawn.shape)


def _log_missed(n: IntArray, c: IntArray, k: IntArray) -> FloatArray:
    """Return Σ_a log[C(n_a−c_a, k_a)/C(n_a, k_a)] over arms with k_a > 0; shape (P,)."""
    used = k > 0
    if not used.any():
        return np.zeros(len(n))
    total: FloatArray = log_none(n[:, used], c[:, used], k[used]).sum(axis=1)
    return total
