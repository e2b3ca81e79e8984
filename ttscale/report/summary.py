"""The main findings of a cell in plain sentences, each number with its interval."""

from collections.abc import Sequence

import numpy as np

from ttscale.analysis.run.results import CellResult
from ttscale.report.cells import PageCell
from ttscale.report.laws import law_formula, listed_parameters, usable_law
from ttscale.report.series import Series, measured_k, measured_series
from ttscale.showing.numbers import Prose, at_k, count, exact_percent, percent, said, width
from ttscale.stats.forecast.reaching import Reached
from ttscale.types import Outcome


def sample_span(cell: CellResult) -> str:
    """Return how much was drawn, such as "128 problems × 1,000 samples"."""
    n = cell.problems["n"].to_numpy()
    drawn = count(int(n.min()), "sample") if n.min() == n.max() else f"{n.min():,}–{n.max():,} samples"
    return f"{count(cell.problems.height, 'problem')} × {drawn}"


def interval_phrase(cell: CellResult) -> str:
    """Return what the intervals are, such as "95% interval over problems"."""
    curve = cell.coverage
    return f"{exact_percent(curve.confidence_level)} interval over {curve.over}"


def never_solved(cell: CellResult) -> int:
    """Return how many problems no sample solved."""
    return int(np.count_nonzero(cell.problems["c"].to_numpy() == 0))


def best_selector(cell: CellResult) -> Series | None:
    """Return the selector that collects most at the largest budget."""
    selectors = measured_series(cell)[1:]
    return max(selectors, key=lambda item: item.curve.value[-1], default=None)


def headline(cell: CellResult) -> list[Prose]:
    """Return the cell's findings, one sentence or two to a paragraph."""
    paragraphs = [_coverage_words(cell), _selector_words(cell), _ahead_words(cell), _never_words(cell)]
    return [words for words in paragraphs if words]


def law_words(cell: CellResult) -> str:
    """Return how well the law fits, or an empty string."""
    fit = usable_law(cell)
    if fit is None:
        return ""
    if not fit.converged:
        return f"The law {law_formula(fit)} was fitted, but the search did not converge: do not rely on it."
    return f"{law_formula(fit)} fits coverage to {width(fit.residual)} (root mean square)"


def overview_words(cells: Sequence[PageCell]) -> Prose:
    """Return what several cells leave unsolved."""
    never = [(never_solved(cell.result), cell) for cell in cells]
    least, most = min(never, key=lambda pair: pair[0]), max(never, key=lambda pair: pair[0])
    return Prose(
        f"Problems never solved: between {least[0]} ({least[1].label}) and {most[0]} ({most[1].label})."
    )


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


def _coverage_words(cell: CellResult) -> Prose:
    k = measured_k(cell)
    at_one, at_all = at_k(cell.coverage, 1), at_k(cell.coverage, k)
    if k == 1:
        return said("One sample solves {} of the problems.", at_one)
    template = "A single sample solves {} of the problems; among {} samples at least one is correct for {}."
    return said(template, at_one, f"{k:,}", at_all)


def _selector_words(cell: CellResult) -> Prose:
    best = best_selector(cell)
    if best is None:
        return Prose()
    k = int(best.curve.k[-1])
    gap = cell.coverage.value[-1] - best.curve.value[-1]
    collected = at_k(best.curve, k)
    if k != measured_k(cell) or gap <= 0:
        template = "Without the answer key, {} collects {} of them with {} samples."
        return said(template, best.label, collected, f"{k:,}")
    template = (
        "Without the answer key, the best selector here ({}) collects {}. "
        "The other {} of coverage stay uncollected."
    )
    return said(template, best.label, collected, width(gap).replace("points", "percentage points"))


def _ahead_words(cell: CellResult) -> Prose:
    """Say what the forecast is, and without one what the law is."""
    ahead = cell.outlook.forecast if cell.outlook else None
    if ahead is None or cell.outlook is None:
        return _law_words(cell)
    k = int(ahead.curve.k[-1])
    words = said(
        "With {} samples of each problem, coverage of these problems would be {} "
        "({} predictive interval; an extrapolation).",
        f"{k:,}",
        at_k(ahead.curve, k),
        exact_percent(ahead.curve.confidence_level),
    )
    return words + (f" {needed_words(cell.outlook.needed)}" if cell.outlook.needed else "")


def _law_words(cell: CellResult) -> Prose:
    fit = usable_law(cell)
    if fit is None or not fit.converged:
        return Prose(law_words(cell))
    return said("{}, with {}.", law_words(cell), listed_parameters(fit, " and "))


def needed_words(needed: Reached) -> str:
    """Say how many samples a target needs, over what and at which level.

    >>> from ttscale.stats.forecast.reaching import coverage_to_reach
    >>> needed_words(coverage_to_reach(20, [1, 3, 9, 20] * 8, 0.5))
    'Coverage of 50% takes about 2 samples of each problem, 1 to 4 (95% interval over problems).'
    """
    target = exact_percent(needed.target)
    if needed.k is None:
        return f"The forecast reaches {percent(needed.best)} with {needed.largest:,} samples of each problem, and not {target}."
    low, high = (
        f"more than {needed.largest:,}" if end is None else f"{end:,}" for end in (needed.low, needed.high)
    )
    level = exact_percent(needed.confidence_level)
    return (
        f"Coverage of {target} takes about {needed.k:,} samples of each problem, {low} to {high} "
        f"({level} interval over {needed.over})."
    )


def _never_words(cell: CellResult) -> Prose:
    never = never_solved(cell)
    if never == 0:
        return Prose("Every problem was solved at least once.")
    share = percent(never / cell.problems.height)
    return Prose(
        f"{count(never, 'problem')} ({share}) {'was' if never == 1 else 'were'} never solved: "
        "their success rate is unknown, not zero."
    )
