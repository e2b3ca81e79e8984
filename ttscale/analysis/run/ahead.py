"""Beyond the samples at hand: fitted laws, a forecast with its backtest, and the samples that a target needs.

Bounded: some two or three seconds of one core per cell, whatever its size, because counts are all it reads.
"""

import warnings
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from ttscale.analysis.run.results import LookAhead
from ttscale.arrays import IntArray
from ttscale.errors import TtscaleError, TtscaleWarning
from ttscale.stats.counts.curve import TARGETS
from ttscale.stats.forecast.backtesting import backtest
from ttscale.stats.forecast.forecasting import forecast
from ttscale.stats.forecast.predicting import AVERAGE, PLUG_IN
from ttscale.stats.forecast.reaching import coverage_to_reach
from ttscale.stats.laws.fitting import LawFit, fit_law

LAWS = ("exponentiated-power-law", "log-log", "beta-binomial", "zero-inflated-beta", "kumaraswamy")
LAWS_BY_LIKELIHOOD = ("beta-binomial", "zero-inflated-beta", "kumaraswamy")
BACKTESTED = (AVERAGE, "log-log", "exponentiated-power-law", PLUG_IN)
"""Ours, two published methods and the naive one: those that cost next to nothing."""

_REACH = 10
"""Forecasts go so many times beyond the samples: backtests at this stretch are what is published for the method."""
_DRAWS = 3

T = TypeVar("T")


def look_ahead(
    n: IntArray,
    c: IntArray,
    *,
    confidence_level: float,
    seed: int,
    first: tuple[IntArray, IntArray] | None = None,
) -> LookAhead:
    """Fit laws, forecast, backtest and say what the next round target needs.

    Args:
        n: Samples per problem, shape (P,).
        c: Correct ones, shape (P,).
        confidence_level: Of the laws' parameters and of what a target needs. Forecasts have their own 90 % predictive intervals.
        seed: Of the draws.
        first: Samples and correct ones before verdicts decided who got more, where they did. Then only what rests on the
            likelihood is computed from all, which such a rule leaves as it is: no laws fitted to the curve, no backtest on
            prefixes. What a target needs is told by these first ones, as budgets do.

    Returns:
        What could be computed; `notes` says what could not, and why.
    """
    in_rounds = first is not None
    undecided = first or (n, c)
    at_hand = int(n[c == 0].min(initial=n.max())) if in_rounds else int(n.min())
    if not c.any():
        return LookAhead(notes=("Nothing was solved yet: there is no curve to fit or to forecast from.",))
    if at_hand < 3:
        return LookAhead(
            notes=(f"Laws and forecasts need 3 samples of every problem; the smallest has {at_hand}.",)
        )
    notes: list[str] = []
    names = LAWS_BY_LIKELIHOOD if in_rounds else LAWS
    fits = [_law(name, n, c, confidence_level, notes) for name in names]
    covered = float(np.mean(c > 0))
    target = next((level for level in TARGETS if level > covered), None)
    return LookAhead(
        laws=tuple(fit for fit in fits if fit is not None),
        forecast=_or_note("No forecast", notes, lambda: forecast(n, c, _ahead(at_hand), rng=seed)),
        needed=None
        if target is None
        else _or_note(
            "No number of samples for a target",
            notes,
            lambda: coverage_to_reach(*undecided, target, confidence_level=confidence_level, rng=seed),
        ),
        backtest=None
        if in_rounds
        else _or_note(
            "No backtest",
            notes,
            lambda: backtest(
                n, c, s=[max(1, at_hand // _REACH)], methods=BACKTESTED, n_draws=_DRAWS, rng=seed
            ),
        ),
        notes=tuple(notes),
    )


def _law(name: str, n: IntArray, c: IntArray, confidence_level: float, notes: list[str]) -> LawFit | None:
    return _or_note(
        f"'{name}' was not fitted", notes, lambda: fit_law(name, n, c, confidence_level=confidence_level)
    )


def _ahead(at_hand: int) -> IntArray:
    """Return the budgets of the forecast: from what is there on, evenly on a log axis."""
    return np.unique(np.geomspace(at_hand, _REACH * at_hand, 13).round().astype(np.int64))


def _or_note(what: str, notes: list[str], compute: Callable[[], T]) -> T | None:
    """Compute, or note why not: one part that fails must not cost the others. Doubts about a fit stand in the fit."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TtscaleWarning)
            return compute()
    except TtscaleError as error:
        notes.append(f"{what}: {error}")
        return None
