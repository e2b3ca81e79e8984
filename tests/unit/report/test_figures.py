"""The report's figures: named so that they cannot collide, each with the table that says the same."""

import csv
import io
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from report_results import make_result

from ttscale.report.cells import page_cells
from ttscale.report.figures import (
    csv_bytes,
    curves_figure,
    figure_prefixes,
    is_ours,
    overlay_figure,
    success_rates_figure,
)


def test_the_table_of_a_figure_holds_what_is_drawn() -> None:
    (cell,) = make_result(n_problems=40, n=100).cells
    figure = curves_figure(cell)
    rows = [row for row in figure.rows if row["curve"] == "coverage"]
    np.testing.assert_array_equal([row["k"] for row in rows], cell.coverage.k)
    np.testing.assert_array_equal([row["value"] for row in rows], cell.coverage.value)
    drawn = [line.get_ydata() for line in figure.figure.axes[0].lines]
    assert any(len(line) == len(rows) and np.allclose(line, cell.coverage.value) for line in drawn) or any(
        len(line) == len(rows) and np.allclose(line, 100 * cell.coverage.value) for line in drawn
    )


def test_only_budgets_beyond_the_samples_are_extrapolated() -> None:
    (cell,) = make_result(n_problems=40, n=100).cells
    rows = curves_figure(cell).rows
    assert {row["extrapolated"] for row in rows if row["curve"] != "fitted law"} == {False}
    law = {row["k"]: row["extrapolated"] for row in rows if row["curve"] == "fitted law"}
    assert {k for k, beyond in law.items() if beyond} == {k for k in law if k > 100} != set()


def test_the_overlay_has_coverage_of_every_cell_and_names_them() -> None:
    result = make_result(n_problems=40, n=100, cells=("a", "b", "c"))
    cells = page_cells([result])
    figure = overlay_figure(cells, "three")
    assert {row["cell"] for row in figure.rows} == {"a", "b", "c"}
    assert all(cell.label in figure.alt for cell in cells)
    assert figure.figure.axes[0].get_xscale() == "log"


def test_success_rates_come_with_every_problem() -> None:
    (cell,) = make_result(n_problems=40, n=100).cells
    rows = success_rates_figure(cell).rows
    assert [row["c"] for row in rows] == cell.problems["c"].to_list()
    assert all(row["success_rate"] == row["c"] / row["n"] for row in rows)


def test_names_of_cells_become_file_names_that_differ_and_are_recognised() -> None:
    hostile = ("../../etc/passwd", "A B", "a  b", "\u202e", "x" * 300)
    result = make_result(n_problems=20, n=16, cells=hostile)
    prefixes = figure_prefixes(page_cells([result]))
    assert len(set(prefixes)) == len(hostile)
    for prefix in prefixes:
        assert "/" not in prefix
        assert len(prefix) < 80
        assert is_ours(f"{prefix}curves.svg")
    assert figure_prefixes(page_cells([make_result(n_problems=20, n=16)])) == [""]


@pytest.mark.parametrize(
    "name", ["notes.csv", "curves.pdf", "../curves.svg", "curves.svg.bak", "x-curves.png", ""]
)
def test_files_of_the_user_are_not_taken_for_ours(name: str) -> None:
    assert not is_ours(name)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0"])
def test_no_cell_of_a_table_is_a_formula(text: str) -> None:
    (row,) = csv.DictReader(io.StringIO(csv_bytes([{"problem_id": text, "n": 3}]).decode()))
    assert row["problem_id"] == "'" + text
    assert row["n"] == "3"


def test_figures_of_a_hostile_name_can_be_drawn() -> None:
    (cell,) = make_result(n_problems=20, n=16).cells
    figure = curves_figure(replace(cell, model="$\\frac{", task="</svg>", cell="$x"))
    figure.figure.savefig(io.BytesIO(), format="svg")
    plt.close("all")
