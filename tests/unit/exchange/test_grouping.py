"""Models, tasks and settings in one table are told apart, or asked about; nothing is pooled in silence."""

from itertools import product
from pathlib import Path

import polars as pl
import pytest

from ttscale.errors import InvalidInputError
from ttscale.exchange.counts import read_counts
from ttscale.exchange.scores import read_score_tables

PROBLEMS, SAMPLES = ("p", "q", "r"), 4


def samples(tmp_path: Path, column: str, values: tuple[object, ...] = ("x", "y"), **more: object) -> Path:
    """Write one row per sample: every problem has as many samples of each value, right ones only of the first."""
    rows = [
        {
            "problem_id": problem,
            column: value,
            "sample_index": i,
            "correct": value == values[0] and i == 0,
            **more,
        }
        for problem, value, i in product(PROBLEMS, values, range(SAMPLES))
    ]
    path = tmp_path / "samples.parquet"
    pl.DataFrame(rows, strict=False).write_parquet(path)
    return path


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("model", ("x", "y")),
        ("Model Name", ("x", "y")),
        ("benchmark", ("x", "y", "z")),
        ("cell", ("x", "y")),
        ("temperature", (0.2, 1.0)),
        ("task-name", ("x", "y")),
    ],
)
def test_a_column_whose_name_says_so_groups_by_itself(
    tmp_path: Path, column: str, values: tuple[object, ...]
) -> None:
    groups = read_counts(samples(tmp_path, column, values))
    assert [dict(group.labels) for group in groups] == [{column: str(value)} for value in values]
    assert [(group.n.tolist(), int(group.c.sum())) for group in groups] == [
        ([SAMPLES] * 3, 3 if value == values[0] else 0) for value in values
    ]


def test_a_column_that_crosses_the_problems_under_another_name_is_asked_about(tmp_path: Path) -> None:
    path = samples(tmp_path, "variety")
    with pytest.raises(
        InvalidInputError, match=r"'variety' splits .* \(x, y\).*--by variety .*--by none to pool"
    ):
        read_counts(path)
    assert len(read_counts(path, by=["variety"])) == 2
    for pooled in (["none"], []):
        (group,) = read_counts(path, by=pooled)
        assert group.n.tolist() == [2 * SAMPLES] * 3


def test_what_numbers_samples_or_describes_them_or_problems_is_no_group(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "problem_id": ["p"] * 4 + ["q"] * 4,
            "correct": [1, 0, 0, 0, 1, 1, 0, 0],
            "draw": [0, 1, 2, 3] * 2,
            "finish_reason": ["stop", "length"] * 4,
            "answer": ["1", "2", "1", "2"] * 2,
            "level": [1] * 4 + [2] * 4,
            "model": ["m"] * 8,
            "task": ["p?"] * 4 + ["q?"] * 4,
            "cut": [True, False] * 4,
        }
    )
    frame.write_parquet(tmp_path / "t.parquet")
    (group,) = read_counts(tmp_path / "t.parquet")
    assert (dict(group.labels), group.n.tolist(), group.problem_ids) == ({}, [4, 4], ("p", "q"))


def test_a_run_that_numbers_samples_is_no_group_and_one_that_has_several_is(tmp_path: Path) -> None:
    numbered = samples(tmp_path, "run", (0, 1, 2))
    frame = pl.read_parquet(numbered).filter(pl.col("sample_index") == 0)
    frame.write_parquet(numbered)
    (group,) = read_counts(numbered)
    assert group.n.tolist() == [3, 3, 3]
    assert len(read_counts(samples(tmp_path, "run", (0, 1, 2)))) == 3


def test_a_task_that_names_the_problems_of_a_table_is_no_group(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("task,model,n,c\n" + "".join(f"t{i},{m},8,{i}\n" for m in "xy" for i in range(5)))
    assert [(dict(one.labels), one.c.tolist()) for one in read_counts(path)] == [
        ({"model": m}, [0, 1, 2, 3, 4]) for m in "xy"
    ]


def test_counts_of_several_models_without_problem_names_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("model,n,c\nx,4,1\nx,4,2\ny,8,3\ny,8,0\n")
    assert [group.c.tolist() for group in read_counts(path)] == [[1, 2], [3, 0]]


def test_scores_of_several_models_are_told_apart(tmp_path: Path) -> None:
    tables = read_score_tables(samples(tmp_path, "model", reward=0.5), ["reward"])
    assert [(table.label, table.frame.height) for table in tables] == [
        ("samples.parquet, x", 12),
        ("samples.parquet, y", 12),
    ]
