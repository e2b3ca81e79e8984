"""Coverage of samples that were drawn in rounds, and how sure it is."""

import numpy as np

from ttscale.arrays import ArrayLike, FloatArray, IntArray
from ttscale.errors import InvalidInputError
from ttscale.stats.adaptive.rounds import Ends, Rounds, ends, pass_at_k_in_rounds
from ttscale.stats.counts.counts import budgets, counts, whole_numbers
from ttscale.stats.counts.curve import Curve
from ttscale.stats.counts.mixing import mixing_distribution
from ttscale.stats.forecast.outlook import Generalises
from ttscale.stats.intervals.intervals import (
    Interval,
    IntervalOptions,
    check_confidence,
    interval_over_problems,
    interval_over_samples,
    mean_curve,
    rising,
)
from ttscale.stats.intervals.sampling_error import SamplingError
from ttscale.types import CONFIDENCE_LEVEL

_NEGLIGIBLE = 1e-13
"""Chance below which an end of the sampling is left out of a variance."""


def coverage_in_rounds(
    rounds: Rounds,
    rung: ArrayLike,
    c: ArrayLike,
    k: ArrayLike,
    *,
    over: Generalises = "problems",
    confidence_level: float = CONFIDENCE_LEVEL,
    verified: ArrayLike | None = None,
) -> Curve:
    """Estimate coverage from samples drawn in rounds, with an interval at every budget.

    Args:
        rounds: The rounds.
        rung: Where each problem ended, shape (P,).
        c: Correct ones among its samples, shape (P,).
        k: Budgets, shape (K,); sorted and made unique.
        over: "problems" for all problems of this kind, "samples" for these very problems.
        confidence_level: Such as 0.95.
        verified: As in `pass_at_k_in_rounds`.

    Returns:
        The curve.

    Raises:
        InvalidInputError: As `pass_at_k_in_rounds`.

    >>> one_success = Rounds((2, 4), ({0: ((0, 1),)},))
    >>> coverage_in_rounds(one_success, [0, 1, 1], [2, 1, 0], [1, 4]).value.round(3).tolist()
    [0.333, 0.667]
    """
    check_confidence(confidence_level)
    if over not in ("problems", "samples"):
        raise InvalidInputError(f"over must be 'problems' or 'samples', not '{over}'.")
    ks, rungs, right = np.unique(budgets(k)), whole_numbers(rung, "rung"), whole_numbers(c, "c")
    values = pass_at_k_in_rounds(rounds, rungs, right, ks, verified=verified)
    mean = values.mean(axis=0)
    if over == "problems":
        interval = interval_over_problems(values, confidence_level)
    else:
        interval = _over_samples(rounds, rungs, right, mean, ks, confidence_level)
    return mean_curve(
        "coverage",
        ks,
        mean,
        rising(interval),
        len(values),
        options=IntervalOptions(confidence_level=confidence_level, over=over),
        how="unbiased for samples drawn in rounds",
    )


def sampling_variance(rounds: Rounds, rate: FloatArray, k: IntArray) -> FloatArray:
    """Return the variance of the estimate of one problem with success rate p, shape (G, K).

    Args:
        rounds: The rounds, taken as fixed.
        rate: Success rates, shape (G,).
        k: Budgets, shape (K,).
    """
    second = np.zeros((len(rate), len(k)))
    for end in ends(rounds, k):
        chance = _chance_of(end, rate)  # (C, G)
        likely = chance.max(axis=1, initial=0.0) > _NEGLIGIBLE
        second += chance[likely].T @ np.nan_to_num(end.value[likely]) ** 2
    mean = -np.expm1(k * np.log1p(-np.minimum(rate, 1 - 1e-16))[:, None])
    variance: FloatArray = np.maximum(second - mean**2, 0.0)
    return variance


def _chance_of(end: Ends, rate: FloatArray) -> FloatArray:
    """Return the chance to end there with each c, (C, G)."""
    c = np.arange(len(end.log_orders))[:, None]
    inner = np.clip(rate, 1e-300, 1 - 1e-16)
    log = end.log_orders[:, None] + c * np.log(inner) + (end.n - c) * np.log1p(-inner)
    return np.where(c <= end.n, np.exp(log), 0.0)


def error_in_rounds(rounds: Rounds, rung: IntArray, c: IntArray, k: IntArray) -> SamplingError:
    """Return the standard error of coverage from sampling alone, rounds taken as fixed.

    As in `coverage_sampling_error` each problem's variance is averaged over what its counts say of its success
    rate. Counts keep their likelihood whatever the rounds.
    """
    pairs = counts(np.array(rounds.ladder)[rung], c).unique()
    mixing = mixing_distribution(pairs)
    variance = mixing.posterior @ sampling_variance(rounds, mixing.rate, k)  # (U, K)
    total = pairs.weight @ variance  # (K,)
    spread = pairs.weight @ variance**2
    drawn = np.minimum(k[:, None] / pairs.n, 1.0) @ pairs.weight / pairs.weight.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        degrees = np.where(total > 0, total**2 / spread / drawn, np.inf)
    return SamplingError(np.sqrt(total) / pairs.weight.sum(), degrees)


def _over_samples(
    rounds: Rounds, rung: IntArray, c: IntArray, mean: FloatArray, k: IntArray, confidence_level: float
) -> Interval:
    error = error_in_rounds(rounds, rung, c, k)
    trials = np.full(
        len(k), float(len(rung))
    )  # an estimate is never worse than whether the first k hold a success
    unsolved = mean <= 0
    trials[unsolved] = np.array(rounds.ladder)[rung].sum() / k[unsolved]
    return interval_over_samples(mean, error.standard_error, trials, confidence_level, degrees=error.degrees)
