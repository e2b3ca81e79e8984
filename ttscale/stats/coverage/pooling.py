"""Coverage of samples pooled from several arms: temperatures, prompts or models that answer the same problems.

Notation: of K samples k_a come from arm a, in the proportion of the shares. Arms are sampled independently, so the
chance that all fail is the product of the arms' chances, and so is its estimate: 1 − Π_a (1 − V_a(k_a)) is unbiased
where every V_a(k_a) is for pass@k_a of its arm.
"""

from collections.abc import Callable, Sequence

import numpy as np

from ttscale.arrays import ArrayLike, FloatArray, IntArray
from ttscale.errors import InvalidInputError
from ttscale.stats.counts.counts import budgets
from ttscale.stats.counts.curve import Curve
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.intervals.intervals import (
    IntervalOptions,
    check_confidence,
    interval_over_problems,
    mean_curve,
)
from ttscale.types import CONFIDENCE_LEVEL

Arm = Callable[[IntArray], FloatArray]
"""Budgets (K,), each at least 1 -> pass@k of every problem (P, K) by this arm alone."""


def counted_arm(n: ArrayLike, c: ArrayLike) -> Arm:
    """Return an arm that was sampled without looking at verdicts.

    Args:
        n: Samples per problem, shape (P,), or one number for all.
        c: Correct ones, shape (P,).
    """
    return lambda k: pass_at_k(n, c, k)


def split_of(k: ArrayLike, shares: ArrayLike) -> IntArray:
    """Return how many of K samples each arm gives, close to its share and never fewer for a larger K.

    The divisor method of Webster and Sainte-Laguë: sample by sample to the arm with the largest
    share / (2 k_a + 1), the first of equals.

    Args:
        k: Samples in all, shape (K,).
        shares: Weight of each arm, above 0, shape (A,); they need not sum to 1.

    Returns:
        Shape (K, A); rows sum to k.

    Raises:
        InvalidInputError: A budget or a share that is not positive.

    >>> split_of([1, 2, 3, 8], [3, 1]).tolist()
    [[1, 0], [2, 0], [2, 1], [6, 2]]
    """
    ks, weight = budgets(k), np.asarray(shares, dtype=np.float64)
    if weight.ndim != 1 or not len(weight) or not (np.isfinite(weight).all() and (weight > 0).all()):
        raise InvalidInputError(f"shares must hold one number above 0 per arm, not {weight.tolist()}.")
    largest = int(ks.max())
    priority = weight[:, None] / (2 * np.arange(largest) + 1)  # (A, K): of each arm's next sample
    order = np.argsort(-priority, axis=None, kind="stable")[:largest]
    given = np.cumsum(np.eye(len(weight), dtype=np.int64)[order // largest], axis=0)
    taken: IntArray = given[ks - 1]
    return taken


def pooled_curve(
    arms: Sequence[Arm],
    k: ArrayLike,
    *,
    shares: ArrayLike | None = None,
    confidence_level: float = CONFIDENCE_LEVEL,
) -> Curve:
    """Estimate coverage of samples pooled from several arms, with its interval over problems.

    Shares that were chosen on the same samples make it optimistic; choose them on other samples.

    Args:
        arms: The arms, all for the same problems in the same order.
        k: Samples per problem in all, shape (K,); sorted and made unique.
        shares: Weight of each arm, shape (A,); equal by default.
        confidence_level: Such as 0.95.

    Returns:
        The curve over K; its first arm gives the odd sample.

    Raises:
        InvalidInputError: Arms of different problems, bad shares, or more samples than an arm has.

    >>> arms = [counted_arm(2, [1, 0]), counted_arm(2, [1, 2])]
    >>> pooled_curve(arms, [1, 2]).value.tolist()
    [0.25, 0.875]
    """
    check_confidence(confidence_level)
    if not arms:
        raise InvalidInputError("There is no arm to pool.")
    weight = np.ones(len(arms)) if shares is None else np.asarray(shares, dtype=np.float64)
    if weight.shape != (len(arms),):
        raise InvalidInputError(f"{len(arms)} arms need as many shares, not {weight.size}.")
    ks = np.unique(budgets(k))
    values = pooled_pass_at_k(arms, split_of(ks, weight))
    interval = interval_over_problems(values, confidence_level)
    return mean_curve(
        "coverage",
        ks,
        values.mean(axis=0),
        interval,
        len(values),
        options=IntervalOptions(confidence_level=confidence_level),
        how=f"exact product over {len(arms)} arms",
    )


def pooled_pass_at_k(arms: Sequence[Arm], split: IntArray) -> FloatArray:
    """Estimate each problem's chance that the samples of a split hold a correct one.

    Args:
        arms: The arms.
        split: Samples from each arm, at least 0, shape (K, A).

    Returns:
        Shape (P, K).
    """
    missed: FloatArray | None = None
    for arm, k in zip(arms, split.T, strict=True):
        alone = np.where(k > 0, arm(np.maximum(k, 1)), 0.0)  # (P, K)
        if missed is not None and missed.shape != alone.shape:
            raise InvalidInputError(
                f"Arms must hold the same problems, but have {len(missed)} and {len(alone)}. Pool cells of one task."
            )
        missed = 1.0 - alone if missed is None else missed * (1.0 - alone)
    if missed is None:
        raise InvalidInputError("There is no arm to pool.")
    return 1.0 - missed
