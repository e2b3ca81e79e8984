"""Strategies on the real engine: plain where they are plain, continued from tokens, resumed after a kill."""

import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

import ttscale
from ttscale.errors import StrategyError
from ttscale.store.run import RunStore

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(find_spec("vllm") is None, reason="vllm is not installed"),
]

STEPWISE = {
    "name": "particles",
    "particles": 3,
    "verifier": "casting-out-nines",
    "step_tokens": 2,
    "step_stop": [],
}
STRATEGIES: dict[str, Any] = {
    "independent": "independent",
    "first-accepted": {"name": "first-accepted", "attempts": 3, "verifier": "casting-out-nines"},
    "power": {"name": "power", "alpha": 4, "moves": 12, "positions": 6, "max_tokens": 10},
    "stops": {"name": "beam", "width": 2, "expand": 2, "verifier": "last-digit", "step_stop": ["1", "5"]},
    "longer": {"name": "budget-forcing", "waits": 1, "wait": "0", "force": "7", "cap": 4, "answer_tokens": 2},
    "stepwise": STEPWISE,
}


def configured(folder: Path, *, n: int, problems: int, **more: Any) -> Path:
    tree = {
        "model": "demo-arithmetic",
        "task": {"name": "arithmetic", "problems": problems},
        "sampling": {"n": n, "max_tokens": 10, "request_size": 8},
        "verifiers": ["exact"],
        "name": "run",
        **more,
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    """One run: a plain cell and one for every strategy, all on one engine."""
    folder = tmp_path_factory.mktemp("strategies")
    include = [{"cell": "plain", "sampling.n": 12}]
    sweep = {"axes": {"strategy": STRATEGIES}, "name": "{strategy}", "include": include}
    path = configured(folder, n=12, problems=8, sweep=sweep)
    return ttscale.run(ttscale.load_config(path, out=folder / "run"))


def rows(store: RunStore, cell: str) -> pl.DataFrame:
    return store.samples(cell).collect().sort("problem_id", "sample_index").drop("cell")


def calls(store: RunStore, cell: str, kind: str = "generate") -> pl.DataFrame:
    return store.calls(cell).filter(kind=kind).collect()


def test_independent_is_plain_sampling_to_the_byte(store: RunStore) -> None:
    assert rows(store, "independent").equals(rows(store, "plain"))


def test_first_calls_are_the_plain_samples(store: RunStore) -> None:
    first = calls(store, "first-accepted").filter(path="0").sort("problem_id", "sample_index")
    assert first["text"].to_list() == rows(store, "plain")["completion"].to_list()


def test_every_attempt_is_there_and_counts_all_its_tokens(store: RunStore) -> None:
    for cell in STRATEGIES.keys() - {"independent"}:
        samples = rows(store, cell)
        assert samples.height == 8 * 12
        spent = (
            calls(store, cell).group_by("problem_id", "sample_index").agg(pl.col("completion_tokens").sum())
        )
        joined = samples.join(spent, on=["problem_id", "sample_index"], suffix="_of_calls")
        assert joined["completion_tokens"].to_list() == joined["completion_tokens_of_calls"].to_list()


def test_a_continuation_goes_on_from_the_very_tokens(store: RunStore) -> None:
    later = calls(store, "stepwise").filter(pl.col("prefix") != "")
    assert later.height
    by_path = {
        (row["problem_id"], row["sample_index"], row["path"]): row
        for row in calls(store, "stepwise").iter_rows(named=True)
    }
    for row in later.iter_rows(named=True):
        parent = by_path[row["problem_id"], row["sample_index"], row["parents"][-1]]
        assert row["prefix"] == parent["prefix"] + parent["text"]
        assert row["prompt_tokens"] > parent["prompt_tokens"]


def test_a_step_ends_at_its_text_and_includes_it(store: RunStore) -> None:
    ended = calls(store, "stops")
    stopped = ended.filter(finish_reason="stop_text")
    assert stopped.height
    assert stopped["text"].str.contains(r"[15]$").all()
    assert set(rows(store, "stops")["finish_reason"]) <= {"stop", "length"}


def test_a_wait_stands_in_the_text_and_a_cut_thought_gets_its_answer(store: RunStore) -> None:
    forced = calls(store, "longer").filter(role="forced answer")
    waited = calls(store, "longer").filter(role="wait")
    assert forced.height
    assert waited.height
    assert forced["prefix"].str.ends_with("7").all()
    assert waited["prefix"].str.ends_with("0").all()
    ends = calls(store, "longer", "end")
    assert ends.height == rows(store, "longer").height


def test_power_sampling_raises_what_the_model_finds_likely(store: RunStore) -> None:
    """Mean log-probability under the model rises from plain samples to those of p^4: by far more than chance."""
    plain = rows(store, "plain")["cumulative_logprob"]
    moved = calls(store, "power").filter(kind="generate").filter(path="0")["cumulative_logprob"]
    last = calls(store, "power", "end").with_columns(
        pl.col("detail").str.json_decode(pl.Struct({"accepted": pl.Float64})).struct.field("accepted")
    )
    assert moved.mean() == pytest.approx(plain.mean(), abs=1e-4)
    assert 0.1 < last["accepted"].mean() < 1.0


def test_a_call_beyond_the_context_ends_its_attempt_and_no_other(tmp_path: Path) -> None:
    """The model's context is 32 tokens; the template writes an answer down four times before the problem."""
    template = "{previous}{previous}{previous}{previous}{problem}"
    strategy = {"name": "refine", "turns": 1, "template": template}
    path = configured(tmp_path, n=8, problems=12, strategy=strategy)
    with pytest.raises(StrategyError, match=r"refused a call inside .* the engine's context is 32"):
        ttscale.sample_run(ttscale.load_config(path, out=tmp_path / "run"))
    store = RunStore(tmp_path / "run")
    (cell,) = store.cells()
    drafts = calls(store, cell).filter(path="0").select("problem_id", "sample_index", "text")
    prompts = {problem.problem_id: len(problem.prompt or "") for problem in store.problems(cell)}
    fitting = {row[:2] for row in drafts.iter_rows() if 1 + 4 * len(row[2]) + prompts[row[0]] < 32}
    assert set(rows(store, cell).select("problem_id", "sample_index").iter_rows()) == fitting
    assert 0 < len(fitting) < 96


def test_a_cascade_asks_a_second_engine_in_a_process_of_its_own(tmp_path: Path) -> None:
    strategy = {
        "name": "cascade",
        "target": "demo-arithmetic",
        "verifier": "casting-out-nines",
        "threshold": 1.0,
    }
    path = configured(tmp_path, n=8, problems=6, strategy=strategy, model="demo-arithmetic-small")
    store = ttscale.sample_run(ttscale.load_config(path, out=tmp_path / "run"))
    (cell,) = store.cells()
    asked = calls(store, cell)
    by_target = asked.filter(model="target")
    drafts = asked.filter(pl.col("model").is_null())
    assert drafts.height == rows(store, cell).height == 48
    rejected = calls(store, cell, "judge").filter(pl.col("outcome") != "correct")
    key = ["problem_id", "sample_index"]
    assert by_target.height == rejected.height > 0
    assert by_target.join(rejected, on=key, how="anti").height == 0


KILLED = """
import sys, ttscale
from pathlib import Path
ttscale.sample_run(ttscale.load_config(Path(sys.argv[1]), out=Path(sys.argv[2])))
"""


def test_a_kill_costs_what_was_under_way_and_nothing_else(tmp_path: Path) -> None:
    path = configured(tmp_path, n=24, problems=16, strategy=STEPWISE)
    whole = ttscale.sample_run(ttscale.load_config(path, out=tmp_path / "whole"))
    killed = tmp_path / "killed"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(path), str(killed)], env=os.environ)
    deadline = time.monotonic() + 300
    while process.poll() is None and time.monotonic() < deadline:
        if len(list(killed.glob("calls/*/*.parquet"))) >= 2:
            process.send_signal(signal.SIGKILL)
        time.sleep(0.05)
    process.wait(timeout=60)
    (cell,) = whole.cells()
    resumed = ttscale.sample_run(ttscale.load_config(path, out=killed))
    assert rows(resumed, cell).equals(rows(whole, cell))
    ends = calls(resumed, cell, "end")
    assert not ends.select("problem_id", "sample_index").is_duplicated().any()
    drawn, needed = calls(resumed, cell).height, calls(whole, cell).height
    assert needed <= drawn <= needed + 1024
