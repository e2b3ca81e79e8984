"""Backtest forecasts on the data at hand: fit on a prefix of the samples, score on the rest.

Each method forecasts from random prefixes (`ttscale.stats.forecast.scoring.thin`) the coverage that all samples show.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ttscale.arrays import ArrayLike
from ttscale.errors import InvalidInputError
from ttscale.result import Result
from ttscale.showing.numbers import count, exact_percent, percent, points, width
from ttscale.showing.view import Dot, View
from ttscale.stats.counts.counts import Counts, budgets, counts
from ttscale.stats.counts.curve import Curve
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.forecast.forecasting import forecast
from ttscale.stats.forecast.predicting import AVERAGE, PLUG_IN
from ttscale.stats.forecast.scoring import Score, score_forecasts, thin
from ttscale.stats.intervals.intervals import check_confidence
from ttscale.stats.laws.frame import ScalingLaw
from ttscale.types import PREDICTIVE_LEVEL

__all__ = ["METHODS", "Backtest", "Score", "backtest", "thin"]

METHODS: tuple[str, ...] = (
    AVERAGE,
    "log-log",
    "exponentiated-power-law",
    "beta-binomial",
    "zero-inflated-beta",
    "kumaraswamy",
    PLUG_IN,
)
"""Methods compared by default: ours and the published ones."""
MOST_DRAWS = 10_000
"""Prefixes per length: more take days and tell nothing more."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Backtest(Result):
    """Scores of every method at every prefix length.

    Attributes:
        scores: One per method and prefix length, in the order asked for.
        truth: Coverage at k from all samples.
        n_problems: Problems.
        confidence_level: Of the intervals scored.
    """

    scores: tuple[Score, ...]
    truth: float
    n_problems: int
    confidence_level: float

    @property
    def best(self) -> str:
        """The method with the smallest mean error over the prefix lengths, failures ruled out."""
        names = dict.fromkeys(score.method for score in self.scores)
        usable = {n: [s.error for s in self.scores if s.method == n] for n in names}
        return min(
            usable, key=lambda name: np.inf if np.isnan(usable[name]).any() else float(np.mean(usable[name]))
        )

    def to_rows(self) -> Iterator[dict[str, Any]]:
        """Yield one plain dictionary per method and prefix length."""
        for score in self.scores:
            yield {name: getattr(score, name) for name in Score.__slots__} | {
                "truth": self.truth,
                "n_problems": self.n_problems,
                "confidence_level": self.confidence_level,
            }

    def view(self) -> View:
        """Return how every method fared, the smallest error first."""
        ordered = sorted(self.scores, key=lambda s: (s.s, np.nan_to_num(s.error, nan=np.inf)))
        level = exact_percent(self.confidence_level)
        rows = [
            {
                "from": one.s,
                "method": one.method,
                "mean error": width(one.error),
                "bias": points(one.bias),
                f"{level} interval held it": f"{round(one.inside * one.n_draws)} of {one.n_draws}"
                if one.n_draws
                else None,
                "its width": width(one.width),
            }
            for one in ordered
        ]
        return View(
            title=f"Forecasts of coverage at {self.scores[0].k:,}, known to be {percent(self.truth)}",
            about=count(self.n_problems, "problem"),
            rows=rows,
            dots=[
                Dot(label=f"{one.method}, from {one.s}", value=one.error, low=0.0, high=one.error)
                for one in ordered
                if np.isfinite(one.error)
            ],
            axis="mean error of the forecast",
        )


def backtest(
    n: ArrayLike,
    c: ArrayLike,
    *,
    s: ArrayLike | None = None,
    methods: Sequence[str | ScalingLaw] = METHODS,
    n_draws: int = 10,
    confidence_level: float = PREDICTIVE_LEVEL,
    rng: np.random.Generator | int | None = None,
) -> Backtest:
    """Score forecasting methods on counts whose later samples are known.

    Coverage at the fewest samples of any problem is forecast from random prefixes of s samples. All draws
    share one set of problems and one truth, so the scores say how methods compare on this benchmark; they do not
    prove an interval calibrated.

    Args:
        n: Samples drawn per problem, shape (P,), or one number for all.
        c: Samples correct per problem, shape (P,).
        s: Prefix lengths; by default a tenth and a third of the samples.
        methods: As in `ttscale.stats.forecast.forecasting.forecast`: names, or laws.
        n_draws: Prefixes per length.
        confidence_level: Of the intervals.
        rng: Source of the prefixes.

    Returns:
        The scores.

    Raises:
        InvalidInputError: Impossible counts, fewer than 2 samples for some problem, or s not below them.

    >>> result = backtest(40, [0, 1, 3, 9, 0, 25], s=10, methods=["log-log", "plug-in"], n_draws=3, rng=1)
    >>> [score.method for score in result.scores]
    ['log-log', 'plug-in']
    """
    data = counts(n, c)
    check_confidence(confidence_level)
    k = int(data.n.min())
    prefixes = np.unique([max(1, k // 10), max(1, k // 3)]) if s is None else budgets(s)
    if k < 2 or prefixes.max() >= k:
        raise InvalidInputError(
            f"A backtest forecasts from fewer samples than the {k} that every problem has, but s = "
            f"{prefixes.tolist()}. Draw more samples or give a smaller s."
        )
    if not methods or not 1 <= n_draws <= MOST_DRAWS:
        raise InvalidInputError(
            f"A backtest needs at least one method and 1 to {MOST_DRAWS:,} draws, not {len(methods)} and {n_draws:,}."
        )
    generator = np.random.default_rng(rng)
    truth = float(pass_at_k(data.n, data.c, k).mean())
    scores = []
    for length in prefixes:
        drawn = [thin(data.n, data.c, int(length), generator) for _ in range(n_draws)]
        for method in methods:
            name = method if isinstance(method, str) else method.name
            forecaster = _forecaster(method, k, confidence_level)
            scores.append(score_forecasts(name, forecaster, drawn, s=int(length), k=k, truth=truth))
    return Backtest(
        scores=tuple(scores), truth=truth, n_problems=len(data), confidence_level=confidence_level
    )


def _forecaster(method: str | ScalingLaw, k: int, confidence_level: float) -> Callable[[Counts], Curve]:
    def ahead(drawn: Counts) -> Curve:
        return forecast(drawn.n, drawn.c, k, method=method, confidence_level=confidence_level).curve

    return ahead
