"""Score forecasts on random prefixes of samples whose rest is known.

From counts alone the successes among s random samples of a problem are exactly hypergeometric, so no record
of single samples is needed.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ttscale.arrays import ArrayLike
from ttscale.errors import InvalidInputError, TtscaleWarning
from ttscale.stats.counts.counts import Counts, counts
from ttscale.stats.counts.curve import Curve


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How one method forecast from one prefix length.

    Attributes:
        method: Its name.
        s: Samples per problem it saw.
        k: Budget it forecast.
        error: Mean absolute error of coverage over the draws.
        bias: Mean error, positive where forecasts are too high.
        inside: Share of the draws whose interval held the truth.
        width: Mean width of the interval.
        n_draws: Prefixes drawn on which the method gave a forecast.
        n_failed: Prefixes on which it could not.
    """

    method: str
    s: int
    k: int
    error: float
    bias: float
    inside: float
    width: float
    n_draws: int
    n_failed: int


def thin(n: ArrayLike, c: ArrayLike, s: int, rng: np.random.Generator) -> Counts:
    """Draw the counts of s random samples of each problem, without replacement.

    Args:
        n: Samples drawn per problem, shape (P,).
        c: Samples correct per problem, shape (P,).
        s: Samples to keep; problems with fewer keep all of theirs.
        rng: Source of randomness.

    Returns:
        Counts out of ``min(s, n)`` samples.
    """
    data = counts(n, c)
    kept = np.minimum(
        min(s, int(data.n.max(initial=0))), data.n
    )  # s may have more digits than an array holds
    return Counts(kept, rng.hypergeometric(data.c, data.n - data.c, kept))


def score_forecasts(
    method: str,
    forecaster: Callable[[Counts], Curve],
    drawn: Sequence[Counts],
    *,
    s: int,
    k: int,
    truth: float,
) -> Score:
    """Score one method on prefixes of s samples.

    Args:
        method: Its name.
        forecaster: Returns the method's forecast of coverage at k alone.
        drawn: The prefixes.
        s: Samples per problem in each prefix.
        k: The budget forecast.
        truth: Coverage at k.

    Returns:
        The score; NaN where the method could forecast from no prefix.
    """
    ends = []
    for data in drawn:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", TtscaleWarning)  # of a prefix, which nobody will use
                curve = forecaster(data)
        except InvalidInputError:  # the law cannot be fitted to this prefix
            continue
        ends.append((curve.value[0], curve.low[0], curve.high[0]))
    value, low, high = np.array(ends).T if ends else np.full((3, 1), np.nan)
    return Score(
        method=method,
        s=s,
        k=k,
        error=float(np.mean(np.abs(value - truth))),
        bias=float(np.mean(value - truth)),
        inside=float(np.mean((low <= truth + 1e-12) & (truth <= high + 1e-12))) if ends else float("nan"),
        width=float(np.mean(high - low)),
        n_draws=len(ends),
        n_failed=len(drawn) - len(ends),
    )
