"""Forecast the coverage that the same problems will show with more samples, with a predictive interval.

What was observed is kept: a solved problem stays solved, and a problem with k or more samples keeps its
pass@k. Only the problems that are unsolved so far and get new samples are uncertain. Given a law of
success rates, such a problem is solved by k samples in all with chance
``1 - E[(1-p)^k] / E[(1-p)^n]``, where the expectations are over the law.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ttscale.errors import DataWarning, FitWarning, InvalidInputError
from ttscale.result import Result
from ttscale.showing.numbers import counts as shown_counts
from ttscale.showing.numbers import exact_percent, percent, width
from ttscale.showing.view import Dot, View
from ttscale.stats.counts.counts import Counts, budgets, counts, one_budget
from ttscale.stats.counts.curve import Curve, FloatArray, IntArray, shown_curve
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.forecast.model_averaging import posterior_of
from ttscale.stats.forecast.predictive import OpenProblems, Predictive, open_problems
from ttscale.stats.forecast.scoring import Score, score_forecasts, thin
from ttscale.stats.intervals.intervals import check_confidence
from ttscale.stats.laws.fitting import LawFit, fit_law, theta_of
from ttscale.stats.laws.frame import MixingLaw, ScalingLaw
from ttscale.stats.laws.npmle import NonParametric

Rng = np.random.Generator | int | None

AVERAGE = "average"
"""The method behind "auto": the Bayesian average over laws of `ttscale.stats.forecast.model_averaging`."""

PLUG_IN = "plug-in"
"""The naive forecast ``mean 1 - (1 - c/n)^k``: it takes an unsolved problem for impossible. For comparison only."""

BACKTESTED = "backtested"
"""The method of `CANDIDATES` that forecast prefixes of these very samples best."""

CANDIDATES = (AVERAGE, "log-log", "exponentiated-power-law", "beta-binomial")

_LARGEST_BUDGET = 10**6
_STRIDE = 32
_CHOOSING_DRAWS = 3  # prefixes that each candidate forecasts from
_LAW_DRAWS = 200
_LONGEST_STRETCH = 10.0  # of a backtest: prefixes shorter than a tenth leave little to forecast from


@dataclass(frozen=True, slots=True, eq=False, kw_only=True, repr=False)
class Forecast(Result):
    """Coverage to come.

    Attributes:
        curve: Forecast coverage with its predictive interval for these same problems.
        method: The method that made it.
        extrapolates: Which budgets lie beyond the samples of some problem, shape (K,).
        n_max: Most samples of any problem.
        law_weights: How far each law carries an average, by name; empty for a single law.
        backtest: How the method fared on prefixes of these samples; None where none was asked for or possible.
    """

    curve: Curve
    method: str
    extrapolates: np.ndarray
    n_max: int
    law_weights: Mapping[str, float] = field(default_factory=dict)
    backtest: Score | None = None

    def to_rows(self) -> Iterator[dict[str, Any]]:
        """Yield one plain dictionary per budget."""
        for row, beyond in zip(self.curve.to_rows(), self.extrapolates, strict=True):
            yield {**row, "extrapolates": bool(beyond)}

    def view(self) -> View:
        """Return the forecast with its band and what carries it."""
        rows = [
            row | {"extrapolates": bool(beyond)}
            for row, beyond in zip(self.curve.table(), self.extrapolates, strict=True)
        ]
        carried = [f"{name} {percent(w)}" for name, w in self.law_weights.items() if w >= 0.01]
        about = [
            f"{exact_percent(self.curve.confidence_level)} predictive interval for these problems",
            f"drawn so far: up to {self.n_max:,} samples per problem",
            f"laws: {', '.join(carried)}" if carried else "",
            f"backtest: {_told(self.backtest)}" if self.backtest else "",
        ]
        return View(
            title=f"Coverage forecast by {self.method}, {self.curve.n_problems} problems",
            about="; ".join(filter(None, about)),
            rows=rows,
            curves=[shown_curve(self.curve, "forecast", dashed=True)],
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True, repr=False)
class SamplesNeeded(Result):
    """How many samples per problem, in all, until coverage reaches a target.

    Attributes:
        target: Coverage wanted.
        k: The number that suffices with probability one half; None where the target is not reachable so.
        low: The number that suffices with probability ``(1 - confidence_level) / 2``; None likewise.
        high: The number that suffices with probability ``(1 + confidence_level) / 2``; None likewise.
        largest: Where the search ended: None means "not with this many".
        chance_at_largest: Probability that coverage reaches the target by `largest`.
        confidence_level: Of the interval [low, high].
        n_problems: Problems.
        method: The forecasting method.
    """

    target: float
    k: int | None
    low: int | None
    high: int | None
    largest: int
    chance_at_largest: float
    confidence_level: float
    n_problems: int
    method: str

    def view(self) -> View:
        """Return the answer in one sentence."""
        ends = shown_counts(self.k, self.low, self.high, most=self.largest)
        found = f"{ends.value} samples per problem"
        if self.k is None:
            found = f"not within {self.largest:,} samples (chance {percent(self.chance_at_largest)})"
        dots = [] if self.k is None else [_dot(self)]
        return View(
            title=f"coverage {exact_percent(self.target)}: {found} {ends.interval}",
            about=f"{self.n_problems} problems, {exact_percent(self.confidence_level)} predictive interval; {self.method}",
            dots=dots,
            axis="samples per problem",
            is_share=False,
        )


def _dot(needed: SamplesNeeded) -> Dot:
    low, high = (needed.largest if end is None else end for end in (needed.low, needed.high))
    return Dot(
        label=f"coverage {exact_percent(needed.target)}", value=needed.k or needed.largest, low=low, high=high
    )


def forecast(
    n: ArrayLike,
    c: ArrayLike,
    k: ArrayLike,
    *,
    method: str | ScalingLaw = "auto",
    confidence_level: float = 0.9,
    backtest_draws: int = 0,
    rng: Rng = 0,
) -> Forecast:
    """Forecast coverage at k samples per problem, of the same problems.

    The interval is predictive: with its probability the coverage that will be measured on these problems once
    each has k samples lies inside. It covers what is unknown of the law and which problems fall by chance, not
    how other problems would fare. Up to the samples at hand the value is the observed coverage, which further
    samples do not change, and the interval has no width; see `ttscale.stats.coverage.coverage` for its precision.

    Args:
        n: Samples drawn per problem, shape (P,), or one number for all.
        c: Samples correct per problem, shape (P,).
        k: Budgets: samples per problem in all, those already drawn included, shape (K,).
        method: "auto" (an average over laws), a law or its name (its fit alone, as published), "plug-in", or
            "backtested": whichever of `CANDIDATES` forecasts prefixes of these samples best. That choice is noisy: over
            measured and simulated counts its errors were a sixth larger than those of "auto". Names are those of
            `ttscale.stats.laws.named_law`, so also one's own.
        confidence_level: Of the predictive interval.
        backtest_draws: Also forecast the coverage at hand from so many prefixes of the samples, as many times shorter
            as the largest budget is larger, but at most ten times. Each costs another forecast; 3 tell whether the
            method works here at all. It does not choose the method: chosen so, forecasts were no better.
        rng: Source of the draws over laws and parameters; by default the same draws every time.

    Returns:
        The forecast at the distinct budgets in increasing order.

    Raises:
        InvalidInputError: Impossible counts or budgets, no samples at all, a negative number of backtest draws, or a
            law that cannot be fitted.
        UnknownPluginError: No such method.

    >>> ahead = forecast(20, [0, 0, 1, 2, 5, 9, 20, 0], [20, 100])
    >>> float(ahead.curve.value[0]), bool(ahead.curve.value[1] > 0.625)
    (0.625, True)
    """
    data, ks = counts(n, c), np.unique(budgets(k))
    check_confidence(confidence_level)
    if backtest_draws < 0:
        raise InvalidInputError(f"backtest_draws is at least 0, but is {backtest_draws}.")
    method, chosen = _resolved(data, int(ks[-1]), method, confidence_level, rng)
    predictive, point, name, weights = _predict(data, ks, method, rng)
    return Forecast(
        curve=_curve(predictive, point, name, confidence_level),
        method=name,
        extrapolates=np.asarray(ks > data.n.min()),
        n_max=int(data.n.max()),
        law_weights=weights,
        backtest=chosen
        or _backtested(
            data,
            int(ks[-1]),
            method,
            name,
            confidence_level=confidence_level,
            n_draws=backtest_draws,
            rng=rng,
        ),
    )


def _curve(predictive: Predictive, point: FloatArray, method: str, confidence_level: float) -> Curve:
    """Return the forecast with its interval from the distribution and the point forecast of the chance (K,)."""
    tail = (1.0 - confidence_level) / 2.0
    problems = predictive.problems
    value = (problems.known + problems.n_open * point) / problems.n_problems
    return Curve(
        metric="coverage",
        k=problems.k,
        value=value,
        low=np.minimum(predictive.quantile(tail), value),
        high=np.maximum(predictive.quantile(1.0 - tail), value),
        confidence_level=confidence_level,
        over="samples",
        method=f"{method} forecast",
        n_problems=problems.n_problems,
    )


def _backtested(
    data: Counts,
    k: int,
    method: str | ScalingLaw,
    name: str,
    *,
    confidence_level: float,
    n_draws: int,
    rng: Rng,
) -> Score | None:
    """Forecast the coverage at hand from prefixes that are shorter as the samples are shorter than k."""
    at_hand = int(data.n.min())
    s = max(1, int(at_hand / min(k / max(at_hand, 1), _LONGEST_STRETCH)))
    if n_draws == 0 or not s < at_hand < k:
        return None
    generator = np.random.default_rng(rng)
    return score_forecasts(
        name,
        lambda d: forecast(d.n, d.c, at_hand, method=method, confidence_level=confidence_level).curve,
        [thin(data.n, data.c, s, generator) for _ in range(n_draws)],
        s=s,
        k=at_hand,
        truth=float(pass_at_k(data.n, data.c, at_hand).mean()),
    )


def _resolved(
    data: Counts, k: int, method: str | ScalingLaw, confidence_level: float, rng: Rng
) -> tuple[str | ScalingLaw, Score | None]:
    """Return the method that `BACKTESTED` stands for and the score that chose it; any other method passes through."""
    if method != BACKTESTED:
        return method, None
    chosen = _best_candidate(data, k, confidence_level, rng)
    return (AVERAGE if chosen is None else chosen.method), chosen


def _best_candidate(data: Counts, k: int, confidence_level: float, rng: Rng) -> Score | None:
    """Return the score of the candidate with the least error on the same prefixes; None where none could be scored."""
    seed = int(np.random.default_rng(rng).integers(2**32))
    scores = [
        _backtested(data, k, name, name, confidence_level=confidence_level, n_draws=_CHOOSING_DRAWS, rng=seed)
        for name in CANDIDATES
    ]
    usable = [score for score in scores if score is not None and score.n_failed == 0]
    return min(usable, key=lambda score: score.error, default=None)


def _told(score: Score) -> str:
    if score.n_draws == 0:
        return f"from {score.s} of {score.k} samples no forecast was possible"
    held = f"its interval held the truth {round(score.inside * score.n_draws)} times of {score.n_draws}"
    return f"from {score.s} of {score.k} samples coverage was missed by {width(score.error)}; {held}"


def samples_for(
    n: ArrayLike,
    c: ArrayLike,
    target: float,
    *,
    method: str | ScalingLaw = "auto",
    confidence_level: float = 0.9,
    largest: int = _LARGEST_BUDGET,
    rng: Rng = 0,
) -> SamplesNeeded:
    """Say how many samples per problem it takes until coverage of these problems reaches a target.

    The number is itself uncertain: it is at most k exactly when coverage at k is at least the target, so its
    distribution is that of the forecasts at all k.

    Args:
        n: Samples drawn per problem, shape (P,), or one number for all.
        c: Samples correct per problem, shape (P,).
        target: Coverage wanted, above 0 and at most 1.
        method: As in `forecast`.
        confidence_level: Of the interval.
        largest: Largest budget considered.
        rng: As in `forecast`.

    Returns:
        The median number and its interval; None stands for "not within `largest`".

    Raises:
        InvalidInputError: A target outside (0, 1], or what `forecast` refuses.

    >>> samples_for(20, [0, 0, 1, 2, 5, 9, 20, 0], 0.5).k
    8
    """
    if not 0.0 < target <= 1.0:
        raise InvalidInputError(f"A target coverage lies above 0 and is at most 1, but is {target}.")
    check_confidence(confidence_level)
    data, largest = counts(n, c), one_budget(largest, "largest")
    ks = _ladder(largest)
    method, _ = _resolved(data, largest, method, confidence_level, rng)
    seed = rng if isinstance(rng, int) else int(np.random.default_rng(rng).integers(2**32))
    names = set()

    def chance_to_reach(k: IntArray) -> FloatArray:
        predictive, _, name, _ = _predict(
            data, np.append(k, largest), method, seed
        )  # the same draws each time
        names.add(name)
        return predictive.chance_to_reach(target)[:-1]

    tail = (1.0 - confidence_level) / 2.0
    (low, middle, high), at_largest = _first_reaching(ks, (tail, 0.5, 1.0 - tail), chance_to_reach)
    return SamplesNeeded(
        target=target,
        k=middle,
        low=low,
        high=high,
        largest=largest,
        chance_at_largest=at_largest,
        confidence_level=confidence_level,
        n_problems=len(data),
        method=names.pop(),
    )


def _ladder(largest: int) -> IntArray:
    """Return all budgets up to 100, then 1 % steps."""
    steps = np.geomspace(100, largest, 1 + int(np.ceil(np.log(max(largest / 100, 1)) / np.log(1.01)))).round()
    ladder = np.unique(np.concatenate([np.arange(1, 101), steps]).astype(np.int64))
    return np.asarray(ladder[ladder <= largest])


def _first_reaching(
    k: IntArray, levels: Sequence[float], chance_to_reach: Callable[[IntArray], FloatArray]
) -> tuple[list[int | None], float]:
    """Return the first k whose chance, which never falls, is at least each level, and the chance at the last k.

    Every 32nd k is asked for, then those between the two that enclose an answer.
    """
    coarse = np.unique(np.append(np.arange(0, len(k), _STRIDE), len(k) - 1))
    reached = np.maximum.accumulate(chance_to_reach(k[coarse]))
    found = np.searchsorted(reached, levels)  # per level, the first coarse k that is enough
    between = [np.arange(coarse[max(j - 1, 0)], coarse[j] + 1) for j in found if j < len(coarse)]
    fine = np.unique(np.concatenate(between)) if between else coarse[-1:]
    chance = np.maximum.accumulate(chance_to_reach(k[fine]))
    at = np.searchsorted(chance, levels)
    first = [int(k[fine[j]]) if j < len(fine) else None for j in at]
    return first, float(reached[-1])


def _predict(
    data: Counts, k: IntArray, method: str | ScalingLaw, rng: Rng
) -> tuple[Predictive, FloatArray, str, Mapping[str, float]]:
    """Return the predictive distribution, the point forecast of the open problems' chance (K,), and its maker."""
    problems = open_problems(data, k)
    if not data.n.any():
        raise InvalidInputError(
            "No problem has a sample, so there is nothing to forecast from. Draw samples first."
        )
    if method in ("auto", AVERAGE):
        return _average(data, problems, rng)
    if method == PLUG_IN:
        return _plug_in(data, problems)
    return _single_law(data, problems, method, rng)


def _average(
    data: Counts, problems: OpenProblems, rng: Rng
) -> tuple[Predictive, FloatArray, str, Mapping[str, float]]:
    _warn_if_uninformative(data)
    draws = posterior_of(data.unique(), k=int(problems.k.max()), rng=rng)
    chance = problems.mean_chance(
        draws.failure(problems.n.astype(float)), draws.failure(problems.k.astype(float))
    )
    predictive = Predictive(problems, chance, draws.weight)
    return predictive, predictive.median_chance(), AVERAGE, draws.law_weight


def _plug_in(data: Counts, problems: OpenProblems) -> tuple[Predictive, FloatArray, str, Mapping[str, float]]:
    """Score solved problems by ``1 - (1 - c/n)^k``, unsolved ones by 0."""
    pairs = data.unique()
    rate = pairs.c / np.maximum(pairs.n, 1)
    failing = (1.0 - rate[:, None]) ** problems.k
    value = pairs.weight @ np.where(pairs.n[:, None] >= problems.k, 0.0, 1.0 - failing)
    kept = pairs.weight @ np.where(pairs.n[:, None] >= problems.k, 0.0, (pairs.c > 0)[:, None].astype(float))
    shifted = OpenProblems(
        problems.k, problems.known - kept + value, problems.n, problems.count, problems.n_problems
    )
    never = np.zeros((1, len(problems.k)))
    return Predictive(shifted, never, np.ones(1)), never[0], PLUG_IN, {}


def _single_law(
    data: Counts, problems: OpenProblems, law: str | ScalingLaw, rng: Rng
) -> tuple[Predictive, FloatArray, str, Mapping[str, float]]:
    """Forecast from one fitted law; its parameters vary by their covariance over problems."""
    fit = fit_law(law, data.n, data.c)
    if not np.isfinite(fit.free).all():
        raise InvalidInputError(
            f"'{fit.law}' cannot be fitted to these counts ({fit.status}). Use method='auto'."
        )
    if isinstance(fit.family, NonParametric):
        warnings.warn(
            f"'{fit.law}' says nothing of what lies beyond the samples: take its forecast for a lower bound. "
            "method='auto' forecasts.",
            FitWarning,
            stacklevel=4,
        )
    point = _chance(fit, fit.free, problems)
    values, vectors = np.linalg.eigh(fit.covariance)
    root = vectors * np.sqrt(np.clip(values, 0.0, 1.0))  # a spread beyond a factor e says only "unknown"
    normal = np.random.default_rng(rng).standard_normal((_LAW_DRAWS, len(fit.free)))
    ranges = fit.family.ranges
    draws = fit.free + normal @ root.T
    if ranges:
        draws = np.clip(draws, [r.free(r.low) for r in ranges], [r.free(r.high) for r in ranges])
    chance = np.stack([_chance(fit, free, problems) for free in draws])
    return Predictive(problems, chance, np.full(_LAW_DRAWS, 1.0 / _LAW_DRAWS)), point, fit.law, {}


def _chance(fit: LawFit, free: FloatArray, problems: OpenProblems) -> FloatArray:
    """Return the mean chance of the open problems under a law with parameters `free`, shape (K,)."""
    theta = theta_of(fit.family, free)
    coverage = fit.family.coverage(problems.k.astype(float), theta)
    if isinstance(fit.family, MixingLaw | NonParametric):
        at_n = (
            fit.family.coverage(np.maximum(problems.n, 0).astype(float), theta)
            if len(problems.n)
            else np.zeros(0)
        )
        return problems.mean_chance(1.0 - at_n, 1.0 - coverage)
    missing = coverage * problems.n_problems - problems.known  # a curve law says nothing of single problems
    return np.asarray(np.clip(missing / np.maximum(problems.n_open, 1), 0.0, 1.0) * (problems.n_open > 0))


def _warn_if_uninformative(data: Counts) -> None:
    solved = np.count_nonzero(data.c)
    if solved == 0:
        warnings.warn(
            f"None of the {len(data)} problems has been solved, so a forecast rests on prior knowledge of such curves "
            "and its interval is wide. Draw more samples.",
            FitWarning,
            stacklevel=5,
        )
    elif len(data) < 5:
        warnings.warn(
            f"Only {len(data)} problems: a forecast rests mostly on prior knowledge of such curves.",
            DataWarning,
            stacklevel=5,
        )
