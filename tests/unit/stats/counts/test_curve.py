"""The budgets that are computed, shown and refused, and a curve read back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttscale.errors import InvalidInputError
from ttscale.stats.counts.curve import Curve, budget_grid, check_budgets, shown_curve, table_budgets


def curve(**more: object) -> Curve:
    parts = {
        "metric": "coverage",
        "k": np.array([1, 10]),
        "value": np.array([0.25, 0.9]),
        "low": np.array([0.2, 0.8]),
        "high": np.array([0.3, 1.0]),
        "confidence_level": 0.9,
        "over": "problems",
        "method": "by hand",
        "n_problems": 12,
    }
    return Curve(**{**parts, **more})  # type: ignore[arg-type]


@given(st.integers(1, 10**6), st.integers(1, 200))
def test_a_grid_goes_from_one_to_the_end_without_repeats(n_max: int, points: int) -> None:
    grid = budget_grid(n_max, points)
    assert grid[-1] == n_max and len(grid) <= points
    assert (np.diff(grid) > 0).all() and grid[0] >= 1
    if points > 1:
        assert grid[0] == 1


@pytest.mark.parametrize(("n_max", "points"), [(0, 5), (5, 0)])
def test_a_grid_of_nothing_is_refused(n_max: int, points: int) -> None:
    with pytest.raises(InvalidInputError, match=f"not {n_max} and {points}"):
        budget_grid(n_max, points)


@pytest.mark.parametrize(
    ("wanted", "k_max", "shown"),
    [
        (None, 1, (1,)),
        (None, 10, (1, 10)),
        (None, 99, (1, 10, 99)),
        ((2, 4, 64), 8, (2, 4)),
        ((64,), 8, (8,)),
        ((), 8, (8,)),
    ],
)
def test_tables_show_what_was_asked_for_as_far_as_samples_reach(wanted, k_max, shown) -> None:
    assert table_budgets(wanted, k_max) == shown


def test_budgets_beyond_the_samples_are_refused_with_whose_samples_end() -> None:
    check_budgets(None, 4, "The table asks for")
    check_budgets((1, 4), 4, "The table asks for")
    with pytest.raises(
        InvalidInputError,
        match=r"The table asks for k = 8, but some problem has 4 verified samples\..*k <= 4",
    ):
        check_budgets((1, 8), 4, "The table asks for", "some problem")


def test_a_curve_gives_what_it_has_and_nothing_between() -> None:
    assert curve().at(10) == (0.9, 0.8, 1.0)
    assert curve().at(5) is None


def test_rows_hold_all_digits_and_what_is_known_against_each() -> None:
    first, second = curve(
        caveat=("few solved: mind it", None), standard_error=np.array([0.01, 0.0])
    ).to_rows()
    assert first == {
        "metric": "coverage",
        "k": 1,
        "value": 0.25,
        "low": 0.2,
        "high": 0.3,
        "confidence_level": 0.9,
        "over": "problems",
        "method": "by hand",
        "n_problems": 12,
        "standard_error": 0.01,
        "caveat": "few solved: mind it",
    }
    assert second["caveat"] is None
    assert "caveat" not in next(curve().to_rows()) and "standard_error" not in next(curve().to_rows())


def test_a_person_reads_percent_a_word_of_the_caveat_and_the_whole_of_it_once() -> None:
    shown = curve(caveat=("few solved: mind it", "few solved: mind it"))
    assert [str(row["percent"]) for row in shown.table()] == ["25.0 [20.0, 30.0]", "90.0 [80.0, 100]"]
    assert {row["caveat"] for row in shown.table()} == {"few solved"}
    assert list(shown.view().notes) == ["few solved: mind it"]
    assert str(shown).startswith("coverage: 12 problems, 90% interval over problems; by hand")


def test_frames_have_a_row_per_budget() -> None:
    frame = curve().to_frame()
    assert frame["k"].to_list() == [1, 10]
    assert frame["value"].to_list() == [0.25, 0.9]


def test_the_curve_of_a_chart_is_the_curve() -> None:
    drawn = shown_curve(curve(), "mine", dashed=True)
    assert (drawn.label, drawn.dashed, list(drawn.k), list(drawn.high)) == ("mine", True, [1, 10], [0.3, 1.0])
