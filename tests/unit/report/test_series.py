"""The curves of a cell: which there are, in which order and colour, and how far they go."""

from dataclasses import replace

import numpy as np
from report_results import make_result

from ttscale.analysis.run.results import CellResult, LookAhead
from ttscale.report.cells import page_cells
from ttscale.report.series import cell_series, law_grid, measured_k, measured_series, overlay_series
from ttscale.stats.forecast.forecasting import forecast


def cell(**options: object) -> CellResult:
    return make_result(n_problems=40, n=100, **options).cells[0]  # type: ignore[arg-type]


def with_forecast(result: CellResult, k: int = 1000) -> CellResult:
    n, c = (result.problems[name].to_numpy() for name in "nc")
    return replace(result, outlook=LookAhead(forecast=forecast(n, c, [100, k])))


def test_coverage_comes_first_and_every_curve_has_a_colour_of_its_own() -> None:
    result = cell()
    series = measured_series(result)
    assert [item.label for item in series] == ["coverage", *result.selectors]
    assert [item.color for item in series] == list(range(len(series)))
    assert series[0].curve is result.coverage


def test_law_and_forecast_share_coverages_colour_and_are_not_measured() -> None:
    series = cell_series(with_forecast(cell()))
    kinds = {item.label: (item.kind, item.color, item.is_measured) for item in series}
    assert kinds["fitted law"] == ("law", 0, False)
    assert kinds["forecast"] == ("forecast", 0, False)
    assert [item.label for item in series[:3]] == ["coverage", "fitted law", "forecast"]


def test_the_law_is_drawn_as_far_as_the_forecast_and_else_half_a_decade() -> None:
    alone = {item.label: item for item in cell_series(cell())}
    ahead = {item.label: item for item in cell_series(with_forecast(cell()))}
    assert alone["fitted law"].curve.k[-1] == 316
    assert ahead["fitted law"].curve.k[-1] == 1000
    assert measured_k(cell()) == 100


def test_without_a_law_there_is_no_line_of_it() -> None:
    assert "fitted law" not in {item.label for item in cell_series(cell(law=False))}


def test_law_and_data_can_be_read_off_at_the_same_budgets() -> None:
    measured = np.array([1, 3, 10, 50])
    grid = law_grid(measured, 500)
    assert set(measured) <= set(grid.tolist())
    assert (np.diff(grid) > 0).all()
    assert grid[-1] == 500


def test_cells_on_one_figure_are_told_apart() -> None:
    result = make_result(n_problems=40, n=100, cells=("a", "b", "c"))
    series = overlay_series(page_cells([result]))
    assert len({(item.color, item.dash) for item in series}) == 3
    assert all(item.curve is each.coverage for item, each in zip(series, result.cells, strict=True))


def test_a_label_cannot_carry_markup_or_direction_marks() -> None:
    result = cell()
    curve = next(iter(result.selectors.values()))
    hostile = replace(result, selectors={"best by \u202eevil\x00": curve})
    (_, item) = measured_series(hostile)
    assert "\u202e" not in item.label
    assert "\x00" not in item.label
