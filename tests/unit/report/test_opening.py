"""The first lines of the page: they name what was asked and say what was found, and claim nothing else."""

from dataclasses import replace

from markupsafe import Markup
from report_results import make_result

from ttscale.analysis.run.results import RunResult
from ttscale.report.cells import page_cells
from ttscale.report.opening import answer, question
from ttscale.report.terms import TERMS, explained
from ttscale.showing.numbers import percent, said, share


def retold(run: RunResult, *tasks: str) -> RunResult:
    cells = tuple(replace(cell, task=task) for cell, task in zip(run.cells, tasks, strict=True))
    return replace(run, cells=cells)


def test_one_cell_has_its_model_its_task_and_its_numbers_in_the_first_lines() -> None:
    run = make_result(n_problems=40, n=100)
    (cell,) = page_cells([run])
    assert question([cell]) == "What do more samples of demo-arithmetic buy on 40 problems of arithmetic?"
    said_of_it = str(answer([cell], 100))
    curve = cell.result.coverage
    for value in (
        curve.value[0],
        curve.value[-1],
        max(one.value[-1] for one in cell.result.selectors.values()),
    ):
        assert percent(float(value)) in said_of_it


def test_several_cells_are_ranked_by_their_own_numbers() -> None:
    cells = page_cells([make_result(n_problems=40, n=100, cells=("a", "b", "c"))])
    assert question(cells) == "What do more samples buy on 40 problems of arithmetic, in 3 cells?"
    last = {cell.label: float(cell.result.coverage.value[-1]) for cell in cells}
    words = str(answer(cells, 100))
    best, worst = max(last, key=last.__getitem__), min(last, key=last.__getitem__)
    assert f"up to {percent(last[best])}" in words
    assert words.index(f"({best}), and at the least") < words.rindex(f"({worst}).")


def test_tasks_are_not_compared_with_each_other() -> None:
    cells = page_cells([retold(make_result(n_problems=40, n=100, cells=("a", "b")), "hard", "easy")])
    assert question(cells) == "What do more samples buy on 2 tasks, in 2 cells?"
    words = str(answer(cells, 100))
    assert "on hard with 100 samples (a)" in words
    assert "on easy with 100 samples (b)" in words
    assert "at the least" not in words


def test_without_budgets_beyond_one_nothing_is_said_of_more() -> None:
    for cells in (
        page_cells([make_result(n_problems=9, n=1, law=False, cells=names)]) for names in ("a", "ab")
    ):
        assert "least one" not in str(answer(cells, 1))


def test_a_page_without_cells_has_its_question() -> None:
    assert question([]).endswith("?")


def test_terms_are_explained_once_and_numbers_stay_marked_up() -> None:
    html = explained(said("coverage is {} of coverage, says <the oracle>", share(0.5, 0.4, 0.6, sign="%")))
    assert html.count("data-says") == 2
    assert "<strong>50.0%</strong>" in html
    assert "&lt;the " in html
    assert "<the" not in html
    assert html.striptags() == "coverage is 50.0% [40.0, 60.0] of coverage, says <the oracle>"


def test_markup_of_others_is_escaped() -> None:
    assert explained("<script>coverage</script>").startswith(Markup("&lt;script&gt;"))
    assert all('"' not in words for words in TERMS.values())
