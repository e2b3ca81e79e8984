"""What the page says of a cell beyond its samples: order, marks and notes of its tables."""

import re
import warnings

import numpy as np
import pytest

from ttscale.analysis.run.results import LookAhead
from ttscale.report.ahead import ahead_of
from ttscale.stats.counts.curve import Curve
from ttscale.stats.forecast.backtesting import Backtest
from ttscale.stats.forecast.forecasting import Forecast
from ttscale.stats.forecast.predicting import AVERAGE
from ttscale.stats.forecast.scoring import Score
from ttscale.stats.laws.fitting import LawFit, fit_law

NAN = float("nan")


def forecast(k: np.ndarray, **more: object) -> Forecast:
    value = 1 - 0.5 / np.sqrt(k)
    curve = Curve(
        metric="coverage",
        k=k,
        value=value,
        low=value - 0.05,
        high=np.minimum(value + 0.05, 1),
        confidence_level=0.9,
        over="samples",
        method="m",
        n_problems=9,
    )
    return Forecast(curve=curve, method="m", extrapolates=k > 10, n_max=10, **more)  # type: ignore[arg-type]


def score(method: str, error: float, *, n_draws: int = 5, inside: float = 0.6) -> Score:
    return Score(
        method=method,
        s=8,
        k=64,
        error=error,
        bias=0.01,
        inside=inside,
        width=0.2,
        n_draws=n_draws,
        n_failed=5 - n_draws,
    )


def fitted(law: str) -> LawFit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fit_law(law, np.full(40, 16), np.resize([0, 1, 3, 9, 16], 40))


def test_nothing_known_is_nothing_said() -> None:
    ahead = ahead_of(LookAhead(notes=("too few",)))
    assert (ahead.laws, ahead.forecast, ahead.backtest) == ([], [], [])
    assert (ahead.forecast_note, ahead.backtest_note, ahead.notes) == ("", "", ("too few",))


def test_the_law_nearest_to_the_curve_comes_first() -> None:
    laws = tuple(fitted(law) for law in ("log-log", "beta-binomial", "saturation"))
    rows = ahead_of(LookAhead(laws=laws)).laws
    order = [fit.law for fit in sorted(laws, key=lambda fit: fit.residual)]
    assert [str(row["law"]).partition(":")[0] for row in rows] == order
    curves = {row["law"].partition(":")[0]: row["AIC"] for row in rows}
    assert curves["log-log"] == "–" != curves["beta-binomial"]  # least squares has no likelihood


@pytest.mark.parametrize("size", [2, 5, 40])
def test_a_forecast_is_shown_at_few_budgets_up_to_the_farthest(size: int) -> None:
    k = np.unique(np.geomspace(10, 5000, size).astype(int))
    found = forecast(k)
    rows = ahead_of(LookAhead(forecast=found)).forecast
    budgets = [int(row["samples of each problem"].replace(",", "")) for row in rows]
    assert len(rows) == min(4, len(k) - 1) and budgets[-1] == k[-1] and k[0] not in budgets
    for row, budget in zip(rows, budgets, strict=True):
        value, low, high = found.curve.at(budget) or (NAN,) * 3
        shown = [float(one) for one in re.findall(r"[\d.]+", str(row["coverage"]))]
        assert shown == pytest.approx([100 * value, 100 * low, 100 * high], abs=0.06)


def test_the_note_names_the_level_the_laws_that_carry_it_and_its_doubt() -> None:
    weights = {"rare": 0.004, "second": 0.3, "first": 0.696}
    found = forecast(np.array([10, 100]), law_weights=weights, doubt="it may level off")
    note = ahead_of(LookAhead(forecast=found)).forecast_note
    assert note.startswith("90% predictive intervals")
    assert (
        "rare" not in note
        and note.index("first") < note.index("second")
        and "Mind: it may level off." in note
    )


def test_backtests_are_ordered_by_error_and_methods_without_a_forecast_come_last() -> None:
    scores = (score("none", NAN, n_draws=0, inside=NAN), score("far", 0.2), score(AVERAGE, 0.03, inside=1.0))
    test = Backtest(scores=scores, truth=0.75, n_problems=9, confidence_level=0.95)
    ahead = ahead_of(LookAhead(backtest=test))
    assert [row["method"] for row in ahead.backtest] == [f"{AVERAGE} (the forecast above)", "far", "none"]
    assert [row["interval held the truth"] for row in ahead.backtest] == ["5 of 5", "3 of 5", "–"]
    assert ahead.backtest[-1]["mean error"] == "no forecast"
    assert "From 8 random samples" in ahead.backtest_note and "coverage at 64" in ahead.backtest_note
    assert "5 such prefixes" in ahead.backtest_note
