"""The sample with the highest score among draws from several arms: models, temperatures or prompts.

Notation: arm a has n_ia scored samples on problem i; k_a of them are drawn without replacement and the highest score of
all is returned.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ttscale.errors import InvalidInputError
from ttscale.stats.counts.counts import whole_numbers
from ttscale.stats.counts.curve import FloatArray, IntArray
from ttscale.stats.counts.pools import flags, scores
from ttscale.stats.decide.allocation import Objective
from ttscale.stats.intervals.intervals import Rng

_TIE_ORDERS = 8
"""Random orders of tied samples over which values are averaged."""


@dataclass(frozen=True, slots=True, eq=False)
class _Ranked:
    """One problem's samples by ascending score.

    Attributes:
        label: Correct or not, shape (S,).
        below: Samples of each arm among the first 0..S, shape (S+1, A).
    """

    label: FloatArray
    below: IntArray


def best_of_arms(
    problem: ArrayLike,
    arm: ArrayLike,
    score: ArrayLike,
    correct: ArrayLike,
    k: ArrayLike,
    *,
    rng: Rng = 0,
) -> FloatArray:
    """Estimate the chance that the highest-scored of k_a samples from each arm is correct.

    The mean over all subsets: a threshold s is not exceeded with chance Π_a C(r_a(s), k_a)/C(n_a, k_a), where r_a(s) samples
    of arm a score at most s; the chance that a sample is the best is the step of that product at its score. Tied samples
    are put in random order, eight times over.

    Args:
        problem: Problem number of each sample, shape (S,), 0..P-1.
        arm: Arm number of each sample, shape (S,), 0..A-1.
        score: Higher is better, on one scale for all arms, shape (S,).
        correct: Shape (S,).
        k: Samples from each arm, shape (A,), or allocations (M, A); at least one sample in all.
        rng: Of the order of ties.

    Returns:
        Shape (P, M); (P,) for a single allocation.

    Raises:
        InvalidInputError: Columns of unequal length, or more samples than an arm has.

    >>> best_of_arms([0, 0, 0], [0, 0, 1], [1.0, 3.0, 2.0], [1, 0, 1], [1, 1]).tolist()
    [0.5]
    """
    allocations = whole_numbers(k, "k")
    value = selection_objective(problem, arm, score, correct, rng=rng)(np.atleast_2d(allocations))
    return value[:, 0] if allocations.ndim == 1 else value


def selection_objective(
    problem: ArrayLike, arm: ArrayLike, score: ArrayLike, correct: ArrayLike, *, rng: Rng = 0
) -> Objective:
    """Return `best_of_arms` as a function of allocations alone, samples sorted once."""
    number, which = whole_numbers(problem, "problem"), whole_numbers(arm, "arm")
    size = len(number)
    value, label = scores(score, "score", size), flags(correct, "correct", size)
    n_arms = int(which.max()) + 1
    generator = np.random.default_rng(rng)
    orders = _TIE_ORDERS if _has_ties(number, value) else 1
    ranked = [
        [_ranked(which[rows], value[rows], label[rows], n_arms, generator) for _ in range(orders)]
        for rows in _rows(number)
    ]

    def objective(k: IntArray) -> FloatArray:
        return np.stack([np.mean([_value(one, k) for one in several], axis=0) for several in ranked])

    return objective


def _rows(number: IntArray) -> Sequence[IntArray]:
    order = np.argsort(number, kind="stable")
    return np.split(order, np.cumsum(np.bincount(number))[:-1])


def _has_ties(number: IntArray, value: FloatArray) -> bool:
    return len(np.unique(np.stack([number.astype(np.float64), value]), axis=1).T) < len(number)


def _ranked(
    arm: IntArray, score: FloatArray, label: IntArray, n_arms: int, rng: np.random.Generator
) -> _Ranked:
    order = np.lexsort((rng.random(len(score)), score))
    below = np.zeros((len(score) + 1, n_arms), dtype=np.int64)
    below[1:] = np.cumsum(arm[order][:, None] == np.arange(n_arms), axis=0)
    return _Ranked(label[order].astype(np.float64), below)


def _value(problem: _Ranked, k: IntArray) -> FloatArray:
    """Return the chance of a correct best for allocations (M, A), shape (M,)."""
    n = problem.below[-1]
    if (k > n).any() or (k < 0).any():
        m, a = np.argwhere((k > n) | (k < 0))[0]
        raise InvalidInputError(f"The allocation draws {k[m, a]} samples from arm {a}, which has {n[a]}.")
    log_chance = np.zeros((len(problem.below), len(k)))
    for a, drawn in enumerate(k.T):
        log_chance += _log_all_within(problem.below[:, a], int(n[a]), drawn)
    chance = np.exp(log_chance)
    chance[:, k.sum(axis=1) == 0] = 0.0  # nothing drawn, nothing returned
    return np.asarray(problem.label @ np.diff(chance, axis=0))


def _log_all_within(r: IntArray, n: int, k: IntArray) -> FloatArray:
    """Return log[C(r, k)/C(n, k)] for r of shape (R,) and k of shape (M,): (R, M)."""
    unique, inverse = np.unique(k, return_inverse=True)
    columns = np.zeros((len(r), len(unique)))
    for j, drawn in enumerate(unique):
        steps = np.arange(drawn)
        with np.errstate(divide="ignore"):
            logs = np.log(np.maximum(np.arange(n + 1)[:, None] - steps, 0) / (n - steps)).sum(axis=1)
        columns[:, j] = logs[r] if drawn else 0.0
    return np.asarray(columns[:, inverse.ravel()])
