"""Strategies through servers: the same attempts as with the same model here, or a refusal that says what would serve."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from openai_server import JSON, FakeServer, Reply, openai_server
from toy_server import plain_toy, toy

import ttscale
from ttscale.errors import ConfigError, StrategyError
from ttscale.store.run import RunStore

CELL = "none-arithmetic"
SCORED = {"verifier": "toy_sampler:CountsA"}
MANY_CALLS = [
    {"name": "first-accepted", "attempts": 3, **SCORED},
    {"name": "rsa", "population": 4, "subset": 2, "steps": 3},
    {"name": "particles", "particles": 3, "step_tokens": 2, "step_stop": [], **SCORED},
    {"name": "beam", "width": 2, "expand": 2, "step_stop": ["b"], **SCORED},
    {"name": "power", "alpha": 2, "moves": 4, "positions": 4, "max_tokens": 8},
    {"name": "budget-forcing", "waits": 1, "wait": "b", "force": "c", "cap": 3},
]
BY_TEXT = [MANY_CALLS[2], MANY_CALLS[5]]


def name_of(strategy: dict[str, Any]) -> str:
    return str(strategy["name"])


def run(out: Path, strategy: Any, engine: str, **options: Any) -> RunStore:
    tree: dict[str, Any] = {
        "model": {"path": "none", "engine": engine, "engine_options": options},
        "task": {"name": "arithmetic", "problems": 4},
        "sampling": {"n": 10, "max_tokens": 8, "request_size": 5, "per_sample_seeds": True},
        "strategy": strategy,
    }
    path = out.parent / f"{out.name}.yaml"
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    return ttscale.sample_run(ttscale.load_config(path, overrides=[f"out={out}"]))


def through(server: FakeServer, out: Path, strategy: Any, **options: Any) -> RunStore:
    return run(out, strategy, "openai", served_model="m", base_urls=[server.url], **options)


def here(out: Path, strategy: Any) -> RunStore:
    return run(out, strategy, "toy_sampler:ToySampler")


def attempts(store: RunStore) -> pl.DataFrame:
    """What attempts came to; a sum of logarithms may differ in its last digit."""
    return store.samples(CELL).drop("cumulative_logprob").collect().sort("problem_id", "sample_index")


def calls(store: RunStore) -> pl.DataFrame:
    return (
        store.calls(CELL)
        .drop("cumulative_logprob", "seconds")
        .collect()
        .sort("problem_id", "sample_index", "path")
    )


@pytest.fixture
def vllms() -> Iterator[FakeServer]:
    with openai_server(toy) as server:
        yield server


@pytest.mark.parametrize("endpoint", ["chat", "completions"])
@pytest.mark.parametrize("strategy", MANY_CALLS, ids=name_of)
def test_vllms_server_makes_the_attempts_that_the_same_model_makes_here(
    strategy: dict[str, Any], endpoint: str, vllms: FakeServer, tmp_path: Path
) -> None:
    served, own = through(vllms, tmp_path / "a", strategy, endpoint=endpoint), here(tmp_path / "b", strategy)
    assert attempts(served).equals(attempts(own))
    assert calls(served).equals(calls(own))


@pytest.mark.parametrize("strategy", BY_TEXT, ids=name_of)
def test_another_servers_completions_endpoint_goes_on_from_text(
    strategy: dict[str, Any], tmp_path: Path
) -> None:
    with openai_server(plain_toy, owned_by=None) as server:
        served = through(server, tmp_path / "a", strategy, endpoint="completions")
    made = calls(served).filter(kind="generate")
    prompts = {problem.problem_id: problem.prompt for problem in served.problems(CELL)}
    asked = sorted(body["prompt"] for body in server.seen)
    assert asked == sorted(prompts[row["problem_id"]] + row["prefix"] for row in made.iter_rows(named=True))
    said = {
        (row["problem_id"], row["sample_index"], row["path"]): row["prefix"] + row["text"]
        for row in made.iter_rows(named=True)
    }
    later = made.filter(pl.col("parents").list.len() > 0)
    assert later.height > 10
    for row in later.iter_rows(named=True):
        assert row["prefix"].startswith(said[row["problem_id"], row["sample_index"], row["parents"][-1]])
    assert attempts(served).height == 40
    for row in attempts(served).iter_rows(named=True):
        own = [text for key, text in said.items() if key[:2] == (row["problem_id"], row["sample_index"])]
        assert row["completion"] in own


@pytest.mark.parametrize(
    ("strategy", "endpoint", "says"),
    [
        (
            MANY_CALLS[5],
            "chat",
            r"needs an engine that goes on from a given text: .*openai with endpoint: completions",
        ),
        (
            MANY_CALLS[4],
            "completions",
            r"needs an engine that goes on from given tokens: .*vLLM's own server",
        ),
        (MANY_CALLS[3], "completions", r"needs an engine that says which text ended a call"),
    ],
    ids=["chat", "tokens", "stop"],
)
def test_what_a_server_cannot_do_is_said_before_anything_is_drawn(
    strategy: Any, endpoint: str, says: str, tmp_path: Path
) -> None:
    with openai_server(plain_toy, owned_by=None) as server:
        with pytest.raises(ConfigError, match=says):
            through(server, tmp_path / "a", strategy, endpoint=endpoint)
        assert not server.seen
    assert not list(tmp_path.glob("a/calls/*/*"))


def test_a_call_that_a_server_refuses_ends_its_attempt_and_no_other(tmp_path: Path) -> None:
    def narrow(body: JSON, number: int) -> Reply:
        if "max_tokens" in body and len(body["prompt"]) > 20:
            return Reply({"error": {"message": "longer than the context"}}, 400)
        return toy(body, number)

    strategy = {"name": "refine", "turns": 3, "template": "{problem}{previous}{previous};"}
    with (
        openai_server(narrow) as server,
        pytest.raises(StrategyError, match=r"refused a call inside .*longer than the context"),
    ):
        through(server, tmp_path / "a", strategy, endpoint="completions")
    kept, own = attempts(RunStore(tmp_path / "a")), attempts(here(tmp_path / "b", strategy))
    assert 0 < kept.height < own.height
    assert kept.equals(own.join(kept, on=["problem_id", "sample_index"], how="semi"))


def test_several_servers_share_the_calls_and_one_that_fails_costs_nothing(tmp_path: Path) -> None:
    def shaky(body: JSON, number: int) -> Reply:
        return Reply({"error": "tired"}, 500) if number % 5 == 3 else toy(body, number)

    strategy = MANY_CALLS[4]
    with openai_server(toy) as one, openai_server(shaky) as other:
        options = {"served_model": "m", "base_urls": [one.url, other.url], "endpoint": "completions"}
        served = run(tmp_path / "a", strategy, "openai", **options)
        assert one.seen
        assert other.seen
    assert attempts(served).equals(attempts(here(tmp_path / "b", strategy)))
