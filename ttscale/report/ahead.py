"""Laws, forecast and backtest of a cell as rows for tables, every number with its interval."""

from dataclasses import dataclass

import numpy as np

from ttscale.analysis.run.results import LookAhead
from ttscale.report.laws import law_formula, listed_parameters
from ttscale.result import Row
from ttscale.showing.numbers import at_k, exact_percent, percent, points, significant, width
from ttscale.stats.forecast.predicting import AVERAGE
from ttscale.stats.laws.fitting import LawFit

_SHOWN = 4
"""Budgets of the forecast in the table."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """What the page says of a cell beyond its samples.

    Attributes:
        laws: One row per fitted law, the one that fits the curve best first.
        forecast: One row per budget.
        forecast_note: How the forecast was made.
        backtest: One row per method, the one with the smallest error first.
        backtest_note: What was forecast from what.
        notes: What could not be computed.
    """

    laws: list[Row]
    forecast: list[Row]
    forecast_note: str
    backtest: list[Row]
    backtest_note: str
    notes: tuple[str, ...]


def ahead_of(outlook: LookAhead) -> Ahead:
    """Return the tables of a cell's outlook."""
    forecast, note = _forecast(outlook)
    backtest, backtest_note = _backtest(outlook)
    laws = sorted(outlook.laws, key=lambda fit: fit.residual if np.isfinite(fit.residual) else np.inf)
    return Ahead([_law(fit) for fit in laws], forecast, note, backtest, backtest_note, outlook.notes)


def _law(fit: LawFit) -> Row:
    formula = law_formula(fit)
    return {
        "law": fit.law if formula == fit.law else f"{fit.law}: {formula}",
        "parameters": listed_parameters(fit),
        "error on the curve": width(fit.residual),
        "AIC": "–" if fit.aic is None else f"{fit.aic:,.1f}",
        "fit": "converged" if fit.converged else f"not to be trusted: {fit.status}",
    }


def _forecast(outlook: LookAhead) -> tuple[list[Row], str]:
    ahead = outlook.forecast
    if ahead is None:
        return [], ""
    k = ahead.curve.k
    shown = np.unique(np.linspace(0, len(k) - 1, _SHOWN + 1).round().astype(int))[1:]
    rows = [
        {
            "samples of each problem": f"{k[j]:,}",
            "coverage": at_k(ahead.curve, int(k[j])),
            "times the samples at hand": significant(k[j] / k[0]),
        }
        for j in shown
    ]
    carried = ", ".join(
        f"{name} {percent(weight)}"
        for name, weight in sorted(ahead.law_weights.items(), key=lambda item: -item[1])
        if weight >= 0.01
    )
    level = exact_percent(ahead.curve.confidence_level)
    note = (
        f"{level} predictive intervals, for these same problems. The forecast averages over laws of success rates"
        + (f" ({carried})" if carried else "")
        + "; it knows nothing of problems unlike these."
        + (f" Mind: {ahead.doubt}." if ahead.doubt else "")
    )
    return rows, note


def _backtest(outlook: LookAhead) -> tuple[list[Row], str]:
    test = outlook.backtest
    if test is None:
        return [], ""
    ordered = sorted(test.scores, key=lambda score: score.error if np.isfinite(score.error) else np.inf)
    rows = [
        {
            "method": f"{score.method} (the forecast above)" if score.method == AVERAGE else score.method,
            "mean error": width(score.error) if np.isfinite(score.error) else "no forecast",
            "bias in points": points(score.bias),
            "interval held the truth": f"{round(score.inside * score.n_draws)} of {score.n_draws}"
            if score.n_draws
            else "–",
            "interval's width": width(score.width),
        }
        for score in ordered
    ]
    s, k = test.scores[0].s, test.scores[0].k
    note = (
        f"From {s:,} random samples of each problem every method forecast coverage at {k:,}, which is known to be "
        f"{percent(test.truth)}; {max(score.n_draws + score.n_failed for score in test.scores)} such prefixes. "
        "Few prefixes of one set of problems: this shows failures, it does not prove a method right. "
        "More: ttscale backtest RUN."
    )
    return rows, note
