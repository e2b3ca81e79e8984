"""Tables of scores: what is read, what is refused, and that an empty cell is an error and not a zero."""

from pathlib import Path

import polars as pl
import pytest

from ttscale.errors import InvalidInputError
from ttscale.exchange.scores import read_score_tables


def written(tmp_path: Path, text: str, name: str = "scores.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_one_row_per_sample(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "problem_id,correct,reward,check,pred\na,1,0.7,true,4\na,0,-0.2,false,5\nb,0,,true,\n",
    )
    table = read_score_tables(path, ["reward", "check"])[0]
    assert table.oracle == "correct"
    assert table.frame["problem_id"].to_list() == ["a", "a", "b"]
    assert table.frame["outcome:correct"].to_list() == ["correct", "incorrect", "incorrect"]
    assert table.frame["score:reward"].to_list() == [0.7, -0.2, None]
    assert table.frame["outcome:reward"].to_list() == ["scored", "scored", "error"]
    assert table.frame["outcome:check"].to_list() == ["correct", "incorrect", "correct"]
    assert table.frame["answer_class"].to_list() == ["4", "5", None]


def test_lists_are_opened_and_single_step_scores_unwrapped(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '{"idx": 0, "score": [true, false], "pred": ["4", ""], "pred_score": [[1.5], [-0.5]]}\n'
        '{"idx": 1, "score": [false, false], "pred": ["7", "7"], "pred_score": [[2.5], [0.0]]}\n',
        "lists.jsonl",
    )
    frame = read_score_tables(path, ["pred_score"], oracle="score", answers="pred")[0].frame
    assert frame["problem_id"].to_list() == ["0", "0", "1", "1"]
    assert frame["score:pred_score"].to_list() == [1.5, -0.5, 2.5, 0.0]
    assert frame["answer_class"].to_list() == ["4", None, "7", "7"]


def test_words_are_outcomes(tmp_path: Path) -> None:
    path = written(
        tmp_path, "task_id,outcome,judge\n1,passed,correct\n1,failed,error\n1,fail,Timeout\n1,pass,\n"
    )
    frame = read_score_tables(path, ["judge"])[0].frame
    assert frame["outcome:outcome"].to_list() == ["correct", "incorrect", "incorrect", "correct"]
    assert frame["outcome:judge"].to_list() == ["correct", "error", "timeout", "error"]


@pytest.mark.parametrize(
    ("text", "verifiers", "message"),
    [
        ("problem_id,correct,reward\na,1,2\n", ["rewrad"], "no column 'rewrad'. Did you mean 'reward'?"),
        ("problem_id,reward\na,2\n", ["reward"], "--oracle"),
        ("correct,reward\n1,2\n", ["reward"], "no problem column"),
        (
            "problem_id,correct,reward\na,1,good\n",
            ["reward"],
            "'good', which is neither a score nor a verdict",
        ),
    ],
)
def test_what_cannot_be_read_is_refused(
    tmp_path: Path, text: str, verifiers: list[str], message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message.replace("?", r"\?")):
        read_score_tables(written(tmp_path, text), verifiers)[0]


def test_several_scores_per_sample_are_refused_since_how_to_reduce_them_matters(tmp_path: Path) -> None:
    path = written(tmp_path, '{"id": 0, "correct": [true], "steps": [[0.5, 0.9]]}\n', "steps.jsonl")
    with pytest.raises(InvalidInputError, match="several scores per sample"):
        read_score_tables(path, ["steps"])[0]


def test_lists_beside_single_values_and_of_unequal_length_are_refused(tmp_path: Path) -> None:
    mixed = written(tmp_path, '{"id": 0, "correct": [true, false], "reward": 1.0}\n', "mixed.jsonl")
    with pytest.raises(InvalidInputError, match="lists in correct but not in reward"):
        read_score_tables(mixed, ["reward"])[0]
    ragged = written(tmp_path, '{"id": 0, "correct": [true, false], "reward": [1.0]}\n', "ragged.jsonl")
    with pytest.raises(InvalidInputError, match="differ in length"):
        read_score_tables(ragged, ["reward"])[0]


def test_parquet_with_nan_scores(tmp_path: Path) -> None:
    path = tmp_path / "scores.parquet"
    pl.DataFrame({"problem_id": [1, 1], "correct": [True, False], "r": [float("nan"), 2.0]}).write_parquet(
        path
    )
    assert read_score_tables(path, ["r"])[0].frame["outcome:r"].to_list() == ["error", "scored"]
