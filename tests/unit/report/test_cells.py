"""Cells of one or several runs on one page: told apart by what they differ in."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from report_results import make_result
from stored_runs import make_run

from ttscale.analysis.budget.runs import price_runs
from ttscale.analysis.run.analyze import analyze_run
from ttscale.analysis.run.results import RunResult
from ttscale.report.cells import COLORS, DASHES, page_cells


def run_of(*identities: Mapping[str, Any], name: str = "run") -> RunResult:
    result = make_result(n=4, n_problems=3, law=False, cells=[f"cell-{i}" for i in range(len(identities))])
    cells = [
        dataclasses.replace(cell, identity=identity, model=str(identity.get("model.path", "m")))
        for cell, identity in zip(result.cells, identities, strict=True)
    ]
    return dataclasses.replace(result, name=name, cells=tuple(cells))


def styles(run: RunResult) -> list[tuple[int, int]]:
    return [(cell.color, cell.dash) for cell in page_cells([run])]


def test_a_cell_is_called_as_on_the_command_line_and_what_differs_is_spelt_out() -> None:
    run = run_of(
        {"model.path": "org/big", "sampling.temperature": 0.6, "sampling.top_p": 0.9},
        {"model.path": "org/big", "sampling.top_p": 0.9},
        {"model.path": "/models/small", "sampling.temperature": 0.6, "sampling.top_p": 0.9},
    )
    assert [cell.label for cell in page_cells([run])] == ["cell-0", "cell-1", "cell-2"]
    assert [cell.differs for cell in page_cells([run])] == [
        "big, temperature 0.6",
        "big, temperature 1.0",
        "small, temperature 0.6",
    ]


def test_long_differences_are_left_to_the_configuration() -> None:
    run = run_of({"strategy.template": "Solve this. " * 20}, {"strategy.template": "Try. " * 20})
    assert [cell.differs for cell in page_cells([run])] == ["", ""]


def test_models_are_colours_and_temperatures_line_styles_or_the_other_way_round() -> None:
    few = [{"model.path": m, "sampling.temperature": t} for m in "abc" for t in (0.2, 0.8)]
    assert styles(run_of(*few)) == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]
    many = [{"model.path": m, "sampling.temperature": t / 10} for m in "ab" for t in range(1, 7)]
    assert styles(run_of(*many)) == [(color, dash) for dash in (0, 1) for color in range(6)]


@pytest.mark.parametrize("count", [1, 7, 8, 12, 28])
def test_up_to_28_cells_look_different(count: int) -> None:
    run = run_of(*({"sampling.seed": i} for i in range(count)))
    assert len(set(styles(run))) == count
    assert all(color < COLORS and dash < DASHES for color, dash in styles(run))


def test_cells_that_differ_in_nothing_known_keep_their_names() -> None:
    assert [cell.label for cell in page_cells([run_of({}, {})])] == ["cell-0", "cell-1"]


def test_runs_side_by_side_are_told_apart_by_name_even_if_they_share_it() -> None:
    runs = [run_of({}, name="same"), run_of({}, name="same")]
    cells = page_cells(runs)
    assert [cell.label for cell in cells] == ["demo (1)", "demo (2)"]  # their folders
    assert [cell.run for cell in cells] == [0, 1]
    assert [cell.id for cell in cells] == ["cell-0", "cell-1"]


def test_names_from_outside_become_visible() -> None:
    run = run_of({"model.path": "a\u202eb"}, {"model.path": "\x1b[2J"})
    assert [cell.differs for cell in page_cells([run])] == ["a⟨U+202E⟩b", "⟨ESC⟩[2J"]
    hostile = dataclasses.replace(run, cells=(dataclasses.replace(run.cells[0], cell="c\x00"),))
    assert [cell.label for cell in page_cells([hostile])] == ["c⟨NUL⟩"]


def test_several_runs_are_called_as_budget_calls_them(tmp_path: Path) -> None:
    one, two = make_run(tmp_path / "one", n=4), make_run(tmp_path / "two", cells={"a": {}, "b": {}}, n=4)
    cells = page_cells([analyze_run(one), analyze_run(two)])
    (task,) = price_runs([one.path, two.path]).tasks
    assert [cell.label for cell in cells] == ["one", "two: a", "two: b"]
    assert {curve.label for curve in task.view.curves} == {cell.label for cell in cells}
