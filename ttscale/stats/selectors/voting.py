"""Plurality vote of k samples: maj@k exactly for any pool, and score-weighted votes by simulation.

Notation: answers fall into classes; `answer_class` −1 abstains (no answer extracted) and never wins; a class
is correct as far as its samples are.
"""

from dataclasses import dataclass
from typing import ClassVar, Unpack

import numpy as np

from ttscale.arrays import ArrayLike, FloatArray, IntArray
from ttscale.stats.counts.counts import TooFew, budgets, refuse_too_few
from ttscale.stats.counts.curve import Curve
from ttscale.stats.counts.pools import Pools, classes, flags, pools
from ttscale.stats.intervals.intervals import IntervalKeywords, IntervalOptions, Rng
from ttscale.stats.selectors.averaging import curve
from ttscale.stats.selectors.contract import Effort, Need, Picked, SamplePools, Selector, sample_pools
from ttscale.stats.selectors.plurality import chance_of_correct, vote_pool
from ttscale.stats.selectors.weighted_voting import WeightScheme, vote_weights, weighted_maj_at_k


def maj_at_k(
    problem: ArrayLike,
    answer_class: ArrayLike,
    correct: ArrayLike,
    k: ArrayLike,
    *,
    too_few: TooFew = "raise",
) -> FloatArray:
    """Estimate the chance that a plurality vote of k samples is correct.

    The mean over all subsets of k, ties broken at random (see `ttscale.stats.selectors.plurality`).

    Args:
        problem: Problem number of each sample, shape (S,), 0..P-1.
        answer_class: Class of each sample's answer within its problem, shape (S,); −1 abstains.
        correct: Whether each sample is correct, shape (S,). Within a class the labels are averaged.
        k: Budget or budgets, shape (K,).
        too_few: What becomes of a problem with n < k: "raise" (default) or "nan".

    Returns:
        Shape (P, K), exact within 1e-9.

    Raises:
        InvalidInputError: Columns of unequal length, bad classes, or k > n with ``too_few="raise"``.

    References:
        Wang et al. 2023, https://arxiv.org/abs/2203.11171

    >>> maj_at_k([0, 0, 0], [7, 7, 2], [True, True, False], [1, 2, 3]).round(3).tolist()
    [[0.667, 0.667, 1.0]]
    """
    table, ks = pools(problem), budgets(k)
    size = len(table.order)
    answer, label = classes(answer_class, "answer_class", size), flags(correct, "correct", size)
    if too_few != "nan":
        refuse_too_few(table.n, ks, "maj@{k}")
    return _values(table, answer, label, ks)


class MajorityVote(Selector):
    """The answer that most of k samples give, ties broken at random."""

    metric = "maj_at_k"
    needs: ClassVar[frozenset[Need]] = frozenset({"answers"})
    effort: ClassVar[Effort] = "votes"
    at_k = "maj@{k}"

    def label(self, verifier: str | None = None) -> str:
        """Return what a table calls it."""
        return "majority vote"

    def values(self, pools: SamplePools, k: IntArray, *, rng: Rng = None) -> Picked:
        """Return maj@k of every problem, exactly."""
        table, label = pools.samples()
        return Picked(_values(table, pools.answers(), label, k))


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedVote(Selector):
    """The answer with the largest sum of a verifier's scores.

    Attributes:
        scheme: How scores become weights; see `vote_weights`. None: the scores themselves, or their sigmoid where some of
            them are negative.
        max_standard_error: Monte Carlo error allowed in the mean over problems, small beside any interval.
    """

    metric: ClassVar[str] = "weighted_maj_at_k"
    needs: ClassVar[frozenset[Need]] = frozenset({"answers", "scores"})
    effort: ClassVar[Effort] = "votes"
    at_k: ClassVar[str] = "weighted maj@{k}"

    scheme: WeightScheme | None = None
    max_standard_error: float = 1e-3

    def label(self, verifier: str | None = None) -> str:
        """Return what a table calls it."""
        return f"weighted vote by {verifier}" if verifier else "weighted vote"

    def values(self, pools: SamplePools, k: IntArray, *, rng: Rng = None) -> Picked:
        """Return the vote's chance: exactly where every weight is 0 or 1, by simulation otherwise."""
        table, label = pools.samples()
        answer, weight = pools.answers(), self._weight(pools)
        if np.isin(weight, (0.0, 1.0)).all():
            return Picked(_values(table, np.where(weight > 0, answer, -1), label, k))
        columns = table.problem_of_row(), answer, weight, label
        found = weighted_maj_at_k(*columns, k, max_standard_error=self.max_standard_error, rng=rng)
        return Picked(found.value, found.standard_error if found.standard_error.any() else None)

    def _weight(self, pools: SamplePools) -> FloatArray:
        """Return the weight of each sample's vote, 0 where the verifier failed; shape (S,)."""
        table, _ = pools.samples()
        score = pools.scores()
        scheme = self.scheme or ("as is" if score.min() >= 0 else "sigmoid")
        weight = vote_weights(score, table.problem_of_row(), scheme)
        return weight if pools.failed is None else np.where(pools.failed, 0.0, weight)


def majority_curve(
    problem: ArrayLike,
    answer_class: ArrayLike,
    correct: ArrayLike,
    k: ArrayLike,
    **interval: Unpack[IntervalKeywords],
) -> Curve:
    """Estimate maj@k, averaged over problems, with its interval at every budget.

    Args:
        problem: Problem number of each sample, shape (S,), 0..P-1.
        answer_class: Class of each sample's answer within its problem, shape (S,); −1 abstains.
        correct: Whether each sample is correct, shape (S,).
        k: Budgets, shape (K,), at most the fewest samples of any problem; sorted and made unique.
        **interval: How the interval is computed; see `IntervalOptions`.

    Returns:
        The curve; its values are exact averages over all subsets.

    Raises:
        InvalidInputError: As `maj_at_k`, or an option that does not exist.
    """
    votes = sample_pools(problem, correct, answer_class=answer_class)
    return curve(MajorityVote(), votes, k, interval=IntervalOptions(**interval))


def weighted_majority_curve(
    problem: ArrayLike,
    answer_class: ArrayLike,
    weight: ArrayLike,
    correct: ArrayLike,
    k: ArrayLike,
    *,
    max_standard_error: float = 1e-3,
    **interval: Unpack[IntervalKeywords],
) -> Curve:
    """Estimate the weighted vote, averaged over problems, with its interval at every budget.

    Args:
        problem: Problem number of each sample, shape (S,), 0..P-1.
        answer_class: Class of each sample's answer within its problem, shape (S,); −1 abstains.
        weight: Weight of each sample's vote, at least 0, shape (S,); see `vote_weights`.
        correct: Whether each sample is correct, shape (S,).
        k: Budgets, shape (K,), at most the fewest samples of any problem; sorted and made unique.
        max_standard_error: Monte Carlo error allowed in the curve, small beside the interval.
        **interval: How the interval is computed; see `IntervalOptions`.

    Returns:
        The curve, with its Monte Carlo standard error where it has one.

    Raises:
        InvalidInputError: As `weighted_maj_at_k`, or an option that does not exist.
    """
    selector = WeightedVote(scheme="as is", max_standard_error=max_standard_error)
    votes = sample_pools(problem, correct, answer_class=answer_class, score=weight)
    return curve(selector, votes, k, interval=IntervalOptions(**interval))


def _values(table: Pools, answer: IntArray, label: IntArray, k: IntArray) -> FloatArray:
    """Return maj@k of every pool; NaN where k > n; shape (P, K)."""
    result = np.full((len(table), len(k)), np.nan)
    for i, rows in enumerate(table.rows()):
        usable = k <= len(rows)
        result[i, usable] = chance_of_correct(vote_pool(answer[rows], label[rows]), k[usable])
    return result


__all__ = [
    "MajorityVote",
    "WeightedVote",
    "maj_at_k",
    "majority_curve",
    "vote_weights",
    "weighted_maj_at_k",
    "weighted_majority_curve",
]
