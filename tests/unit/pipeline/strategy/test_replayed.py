"""A stored journal is made into the same attempts without an engine; what it does not hold is named."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from toy_sampler import ToySampler

import ttscale
from ttscale.errors import ConfigError, SamplerError
from ttscale.store.inventory import delete
from ttscale.store.run import RunStore

CELL = "none-arithmetic"
TOY = "toy_sampler:ToySampler"
SCORED = {"verifier": "toy_sampler:CountsA"}
STRATEGIES: list[dict[str, Any]] = [
    {"name": "first-accepted", "attempts": 3, **SCORED},
    {"name": "particles", "particles": 3, "step_tokens": 2, "step_stop": [], **SCORED},
    {"name": "power", "alpha": 2, "moves": 4, "positions": 4, "max_tokens": 8},
    {"name": "cascade", "target": {"path": "x", "engine": TOY}, "threshold": 2.0, **SCORED},
    {"name": "budget-forcing", "waits": 1, "wait": "b", "force": None},
    {"name": "independent"},
]
RSA = {"name": "rsa", "population": 4, "subset": 2, "steps": 3}


def run(out: Path, strategy: Any, *, n: int = 8, seed: int = 0, of: Path | None = None) -> RunStore:
    replayed = {"engine": "replay", "engine_options": {"run": str(of)}}
    tree: dict[str, Any] = {
        "model": {"path": "none", **({"engine": TOY} if of is None else replayed)},
        "task": {"name": "arithmetic", "problems": 4},
        "sampling": {"n": n, "max_tokens": 8, "request_size": 5, "seed": seed},
        "strategy": strategy,
    }
    path = out.parent / f"{out.name}.yaml"
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    return ttscale.sample_run(ttscale.load_config(path, out=out))


def samples(store: RunStore) -> pl.DataFrame:
    return store.samples(CELL).collect().sort("problem_id", "sample_index")


def calls(store: RunStore) -> pl.DataFrame:
    kept = store.calls(CELL).drop("seconds").collect()
    return kept.sort("problem_id", "sample_index", "path", "kind")


@pytest.mark.parametrize("strategy", [*STRATEGIES, RSA], ids=lambda strategy: strategy["name"])
def test_the_same_attempts_are_made_without_an_engine(strategy: dict[str, Any], tmp_path: Path) -> None:
    stored = run(tmp_path / "a", strategy)
    ToySampler.n_calls = 0
    again = run(tmp_path / "b", strategy, of=tmp_path / "a")
    assert ToySampler.n_calls == 0
    assert samples(again).equals(samples(stored))
    assert calls(again).equals(calls(stored))


def test_a_call_that_is_not_there_is_named(tmp_path: Path) -> None:
    run(tmp_path / "a", RSA, n=4)
    with pytest.raises(SamplerError, match=r"holds 4 samples of problem '0\d*'|holds no call 0"):
        run(tmp_path / "b", RSA, n=5, of=tmp_path / "a")
    (segment, *_) = (tmp_path / "a").glob("calls/*/*.parquet")
    delete([segment])
    with pytest.raises(SamplerError, match=r"holds no call \d(\.\d+)? of attempt \d at problem"):
        run(tmp_path / "c", RSA, n=4, of=tmp_path / "a")


@pytest.mark.parametrize(
    ("strategy", "seed", "says"),
    [
        ({**RSA, "subset": 3}, 0, r"strategy\.subset: 2 stored, 3 asked"),
        ({"name": "refine", "turns": 1}, 0, r"strategy\.name: 'rsa' stored, 'refine' asked"),
        (RSA, 1, r"sampling\.seed: 0 stored, 1 asked"),
    ],
)
def test_other_attempts_cannot_be_made_of_it(strategy: Any, seed: int, says: str, tmp_path: Path) -> None:
    run(tmp_path / "a", RSA, n=2)
    with pytest.raises(ConfigError, match=says):
        run(tmp_path / "b", strategy, n=2, seed=seed, of=tmp_path / "a")
    assert not list(tmp_path.glob("b/samples/*/*"))
