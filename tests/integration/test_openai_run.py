"""Runs with the engine `openai` against a server on this machine: interrupted, failing, resumed."""

import json
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openai_server import JSON, Reply, openai_server, text_of

from ttscale.cli.main import run_cli
from ttscale.pipeline.requests import first_seed
from ttscale.store.run import RunStore

KEY = "sk-a-very-secret-key"
N_PROBLEMS, N = 12, 40
CELL = "m-arithmetic"
Sample = Callable[[Path, str], tuple[int, str]]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "served.yaml"
    path.write_text(
        f"""
model:
  path: m
  engine: openai
  engine_options: {{api_key_env: TEST_KEY, patience_s: 0}}
task: {{name: arithmetic, problems: {N_PROBLEMS}}}
sampling: {{n: {N}, request_size: 8}}
verifiers: [exact]
""",
        encoding="utf-8",
    )
    return path


def arguments(config: Path, url: str) -> list[str]:
    out, server = str(config.parent / "run"), f"model.engine_options.base_url={url}"
    return ["sample", str(config), "--out", out, "--set", server]


def start(config: Path, url: str) -> "subprocess.Popen[str]":
    """Start a process of its own, as a terminal does."""
    return subprocess.Popen(
        [sys.executable, "-m", "ttscale", *arguments(config, url)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TEST_KEY": KEY},
    )


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Sample:
    """The same command in this process: gives its exit code and what it says."""
    monkeypatch.setenv("TEST_KEY", KEY)
    monkeypatch.setattr("warnings.showwarning", warnings.showwarning)
    kept = signal.getsignal(signal.SIGTERM)

    def sample(config: Path, url: str) -> tuple[int, str]:
        try:
            code = run_cli(arguments(config, url))
        finally:
            signal.signal(signal.SIGTERM, kept)
        return code, "".join(capfd.readouterr())

    return sample


def stored(config: Path) -> dict[tuple[str, int], dict[str, Any]]:
    frame = RunStore(config.parent / "run").samples(CELL).collect()
    assert frame.select("problem_id", "sample_index").is_duplicated().sum() == 0
    return {(row["problem_id"], row["sample_index"]): row for row in frame.iter_rows(named=True)}


def assert_complete(config: Path) -> None:
    """Every sample asked for is there once, and is the one that its own seed draws."""
    rows = stored(config)
    problems = RunStore(config.parent / "run").problems(CELL)
    assert set(rows) == {(problem.problem_id, i) for problem in problems for i in range(N)}
    for problem in problems:
        for i in range(N):
            seed = first_seed(0, problem.problem_id) + i
            row = rows[problem.problem_id, i]
            assert (row["seed"], row["completion"]) == (seed, text_of(problem.prompt or "", seed))


def test_an_interrupted_run_keeps_what_was_answered_and_resumes_with_the_rest(
    config: Path, sample: Sample
) -> None:
    all_stuck = threading.Event()
    stuck = 0

    def misbehave(body: JSON, number: int) -> Reply | None:
        nonlocal stuck
        if number < 10:
            return None
        stuck += 1
        all_stuck.set()
        return Reply(deed="hang")

    with openai_server(misbehave) as server:
        run = start(config, server.url)
        assert all_stuck.wait(180)
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=180)
        assert run.returncode == 130, errors
        assert "Traceback" not in errors
        assert "repeat the same command to continue" in errors
        kept = stored(config)
        assert 0 < len(kept) <= 80
        asked = len(server.seen)
        server.misbehave = lambda body, number: None
        code, said = sample(config, server.url)
        assert code == 0, said
        assert sum(body.get("n", 1) for body in server.seen[asked:]) == N_PROBLEMS * N - len(kept)
    assert_complete(config)
    assert kept.items() <= stored(config).items()
    for path in (config.parent / "run").rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path
    assert KEY not in errors + said


def test_a_run_whose_server_fails_for_good_says_how_to_go_on_and_does(config: Path, sample: Sample) -> None:
    def misbehave(body: JSON, number: int) -> Reply | None:
        return Reply({"error": f"account {KEY} is out of credit"}, 429) if number >= 20 else None

    with openai_server(misbehave) as server:
        code, said = sample(config, server.url)
        assert code in (1, 3), said
        assert "out of credit" in said
        assert "same command" in said
        assert KEY not in said
        assert "Traceback" not in said
        assert len(stored(config)) == 20 * 8  # all that was answered
        server.misbehave = lambda body, number: None
        code, said = sample(config, server.url)
        assert code == 0, said
    assert_complete(config)
    session = next((config.parent / "run" / "sessions").glob("*.json"))
    assert json.loads(session.read_text())["engine"]["per_sample_seeds"] is True
