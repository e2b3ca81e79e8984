from pathlib import Path

import polars as pl
import pytest

from ttscale.errors import InvalidInputError
from ttscale.exchange.counts import read_counts


def table(tmp_path: Path, text: str, name: str = "counts.csv") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_counts_per_problem_are_read_by_their_obvious_names(tmp_path: Path) -> None:
    for header in ("problem_id,n,c", "problem_idx,n_samples,n_correct", "Task_ID,num_samples,num_correct"):
        (group,) = read_counts(table(tmp_path, f"{header}\na,10,3\nb,8,0\n"))
        assert (group.labels, group.n.tolist(), group.c.tolist()) == ({}, [10, 8], [3, 0])


def test_groups_keep_their_order_and_labels(tmp_path: Path) -> None:
    path = table(tmp_path, "model,problem_id,n,c\nz,1,4,1\na,1,4,2\nz,2,4,3\n")
    groups = read_counts(path, by=["model"])
    assert [(dict(g.labels), g.n.tolist(), g.c.tolist()) for g in groups] == [
        ({"model": "z"}, [4, 4], [1, 3]),
        ({"model": "a"}, [4], [2]),
    ]


def test_outcomes_per_sample_are_counted_and_errors_left_out(tmp_path: Path) -> None:
    path = table(tmp_path, "problem_id,outcome\na,correct\na,incorrect\nb,error\nb,timeout\na,CORRECT\n")
    (group,) = read_counts(path)
    assert (group.n.tolist(), group.c.tolist()) == ([3, 1], [2, 0])


@pytest.mark.parametrize(
    "values",
    [["1", "0", "1"], ["true", "false", "true"], ["1.0", "0.0", "1.0"], ["passed", "failed", "passed"]],
)
def test_outcomes_are_understood_in_many_spellings(tmp_path: Path, values: list[str]) -> None:
    rows = "".join(f"a,{value}\n" for value in values)
    (group,) = read_counts(table(tmp_path, f"problem_id,correct\n{rows}"))
    assert (group.n.tolist(), group.c.tolist()) == ([3], [2])


def test_parquet_and_jsonl_read_the_same(tmp_path: Path) -> None:
    frame = pl.DataFrame({"problem_id": ["a", "b"], "n": [10, 8], "c": [3, 0]})
    frame.write_parquet(tmp_path / "t.parquet")
    frame.write_ndjson(tmp_path / "t.jsonl")
    for name in ("t.parquet", "t.jsonl"):
        (group,) = read_counts(tmp_path / name)
        assert (group.n.tolist(), group.c.tolist()) == ([10, 8], [3, 0])


def test_booleans_in_parquet_are_outcomes(tmp_path: Path) -> None:
    pl.DataFrame({"task_id": ["a", "a"], "passed": [True, False]}).write_parquet(tmp_path / "t.parquet")
    (group,) = read_counts(tmp_path / "t.parquet")
    assert (group.n.tolist(), group.c.tolist()) == ([2], [1])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("problem_id,n,c\n", "has no rows"),
        ("problem_id,x\na,1\n", "no count or outcome column"),
        ("n,outcome\n1,correct\n", "no problem column"),
        ("problem_id,n,c\na,1.5,0\n", "column 'n' should hold whole numbers, but row 1 holds 1.5"),
        ("problem_id,n,c\na,3,0\nb,,0\n", "row 2 holds None"),
        ("problem_id,n,c\na,3,zwei\n", "column 'c' should hold whole numbers"),
        ("problem_id,outcome\na,maybe\n", "'maybe', which is neither correct nor incorrect"),
        ("variety,problem_id,n,c\nx,1,4,1\ny,1,4,2\nx,2,4,1\ny,2,4,2\n", "Perhaps --by variety"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        read_counts(table(tmp_path, text))


def test_a_missing_file_or_group_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"There is no file .*absent\.csv"):
        read_counts(tmp_path / "absent.csv")
    with pytest.raises(InvalidInputError, match="neither a run directory nor a table"):
        read_counts(table(tmp_path, "x", "notes.txt"))
    with pytest.raises(InvalidInputError, match=r"no column 'modle' to group by\. Did you mean 'model'"):
        read_counts(table(tmp_path, "model,n,c\na,1,1\n"), by=["modle"])
