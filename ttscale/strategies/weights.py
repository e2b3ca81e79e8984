"""Weights of a population, and drawing from it. Notation: N members, log-weights of shape (N,)."""

import numpy as np

from ttscale.arrays import FloatArray, IntArray
from ttscale.types import Outcome, Verdict


def normalized(log_weights: FloatArray) -> FloatArray:
    """Return weights that sum to 1; equal ones where all are zero.

    >>> normalized(np.log([1.0, 3.0])).tolist()
    [0.25, 0.75]
    """
    top = log_weights.max()
    if np.isneginf(top):
        return np.full(len(log_weights), 1 / len(log_weights))
    weights = np.exp(log_weights - top)
    return np.asarray(weights / weights.sum())


def log_mean_exp(log_weights: FloatArray) -> float:
    """Return the logarithm of the mean weight."""
    top = float(log_weights.max())
    return top if np.isinf(top) else top + float(np.log(np.exp(log_weights - top).mean()))


def systematic(weights: FloatArray, rng: np.random.Generator) -> IntArray:
    """Draw N ancestors with one random number: a weight of w takes at least ⌊wN⌋ places.

    >>> systematic(np.array([0.5, 0.25, 0.25]), np.random.default_rng(0)).tolist()
    [0, 1, 2]
    """
    n = len(weights)
    points = (rng.random() + np.arange(n)) / n
    return np.asarray(np.minimum(np.searchsorted(np.cumsum(weights), points, side="right"), n - 1))


def multinomial(weights: FloatArray, rng: np.random.Generator) -> IntArray:
    """Draw N ancestors independently."""
    return np.asarray(rng.choice(len(weights), len(weights), p=weights))


def score_of(verdict: Verdict) -> float:
    """Return a verdict as a number: its score, or 1 and 0 for accepted and not.

    >>> score_of(Verdict(outcome=Outcome.NO_ANSWER))
    0.0
    """
    return verdict.score if verdict.score is not None else float(verdict.outcome is Outcome.CORRECT)
