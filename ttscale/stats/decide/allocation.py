"""Coverage of a budget spread over arms: models, temperatures or prompts that sample the same problems.

Notation: arm a has counts (n_ia, c_ia) on problem i, arrays of shape (P, A); k_a samples are drawn from each
arm.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ttscale.arrays import ArrayLike, FloatArray, IntArray
from ttscale.errors import InvalidInputError
from ttscale.stats.counts.counts import counts, whole_numbers
from ttscale.stats.counts.pass_at_k import log_none
from ttscale.stats.decide.spending import (
    greedy,
    log_missed_table,
    maximal_allocations,
    single_arms,
    upper_bound,
)
from ttscale.stats.intervals.intervals import Rng, interval_over_problems
from ttscale.stats.intervals.unseen import SIGNED
from ttscale.types import CONFIDENCE_LEVEL

Objective = Callable[[IntArray], FloatArray]
"""Allocations of shape (M, A) -> the value of each problem under each, shape (P, M)."""

_MOST_ALLOCATIONS = 100_000
"""Up to this many maximal allocations are all valued."""
_CHUNK = 4_000_000
"""Numbers held at a time while allocations are valued."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Solution:
    """An allocation for given samples, as good as the search found.

    Attributes:
        k: Samples per problem from each arm, shape (A,).
        value: Mean value over problems, on the samples that chose it.
        bound: No allocation within the budget is worth more than this, on these samples.
        method: How it was found.
    """

    k: IntArray
    value: float
    bound: float
    method: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Allocation:
    """A budget spread over arms, chosen on one half of the samples and valued on the other.

    Attributes:
        k: Samples per problem from each arm, shape (A,).
        cost: What they cost per problem.
        coverage: Mean value on the half that did not choose it; an honest estimate.
        low: Lower end of its interval over problems.
        high: Upper end.
        optimistic: Mean value on the half that chose it; biased upwards.
        single: The best single arm, chosen on the same half.
        single_k: Its samples per problem.
        single_coverage: Its mean value on the other half.
        gain: The allocation's value less the single arm's, on the other half.
        gain_low: Lower end of its interval, paired over problems.
        gain_high: Upper end.
        bound: On the half that chose it, no allocation is worth more than this.
        method: How it was found.
        confidence_level: Of both intervals.
        n_problems: P.
    """

    k: IntArray
    cost: float
    coverage: float
    low: float
    high: float
    optimistic: float
    single: int
    single_k: int
    single_coverage: float
    gain: float
    gain_low: float
    gain_high: float
    bound: float
    method: str
    confidence_level: float
    n_problems: int


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


def best_allocation(
    n: ArrayLike,
    c: ArrayLike,
    cost: ArrayLike,
    budget: float,
    *,
    once: ArrayLike | None = None,
    most: int = _MOST_ALLOCATIONS,
) -> Solution:
    """Find the allocation with the highest coverage: by trying all where they are few, else greedily with a bound.

    Where all cannot be tried, the better of the greedy allocation and the best single arm is taken, which is at least
    (1 − 1/e)/2 of the best (Khuller, Moss, Naor 1999) for costs without `once`. The bound says more: to any allocation S
    the best one adds at most what the whole budget buys when every arm's samples gain as if they alone were added to S,
    by diminishing returns; the least such bound along the greedy path is reported.

    Args:
        n: Samples per problem and arm, shape (P, A).
        c: Correct ones, shape (P, A).
        cost: Cost of one sample from each arm, above 0, shape (A,).
        budget: Cost allowed per problem.
        once: What the first sample from each arm costs besides, shape (A,).
        most: Maximal allocations up to which all are tried.

    Returns:
        The allocation, on these samples; its value is optimistic, see `honest_allocation`.

    Raises:
        InvalidInputError: Impossible counts or costs.

    >>> best_allocation([[4, 4]], [[1, 1]], [1.0, 1.0], 4.0).k.tolist()
    [0, 4]
    """
    drawn, right = _tables(n, c)
    price, first = _prices(cost, once, budget, drawn.shape[1])
    objective = coverage_objective(drawn, right)
    limit = drawn.min(axis=0)
    every = maximal_allocations(price, first, budget, limit, most)
    if every is not None:
        return best_of(objective, every, len(drawn))
    path = greedy(drawn, right, price, first, budget)
    bound = upper_bound(drawn, right, price, budget, path)
    singles = single_arms(price, first, budget, limit)
    found = best_of(objective, np.concatenate([path[-1:], singles]), len(drawn))
    return Solution(k=found.k, value=found.value, bound=max(bound, found.value), method="greedy")


def honest_allocation(
    n: ArrayLike,
    c: ArrayLike,
    cost: ArrayLike,
    budget: float,
    *,
    once: ArrayLike | None = None,
    confidence_level: float = CONFIDENCE_LEVEL,
    rng: Rng = None,
) -> Allocation:
    """Choose an allocation on a random half of the samples and report its coverage on the other half.

    Choosing and scoring on the same samples is optimistic. The best single arm is chosen on the same half, and the
    gain over it is measured on the other.

    Args:
        n: Samples per problem and arm, shape (P, A); half of them bounds each k.
        c: Correct ones, shape (P, A).
        cost: Cost of one sample from each arm, above 0, shape (A,).
        budget: Cost allowed per problem.
        once: What the first sample from each arm costs besides, shape (A,).
        confidence_level: Such as 0.95.
        rng: Generator or seed of the split.

    Returns:
        The allocation, its honest coverage with an interval over problems, the gain over one arm, and the optimistic value.

    Raises:
        InvalidInputError: Impossible counts or costs, or a budget that buys no sample.
    """
    drawn, right = _tables(n, c)
    price, first = _prices(cost, once, budget, drawn.shape[1])
    half = drawn // 2
    chosen = np.random.default_rng(rng).hypergeometric(right, drawn - right, half)
    solution = best_allocation(half, chosen, price, budget, once=first)
    return valued(
        solution,
        choosing=coverage_objective(half, chosen),
        valuing=coverage_objective(drawn - half, right - chosen),
        singles=single_arms(price, first, budget, half.min(axis=0)),
        cost=(price, first),
        confidence_level=confidence_level,
    )


def valued(
    solution: Solution,
    *,
    choosing: Objective,
    valuing: Objective,
    singles: IntArray,
    cost: tuple[FloatArray, FloatArray],
    confidence_level: float,
) -> Allocation:
    """Value an allocation on samples that did not choose it, beside the best single arm.

    Args:
        solution: Chosen with `choosing`.
        choosing: The half that chose.
        valuing: The other half.
        singles: The allocations of one arm alone, shape (A, A), row a for arm a.
        cost: Of a sample, and once, each of shape (A,).
        confidence_level: Such as 0.95.

    Raises:
        InvalidInputError: The budget buys no sample.
    """
    if not singles.any():
        raise InvalidInputError(
            f"The budget buys no sample: the cheapest costs {min(map(sum, zip(*cost, strict=True))):g} per problem. Give more."
        )
    single = int(np.argmax(choosing(singles).mean(axis=0)))
    values = valuing(np.stack([solution.k, singles[single]]))  # (P, 2)
    interval = interval_over_problems(values[:, :1], confidence_level)
    gain = values[:, 0] - values[:, 1]
    paired = interval_over_problems(gain[:, None], confidence_level, span=SIGNED)
    return Allocation(
        k=solution.k,
        cost=float(solution.k @ cost[0] + (solution.k > 0) @ cost[1]),
        coverage=float(values[:, 0].mean()),
        low=float(interval.low[0]),
        high=float(interval.high[0]),
        optimistic=solution.value,
        single=single,
        single_k=int(singles[single, single]),
        single_coverage=float(values[:, 1].mean()),
        gain=float(gain.mean()),
        gain_low=float(paired.low[0]),
        gain_high=float(paired.high[0]),
        bound=solution.bound,
        method=solution.method,
        confidence_level=confidence_level,
        n_problems=len(values),
    )


def best_of(objective: Objective, allocations: IntArray, n_problems: int) -> Solution:
    """Return the best of the allocations (M, A): the whole of what there is, so its value is the bound."""
    size = max(1, _CHUNK // max(n_problems * allocations.shape[1], 1))
    values = np.concatenate(
        [
            objective(allocations[start : start + size]).mean(axis=0)
            for start in range(0, len(allocations), size)
        ]
    )
    best = int(np.argmax(values))
    value = float(values[best])
    return Solution(
        k=allocations[best], value=value, bound=value, method=f"best of all {len(allocations):,} allocations"
    )


def coverage_objective(n: IntArray, c: IntArray) -> Objective:
    """Return coverage as a function of allocations, from tables of the chance that k samples of an arm all fail."""
    tables = [log_missed_table(n[:, a], c[:, a]) for a in range(n.shape[1])]

    def coverage(k: IntArray) -> FloatArray:
        missed = sum(table[:, column] for table, column in zip(tables, k.T, strict=True))
        return np.asarray(0.0 - np.expm1(missed))

    return coverage


def _prices(
    cost: ArrayLike, once: ArrayLike | None, budget: float, n_arms: int
) -> tuple[FloatArray, FloatArray]:
    price = np.asarray(cost, dtype=np.float64)
    first = np.zeros(n_arms) if once is None else np.asarray(once, dtype=np.float64)
    if price.shape != (n_arms,) or not (price > 0).all() or not np.isfinite(price).all():
        raise InvalidInputError(f"cost must hold one number above 0 per arm ({n_arms}), not {price}.")
    if first.shape != (n_arms,) or not (first >= 0).all():
        raise InvalidInputError(f"once must hold one number of at least 0 per arm ({n_arms}), not {first}.")
    if not 0 <= budget < np.inf:
        raise InvalidInputError(f"A budget is a finite number of at least 0, not {budget}.")
    return price, first


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
