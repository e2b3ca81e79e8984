"""Resampling until a verifier accepts: what the first accepted sample is worth.

Notation: of n samples the verifier accepts A, and T of those are correct. Samples are drawn in random order,
at most k of them, and the first accepted one is returned.
"""

from typing import ClassVar, Unpack

import numpy as np

from ttscale.arrays import ArrayLike, FloatArray, IntArray
from ttscale.stats.counts.counts import Counts, budgets, counts, refuse_too_few
from ttscale.stats.counts.curve import Curve
from ttscale.stats.counts.pass_at_k import at_least_one
from ttscale.stats.intervals.intervals import IntervalKeywords, IntervalOptions, Rng
from ttscale.stats.selectors.averaging import curve
from ttscale.stats.selectors.contract import Effort, Need, Picked, SamplePools, Selector, sample_pools


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


def utility(
    n: ArrayLike,
    accepted: ArrayLike,
    accepted_correct: ArrayLike,
    k: ArrayLike,
    *,
    value_correct: float = 1.0,
    cost_wrong: float = 0.0,
    cost_per_draw: float = 0.0,
) -> FloatArray:
    """Estimate the expected utility of returning the first accepted of at most k samples.

    A correct return is worth `value_correct`, a wrong one costs `cost_wrong`, none at all is worth 0, and
    every draw costs `cost_per_draw`; all in one unit. With k without bound the chance of a correct return has
    the ceiling T/A.

    Args:
        n: Samples per problem, shape (P,).
        accepted: A, those accepted by the verifier, shape (P,).
        accepted_correct: T, those accepted and correct, shape (P,).
        k: Budget or budgets, shape (K,).
        value_correct: Worth of a correct return.
        cost_wrong: Cost of a wrong return.
        cost_per_draw: Cost of drawing and verifying one sample.

    Returns:
        Shape (P, K).

    Raises:
        InvalidInputError: Impossible counts, or k > n.

    References:
        Stroebl, Kapoor, Narayanan 2024, https://arxiv.org/abs/2411.17501

    >>> utility([2], [1], [1], [2], cost_per_draw=0.1).round(3).tolist()
    [[0.85]]
    """
    verdicts, right, ks = _validated(n, accepted, accepted_correct, k)
    precision = (right / np.maximum(verdicts.c, 1))[:, None]
    accept = at_least_one(verdicts.n[:, None], verdicts.c[:, None], ks)
    worth = value_correct * precision - cost_wrong * (1 - precision)
    gain: FloatArray = accept * worth - cost_per_draw * expected_draws(n, accepted, k)
    return gain


class FirstAccepted(Selector):
    """The first sample that the verifier accepts; drawing ends there."""

    metric = "first_accepted"
    needs: ClassVar[frozenset[Need]] = frozenset({"verdicts"})
    effort: ClassVar[Effort] = "counts"
    stops_early = True
    at_k = "first_accepted at k = {k}"

    def label(self, verifier: str | None = None) -> str:
        """Return what a table calls it."""
        return f"first accepted by {verifier}" if verifier else "first accepted"

    def values(self, pools: SamplePools, k: IntArray, *, rng: Rng = None) -> Picked:
        """Return the chance that a correct sample is returned, exactly."""
        return Picked(first_accepted(*pools.acceptance(), k))

    def draws(self, pools: SamplePools, k: IntArray) -> FloatArray:
        """Return how many samples are drawn until one is accepted, at most k."""
        n, accepted, _ = pools.acceptance()
        return expected_draws(n, accepted, k)


def first_accepted_curve(
    problem: ArrayLike,
    accepted: ArrayLike,
    correct: ArrayLike,
    k: ArrayLike,
    **interval: Unpack[IntervalKeywords],
) -> Curve:
    """Estimate the chance of returning a correct sample, averaged over problems, with its interval.

    Args:
        problem: Problem number of each sample, shape (S,), 0..P-1.
        accepted: Whether the verifier accepts each sample, shape (S,).
        correct: Whether each sample is correct, shape (S,).
        k: Budgets, shape (K,), at most the fewest samples of any problem; sorted and made unique.
        **interval: How the interval is computed; see `IntervalOptions`.

    Returns:
        The curve; its values are exact averages over all orders of the samples.

    Raises:
        InvalidInputError: Columns of unequal length, k > n, or an option that does not exist.
    """
    verdicts = sample_pools(problem, correct, accepted=accepted)
    return curve(FirstAccepted(), verdicts, k, interval=IntervalOptions(**interval))


def _validated(
    n: ArrayLike, accepted: ArrayLike, accepted_correct: ArrayLike, k: ArrayLike
) -> tuple[Counts, IntArray, IntArray]:
    verdicts, ks = counts(n, accepted), budgets(k)
    right = counts(verdicts.c, accepted_correct).c
    refuse_too_few(verdicts.n, ks, "first accepted of {k}")
    return verdicts, right, ks
