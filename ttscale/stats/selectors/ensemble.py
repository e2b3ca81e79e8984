"""Several verifiers' scores combined into one: logistic regression, never scored on the problems it was fitted on.

Notation: X holds the scores of S samples by F verifiers, y whether each sample is correct. Problems are dealt into
folds; the samples of a fold get their probability from a fit to all other folds. All samples of a problem lie
in one fold, since samples of one problem give each other away.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit, logit

from ttscale.arrays import ArrayLike, FloatArray, IntArray
from ttscale.errors import InvalidInputError
from ttscale.stats.counts.pools import flags, pools
from ttscale.stats.intervals.folds import problem_folds
from ttscale.stats.intervals.intervals import Rng
from ttscale.stats.selectors.contract import Need, Picked, SamplePools, Selector
from ttscale.stats.selectors.selection import BestOfK

_MOST_STEPS = 100
_SETTLED = 1e-10
"""Decrease of the loss, as a share of it, that a step may leave undone. It shrinks by its square, so one more step is
the last; smaller ones drown in the rounding of the loss, where a halving search for a decrease goes on for ever."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LogisticFit:
    """A fitted logistic regression on standardized scores.

    Attributes:
        coefficient: Log-odds per standard deviation of each score, shape (F,).
        intercept: Log-odds at the mean scores.
        center: Mean of each score in the fit, shape (F,).
        scale: Standard deviation of each score in the fit, 1 where it is constant; shape (F,).
        converged: Whether the iteration settled.
    """

    coefficient: FloatArray
    intercept: float
    center: FloatArray
    scale: FloatArray
    converged: bool

    def probability(self, score: ArrayLike) -> FloatArray:
        """Return the predicted chance to be correct for scores (S, F), shape (S,)."""
        standard = (np.asarray(score, dtype=np.float64) - self.center) / self.scale
        chance: FloatArray = expit(self.intercept + standard @ self.coefficient)
        return chance


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CrossFit:
    """An ensemble's out-of-fold predictions.

    Attributes:
        probability: Chance of each sample to be correct, from a fit that never saw its problem; shape (S,).
        fold: The fold of each problem, shape (P,).
        fits: The fit that scored each fold, in the order of the folds.
    """

    probability: FloatArray
    fold: IntArray
    fits: tuple[LogisticFit, ...]


def fit_logistic(
    score: ArrayLike, correct: ArrayLike, *, weight: ArrayLike | None = None, ridge: float = 1.0
) -> LogisticFit:
    """Fit logistic regression by Newton's method (iteratively reweighted least squares) with a ridge.

    Minimizes −Σ w log-likelihood + ridge/2·Σ β², the β of standardized scores; the intercept is free. The ridge
    keeps the fit finite where the scores separate right from wrong perfectly.

    Args:
        score: Shape (S, F), finite.
        correct: Shape (S,).
        weight: Of each sample, shape (S,); 1 by default.
        ridge: Penalty, above 0, in units of samples.

    Returns:
        The fit.

    Raises:
        InvalidInputError: Scores that are not finite, a ridge of 0 or less, or only correct or only wrong samples.

    >>> bool(fit_logistic([[0.0], [1.0], [0.0], [1.0]], [0, 1, 0, 1]).coefficient[0] > 0)
    True
    """
    X = np.asarray(score, dtype=np.float64)
    if X.ndim != 2 or not len(X) or not np.isfinite(X).all():
        raise InvalidInputError(f"An ensemble needs finite scores of shape (S, F), not {X.shape}.")
    y = flags(correct, "correct", len(X)).astype(np.float64)
    w = np.ones(len(X)) if weight is None else np.asarray(weight, dtype=np.float64)
    if not ridge > 0:
        raise InvalidInputError(f"ridge must be above 0, but is {ridge}.")
    _refuse_one_kind(y)
    center = np.average(X, axis=0, weights=w)
    spread = np.sqrt(np.average((X - center) ** 2, axis=0, weights=w))
    scale = np.where(spread > 1e-12 * (1 + np.abs(center)), spread, 1.0)
    design = np.column_stack([np.ones(len(X)), (X - center) / scale])  # (S, 1 + F)
    penalty = np.concatenate([[0.0], np.full(X.shape[1], ridge)])
    beta, converged = _newton(design, y, w, penalty)
    return LogisticFit(
        coefficient=beta[1:], intercept=float(beta[0]), center=center, scale=scale, converged=converged
    )


def cross_fit(
    problem: ArrayLike,
    score: ArrayLike,
    correct: ArrayLike,
    *,
    n_folds: int = 5,
    ridge: float = 1.0,
    rng: Rng = None,
) -> CrossFit:
    """Predict each problem's samples by a logistic regression fitted to the other folds' problems.

    Every problem has the same weight in a fit, however many samples it has. A fold whose other problems hold only correct or
    only wrong samples has nothing to learn from: all of its samples get the same probability.

    Args:
        problem: Problem number of each sample, shape (S,), 0..P-1.
        score: Scores of each sample by each verifier, shape (S, F).
        correct: Whether each sample is correct, shape (S,).
        n_folds: Folds of problems.
        ridge: See `fit_logistic`.
        rng: Generator or seed that deals the problems.

    Returns:
        Out-of-fold probabilities and the fits.

    Raises:
        InvalidInputError: Fewer than two problems, or only correct or only wrong samples.

    References:
        Saad-Falcon et al. 2025 (Weaver), https://arxiv.org/abs/2506.18203
    """
    table = pools(problem)
    X = np.asarray(score, dtype=np.float64)
    y = flags(correct, "correct", len(table.order))
    if X.ndim != 2 or len(X) != len(y):
        raise InvalidInputError(f"score must have the shape ({len(y)}, F), but has {X.shape}.")
    _refuse_one_kind(y)
    fold = problem_folds(len(table), n_folds, rng=rng)
    number = table.problem_of_row()
    weight = len(y) / len(table) / np.maximum(table.n, 1)[number]
    probability = np.empty(len(y))
    fits = []
    for one in range(int(fold.max()) + 1):
        inside = fold[number] == one
        others = y[~inside]
        alike = others.min() == others.max()
        fit = (
            _nothing_learnt(X.shape[1])
            if alike
            else fit_logistic(X[~inside], others, weight=weight[~inside], ridge=ridge)
        )
        probability[inside] = fit.probability(X[inside])
        fits.append(fit)
    return CrossFit(probability=probability, fold=fold, fits=tuple(fits))


class Ensemble(Selector):
    """The sample that several verifiers together hold most likely correct, by the out-of-fold probability of `cross_fit`.

    It learns from correct and wrong samples of other problems, so in use it needs problems with a key to learn from.
    """

    metric = "ensemble_of_k"
    needs: ClassVar[frozenset[Need]] = frozenset({"features"})
    at_k = "ensemble at k = {k}"

    def label(self, verifier: str | None = None) -> str:
        """Return what a table calls it."""
        return f"best by ensemble of {verifier}" if verifier else "ensemble"

    def values(self, pools: SamplePools, k: IntArray, *, rng: Rng = None) -> Picked:
        """Return best_of_k of every problem by the ensemble's probability; `rng` deals the folds.

        Raises:
            InvalidInputError: As `cross_fit`, or pools without features.
        """
        table, right = pools.samples()
        if pools.features is None:
            raise InvalidInputError(
                "This selector goes by the scores of several verifiers, which these pools lack."
            )
        score = np.zeros(len(right))  # where all samples are alike, it does not matter which one is picked
        if right.min() != right.max():
            score = cross_fit(table.problem_of_row(), pools.features, right, rng=rng).probability
        return BestOfK().values(replace(pools, score=score), k)


def _refuse_one_kind(y: FloatArray | IntArray) -> None:
    if y.min() == y.max():
        raise InvalidInputError(
            f"An ensemble learns from correct and wrong samples, but all {len(y)} it was given are "
            f"{'correct' if y[0] else 'wrong'}. Use more problems."
        )


def _nothing_learnt(n_features: int) -> LogisticFit:
    """Return a fit that holds every sample as likely correct as not."""
    nothing = np.zeros(n_features)
    return LogisticFit(coefficient=nothing, intercept=0.0, center=nothing, scale=nothing + 1, converged=True)


def _newton(
    design: FloatArray, y: FloatArray, weight: FloatArray, penalty: FloatArray
) -> tuple[FloatArray, bool]:
    """Minimize the penalized loss, halving steps that overshoot; returns (coefficients, whether it settled)."""
    beta = np.zeros(design.shape[1])
    beta[0] = logit(np.average(y, weights=weight))
    loss = _loss(design, y, weight, penalty, beta)
    for _ in range(_MOST_STEPS):
        chance = expit(design @ beta)
        gradient = design.T @ (weight * (chance - y)) + penalty * beta
        hessian = (design * (weight * chance * (1 - chance))[:, None]).T @ design + np.diag(penalty)
        hessian[0, 0] += 1e-9 * weight.sum()  # the intercept has no ridge of its own
        step = cho_solve(cho_factor(hessian), gradient)
        if float(gradient @ step) <= _SETTLED * max(loss, 1.0):
            return beta - step, True
        size = 1.0
        while (shorter := _loss(design, y, weight, penalty, beta - size * step)) > loss and size > 1e-8:
            size /= 2
        beta, loss = beta - size * step, shorter
    return beta, False


def _loss(
    design: FloatArray, y: FloatArray, weight: FloatArray, penalty: FloatArray, beta: FloatArray
) -> float:
    score = design @ beta
    return float(weight @ (np.logaddexp(0, score) - y * score) + 0.5 * penalty @ beta**2)
