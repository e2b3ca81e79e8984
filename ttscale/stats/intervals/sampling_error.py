"""How much a curve would move had other samples been drawn for the same problems."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ttscale.arrays import FloatArray, IntArray
from ttscale.stats.counts.counts import UniqueCounts
from ttscale.stats.counts.mixing import mixing_distribution
from ttscale.stats.counts.pools import Pools

_SPLITS = 4

ValuesOf = Callable[[IntArray, IntArray], FloatArray]
"""(rows of the table, budgets) -> values (P, K) of a curve computed from these rows alone."""


@dataclass(frozen=True, slots=True, eq=False)
class SamplingError:
    """Error of a mean over problems from sampling alone.

    Attributes:
        standard_error: Shape (K,).
        degrees: Degrees of freedom with which it is known, shape (K,).
    """

    standard_error: FloatArray
    degrees: FloatArray


def coverage_sampling_error(pairs: UniqueCounts, k: IntArray) -> SamplingError:
    """Return the standard error of coverage from sampling alone.

    The variance of each problem's pass@k is averaged over what its counts say of its success rate, with the
    mixing distribution of the whole benchmark as prior. Plugging in c/n instead would call every problem
    without a success certain, which makes the interval far too narrow for k near n.

    A problem's variance is known well for k << n, where it follows from c/n, and as badly as a single
    draw tells it for k = n. The degrees of freedom are therefore the effective number of problems that
    contribute, divided by k/n.
    """
    mixing = mixing_distribution(pairs)
    sizes, member = np.unique(np.maximum(pairs.n, 1), return_inverse=True)
    n_problems = pairs.weight.sum()
    error, degrees = np.zeros(len(k)), np.full(len(k), np.inf)
    for j, budget in enumerate(k):
        table = pass_at_k_variance(mixing.rate, sizes[:, None], budget)  # (sizes, G)
        variance = (mixing.posterior * table[member]).sum(axis=1)  # (U,)
        total = pairs.weight @ variance
        error[j] = np.sqrt(total) / n_problems
        if total > 0:
            drawn = budget * (pairs.weight / sizes[member]).sum() / n_problems  # k/n
            degrees[j] = total**2 / (pairs.weight @ variance**2) / drawn
    return SamplingError(error, degrees)


def pass_at_k_variance(rate: FloatArray, n: IntArray, k: int | IntArray) -> FloatArray:
    """Return the variance of the pass@k estimate of one problem with success rate p, by broadcasting.

    Two random sets of k of the n samples share J of them (hypergeometric), and the variance is
    E[(1−p)^(2k−J)] − (1−p)^(2k). With a binomial J of the same mean this is (1−p)^(2k)·[(1 + (k/n)·p/(1−p))^k
    − 1], exact for k = 1 and k = n and too large by less than a few per cent between.
    """
    fail = np.maximum(1 - rate, 1e-300)
    log_both = 2 * k * np.log(fail)
    variance: FloatArray = np.exp(log_both + k * np.log1p(k / n * (rate / fail))) - np.exp(log_both)
    return np.where(rate >= 1, 0.0, np.maximum(variance, 0.0))


def split_sampling_error(
    table: Pools, k: IntArray, values_of: ValuesOf, rng: np.random.Generator | int | None = None
) -> FloatArray:
    """Return the standard error from sampling alone of any curve, by splitting every pool in random halves.

    Half the squared difference between the halves is unbiased for the variance with n/2 samples. With n
    samples it is half of that for k << n, and never more, since n·variance falls with n for averages over
    subsets (Hoeffding 1948). For k > n/2 no unbiased estimate exists; there the variance of budget k/2 in
    halves stands in, where the same share of the pool is drawn.

    Args:
        table: The pools.
        k: Budgets, shape (K,).
        values_of: Computes the curve of some rows.
        rng: Generator or seed.

    Returns:
        Standard errors of the mean over problems, shape (K,); NaN where some pool has a single sample.
    """
    fewest = int(table.n.min()) // 2
    if not fewest:
        return np.full(len(k), np.nan)
    generator = np.random.default_rng(rng)
    near = k <= fewest
    inner = np.where(near, k, np.minimum((k + 1) // 2, fewest))
    unique, position = np.unique(inner, return_inverse=True)
    spread = np.zeros(len(unique))
    for _ in range(_SPLITS):
        first, second = _halves(table, generator)
        difference = values_of(first, unique) - values_of(second, unique)
        spread += (difference**2).sum(axis=0) / (2 * _SPLITS)
    variance = spread[position] * np.where(near, 0.5, 1.0)
    error: FloatArray = np.sqrt(variance) / len(table)
    return error


def _halves(table: Pools, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Return two disjoint random halves of every pool, as rows of the flat table."""
    shuffled = [rng.permutation(rows) for rows in table.rows()]
    first = np.concatenate([rows[: len(rows) // 2] for rows in shuffled])
    second = np.concatenate([rows[len(rows) // 2 : 2 * (len(rows) // 2)] for rows in shuffled])
    return first, second
