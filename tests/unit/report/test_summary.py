"""The findings in sentences: every number with its interval, nothing claimed that was not measured."""

import re
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from report_results import make_result

from ttscale.analysis.run.results import CellResult
from ttscale.report.cells import page_cells
from ttscale.report.series import measured_series
from ttscale.report.summary import (
    best_selector,
    headline,
    interval_phrase,
    law_words,
    method_notes,
    needed_words,
    never_solved,
    overview_words,
    sample_span,
    verdict_rows,
)
from ttscale.stats.coverage.coverage import coverage_curve
from ttscale.stats.forecast.reaching import Reached


def cell(**options: object) -> CellResult:
    return make_result(n_problems=40, n=100, **options).cells[0]  # type: ignore[arg-type]


def counted(n: list[int], c: list[int], k: list[int]) -> CellResult:
    """A cell without selectors and law, of these counts."""
    one = make_result(n_problems=len(n), n=max(n), law=False).cells[0]
    problems = one.problems.with_columns(n=pl.Series(n), c=pl.Series(c))
    return replace(one, problems=problems, coverage=coverage_curve(n, c, k), selectors={})


def told(result: CellResult) -> str:
    return "\n".join(str(words) for words in headline(result))


def test_what_was_drawn_is_said_with_its_range() -> None:
    assert sample_span(cell()) == "40 problems × 100 samples"
    assert sample_span(counted([5, 9], [1, 0], [1])) == "2 problems × 5–9 samples"
    assert interval_phrase(cell()) == "95% interval over problems"


def test_never_solved_is_unknown_and_not_zero() -> None:
    result = counted([50] * 4, [0, 0, 50, 3], [1, 50])
    assert never_solved(result) == 2
    assert "2 problems (50.0%) were never solved: their success rate is unknown, not zero." in told(result)
    assert "1 problem (25.0%) was never solved" in told(counted([50] * 4, [1, 0, 50, 3], [1, 50]))
    assert "Every problem was solved at least once." in told(counted([50] * 2, [1, 50], [1, 50]))


def test_coverage_is_said_with_its_interval() -> None:
    result = counted([50] * 40, [0] * 20 + [50] * 20, [1, 50])
    first, *_ = (str(words) for words in headline(result))
    assert re.match(
        r"A single sample solves 50\.0% \[\d+\.\d, \d+\.\d\] of the problems; among 50 samples ", first
    )


def test_with_one_sample_nothing_is_said_of_more() -> None:
    words = told(counted([1] * 10, [1] * 5 + [0] * 5, [1]))
    assert "One sample solves" in words
    assert "among" not in words


def test_the_best_selector_is_that_of_the_largest_budget_and_the_gap_is_named() -> None:
    result = cell()
    best = best_selector(result)
    assert best is not None
    assert best.curve.value[-1] == max(curve.value[-1] for curve in result.selectors.values())
    gap = 100 * (result.coverage.value[-1] - best.curve.value[-1])
    assert f"({best.label})" in told(result)
    assert f"The other {gap:.1f} percentage points of coverage stay uncollected." in told(result)


def test_without_selectors_none_is_best() -> None:
    result = counted([10] * 3, [1, 2, 3], [1, 10])
    assert best_selector(result) is None
    assert "Without the answer key" not in told(result)


def test_a_law_that_did_not_converge_is_not_to_be_relied_on() -> None:
    result = cell()
    assert result.law is not None
    assert "fits coverage to" in law_words(result)
    assert "do not rely on it" in law_words(replace(result, law=replace(result.law, converged=False)))
    assert law_words(replace(result, law=None)) == ""


@pytest.mark.parametrize(
    ("k", "low", "high", "words"),
    [
        (
            700,
            300,
            1500,
            "Coverage of 90% takes about 700 samples of each problem, 300 to 1,500 (95% interval over problems).",
        ),
        (700, 300, None, "takes about 700 samples of each problem, 300 to more than 1,000,000 (95% interval"),
        (None, 800, None, "The forecast reaches 71.0% with 1,000,000 samples of each problem, and not 90%."),
    ],
)
def test_a_target_is_said_with_both_ends(k: int | None, low: int, high: int | None, words: str) -> None:
    needed = Reached(
        metric="coverage", target=0.9, k=k, low=low, high=high, largest=10**6, best=0.71, extrapolates=True,
        confidence_level=0.95, over="problems", method="average", n_problems=9,
    )  # fmt: skip
    assert words in needed_words(needed)


def test_several_cells_are_spanned_by_the_least_and_the_most() -> None:
    result = make_result(n_problems=40, n=100, cells=("a", "b", "c"))
    cells = page_cells([result])
    never = str(overview_words(cells))
    unsolved = [never_solved(one) for one in result.cells]
    assert f"between {min(unsolved)} " in never
    assert f"and {max(unsolved)} " in never


def test_each_method_is_named_once_with_its_curves() -> None:
    series = measured_series(cell())
    notes = method_notes(series)
    assert [method for _, method in notes] == list(dict.fromkeys(item.curve.method for item in series))
    assert [label for labels, _ in notes for label in labels.split(", ")] == [item.label for item in series]


def test_verdicts_begin_with_the_oracle_and_hide_no_errors() -> None:
    result = replace(cell(), oracle="last-digit")
    rows = verdict_rows(result)
    assert rows[0][0] == "last-digit"
    outcomes = dict(dict(rows)["exact"])
    assert outcomes == result.outcomes["exact"]
    assert outcomes["error"] == 11


def test_no_number_of_the_headline_is_nan() -> None:
    with np.errstate(all="raise"):
        assert "nan" not in told(counted([3] * 2, [0, 0], [1, 3]))
