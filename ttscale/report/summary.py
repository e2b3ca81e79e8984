"""The main findings of a cell in plain sentences, each number with its interval."""

from collections.abc import Sequence

import numpy as np

from ttscale.analysis.results import CellResult
from ttscale.report.laws import law_formula, law_parameters, usable_law
from ttscale.report.numbers import at_k, count, percent
from ttscale.report.series import Series, measured_k, measured_series
from ttscale.types import Outcome


def sample_span(cell: CellResult) -> str:
    """Return how much was drawn, such as "128 problems × 1,000 samples"."""
    n = cell.problems["n"].to_numpy()
    drawn = count(int(n.min()), "sample") if n.min() == n.max() else f"{n.min():,}–{n.max():,} samples"
    return f"{count(cell.problems.height, 'problem')} × {drawn}"


def interval_phrase(cell: CellResult) -> str:
    """Return what the intervals are, such as "95% interval over problems"."""
    curve = cell.coverage
    return f"{100 * curve.confidence_level:g}% interval over {curve.over}"


def never_solved(cell: CellResult) -> int:
    """Return how many problems no sample solved."""
    return int(np.count_nonzero(cell.problems["c"].to_numpy() == 0))


def best_selector(cell: CellResult) -> Series | None:
    """Return the selector that collects most at the largest budget."""
    selectors = measured_series(cell)[1:]
    return max(selectors, key=lambda item: item.curve.value[-1], default=None)


def headline(cell: CellResult) -> list[str]:
    """Return the cell's findings, one sentence or two to a paragraph."""
    paragraphs = [_coverage_words(cell), _selector_words(cell), _law_words(cell), _never_words(cell)]
    return [words for words in paragraphs if words]


def method_notes(series: Sequence[Series]) -> list[tuple[str, str]]:
    """Return each way the numbers were computed with the curves it made: (labels, method)."""
    by_method: dict[str, list[str]] = {}
    for item in series:
        by_method.setdefault(item.curve.method, []).append(item.label)
    return [(", ".join(labels), method) for method, labels in by_method.items()]


def verdict_rows(cell: CellResult) -> list[tuple[str, list[tuple[str, int]]]]:
    """Return each verifier's outcomes, the oracle first, outcomes in the order of `Outcome`."""
    order = list(Outcome)
    rows = [
        (verifier, sorted(outcomes.items(), key=lambda item: order.index(Outcome(item[0]))))
        for verifier, outcomes in cell.outcomes.items()
    ]
    return sorted(rows, key=lambda row: row[0] != cell.oracle)


def _coverage_words(cell: CellResult) -> str:
    k = measured_k(cell)
    at_one, at_all = at_k(cell.coverage, 1), at_k(cell.coverage, k)
    if k == 1:
        return f"One sample solves {at_one} of the problems."
    return (
        f"A single sample solves {at_one} of the problems; "
        f"among {k:,} samples at least one is correct for {at_all}."
    )


def _selector_words(cell: CellResult) -> str:
    best = best_selector(cell)
    if best is None:
        return ""
    k = int(best.curve.k[-1])
    gap = cell.coverage.value[-1] - best.curve.value[-1]
    if k != measured_k(cell) or gap <= 0:
        return (
            f"Without the answer key, {best.label} collects {at_k(best.curve, k)} of them with {k:,} samples."
        )
    return (
        f"Without the answer key, the best selector here ({best.label}) collects {at_k(best.curve, k)}. "
        f"The other {100 * gap:.1f} percentage points of coverage stay uncollected."
    )


def _law_words(cell: CellResult) -> str:
    fit = usable_law(cell)
    if fit is None:
        return ""
    parameters = " and ".join(f"{name} = {text}" for name, text in law_parameters(fit))
    if not fit.converged:
        return f"The law {law_formula(fit)} was fitted, but the search did not converge: do not rely on it."
    error = f"{100 * fit.residual:.1f} percentage points"
    return f"{law_formula(fit)} fits coverage to {error} (root mean square), with {parameters}."


def _never_words(cell: CellResult) -> str:
    never = never_solved(cell)
    if never == 0:
        return "Every problem was solved at least once."
    share = percent(never / cell.problems.height)
    return (
        f"{count(never, 'problem')} ({share}) {'was' if never == 1 else 'were'} never solved: "
        "their success rate is unknown, not zero."
    )
