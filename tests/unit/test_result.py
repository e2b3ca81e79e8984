"""Every result is rows, a frame, a figure, a text that fits a screen and a view."""

import sys

import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure
from report_results import make_result

from ttscale.analysis.budget.allocation import allocate
from ttscale.analysis.budget.view import budget_view
from ttscale.analysis.comparison.compare import compare_verifiers
from ttscale.costs.amounts import parse_amount
from ttscale.errors import InvalidInputError, MissingExtraError
from ttscale.result import Result
from ttscale.stats.adaptive.planning import plan_coverage
from ttscale.stats.coverage.coverage import coverage_curve
from ttscale.stats.coverage.marginal import saturation
from ttscale.stats.forecast.backtesting import backtest
from ttscale.stats.forecast.forecasting import forecast
from ttscale.stats.forecast.outlook import coverage_outlook
from ttscale.stats.forecast.reaching import samples_to_reach
from ttscale.stats.forecast.samples_needed import samples_for
from ttscale.stats.intervals.estimate import mean_over_problems
from ttscale.stats.laws.fitting import fit_law
from ttscale.stats.verifiers.calibration import reliability_curve

N, C = 60, [0, 0, 1, 3, 9, 20, 41, 60, 0, 2]
CLAIMED = np.linspace(0.02, 0.98, 40)


def results(folder) -> list[Result]:
    from stored_runs import make_run

    run = make_run(folder / "run", cells={"a": {}, "b": {"sampling.temperature": 0.5}}, n=24).path
    one_cell = make_run(folder / "one", n=24).path
    return [
        coverage_curve(N, C, [1, 10, 60]),
        fit_law("log-log", N, C),
        forecast(N, C, [60, 600], backtest_draws=1),
        samples_for(N, C, 0.9),
        samples_to_reach(coverage_outlook(N, C, [1, 10, 100]), 0.5),
        backtest(N, C, methods=["log-log", "plug-in"], n_draws=2, rng=0),
        mean_over_problems("auroc", [0.5, 0.7, 0.9]),
        plan_coverage(N, C, 10, 0.05),
        saturation(N, C, 0.001),
        reliability_curve(np.repeat(np.arange(8), 5), CLAIMED, CLAIMED > 0.4),
        make_result(n=50, n_problems=12),
        make_result(n=50, n_problems=12).cells[0],
        make_result(n=50, n_problems=12, cells=("a", "b")),
        budget_view([run]),
        allocate([run], parse_amount("3000tokens")),
        *compare_verifiers(one_cell),
    ]


@pytest.fixture(scope="module")
def all_results(tmp_path_factory: pytest.TempPathFactory) -> list[Result]:
    return results(tmp_path_factory.mktemp("runs"))


def test_a_frame_has_a_row_for_each_row(all_results: list[Result]) -> None:
    for result in all_results:
        frame = result.to_frame()
        assert isinstance(frame, pl.DataFrame)
        assert frame.height == len(list(result.to_rows())) > 0, result


def test_a_curves_frame_is_tidy_and_exact() -> None:
    curve = coverage_curve(N, C, [1, 10, 60])
    frame = curve.to_frame()
    assert frame["value"].to_list() == curve.value.tolist()
    assert {"k", "low", "high", "confidence_level", "method", "n_problems"} <= set(frame.columns)


def test_every_result_that_can_be_drawn_is_a_figure(all_results: list[Result]) -> None:
    drawn = 0
    for result in all_results:
        try:
            figure = result.plot()
        except InvalidInputError as error:
            assert "nothing to draw" in str(error)
            continue
        assert isinstance(figure, Figure)
        assert any(axes.lines for axes in figure.axes), result
        drawn += 1
    assert drawn >= 13


def test_axes_of_ones_own_are_drawn_on_and_nothing_else(all_results: list[Result]) -> None:
    for result in all_results:
        figure = Figure()
        left, right = figure.subplots(1, 2)
        try:
            assert result.plot(ax=left) is figure
        except InvalidInputError:
            continue
        assert left.lines
        assert not right.lines
        assert len(figure.axes) == 2


def test_a_curve_of_ones_own_axes_is_the_curve() -> None:
    axes = Figure().subplots()
    curve = coverage_curve(N, C, [1, 10, 60])
    curve.plot(ax=axes)
    assert any(np.array_equal(line.get_ydata(), curve.value) for line in axes.lines)


def test_a_repr_fits_a_screen_and_a_text_names_the_numbers(all_results: list[Result]) -> None:
    for result in all_results:
        assert len(repr(result)) <= 400, type(result)
        assert repr(result).startswith(type(result).__name__)
        assert any(sign.isdigit() for sign in str(result))


def test_without_pandas_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match="pip install pandas"):
        coverage_curve(N, C, [1]).to_pandas()


def test_pandas_gets_the_same_rows() -> None:
    pytest.importorskip("pandas")
    curve = coverage_curve(N, C, [1, 10])
    assert curve.to_pandas()["value"].tolist() == curve.value.tolist()
