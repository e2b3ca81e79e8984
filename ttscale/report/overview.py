"""What the page says of all its cells together."""

from collections.abc import Sequence
from typing import Any

from ttscale.analysis.run.results import CellResult
from ttscale.report.cells import PageCell
from ttscale.report.series import measured_k, measured_series
from ttscale.report.summary import overview_words, sample_span
from ttscale.showing.numbers import DASH, Prose, at_k, said


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
