"""Flat tables cut into pools: rows in the table's order wherever they lie, and columns that are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttscale.errors import InvalidInputError
from ttscale.stats.counts.pools import classes, flags, pools, scores

PROBLEMS = st.lists(st.integers(0, 5), min_size=1, max_size=30)


@given(PROBLEMS)
def test_every_row_is_in_the_pool_of_its_problem_in_the_tables_order(problem: list[int]) -> None:
    table = pools(problem)
    assert len(table) == max(problem) + 1
    for number, rows in enumerate(table.rows()):
        assert rows.tolist() == [i for i, one in enumerate(problem) if one == number]
    assert table.problem_of_row().tolist() == problem


@given(PROBLEMS, st.randoms(use_true_random=False))
def test_totals_are_sums_within_problems(problem: list[int], random) -> None:
    column = np.array([random.randrange(-3, 9) for _ in problem])
    expected = [
        sum(int(v) for p, v in zip(problem, column, strict=True) if p == one)
        for one in range(max(problem) + 1)
    ]
    assert pools(problem).totals(column).tolist() == expected


def test_a_problem_between_others_may_have_no_sample() -> None:
    table = pools([0, 2])
    assert table.n.tolist() == [1, 0, 1]
    assert [rows.tolist() for rows in table.rows()] == [[0], [], [1]]


@pytest.mark.parametrize(
    ("problem", "said"),
    [([], "empty"), ([0, -1], "problem -1 appears"), ([0, 0.5], "not a whole number"), ([[0, 1]], "empty")],
)
def test_tables_without_problems_are_refused(problem: object, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        pools(problem)  # type: ignore[arg-type]


def test_flags_are_yes_or_no_and_nothing_else() -> None:
    assert flags([True, False, True], "correct", 3).tolist() == [1, 0, 1]
    assert flags([1.0, 0.0], "correct", 2).dtype == np.int64
    with pytest.raises(InvalidInputError, match="correct must be true or false, but has the value 2"):
        flags([0, 2, 3], "correct", 3)
    with pytest.raises(InvalidInputError, match=r"accepted has shape \(2,\), but there are 3 samples"):
        flags([0, 1], "accepted", 3)


def test_classes_abstain_by_minus_one_and_by_nothing_below() -> None:
    assert classes([-1, 7], "answer_class", 2).tolist() == [-1, 7]
    with pytest.raises(InvalidInputError, match="has the value -2"):
        classes([0, -2], "answer_class", 2)


def test_scores_may_be_infinite_but_never_unknown() -> None:
    assert scores([-np.inf, np.inf, "3"], "score", 3).tolist() == [-np.inf, np.inf, 3.0]
    with pytest.raises(InvalidInputError, match="score is NaN for 2 of 3 samples"):
        scores([np.nan, 1.0, np.nan], "score", 3)
    with pytest.raises(InvalidInputError, match="score must hold numbers"):
        scores(["high"], "score", 1)
    with pytest.raises(InvalidInputError, match="score must hold numbers"):
        scores([None, object()], "score", 2)
