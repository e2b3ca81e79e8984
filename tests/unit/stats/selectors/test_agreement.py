"""Agreement with the other samples: counted by hand, and by every pair."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttscale.errors import InvalidInputError
from ttscale.stats.selectors.agreement import agreement

ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 2)), min_size=1, max_size=25)


@given(ROWS)
def test_it_is_the_share_of_others_with_the_same_answer(rows: list[tuple[int, int]]) -> None:
    found = agreement([problem for problem, _ in rows], [answer for _, answer in rows])
    for i, (problem, answer) in enumerate(rows):
        others = [a for j, (p, a) in enumerate(rows) if p == problem and j != i]
        alike = sum(a == answer for a in others) if answer >= 0 else 0
        assert found[i] == pytest.approx(alike / len(others) if others else 0.0)


def test_classes_of_other_problems_are_other_answers() -> None:
    assert agreement([0, 1], [5, 5]).tolist() == [0.0, 0.0]


def test_samples_that_abstain_agree_with_nobody_but_count_as_others() -> None:
    assert agreement([0, 0, 0], [-1, -1, 4]).tolist() == [0.0, 0.0, 0.0]
    assert agreement([0, 0, 0], [4, -1, 4]).tolist() == [0.5, 0.0, 0.5]


def test_order_moves_nothing() -> None:
    problem, answer = np.array([0, 0, 1, 1, 1]), np.array([2, 2, 0, 1, 0])
    order = np.array([4, 1, 3, 0, 2])
    assert agreement(problem[order], answer[order]) == pytest.approx(agreement(problem, answer)[order])


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="has the value -2"):
        agreement([0], [-2])
    with pytest.raises(InvalidInputError, match="there are 2 samples"):
        agreement([0, 0], [1])
