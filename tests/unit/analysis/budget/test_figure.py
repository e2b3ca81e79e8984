"""The figure of a budget analysis: which best buys it shows beside forecasts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ttscale.analysis.budget import figure
from ttscale.analysis.budget.pricing import Pricing
from ttscale.analysis.budget.view import BudgetSettings, budget_view


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what the figure is drawn from, once it is drawn."""
    given: dict[str, Any] = {}
    monkeypatch.setattr(figure, "plot_costs", lambda lines, **rest: given.update(lines=lines, **rest))
    return given


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Two arms of equal problems: `dear` costs twice as much a sample, and has a thousand where `cheap` has 20."""
    rates = np.geomspace(0.002, 0.5, 24)
    rows = [
        f"{arm},{number},{n},{round(n * rate)},0,{tokens}"
        for arm, n, tokens in (("cheap", 20, 10), ("dear", 1000, 20))
        for number, rate in enumerate(rates)
    ]
    path = tmp_path / "counts.csv"
    path.write_text("\n".join(["model,problem_id,n,c,prompt_tokens,completion_tokens", *rows]))
    return path


def test_a_best_buy_ends_where_another_ones_forecast_is_higher(table: Path, drawn: dict[str, Any]) -> None:
    settings = BudgetSettings(pricing=Pricing(cost="tokens"), ahead=True)
    view = budget_view([table], by=("model",), settings=settings)
    assert [one.label for one in view.comparisons[0].segments] == ["cheap", "dear"]  # its curve taken as flat
    view.figure()
    assert [(arm, begin) for begin, _, arm in drawn["best"]] == [(0, 10.0)]
    assert drawn["changes"] == []
    assert "as far as no forecast is higher" in drawn["subtitle"]


def test_without_forecasts_every_best_buy_is_shown(table: Path, drawn: dict[str, Any]) -> None:
    settings = BudgetSettings(pricing=Pricing(cost="tokens"))
    view = budget_view([table], by=("model",), settings=settings)
    view.figure()
    assert [arm for *_, arm in drawn["best"]] == [0, 1]
    assert drawn["subtitle"].endswith("bold: the best buy")
