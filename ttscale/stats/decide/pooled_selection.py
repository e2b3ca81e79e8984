"""The sample with the highest score among draws from several arms: models, temperatures or prompts.

Notation: arm a has n_ia scored samples on problem i; k_a of them are drawn without replacement and the highest score of
all is returned.
"""

from dataclasses import dataclass

import numpy as np

from ttscale.arrays import ArrayLike, FloatArray, IntArray
from ttscale.errors import InvalidInputError
from ttscale.stats.counts.counts import whole_numbers
from ttscale.stats.counts.pass_at_k import log_choose
from ttscale.stats.counts.pools import flags, pools, scores
from ttscale.stats.decide.allocation import Objective
from ttscale.stats.selectors.plurality import gauss_nodes

_MOST_NODES = 400
"""Most nodes of the integral over ties; half the drawn tied samples are exact, and so many are as good."""


@dataclass(frozen=True, slots=True, eq=False)
class _Ranked:
    """One problem's samples by ascending score, G groups of equal scores.

    Attributes:
        below: Samples of each arm with a lower score than each group's, and all of them in the end, shape (G+1, A).
        correct: Share of correct ones among an arm's samples in a group, 0 where it has none, shape (G, A).
        label: That share over all arms, shape (G,).
        mixed: Groups in which arms differ in that share, so that it matters how many each of them gives.
    """

    below: IntArray
    correct: FloatArray
    label: FloatArray
    mixed: IntArray


def best_of_arms(
    problem: ArrayLike,
    arm: ArrayLike,
    score: ArrayLike,
    correct: ArrayLike,
    k: ArrayLike,
) -> FloatArray:
    """Estimate the chance that the highest-scored of k_a samples from each arm is correct.

    The mean over all subsets: a threshold s is not exceeded with chance Π_a C(r_a(s), k_a)/C(n_a, k_a), where r_a(s) samples
    of arm a score at most s; the chance that the best has score s is the step of that product there. Ties for the best
    are broken at random: each tied sample gets an even rank u in [0, 1], and the chance that arm a holds the highest is
    ∫ F_a'(u) Π_{b≠a} F_b(u) du with the polynomials F_a(u) = Σ_x P(x tied ones drawn, none above) u^x.

    Args:
        problem: Problem number of each sample, shape (S,), 0..P-1.
        arm: Arm number of each sample, shape (S,), 0..A-1.
        score: Higher is better, on one scale for all arms, shape (S,).
        correct: Shape (S,).
        k: Samples from each arm, shape (A,), or allocations (M, A); at least one sample in all.

    Returns:
        Shape (P, M); (P,) for a single allocation.

    Raises:
        InvalidInputError: Columns of unequal length, or more samples than an arm has.

    >>> best_of_arms([0, 0, 0], [0, 0, 1], [1.0, 3.0, 2.0], [1, 0, 1], [1, 1]).tolist()
    [0.5]
    """
    allocations = whole_numbers(k, "k")
    value = selection_objective(problem, arm, score, correct)(np.atleast_2d(allocations))
    return value[:, 0] if allocations.ndim == 1 else value


def selection_objective(
    problem: ArrayLike, arm: ArrayLike, score: ArrayLike, correct: ArrayLike
) -> Objective:
    """Return `best_of_arms` as a function of allocations alone, samples sorted once."""
    number, which = whole_numbers(problem, "problem"), whole_numbers(arm, "arm")
    size = len(number)
    if not size or which.shape != number.shape or which.min() < 0:
        raise InvalidInputError(
            f"Every sample needs an arm of at least 0, but problem has shape {number.shape} and arm {which.shape}."
        )
    value, label = scores(score, "score", size), flags(correct, "correct", size)
    n_arms = int(which.max()) + 1
    ranked = [_ranked(which[rows], value[rows], label[rows], n_arms) for rows in pools(number).rows()]

    def objective(k: IntArray) -> FloatArray:
        return np.stack([_value(one, k) for one in ranked])

    return objective


def _ranked(arm: IntArray, score: FloatArray, label: IntArray, n_arms: int) -> _Ranked:
    _, group = np.unique(score, return_inverse=True)
    shape = (int(group.max(initial=-1)) + 1, n_arms)
    cell = group * n_arms + arm
    count = np.bincount(cell, minlength=shape[0] * n_arms).reshape(shape)
    right = np.bincount(cell, weights=label, minlength=shape[0] * n_arms).reshape(shape)
    below = np.concatenate([np.zeros((1, n_arms), dtype=np.int64), np.cumsum(count, axis=0)])
    correct = right / np.maximum(count, 1)
    overall = right.sum(axis=1) / np.maximum(count.sum(axis=1), 1)
    differs = (count > 0) & (np.abs(correct - overall[:, None]) > 1e-15)
    return _Ranked(below, correct, overall, np.flatnonzero(differs.any(axis=1)))


def _value(problem: _Ranked, k: IntArray) -> FloatArray:
    """Return the chance of a correct best for allocations (M, A), shape (M,)."""
    n = problem.below[-1]
    if k.shape[1] != len(n):
        raise InvalidInputError(f"k must hold one number per arm ({len(n)}), not {k.shape[1]}.")
    if (k > n).any() or (k < 0).any():
        m, a = np.argwhere((k > n) | (k < 0))[0]
        raise InvalidInputError(f"The allocation draws {k[m, a]} samples from arm {a}, which has {n[a]}.")
    log_chance = np.zeros((len(problem.below), len(k)))
    for a, drawn in enumerate(k.T):
        log_chance += _log_all_within(problem.below[:, a], int(n[a]), drawn)
    chance = np.exp(log_chance)
    chance[:, k.sum(axis=1) == 0] = 0.0  # nothing drawn, nothing returned
    step = np.diff(chance, axis=0)  # (G, M)
    plain = problem.label.copy()
    plain[problem.mixed] = 0.0
    total = plain @ step
    for group in problem.mixed:
        total += _tied_between_arms(problem, int(group), k)
    return np.asarray(total)


def _tied_between_arms(problem: _Ranked, group: int, k: IntArray) -> FloatArray:
    """Return the chance that the best has this group's score and is correct, for allocations (M, A): (M,)."""
    lower, n = problem.below[group], problem.below[-1]
    tied = problem.below[group + 1] - lower
    nodes, weights = gauss_nodes(min(int(np.minimum(tied, k.max(axis=0)).sum()) // 2 + 1, _MOST_NODES))
    arms = [
        _ranks_of_arm(*part, nodes)
        for part in zip(lower.tolist(), tied.tolist(), n.tolist(), k.T, strict=True)
    ]
    total = np.zeros((len(k), len(nodes)))
    for a, (_, slope) in enumerate(arms):
        others = [chance for b, (chance, _) in enumerate(arms) if b != a]
        total += problem.correct[group, a] * np.prod([slope, *others], axis=0)
    return np.asarray(total @ weights)


def _ranks_of_arm(
    lower: int, tied: int, n: int, k: IntArray, nodes: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return F(u) of one arm at the nodes (J,) and its derivative, for k of shape (M,): both (M, J)."""
    unique, inverse = np.unique(k, return_inverse=True)
    x = np.arange(min(tied, int(unique.max())) + 1)
    ways = log_choose(tied, x) + log_choose(lower, unique[:, None] - x) - log_choose(n, unique)[:, None]
    chance = np.exp(ways)  # (M', X)
    powers = nodes ** x[:, None]  # (X, J)
    slopes = x[:, None] * nodes ** np.maximum(x - 1, 0)[:, None]
    return (chance @ powers)[inverse], (chance @ slopes)[inverse]


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
