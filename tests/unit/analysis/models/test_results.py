"""What a comparison of models says of single problems, against sets counted by hand."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ttscale.analysis.models.results import ModelComparison


def comparison(n: np.ndarray, c: np.ndarray, labels: tuple[str, ...] = ()) -> ModelComparison:
    cells = n.shape[1]
    names = labels or tuple(f"cell {j}" for j in range(cells))
    return ModelComparison(
        part={"level": "3"},
        labels=names,
        origins=(None,) * cells,
        problem_ids=tuple(f"p{i}" for i in range(len(n))),
        n=n,
        c=c,
        n_alone=(0,) * cells,
        ways=(),
        pairs=tuple((i, j) for i in range(cells) for j in range(i + 1, cells)),
    )


@st.composite
def drawn(draw: st.DrawFn) -> ModelComparison:
    shape = (draw(st.integers(1, 12)), draw(st.integers(2, 5)))
    n = draw(arrays(np.int64, shape, elements=st.integers(0, 5)))
    share = draw(arrays(np.int64, shape, elements=st.integers(0, 5)))
    return comparison(n, np.minimum(n, share))


@given(drawn())
def test_a_problem_is_solved_by_one_alone_where_the_other_has_no_correct_sample(
    found: ModelComparison,
) -> None:
    cells = range(len(found.labels))
    solved = [{p for p, own in zip(found.problem_ids, found.c[:, j], strict=True) if own} for j in cells]
    for cell, versus in permutations(cells, 2):
        alone = found.solved_by_one(cell, versus)
        assert {one.problem_id for one in alone} == solved[cell] - solved[versus]
        assert [one.problem for one in alone] == sorted(one.problem for one in alone)


@given(drawn())
def test_rows_hold_every_problem_of_every_cell_once_and_agree_with_the_table(found: ModelComparison) -> None:
    rows = list(found.to_rows())
    assert len(rows) == found.n.size
    assert {(row["question"], row["level"]) for row in rows} == {("problem", "3")}
    table = {row["problem"]: row for row in found.grid_table()}
    for row in rows:
        shown = table[row["problem_id"]][row["cell"]]
        assert shown == (f"{row['c']}/{row['n']}" if row["n"] else None)
        assert row["success_rate"] == (pytest.approx(row["c"] / row["n"]) if row["n"] else None)
        others = {one["cell"] for one in rows if one["problem_id"] == row["problem_id"] and not one["c"]}
        assert set(row["not_solved_by"]) == (others if row["c"] else set())


def test_a_table_names_the_first_problems_and_counts_the_others() -> None:
    c = np.zeros((11, 2), dtype=np.int64)
    c[:10, 0] = 2
    c[10, 1] = 1
    one, other = comparison(np.full_like(c, 4), c, ("a", "b")).alone_table()
    assert (one["solved by"], one["not by"], one["problems"]) == ("a", "b", 10)
    assert one["which"] == ", ".join(f"p{i} 2/4" for i in range(8)) + " and 2 more"
    assert (other["solved by"], other["problems"], other["which"]) == ("b", 1, "p10 1/4")


def test_of_many_pairs_those_without_such_a_problem_are_left_out() -> None:
    c = np.zeros((3, 5), dtype=np.int64)
    c[1, 4] = 1  # ten pairs, and the last cell alone solves something
    rows = comparison(np.ones_like(c), c).alone_table()
    assert [(row["solved by"], row["not by"]) for row in rows] == [("cell 4", f"cell {j}") for j in range(4)]
    few = comparison(np.ones((3, 2), dtype=np.int64), c[:, :2]).alone_table()
    assert [row["problems"] for row in few] == [0, 0]
