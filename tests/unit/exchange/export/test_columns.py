"""The columns of an export: blocks of problems, verdicts by their verifier's name, what is correct."""

import json
from pathlib import Path

import pytest
from stored_runs import DEPLOYABLE, ORACLE, draw, make_run

from ttscale.exchange.export import columns
from ttscale.exchange.export.columns import CellExport, verdicts_of
from ttscale.store.run import RunStore

CELL = "demo-arithmetic-arithmetic"
OWN = [
    *("cell", "model", "task", "settings", "problem_id", "sample_index"),
    *("completion", "finish_reason", "prompt_tokens", "completion_tokens", "cumulative_logprob", "seed"),
]


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    """Three problems of five samples; the last two samples have no verdicts."""
    made = make_run(tmp_path / "run", n_problems=3, n=3)
    draw(made, CELL, range(3, 5), verified=False)
    return made


def test_every_sample_is_a_row_in_the_problems_order_beside_what_its_verifiers_said(store: RunStore) -> None:
    export = CellExport(store, CELL, store.verdict_set(ORACLE))
    rows = export.rows(["0002", "0000"])
    assert rows.select("problem_id", "sample_index").rows() == [
        (problem, index) for problem in ("0002", "0000") for index in range(5)
    ]
    assert rows.columns == [
        *OWN, "verdict:exact", "answer:exact", "accept:last-digit", "answer:last-digit", "correct",
    ]  # fmt: skip
    for row in rows.iter_rows(named=True):
        if row["sample_index"] >= 3:
            assert row["verdict:exact"] is row["accept:last-digit"] is row["correct"] is None
        else:
            assert row["correct"] is (row["verdict:exact"] == "correct")
            assert row["correct"] is (
                row["completion"] == row["answer:exact"] and "?" not in row["completion"]
            )


def test_without_an_oracle_nothing_is_correct_and_the_verdicts_stay(store: RunStore) -> None:
    rows = CellExport(store, CELL, None).rows(["0000"])
    assert "correct" not in rows.columns
    assert {"verdict:exact", "accept:last-digit"} <= set(rows.columns)


def test_classes_have_a_column_where_they_are_not_the_answers(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run", n_problems=1, n=6)  # the fifth answer is "4?", of class "0?"
    (row,) = CellExport(made, CELL, None).rows(["0000"]).filter(sample_index=4).to_dicts()
    assert (row["answer:exact"], row["class:exact"]) == ("4?", "0?")


def test_a_verifier_that_sees_no_key_may_define_what_is_correct(tmp_path: Path) -> None:
    made = make_run(
        tmp_path / "run", n_problems=1, n=6
    )  # the problem is never solved; every fifth is accepted
    rows = CellExport(made, CELL, made.verdict_set(DEPLOYABLE)).rows(["0000"])
    assert rows.columns[len(OWN)] == "accept:last-digit"
    assert rows["correct"].to_list() == [True, False, False, False, False, True]


def test_blocks_hold_whole_problems_and_none_without_samples(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = CellExport(store, CELL, None)
    assert export.blocks() == [["0000", "0001", "0002"]]
    monkeypatch.setattr(columns, "_BLOCK_SAMPLES", 10)
    assert export.blocks() == [["0000", "0001"], ["0002"]]
    monkeypatch.setattr(columns, "_BLOCK_SAMPLES", 1)
    assert export.blocks() == [["0000"], ["0001"], ["0002"]]
    assert [set(rows["problem_id"]) for rows in export.all_rows()] == [{"0000"}, {"0001"}, {"0002"}]


def test_what_else_decides_a_cells_samples_is_kept_as_json(tmp_path: Path) -> None:
    cells = {"hot": {"sampling.temperature": 0.5, "model.engine": "vllm"}}
    made = make_run(tmp_path / "run", cells=cells, n_problems=1, n=1)
    (row,) = CellExport(made, "hot", None).rows(["0000"]).to_dicts()
    assert (row["model"], row["task"]) == ("demo-arithmetic", "arithmetic")
    assert json.loads(row["settings"]) == {"sampling.temperature": 0.5}


def test_only_the_sets_that_judged_a_cell_are_its_verdicts(tmp_path: Path) -> None:
    made = make_run(
        tmp_path / "run", cells={"a": {}, "b": {"sampling.top_p": 0.5}}, n_problems=1, n=1, verified=False
    )
    draw(made, "a", range(1, 2))
    assert [one.info.verifier for one in verdicts_of(made, "a")] == ["exact", "last-digit"]
    assert verdicts_of(made, "b") == []
