"""Forecast the coverage that the same problems will show with more samples, with a predictive interval.

What was observed is kept: a solved problem stays solved, and a problem with k or more samples keeps its
pass@k. Only the problems that are unsolved so far and get new samples are uncertain. Given a law of
success rates, such a problem is solved by k samples in all with chance
``1 - E[(1-p)^k] / E[(1-p)^n]``, where the expectations are over the law.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ttscale.arrays import ArrayLike, IntArray
from ttscale.errors import InvalidInputError
from ttscale.result import Result
from ttscale.showing.numbers import exact_percent, percent, share, width
from ttscale.showing.view import View
from ttscale.stats.counts.counts import Counts, budgets, counts
from ttscale.stats.counts.curve import Curve, shown_curve
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.forecast.likeness import Earlier, earlier
from ttscale.stats.forecast.predicting import AVERAGE, Prediction, predict
from ttscale.stats.forecast.prior import Tail, check_tail
from ttscale.stats.forecast.scoring import Score, score_forecasts, thin
from ttscale.stats.intervals.intervals import Rng, check_confidence
from ttscale.stats.laws.frame import ScalingLaw
from ttscale.types import PREDICTIVE_LEVEL

BACKTESTED = "backtested"
"""The method of `CANDIDATES` that forecast prefixes of these very samples best."""

CANDIDATES = (AVERAGE, "log-log", "exponentiated-power-law", "beta-binomial")

_CHOOSING_DRAWS = 3  # prefixes that each candidate forecasts from
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
        doubt: What the samples cannot tell, in words: whether the curve levels off or goes on; None where they can.
        backtest: How the method fared on prefixes of these samples; None where none was asked for or possible.
    """

    curve: Curve
    method: str
    extrapolates: np.ndarray
    n_max: int
    law_weights: Mapping[str, float] = field(default_factory=dict)
    doubt: str | None = None
    backtest: Score | None = None

    def to_rows(self) -> Iterator[dict[str, Any]]:
        """Yield one plain dictionary per budget."""
        for row, beyond in zip(self.curve.to_rows(), self.extrapolates, strict=True):
            yield {**row, "extrapolates": bool(beyond)}

    def view(self) -> View:
        """Return the forecast with its band and what carries it."""
        rows = [
            row | ({} if beyond else {"percent": share(float(value))}) | {"extrapolates": bool(beyond)}
            for row, value, beyond in zip(
                self.curve.table(), self.curve.value, self.extrapolates, strict=True
            )
        ]
        inside = ", ".join(
            f"{k:,}" for k, beyond in zip(self.curve.k, self.extrapolates, strict=True) if not beyond
        )
        notes = [f"{self.doubt[0].upper()}{self.doubt[1:]}."] if self.doubt else []
        if inside:
            notes.append(
                f"k = {inside}: within the samples, measured and not forecast; `ttscale curve` gives its interval."
            )
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
            notes=notes,
        )


def forecast(
    n: ArrayLike,
    c: ArrayLike,
    k: ArrayLike,
    *,
    method: str | ScalingLaw = "auto",
    tail: Tail = "auto",
    like: Earlier = (),
    confidence_level: float = PREDICTIVE_LEVEL,
    backtest_draws: int = 0,
    rng: Rng = 0,
) -> Forecast:
    """Forecast coverage at k samples per problem, of the same problems.

    The interval is predictive: with its probability the coverage that will be measured on these problems once each has k
    samples lies inside. It covers what is unknown of the law and which problems fall by chance, not other problems. Up to the samples at hand the value is the observed coverage, which further
    samples do not change, and the interval has no width; see `ttscale.stats.coverage.coverage` for its precision.

    Args:
        n: Samples drawn per problem, shape (P,), or one number for all.
        c: Samples correct per problem, shape (P,).
        k: Budgets: samples per problem in all, those already drawn included, shape (K,).
        method: "auto" (an average over laws), a law or its name (its fit alone, as published; one's own, too), "plug-in", or
            "backtested": whichever of `CANDIDATES` forecasts prefixes of these samples best, a noisy choice, with errors a
            sixth larger than those of "auto" over measured and simulated counts.
        tail: What is known of the hardest problems: nothing ("auto": the counts weigh three kinds of tail); "open": ever
            rarer successes without end, as a power law has; "ceiling": a share is never solved; "all-solvable": all fall
            within reach. For the average alone.
        like: Earlier counts (n, c) of other models on this benchmark, or on benchmarks of its kind: they become the prior;
            these very counts among them are left out. Four models took a sixth to three quarters off the error from 32 and 100
            samples. For the average alone.
        confidence_level: Of the predictive interval.
        backtest_draws: Also forecast the coverage at hand from so many prefixes of the samples, up to ten times shorter;
            each costs another forecast, 3 tell whether the method works here at all. It chooses nothing.
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
    check_tail(tail)
    last = int(ks[-1])
    method, chosen = resolved(data, last, method, confidence_level, rng)
    prediction = predict(data, ks, method, rng, tail, earlier(like, data))
    tested = chosen or _backtested(
        data, last, method, prediction.method, level=confidence_level, n_draws=backtest_draws, rng=rng
    )
    return _with_its_doubts(data, ks, prediction, confidence_level, tested)


def _with_its_doubts(
    data: Counts, k: IntArray, prediction: Prediction, level: float, tested: Score | None
) -> Forecast:
    """Return a prediction as a forecast that says how far it reaches and what it cannot tell apart."""
    return Forecast(
        curve=curve_of(prediction, level),
        method=prediction.method,
        extrapolates=np.asarray(k > data.n.min()),
        n_max=int(data.n.max()),
        law_weights=prediction.law_weights,
        doubt=_doubt(prediction, int(k[-1])) if prediction.method == AVERAGE else None,
        backtest=tested,
    )


def _doubt(prediction: Prediction, k: int) -> str | None:
    ends = prediction.predictive.ends_in_doubt()
    if ends is None:
        return None
    low, high = map(percent, ends)
    return f"these samples cannot tell a curve that levels off near {low} from one that reaches {high} by k={k:,}"


def curve_of(prediction: Prediction, confidence_level: float) -> Curve:
    """Return a prediction as a curve with its interval."""
    problems = prediction.predictive.problems
    low, high = prediction.ends(confidence_level)
    value = prediction.value(low, high)
    return Curve(
        metric="coverage",
        k=problems.k,
        value=value,
        low=np.minimum(low, value),
        high=np.maximum(high, value),
        confidence_level=confidence_level,
        over="samples",
        method=f"{prediction.method} forecast",
        n_problems=problems.n_problems,
    )


def _backtested(
    data: Counts,
    k: int,
    method: str | ScalingLaw,
    name: str,
    *,
    level: float,
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
        lambda d: forecast(d.n, d.c, at_hand, method=method, confidence_level=level).curve,
        [thin(data.n, data.c, s, generator) for _ in range(n_draws)],
        s=s,
        k=at_hand,
        truth=float(pass_at_k(data.n, data.c, at_hand).mean()),
    )


def resolved(
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
        _backtested(data, k, name, name, level=confidence_level, n_draws=_CHOOSING_DRAWS, rng=seed)
        for name in CANDIDATES
    ]
    usable = [score for score in scores if score is not None and score.n_failed == 0]
    return min(usable, key=lambda score: score.error, default=None)


def _told(score: Score) -> str:
    if score.n_draws == 0:
        return f"from {score.s} of {score.k} samples no forecast was possible"
    held = f"its interval held the truth {round(score.inside * score.n_draws)} times of {score.n_draws}"
    return f"from {score.s} of {score.k} samples coverage was missed by {width(score.error)}; {held}"
