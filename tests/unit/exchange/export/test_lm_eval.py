"""Lines of problems with all their repeats, as the harness writes them."""

import json
from pathlib import Path
from typing import Any

from stored_runs import DEPLOYABLE, ORACLE, draw, make_run

from ttscale.exchange.export.lm_eval import write_lm_eval
from ttscale.store.verdicts import VerdictSetInfo

CELL = "demo-arithmetic-arithmetic"


def lines(folder: Path, oracle: VerdictSetInfo | None, **run: Any) -> list[dict[str, Any]]:
    store = make_run(folder / "run", n_problems=3, n=6, **run)
    draw(store, CELL, range(6, 7), verified=False)
    chosen = None if oracle is None else store.verdict_set(oracle)
    write_lm_eval(store, {CELL: chosen}, folder / "out")
    (path,) = (folder / "out" / CELL).glob("samples_arithmetic_*.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_is_a_problem_with_its_repeats_key_and_prompt(tmp_path: Path) -> None:
    found = lines(tmp_path, ORACLE)
    assert [line["doc_id"] for line in found] == ["0000", "0001", "0002"]
    assert [line["target"] for line in found] == ["0", "2", "4"]
    assert found[1]["arguments"]["gen_args_0"]["arg_0"] == "1+1="
    assert all(len(line["resps"][0]) == len(line["exact"]) == 7 for line in found)


def test_metrics_are_what_sees_the_key_and_null_where_nothing_is_known(tmp_path: Path) -> None:
    for line in lines(tmp_path, ORACLE):
        assert line["metrics"] == ["exact"]
        assert line["exact"][:6] == [float("?" not in text) for text in line["resps"][0][:6]]
        assert line["exact"][6] is None
        assert line["filtered_resps"][0][6] == "[invalid]"


def test_a_verifier_that_defines_correct_is_a_metric_even_without_the_key(tmp_path: Path) -> None:
    for line in lines(tmp_path, DEPLOYABLE):
        assert line["metrics"] == ["last-digit", "exact"]
        assert line["last-digit"][0] == line["last-digit"][5] == 1.0  # it accepts every fifth
        assert line["last-digit"][6] is None


def test_samples_without_verdicts_have_their_texts(tmp_path: Path) -> None:
    for line in lines(tmp_path, None, verified=False):
        assert line["metrics"] == []
        assert line["filtered_resps"] == line["resps"]
