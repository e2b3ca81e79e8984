"""Strategies with several engines, in processes of this machine or on Ray, and by several processes: one engine's attempts."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from shared_processes import command

import ttscale
from ttscale.errors import StrategyError
from ttscale.pipeline.replicas import processes
from ttscale.store.run import RunStore

CELL = "none-arithmetic"
KEY = ["problem_id", "sample_index"]
SCORED = {"verifier": "toy_sampler:CountsA"}
STRATEGIES = [
    {"name": "first-accepted", "attempts": 3, **SCORED},
    {"name": "rsa", "population": 4, "subset": 2, "steps": 3},
    {"name": "particles", "particles": 3, "step_tokens": 2, "step_stop": [], **SCORED},
]
SLOW = {"seconds_per_call": 0.002}
LIMIT_S = 120


def configured(folder: Path, strategy: Any, execution: Any = None, *, n: int = 40, **engine: Any) -> Path:
    tree = {
        "model": {"path": "none", "engine": "toy_sampler:ToySampler", "engine_options": engine},
        "task": {"name": "arithmetic", "problems": 6},
        "sampling": {"n": n, "max_tokens": 8, "request_size": 5},
    }
    if strategy is not None:
        tree["strategy"] = strategy
    if execution is not None:
        tree["execution"] = execution
    path = folder / f"{time.monotonic_ns()}.yaml"
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    return path


def sampled(path: Path, out: Path) -> RunStore:
    return ttscale.sample_run(ttscale.load_config(path, out=out))


def rows(store: RunStore) -> pl.DataFrame:
    return store.samples(CELL).collect().sort(KEY)


def calls(store: RunStore, kind: str = "generate") -> pl.DataFrame:
    return store.calls(CELL).filter(kind=kind).drop("seconds").collect().sort(*KEY, "path")


@pytest.fixture
def actors(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[processes.Actor]]:
    """Every replica that is started, in its order."""
    started: list[processes.Actor] = []

    class Remembered(processes.Actor):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            started.append(self)

    monkeypatch.setattr(processes, "Actor", Remembered)
    yield started


def once(is_so: Callable[[], bool], do: Callable[[], None]) -> threading.Thread:
    def wait() -> None:
        give_up = time.monotonic() + LIMIT_S
        while not is_so() and time.monotonic() < give_up:
            time.sleep(0.005)  # between looks, not for a result
        do()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


@pytest.mark.parametrize("sees_run", [True, False], ids=["seen", "sent"])
@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda strategy: strategy["name"])
def test_two_engines_make_the_attempts_and_the_journal_of_one(
    strategy: dict[str, Any], sees_run: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not sees_run:  # as on another machine without the folder
        monkeypatch.setattr("ttscale.pipeline.replicas.drawer._probe", lambda *_: nullcontext())
    two = sampled(configured(tmp_path, strategy, {"replicas": 2}), tmp_path / "two")
    one = sampled(configured(tmp_path, strategy), tmp_path / "one")
    assert rows(two).equals(rows(one))
    for kind in ("generate", "judge", "end"):
        assert calls(two, kind).equals(calls(one, kind))


def test_plain_samples_of_an_engine_that_serves_calls_are_those_of_one_engine(tmp_path: Path) -> None:
    """Such an engine is told "nothing now" between two chunks, instead of that it is done."""
    two = sampled(configured(tmp_path, None, {"replicas": 2}, n=200, **SLOW), tmp_path / "two")
    one = sampled(configured(tmp_path, None, n=200), tmp_path / "one")
    assert rows(two).equals(rows(one))
    assert rows(one).height == 1200


def test_a_killed_engine_costs_what_it_had_under_way(tmp_path: Path, actors: list[processes.Actor]) -> None:
    strategy = STRATEGIES[1]
    path = configured(tmp_path, strategy, {"replicas": 2}, **SLOW)
    journal = tmp_path / "two" / "calls" / CELL
    killer = once(
        lambda: len(list(journal.glob("[!.]*.parquet"))) >= 2,
        lambda: os.kill(actors[0].pid, signal.SIGKILL),
    )
    two = sampled(path, tmp_path / "two")
    killer.join()
    one = sampled(configured(tmp_path, strategy, **SLOW), tmp_path / "one")
    assert len(actors) == 3
    assert rows(two).equals(rows(one))
    again = calls(two).select(*KEY, "path").is_duplicated()
    assert calls(two).unique([*KEY, "path"]).sort(*KEY, "path").equals(calls(one))
    assert again.sum() < calls(one).height  # what it had recorded was not drawn again
    assert calls(two, "end").select(KEY).is_unique().all()


def test_attempts_whose_verifier_fails_stop_no_other(tmp_path: Path) -> None:
    failing = {**STRATEGIES[0], "verifier": {"name": "toy_sampler:CountsA", "fail_on": "bb"}}
    with pytest.raises(StrategyError, match=r"failed inside .* attempts .*it fails on that"):
        sampled(configured(tmp_path, failing, {"replicas": 2}), tmp_path / "two")
    with pytest.raises(StrategyError, match="failed inside"):
        sampled(configured(tmp_path, failing), tmp_path / "one")
    kept = rows(RunStore(tmp_path / "one"))
    assert 0 < kept.height < 6 * 40
    assert rows(RunStore(tmp_path / "two")).equals(kept)


def test_processes_that_share_a_run_divide_its_attempts_and_survive_each_other(tmp_path: Path) -> None:
    strategy, out = STRATEGIES[1], tmp_path / "run"
    path = configured(tmp_path, strategy, n=120, **SLOW)
    workers = [command("sample", path, "--out", out, "--share") for _ in range(2)]
    give_up = time.monotonic() + LIMIT_S
    while len(list(out.glob("calls/*/*.parquet"))) < 2:
        assert time.monotonic() < give_up, "nothing was recorded"
        time.sleep(0.01)
    workers[0].kill()
    workers[0].join()
    workers[1].join(LIMIT_S)
    assert workers[1].exitcode == 0
    store = ttscale.sample_run(ttscale.load_config(path, out=out), share=True)
    one = sampled(configured(tmp_path, strategy, n=120, **SLOW), tmp_path / "one")
    assert rows(store).equals(rows(one))
    assert calls(store).unique([*KEY, "path"]).sort(*KEY, "path").equals(calls(one))
