"""Coverage at any budget: measured within the samples, forecast beyond them; and the budget that a target needs.

The interval generalises over problems (other problems of this kind) or over samples (these very problems with other
draws). Within the samples both are those of `ttscale.stats.coverage.coverage`. Beyond them both come from the posterior of the
laws that forecasts average over: over problems that of the law's own coverage, over samples that of the mean over
these problems, each with the success rate that its counts leave open. Unlike `ttscale.stats.forecast.forecasting`, the question is
not which of these problems will have been solved once the samples at hand are added to: a budget is spent anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.special import ndtri
from threadpoolctl import threadpool_limits

from ttscale.arrays import ArrayLike, FloatArray, IntArray
from ttscale.errors import InvalidInputError
from ttscale.stats.counts.counts import Counts, UniqueCounts, budgets, counts, one_budget
from ttscale.stats.counts.curve import Curve
from ttscale.stats.coverage.coverage import coverage_curve
from ttscale.stats.forecast.forecasting import forecast
from ttscale.stats.forecast.likeness import Earlier, earlier, models_like
from ttscale.stats.forecast.model_averaging import PosteriorDraws, posterior_of
from ttscale.stats.forecast.predicting import AVERAGE, CAUTION
from ttscale.stats.intervals.intervals import Rng
from ttscale.stats.intervals.unseen import still_open
from ttscale.stats.laws.fitting import fit_law
from ttscale.stats.laws.likelihood import binomial_kernel, blunted
from ttscale.types import CONFIDENCE_LEVEL

Generalises = Literal["problems", "samples"]

LARGEST = 10**6
"""Budgets beyond this many samples per problem are not looked for."""

_KNOTS = 96
"""Budgets at which a forecast is computed; in between it is interpolated."""
_SURE = 70.0  # beyond it a hazard solves for certain; the exponentials of more cost time and say nothing
_POSTERIORS, _NORMALS = 30_000, 32
"""Posteriors of single problems computed, over all mixtures drawn; values drawn from each mixture's mean."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Outlook:
    """Coverage at budgets within and beyond the samples.

    Attributes:
        curve: Values with their interval, shape (K,).
        extrapolates: Which budgets lie beyond the samples of some problem, shape (K,).
        n_min: Fewest samples of any problem.
    """

    curve: Curve
    extrapolates: np.ndarray
    n_min: int


def coverage_outlook(
    n: ArrayLike,
    c: ArrayLike,
    k: ArrayLike,
    *,
    over: Generalises = "problems",
    method: str = "auto",
    confidence_level: float = CONFIDENCE_LEVEL,
    rng: Rng = 0,
    like: Earlier = (),
    ahead: Curve | None = None,
) -> Outlook:
    """Estimate coverage at any budgets, forecasting those beyond the samples.

    Args:
        n: Samples drawn per problem, shape (P,), or one number for all.
        c: Samples correct per problem, shape (P,).
        k: Budgets, shape (K,); sorted and made unique.
        over: "problems" for problems of this kind, "samples" for these very problems.
        method: Of the forecast: "auto" (an average over laws), or the name of a law.
        confidence_level: Such as 0.95.
        rng: Of the forecast; by default the same draws every time.
        like: Of the forecast: earlier counts of other models on this benchmark, for the average alone; see `forecast`.
        ahead: A forecast of these counts to read off instead of making one, see `coverage_ahead`.

    Returns:
        The outlook; values and both ends never fall with k.

    Raises:
        InvalidInputError: Impossible counts or budgets, or nothing to forecast from.

    >>> ahead = coverage_outlook(20, [0, 0, 0, 2, 5, 20], [1, 20, 100])
    >>> ahead.extrapolates.tolist(), ahead.curve.value[:2].round(3).tolist()
    ([False, False, True], [0.225, 0.5])
    """
    data, ks = counts(n, c), np.unique(budgets(k))
    if over not in ("problems", "samples"):
        raise InvalidInputError(f"over must be 'problems' or 'samples', not '{over}'.")
    n_min = int(data.n.min())
    inside = ks <= n_min
    parts = []
    if inside.any():
        parts.append(coverage_curve(data.n, data.c, ks[inside], over=over, confidence_level=confidence_level))
    if not inside.all():
        beyond = ahead or _beyond(
            data, _knots(ks[~inside]), over, method, confidence_level, rng=rng, like=like
        )
        parts.append(_interpolated(beyond, ks[~inside]))
    curve = _joined(parts, ks, len(data))
    return Outlook(curve=curve, extrapolates=~inside, n_min=n_min)


def _joined(parts: Sequence[Curve], k: IntArray, n_problems: int) -> Curve:
    """Return the measured and the forecast part as one curve that never falls."""
    value, low, high = (
        np.maximum.accumulate(np.concatenate([getattr(part, end) for part in parts]))
        for end in ("value", "low", "high")
    )
    return Curve(
        metric="coverage",
        k=k,
        value=value,
        low=low,
        high=high,
        confidence_level=parts[0].confidence_level,
        over=parts[0].over,
        method="; beyond the samples: ".join(part.method for part in parts),
        n_problems=n_problems,
    )


def coverage_ahead(
    n: ArrayLike,
    c: ArrayLike,
    *,
    largest: int = LARGEST,
    over: Generalises = "problems",
    method: str = "auto",
    confidence_level: float = CONFIDENCE_LEVEL,
    rng: Rng = 0,
    like: Earlier = (),
) -> Curve:
    """Forecast coverage from the first budget beyond the samples to the largest, for many questions to read off.

    A forecast takes a second, and reading it off nothing; answers that share one agree with each other, too.

    Args:
        n: Samples drawn per problem, shape (P,), or one number for all.
        c: Samples correct per problem, shape (P,).
        largest: The largest budget that will be asked for, beyond the fewest samples of any problem.
        over: See `coverage_outlook`.
        method: Likewise.
        confidence_level: Likewise.
        rng: Likewise.
        like: Likewise.

    Raises:
        InvalidInputError: Impossible counts, or nothing to forecast from.
    """
    data, largest = counts(n, c), one_budget(largest, "largest")
    first = int(data.n.min()) + 1
    return _beyond(
        data,
        _knots(np.array([first, max(largest, first)])),
        over,
        method,
        confidence_level,
        rng=rng,
        like=like,
    )


def _knots(k: IntArray) -> IntArray:
    """Return about `_KNOTS` budgets from the first to the last: a forecast is smooth in log k."""
    if 2 < len(k) <= _KNOTS:
        return k
    knots: IntArray = np.unique(np.geomspace(k[0], k[-1], _KNOTS).round().astype(np.int64))
    return knots


def _interpolated(curve: Curve, k: IntArray) -> Curve:
    """Read a curve off at other budgets, linearly in log k."""
    at = np.log(k)
    ends = {end: np.interp(at, np.log(curve.k), getattr(curve, end)) for end in ("value", "low", "high")}
    return replace(curve, k=k, **ends)


def _beyond(
    data: Counts,
    k: IntArray,
    over: Generalises,
    method: str,
    confidence_level: float,
    *,
    rng: Rng,
    like: Earlier,
) -> Curve:
    """Forecast: the value that `forecast` expects, with the interval asked for."""
    if method in ("auto", AVERAGE):
        return _average(data, k, over, confidence_level, rng, like)
    if over == "samples":
        raise InvalidInputError(
            f"Beyond the samples, intervals for these very problems exist for the average over laws alone, not for '{method}'. "
            "Leave --method out, or ask over problems."
        )
    ahead = forecast(data.n, data.c, k, method=method, confidence_level=confidence_level, rng=rng).curve
    band = fit_law(method, data.n, data.c, confidence_level=confidence_level).predict(k)
    return _curve(k, ahead.value, (band.low, band.high), (over, method), confidence_level, len(data))


def _average(
    data: Counts, k: IntArray, over: Generalises, confidence_level: float, rng: Rng, like: Earlier
) -> Curve:
    """Forecast with the average over laws, and take the interval from its posterior, as cautious as a forecast's."""
    value = forecast(data.n, data.c, k, like=like, confidence_level=confidence_level, rng=rng).curve.value
    models = models_like(earlier(like, data))
    draws = posterior_of(data.unique(), k=int(k.max()), rng=rng, models=models)
    tail = CAUTION * (1.0 - confidence_level) / 2.0
    if over == "problems":
        ends = _weighted_quantiles(1.0 - draws.failure(k.astype(float)), draws.weight, (tail, 1.0 - tail))
    else:
        with threadpool_limits(
            1, user_api="blas"
        ):  # small matrices: threads that wait took twenty times as long
            likely = _coverage_of_these(draws, data.unique(), k, np.random.default_rng(rng))
        ends = np.quantile(likely, tail, axis=0), np.quantile(likely, 1.0 - tail, axis=0)
    return _curve(k, value, ends, (over, AVERAGE), confidence_level, len(data))


def _coverage_of_these(
    draws: PosteriorDraws, pairs: UniqueCounts, k: IntArray, rng: np.random.Generator
) -> FloatArray:
    """Draw the mean of 1 − (1−p_i)^k over problems from its posterior, shape (R, K).

    Given a mixture, each problem's rate has a posterior of its own; the mean over problems is taken as normal with the
    mean and the variance that follow.
    """
    failing = np.exp(-np.minimum(np.multiply.outer(np.exp(draws.x), k.astype(float)), _SURE))  # (M, K)
    moments = np.concatenate([failing, failing**2], axis=1)
    kernel = np.maximum(binomial_kernel(blunted(pairs), draws.x), np.exp(-2.0 * _SURE))  # (U, M)
    share = pairs.weight / pairs.weight.sum()
    spread = pairs.weight / pairs.weight.sum() ** 2
    n_mixtures = int(np.clip(_POSTERIORS // len(pairs.n), 16, 128))
    likely = []
    for s in rng.choice(len(draws.weight), size=n_mixtures, p=draws.weight):
        joint = kernel * draws.mass[s]
        never = np.where(pairs.c == 0, draws.zero[s], 0.0)[:, None]  # fails for certain
        first, second = np.split((joint @ moments + never) / (joint.sum(axis=1)[:, None] + never), 2, axis=1)
        deviation = np.sqrt(spread @ np.maximum(second - first**2, 0.0))
        likely.append(1.0 - share @ first + deviation * rng.standard_normal((_NORMALS, 1)))
    return np.asarray(np.clip(np.concatenate(likely), 0.0, 1.0))


def _curve(
    k: IntArray,
    value: FloatArray,
    ends: tuple[FloatArray, FloatArray],
    how: tuple[Generalises, str],
    confidence_level: float,
    n_problems: int,
) -> Curve:
    over, method = how
    # a law knows no problem but its own kind: what as many problems with this value leave open stays open
    below, above = still_open(value, n_problems, float(ndtri(0.5 + confidence_level / 2)))
    return Curve(
        metric="coverage",
        k=k,
        value=value,
        low=np.minimum(ends[0], below),
        high=np.maximum(ends[1], above),
        confidence_level=confidence_level,
        over=over,
        method=f"{method} forecast, interval of its posterior",
        n_problems=n_problems,
    )


def _weighted_quantiles(
    values: FloatArray, weight: FloatArray, levels: tuple[float, float]
) -> tuple[FloatArray, FloatArray]:
    """Return two quantiles of weighted draws (S, K), each of shape (K,)."""
    order = np.argsort(values, axis=0)
    cumulated = np.cumsum(weight[order], axis=0)
    ordered = np.take_along_axis(values, order, axis=0)
    low, high = (np.minimum((cumulated < level).sum(axis=0), len(values) - 1)[None] for level in levels)
    return np.take_along_axis(ordered, low, axis=0)[0], np.take_along_axis(ordered, high, axis=0)[0]
