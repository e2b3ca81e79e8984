"""Strategies with transformers: plain where they are plain, and continued from the very tokens."""

import importlib.util
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from teacher_forcing import TeacherForcing

import ttscale
from ttscale.errors import StrategyError
from ttscale.store.run import RunStore
from ttscale.types import Sample

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(
        importlib.util.find_spec("transformers") is None or importlib.util.find_spec("torch") is None,
        reason="transformers or torch is not installed",
    ),
]

STRATEGIES: dict[str, Any] = {
    "independent": "independent",
    "accepted": {"name": "first-accepted", "attempts": 3, "verifier": "casting-out-nines"},
    "power": {"name": "power", "alpha": 4, "moves": 6, "positions": 6, "max_tokens": 9},
    "stops": {"name": "beam", "width": 2, "expand": 2, "verifier": "last-digit", "step_stop": ["1", "5"]},
    "longer": {"name": "budget-forcing", "waits": 1, "wait": "0", "force": "7", "cap": 4, "answer_tokens": 2},
}
KEY = ["problem_id", "sample_index"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    folder = tmp_path_factory.mktemp("transformers")
    tree = {
        "model": {"path": "demo-arithmetic", "engine": "transformers", "dtype": "float32"},
        "task": {"name": "arithmetic", "problems": 6},
        "sampling": {"n": 8, "max_tokens": 10, "request_size": 4},
        "sweep": {
            "name": "{strategy}",
            "axes": {"strategy": STRATEGIES},
            "include": [{"cell": "plain", "sampling.n": 8}],
        },
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    return ttscale.sample_run(ttscale.load_config(path, out=folder / "run"))


def rows(store: RunStore, cell: str) -> pl.DataFrame:
    return store.samples(cell).drop("cell").collect().sort(KEY)


def calls(store: RunStore, cell: str) -> pl.DataFrame:
    return store.calls(cell).filter(kind="generate").collect().sort(*KEY, "path")


def test_independent_is_plain_sampling_to_the_byte(store: RunStore) -> None:
    assert rows(store, "independent").equals(rows(store, "plain"))


def test_first_calls_are_the_plain_samples(store: RunStore) -> None:
    first = calls(store, "accepted").filter(path="0")
    assert first["text"].to_list() == rows(store, "plain")["completion"].to_list()


def test_a_move_has_the_log_probabilities_of_one_forward_pass_over_prompt_and_prefix(store: RunStore) -> None:
    teacher = TeacherForcing()
    prompts = {problem.problem_id: problem.prompt or "" for problem in store.problems("power")}
    moves = calls(store, "power").filter(role="move")
    assert moves.height > 20
    for row in moves.iter_rows(named=True):
        move = Sample(
            problem_id=row["problem_id"],
            sample_index=0,
            completion=row["text"],
            finish_reason=row["finish_reason"],
            prompt_tokens=None,
            completion_tokens=row["completion_tokens"],
        )
        expected = teacher.token_logprobs(prompts[row["problem_id"]] + row["prefix"], move)
        assert row["logprobs"] == pytest.approx(expected, abs=1e-3)
        assert row["completion_tokens"] <= 9 - len(row["prefix"])
        assert row["prompt_tokens"] == len(prompts[row["problem_id"]] + row["prefix"]) + 1


def test_a_step_ends_behind_its_text_and_goes_on_from_there(store: RunStore) -> None:
    made = calls(store, "stops")
    stopped = made.filter(finish_reason="stop_text")
    assert stopped.height
    assert stopped["text"].str.contains(r"^[^15]*[15]$").all()
    said = {(*row[:3],): row[3] + row[4] for row in made.select(*KEY, "path", "prefix", "text").iter_rows()}
    later = made.filter(pl.col("prefix") != "")
    assert later.height
    for row in later.iter_rows(named=True):
        assert row["prefix"] == said[row["problem_id"], row["sample_index"], row["parents"][-1]]


def test_a_wait_and_a_forced_answer_stand_in_the_text(store: RunStore) -> None:
    forced = calls(store, "longer").filter(role="forced answer")
    assert forced.height
    assert forced["prefix"].str.ends_with("7").all()
    assert forced["completion_tokens"].max() <= 2
    assert calls(store, "longer").filter(role="wait")["prefix"].str.ends_with("0").all()


def test_a_call_beyond_the_context_ends_its_attempt_and_no_other(tmp_path: Path) -> None:
    """The model's context is 32 tokens; the template writes an answer down five times."""
    tree = {
        "model": {"path": "demo-arithmetic", "engine": "transformers", "dtype": "float32"},
        "task": {"name": "arithmetic", "problems": 12},
        "sampling": {"n": 4, "max_tokens": 10},
        "strategy": {
            "name": "refine",
            "turns": 1,
            "template": "{previous}{previous}{previous}{previous}{problem}",
        },
    }
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    with pytest.raises(StrategyError, match=r"refused a call inside .* the engine's context is 32"):
        ttscale.sample_run(ttscale.load_config(path, out=tmp_path / "run"))
    store = RunStore(tmp_path / "run")
    (cell,) = store.cells()
    drafts = store.calls(cell).filter(kind="generate", path="0").select(*KEY, "text").collect()
    prompts = {problem.problem_id: len(problem.prompt or "") for problem in store.problems(cell)}
    fitting = {row[:2] for row in drafts.iter_rows() if 1 + 4 * len(row[2]) + prompts[row[0]] < 32}
    assert set(store.samples(cell).select(KEY).collect().iter_rows()) == fitting
    assert 0 < len(fitting) < 48
