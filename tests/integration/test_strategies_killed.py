"""Runs over three strategies killed at random moments, in whatever phase: no attempt and no call is lost, doubled or changed."""

from pathlib import Path

import pytest
import yaml
from shared_processes import command
from tests_paths import ROOT

SCORED = {"verifier": "toy_sampler:CountsA"}
STRATEGIES = {
    "accepted": {"name": "first-accepted", "attempts": 3, **SCORED},
    "rsa": {"name": "rsa", "population": 4, "subset": 2, "steps": 3},
    "particles": {"name": "particles", "particles": 3, "step_tokens": 2, "step_stop": [], **SCORED},
}


def test_kills_lose_double_and_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    from kill_loop import kill_loop

    command("list", "samplers").join()  # starts the server that the processes are forked from
    tree = {
        "name": "killed",
        "model": {
            "path": "none",
            "engine": "toy_sampler:ToySampler",
            "engine_options": {"seconds_per_call": 0.0005},
        },
        "task": {"name": "arithmetic", "problems": 4},
        "sampling": {"n": 16, "max_tokens": 8, "request_size": 4},
        "verifiers": ["strategy_runs:StartsWithA"],
        "sweep": {"axes": {"strategy": STRATEGIES}, "name": "{strategy}"},
    }
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    folder = tmp_path / "runs"
    folder.mkdir()
    parts = (["sample", str(config), "--out", "{run}"], ["verify", "{run}"])
    report = kill_loop(parts, folder, kills=6, start=lambda words: command(*words))
    assert report.kills == 6
    assert report.samples == 3 * 4 * 16
    assert report.calls > 64 * 12
    assert (report.doubled, report.different) == (0, 0)
    assert (report.calls_doubled, report.calls_different) == (0, 0)
    assert any(0 < n < report.samples for n in report.samples_after_kill)
