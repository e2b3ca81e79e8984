"""Cell against cell on the page: what is compared, in whose words, and where its numbers lead."""

import re
from dataclasses import replace
from urllib.parse import unquote

import numpy as np
import polars as pl
from report_results import make_result

from ttscale.analysis.run.results import CellResult, RunResult
from ttscale.report.cells import page_cells
from ttscale.report.html import render_html
from ttscale.report.models import models_sections


def with_counts(cell: CellResult, c: list[int], *, task: str = "arithmetic", n: int = 16) -> CellResult:
    """Return a cell with these counts."""
    problems = cell.problems.head(len(c)).with_columns(
        n=pl.Series([n] * len(c), dtype=pl.Int64), c=pl.Series(c, dtype=pl.Int64)
    )
    return replace(cell, problems=problems, task=task)


def run_of(*counts: list[int], tasks: tuple[str, ...] = ()) -> RunResult:
    names = tuple(f"cell {i}" for i in range(len(counts)))
    result = make_result(n=16, n_problems=max(map(len, counts)), cells=names, law=False)
    tasks = tasks or ("arithmetic",) * len(counts)
    cells = [
        with_counts(cell, c, task=task) for cell, c, task in zip(result.cells, counts, tasks, strict=True)
    ]
    return replace(result, cells=tuple(cells))


def test_a_difference_that_holds_is_said_with_the_better_cell_first() -> None:
    run = run_of([0] * 40, [16] * 20 + [8] * 20)
    ((section,), notes) = models_sections(page_cells([run]))
    assert not notes
    words = " ".join(map(str, section.words))
    assert "cell 1 solves most: 100%" in words
    assert "ahead of every other cell for certain" in words
    assert re.search(r"cell 1 solves \+\S+ \[.*\] points more than cell 0", words)
    assert [str(row["rank"]) for row in section.ranks] == ["1 [1, 1]", "2 [2, 2]"]


def test_alike_cells_are_said_not_to_differ_and_what_would_show() -> None:
    ((section,), _) = models_sections(page_cells([run_of([3] * 20, [4] * 20)]))
    assert re.search(
        r"No difference holds: 20 problems show differences from \S+ points on", str(section.words[-1])
    )


def test_the_grid_shows_all_cells_of_a_problem_those_they_differ_on_first_and_opens_outputs() -> None:
    run = run_of([16, 0, 3], [16, 16, 4], [16, 8, 5])
    ((section,), _) = models_sections(page_cells([run]))
    ids = run.cells[0].problems["problem_id"].to_list()
    assert [problem for problem, _ in section.grid] == [ids[1], ids[2], ids[0]]
    _, entries = section.grid[0]
    assert [entry.text for entry in entries] == ["0/16", "16/16", "8/16"]
    assert [entry.shade for entry in entries] == [0, 5, 3]
    page = render_html(run)
    for entry, cell in zip(entries, page_cells([run]), strict=True):
        place, _, choice = entry.href[1:].partition("&")
        assert place == cell.id and f'id="{cell.id}"' in page
        assert unquote(choice) == f"{cell.id}.problem={ids[1]}"
    assert page.count('class="shade-5"') >= 3


def test_tasks_are_compared_by_themselves_and_one_cell_with_nobody() -> None:
    run = run_of([1, 2], [3, 4], [5, 6], tasks=("one", "two", "one"))
    (sections, _) = models_sections(page_cells([run]))
    assert [section.task for section in sections] == ["one"]
    assert len(sections[0].labels) == 2
    assert "models-title" not in render_html(run_of([1, 2]))


def test_cells_whose_samples_verdicts_chose_are_left_to_the_command() -> None:
    run = run_of([1, 2], [3, 4])
    run = replace(run, cells=tuple(replace(cell, drawn_in_rounds=True) for cell in run.cells))
    sections, notes = models_sections(page_cells([run]))
    assert not sections
    assert "ttscale compare-models" in notes[0]


def test_who_solves_what_of_many_cells_is_a_matrix() -> None:
    counts = np.random.default_rng(0).integers(0, 3, (4, 30))
    ((section,), _) = models_sections(page_cells([run_of(*counts.tolist())]))
    for i, row in enumerate(section.alone):
        found = list(row.values())[1:]
        assert found == [
            None if i == j else int(((counts[i] > 0) & (counts[j] == 0)).sum()) for j in range(4)
        ]
