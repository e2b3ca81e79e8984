"""Strategies through vLLM's own server: the attempts that an engine in this process makes, at both endpoints."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from vllm_server import vllm_server

import ttscale
from ttscale.models import built_in_model
from ttscale.store.run import RunStore

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(find_spec("vllm") is None, reason="vllm is not installed"),
]

STRATEGIES: dict[str, Any] = {
    "plain": None,
    "accepted": {"name": "first-accepted", "attempts": 3, "verifier": "casting-out-nines"},
    "power": {"name": "power", "alpha": 4, "moves": 6, "positions": 6, "max_tokens": 10},
    "stops": {"name": "beam", "width": 2, "expand": 2, "verifier": "last-digit", "step_stop": ["1", "5"]},
    "longer": {"name": "budget-forcing", "waits": 1, "wait": "0", "force": "7", "cap": 4, "answer_tokens": 2},
}
SERVER = ["--dtype", "float32", "--no-enable-chunked-prefill", "--max-num-batched-tokens", "2048"]


def run(folder: Path, name: str, model: dict[str, Any]) -> RunStore:
    tree = {
        "model": {"path": "demo-arithmetic", **model},
        "task": {"name": "arithmetic", "problems": 6},
        "sampling": {"n": 8, "max_tokens": 10, "request_size": 4},
        "sweep": {
            "name": "{strategy}",
            "axes": {"strategy": {key: value for key, value in STRATEGIES.items() if value}},
            "include": [{"cell": "plain", "sampling.n": 8}],
        },
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    return ttscale.sample_run(ttscale.load_config(path, out=folder / name))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, RunStore]]:
    """The same sweep in an engine here and at both of a server's endpoints; its template writes what a prompt is without one."""
    folder = tmp_path_factory.mktemp("served")
    model = built_in_model("demo-arithmetic")
    assert model is not None
    template = folder / "template.jinja"
    template.write_text("{{ bos_token }}{{ messages[0]['content'] }}", encoding="utf-8")
    own = run(folder, "here", {"engine": "vllm", "dtype": "float32"})
    arguments = [*SERVER, "--served-model-name", "demo-arithmetic", "--chat-template", str(template)]
    with vllm_server(model, folder / "log.txt", *arguments) as url:
        served = {
            endpoint: run(
                folder,
                endpoint,
                {"engine": "openai", "engine_options": {"base_url": url, "endpoint": endpoint}},
            )
            for endpoint in ("completions", "chat")
        }
    yield {"here": own, **served}


def attempts(store: RunStore, cell: str) -> pl.DataFrame:
    key = ["problem_id", "sample_index"]
    return (
        store.samples(cell)
        .sort(key)
        .select(*key, "completion", "finish_reason", "completion_tokens")
        .collect()
    )


def calls(store: RunStore, cell: str) -> pl.DataFrame:
    key = ["problem_id", "sample_index", "path"]
    told = ["role", "parents", "seed", "prefix", "text", "tokens", "finish_reason", "prompt_tokens"]
    return store.calls(cell).filter(kind="generate").sort(key).select(*key, *told).collect()


@pytest.mark.parametrize("endpoint", ["completions", "chat"])
@pytest.mark.parametrize("cell", STRATEGIES)
def test_a_server_makes_the_attempts_that_an_engine_here_makes(
    cell: str, endpoint: str, runs: dict[str, RunStore]
) -> None:
    assert attempts(runs[endpoint], cell).equals(attempts(runs["here"], cell))
    if cell != "plain":
        assert calls(runs[endpoint], cell).equals(calls(runs["here"], cell))
