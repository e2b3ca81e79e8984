"""The first lines of the page: the question, and its answer in one sentence."""

from collections.abc import Sequence

from ttscale.report.cells import PageCell
from ttscale.report.overview import shared_by_task
from ttscale.report.series import measured_k
from ttscale.report.summary import best_selector
from ttscale.report.visible import visible_text
from ttscale.showing.numbers import Prose, at_k, count, said


def question(cells: Sequence[PageCell]) -> str:
    """Return what the page answers, with its task and number of problems."""
    if not cells:
        return "What do more samples buy?"
    tasks = {cell.result.task for cell in cells}
    sizes = {cell.result.problems.height for cell in cells}
    many = f"{min(sizes):,}" if len(sizes) == 1 else f"{min(sizes):,} to {max(sizes):,}"
    where = f"{many} problems of {tasks.pop()}" if len(tasks) == 1 else f"{len(tasks)} tasks"
    if len(cells) == 1:
        return f"What do more samples of {cells[0].result.model} buy on {where}?"
    return f"What do more samples buy on {where}, in {len(cells)} cells?"


def answer(cells: Sequence[PageCell], k: int) -> Prose:
    """Return the answer at the largest budget that all cells have."""
    if len(cells) == 1:
        return _of_one(cells[0])
    if len({cell.result.task for cell in cells}) > 1:
        return _of_tasks(cells)
    first, most = _best(cells, 1), _best(cells, k)
    words = said(
        "One sample solves at most {} of the problems ({})", at_k(first.result.coverage, 1), first.label
    )
    if k == 1:
        return words + "."
    template = "; with {} samples, at least one of them solves up to {} ({}), and at the least {} ({})."
    least = min(cells, key=lambda cell: _value(cell, k))
    ends = (at_k(most.result.coverage, k), most.label, at_k(least.result.coverage, k), least.label)
    return words + said(template, f"{k:,}", *ends)


def _of_one(cell: PageCell) -> Prose:
    result, k = cell.result, measured_k(cell.result)
    words = said("One sample solves {} of the problems", at_k(result.coverage, 1))
    if k == 1:
        return words + "."
    words += said("; of {} samples at least one solves {} (coverage)", f"{k:,}", at_k(result.coverage, k))
    best = best_selector(result)
    if best is None:
        return words + "."
    collected = at_k(best.curve, int(best.curve.k[-1]))
    return words + said(", and picking one without the answer key collects {} ({}).", collected, best.label)


def _of_tasks(cells: Sequence[PageCell]) -> Prose:
    """Return each task's best coverage as far as all its cells reach: numbers of different tasks are not compared."""
    words = Prose()
    for task, k in shared_by_task(cells).items():
        best = _best([cell for cell in cells if cell.result.task == task], k)
        words += "; " if words else "Coverage is at most "
        found = at_k(best.result.coverage, k)
        words += said("{} on {} with {} ({})", found, visible_text(task), count(k, "sample"), best.label)
    return words + "."


def _best(cells: Sequence[PageCell], k: int) -> PageCell:
    return max(cells, key=lambda cell: _value(cell, k))


def _value(cell: PageCell, k: int) -> float:
    found = cell.result.coverage.at(k)
    return 0.0 if found is None else found[0]
