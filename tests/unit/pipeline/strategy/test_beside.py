"""A second model beside the run's: asked where the first is not trusted, resumed, and paid for by its own size and price."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from openai_server import openai_server
from toy_sampler import ToySampler
from toy_server import toy

import ttscale
from ttscale.analysis.strategies.trace import head_of
from ttscale.errors import ConfigError, RunMismatchError, SamplerError
from ttscale.store.calls import trace
from ttscale.store.run import RunStore

CELL = "none-arithmetic"
KEY = ["problem_id", "sample_index"]
TOY = "toy_sampler:ToySampler"
STRONG = {"path": "strong", "engine": TOY, "engine_options": {"says": "aab"}}


def cascade(target: Any = STRONG, **options: Any) -> dict[str, Any]:
    scored = {} if "quantile" in options else {"verifier": "toy_sampler:CountsA", "threshold": 2.0}
    return {"name": "cascade", "target": target, **scored, **options}


def run(out: Path, strategy: Any, *, n: int = 12, **engine: Any) -> RunStore:
    tree: dict[str, Any] = {
        "model": {"path": "none", "engine": TOY, "engine_options": engine},
        "task": {"name": "arithmetic", "problems": 4},
        "sampling": {"n": n, "max_tokens": 8, "request_size": 5},
    }
    if strategy is not None:
        tree["strategy"] = strategy
    path = out.parent / f"{out.name}.yaml"
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    return ttscale.sample_run(ttscale.load_config(path, overrides=[f"out={out}"]))


def rows(store: RunStore) -> pl.DataFrame:
    return store.samples(CELL).collect().sort(KEY)


def test_drafts_that_are_not_trusted_are_answered_by_the_target(tmp_path: Path) -> None:
    plain, store = rows(run(tmp_path / "a", None)), run(tmp_path / "b", cascade())
    expected = [text if text.count("a") >= 2 else "aab" for text in plain["completion"]]
    assert rows(store)["completion"].to_list() == expected
    assert 5 < expected.count("aab") < 45
    asked = store.calls(CELL).filter(kind="generate").collect()
    by_target = asked.filter(model="target")
    assert by_target.height == sum(text.count("a") < 2 for text in plain["completion"])
    assert set(by_target["text"]) == {"aab"}
    assert asked.filter(pl.col("model").is_null()).height == 48


def test_at_its_ends_it_is_one_model_alone(tmp_path: Path) -> None:
    plain = rows(run(tmp_path / "a", None))
    drafts = rows(run(tmp_path / "b", cascade({"path": "x", "engine": TOY}, quantile=0.0)))
    assert drafts["completion"].to_list() == plain["completion"].to_list()
    target = rows(run(tmp_path / "c", cascade({"path": "x", "engine": TOY}, quantile=1.0)))
    # The target's only call has the seed of the plain sample; here both models are the same.
    assert target["completion"].to_list() == plain["completion"].to_list()
    assert target["prompt_tokens"].null_count() == 48  # no prompt of the run's model


def test_a_broken_cascade_goes_on_and_asks_for_nothing_twice(tmp_path: Path) -> None:
    ToySampler.n_calls = 0
    undisturbed = rows(run(tmp_path / "a", cascade()))
    needed, ToySampler.n_calls = ToySampler.n_calls, 0
    with pytest.raises(SamplerError, match="toy failure"):
        run(tmp_path / "b", cascade(), fail_after=needed // 2, in_flight=2)
    before = ToySampler.n_calls
    assert rows(run(tmp_path / "b", cascade())).equals(undisturbed)
    assert ToySampler.n_calls - before <= needed - before + 64
    with pytest.raises(RunMismatchError, match=r"strategy\.target"):
        run(tmp_path / "b", cascade({**STRONG, "path": "another"}))


def test_a_target_behind_a_server_may_move(tmp_path: Path) -> None:
    with openai_server(toy) as one, openai_server(toy) as other:
        for server, n in ((one, 6), (other, 12)):
            options = {"base_url": server.url, "served_model": "m"}
            target = {"path": "strong", "engine": "openai", "engine_options": options}
            store = run(tmp_path / "a", cascade(target), n=n)
        assert one.seen
        assert other.seen
    assert rows(store).height == 48
    assert store.calls(CELL).filter(model="target").collect()["seed"].null_count() == 0


def test_a_target_that_serves_no_calls_is_refused_before_anything_is_drawn(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"strategy\.target has engine .*draws whole samples only"):
        run(tmp_path / "a", cascade({"path": "x", "engine": "scripted:ScriptedSampler"}))
    with pytest.raises(ConfigError, match=r"strategy\.target.*pth"):
        run(tmp_path / "b", cascade({"pth": "x"}))
    assert not list(tmp_path.glob("*/samples/*/*"))


def test_the_trace_says_which_model_spoke(tmp_path: Path) -> None:
    store = run(tmp_path / "a", cascade())
    asked = store.calls(CELL).filter(model="target").select(KEY).collect()
    problem_id, index = asked.row(0)
    heads = [head_of(call, "2") for call in trace(store.calls_folder(CELL), problem_id, index)]
    assert any(head.startswith("0 draft, ") for head in heads)
    assert any(head.startswith("* 2 answer of target, ") for head in heads)
