"""Score-weighted votes of k samples: the answer with the largest sum of weights wins.

Notation as in `ttscale.stats.selectors.voting`. There is no closed form for the mean over all subsets of k: small pools
are enumerated, larger ones simulated (`ttscale.stats.selectors.vote_simulation`).
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy.special import log_expit

from ttscale.arrays import ArrayLike, FloatArray, IntArray
from ttscale.errors import InvalidInputError
from ttscale.stats.counts.counts import budgets, refuse_too_few
from ttscale.stats.counts.pools import Pools, classes, flags, pools, scores
from ttscale.stats.intervals.intervals import Rng
from ttscale.stats.selectors.vote_simulation import Ballots, simulate

WeightScheme = Literal["as is", "sigmoid", "softmax", "rank"]
"""How scores become weights; see `vote_weights`."""

_FAINTEST = 1e-200
"""Least weight beside the problem's largest."""
_SAFE = -200.0
"""Log of a weight far from underflow, also when times `_FAINTEST`."""


@dataclass(frozen=True, slots=True, eq=False)
class VoteEstimate:
    """Chance that a weighted vote is correct.

    Attributes:
        value: Shape (P, K).
        standard_error: Monte Carlo error of each value, 0 where it is exact, shape (P, K).
    """

    value: FloatArray
    standard_error: FloatArray


def vote_weights(score: ArrayLike, problem: ArrayLike, scheme: WeightScheme = "sigmoid") -> FloatArray:
    """Turn scores into weights that no vote can use against its own answer.

    Args:
        score: Score of each sample, shape (S,).
        problem: Problem number of each sample, shape (S,).
        scheme: "as is" (refuses negative scores), "sigmoid" (logits of a reward model), "softmax" within each
            problem, or "rank" within each problem, from 0 (exclusive) to 1. A score so low that its weight would be 0 in
            floating point keeps a tiny one.

    Returns:
        Weights of at least 0, shape (S,).

    Raises:
        InvalidInputError: A negative score with "as is", a NaN or an infinite score, or an unknown scheme.

    >>> vote_weights([2.0, -1.0], [0, 0], "rank").tolist()
    [1.0, 0.5]
    """
    table = pools(problem)
    value = scores(score, "score", len(table.order))
    if scheme not in get_args(WeightScheme):
        raise InvalidInputError(
            f"Unknown weight scheme '{scheme}'. Known: {', '.join(get_args(WeightScheme))}."
        )
    if not np.isfinite(value).all():
        raise InvalidInputError("A weighted vote needs finite scores, but some are infinite.")
    if scheme == "as is":
        return _non_negative(value)
    if scheme != "rank":
        return _weights_from_logs(log_expit(value) if scheme == "sigmoid" else value, scheme, table)
    from scipy.stats import rankdata  # takes as long to import as all else here

    result = np.empty(len(value))
    for rows in table.rows():
        result[rows] = rankdata(value[rows]) / max(len(rows), 1)
    return result


def _weights_from_logs(log_weight: FloatArray, scheme: WeightScheme, table: Pools) -> FloatArray:
    """Exponentiate so that no vote vanishes: only the ratios within a problem decide who wins.

    A softmax is 1 at the best score. A sigmoid is left as it is unless a problem's best one would vanish; then the
    problem's weights are raised together. A vote beside which all others are nearly nothing leaves them `_FAINTEST` of it,
    so that they still decide among themselves where it was not drawn.
    """
    number = table.problem_of_row()
    top = np.full(len(table), -np.inf)
    np.maximum.at(top, number, log_weight)
    shift = top if scheme == "softmax" else np.minimum(0.0, top - _SAFE)
    weight: FloatArray = np.exp(np.maximum(log_weight, top[number] + np.log(_FAINTEST)) - shift[number])
    return weight


def weighted_maj_at_k(
    problem: ArrayLike,
    answer_class: ArrayLike,
    weight: ArrayLike,
    correct: ArrayLike,
    k: ArrayLike,
    *,
    max_standard_error: float = 1e-3,
    rng: Rng = None,
) -> VoteEstimate:
    """Estimate the chance that a weighted vote of k samples is correct.

    Ties are broken at random; a vote without any positive weight has no winner. Pools of up to 12 samples, k = 1 and
    k = n are exact; for others random draws are made until the mean over problems has the wanted standard error,
    at most 50,000 of a problem at a budget.

    Args:
        problem: Problem number of each sample, shape (S,), 0..P-1.
        answer_class: Class of each sample's answer within its problem, shape (S,); −1 abstains.
        weight: Weight of each sample's vote, at least 0, shape (S,); see `vote_weights`.
        correct: Whether each sample is correct, shape (S,). Within a class the labels are averaged.
        k: Budgets, shape (K,), at most the fewest samples of any problem.
        max_standard_error: Of the mean over problems, at every budget.
        rng: Generator or seed.

    Returns:
        Values and their Monte Carlo errors.

    Raises:
        InvalidInputError: A negative or infinite weight, columns of unequal length, or k > n.

    References:
        Li et al. 2023, https://arxiv.org/abs/2206.02336

    >>> weighted_maj_at_k([0] * 3, [1, 2, 2], [3, 1, 1], [True, False, False], 3).value.tolist()
    [[1.0]]
    """
    table, ks = pools(problem), budgets(k)
    votes = _ballots(table, answer_class, weight, correct)
    refuse_too_few(table.n, ks, "weighted maj@{k}")
    if not max_standard_error > 0:
        raise InvalidInputError(f"max_standard_error must be above 0, but is {max_standard_error}.")
    return VoteEstimate(*simulate(votes, ks, max_standard_error, np.random.default_rng(rng)))


def _columns(
    table: Pools, answer_class: ArrayLike, weight: ArrayLike, correct: ArrayLike
) -> tuple[IntArray, FloatArray, IntArray]:
    size = len(table.order)
    mass = _non_negative(scores(weight, "weight", size))
    if not np.isfinite(mass).all():
        raise InvalidInputError("weight must be finite, but some are infinite.")
    return classes(answer_class, "answer_class", size), mass, flags(correct, "correct", size)


def _ballots(table: Pools, answer_class: ArrayLike, weight: ArrayLike, correct: ArrayLike) -> list[Ballots]:
    answer, mass, label = _columns(table, answer_class, weight, correct)
    result = []
    for rows in table.rows():
        named, member = np.unique(answer[rows], return_inverse=True)
        if len(named) and named[0] == -1:  # let the abstaining class come last, so that it is easily left out
            member = np.where(member == 0, len(named) - 1, member - 1)
            named = named[1:]
        sizes = np.bincount(member, minlength=len(named))[: len(named)]
        right = np.bincount(member, weights=label[rows], minlength=len(named))[: len(named)] / sizes
        scale = mass[rows].max(initial=0.0)  # sums of the largest floats would overflow, and then tie
        result.append(Ballots(member, mass[rows] / scale if scale else mass[rows], right))
    return result


def _non_negative(weight: FloatArray) -> FloatArray:
    negative = int((weight < 0).sum())
    if negative:
        raise InvalidInputError(
            f"{negative} of {len(weight)} weights are negative (min {weight.min():.4g}) and would vote against their own "
            "answer. Convert scores first, with vote_weights(score, problem, 'sigmoid'), 'softmax' or 'rank'."
        )
    return weight
