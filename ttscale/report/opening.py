"""The first lines of the page: the question, its answer in one sentence, and what is said of all cells together."""

from collections.abc import Sequence
from typing import Any

from ttscale.analysis.run.results import CellResult
from ttscale.report.cells import PageCell
from ttscale.report.series import measured_k, measured_series
from ttscale.report.summary import best_selector, overview_words, sample_span
from ttscale.report.visible import visible_text
from ttscale.showing.numbers import DASH, Prose, at_k, count, said


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


def overview_of(cells: Sequence[PageCell]) -> dict[str, Any]:
    """Return the table of all cells: coverage at the powers of ten, and the best selector where all can be compared."""
    shared = shared_by_task(cells)
    one = len(set(shared.values())) == 1
    furthest = max(measured_k(cell.result) for cell in cells)
    return {
        "where": f"at k = {next(iter(shared.values())):,}, the largest budget known of every cell"
        if one
        else "at the largest budget known of every cell of its task",
        "k": sorted({10**e for e in range(9) if 10**e <= furthest} | set(shared.values())),
        "drawn_alike": len({sample_span(cell.result) for cell in cells}) == 1,
        "words": overview_words(cells),
        "rows": [(cell, _best_at(cell.result, shared[cell.result.task], told=not one)) for cell in cells],
    }


def shared_by_task(cells: Sequence[PageCell]) -> dict[str, int]:
    """Return the largest budget that all cells of a task have, task by task: different tasks are not compared."""
    tasks = dict.fromkeys(cell.result.task for cell in cells)
    return {task: shared_k([cell for cell in cells if cell.result.task == task]) for task in tasks}


def shared_k(cells: Sequence[PageCell]) -> int:
    """Return the largest budget at which the coverage of every cell is known."""
    return int(max(set.intersection(*(set(cell.result.coverage.k.tolist()) for cell in cells))))


def _best_at(cell: CellResult, k: int, *, told: bool) -> Prose:
    """Return the selector that collects most at a budget, with its value there, and the budget where that is to be told."""
    known = [(found[0], item) for item in measured_series(cell)[1:] if (found := item.curve.at(k))]
    if not known:
        return Prose(DASH)
    _, best = max(known, key=lambda pair: pair[0])
    return said("{}: {}{}", best.label, at_k(best.curve, k), f" at k = {k:,}" if told else "")
