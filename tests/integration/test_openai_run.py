"""Whole runs with the engine `openai` against a server on this machine: interrupted, failing, resumed."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from openai_server import JSON, Reply, openai_server, text_of

from ttscale.pipeline.requests import first_seed
from ttscale.store.run import RunStore

KEY = "sk-a-very-secret-key"
N_PROBLEMS, N = 12, 40
CELL = "m-arithmetic"


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


def start(config: Path, url: str, *overrides: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "ttscale", "run", str(config), "--out", str(config.parent / "run")]
    for override in (f"model.engine_options.base_url={url}", *overrides):
        command += ["--set", override]
    environment = os.environ | {"TEST_KEY": KEY}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


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


def test_an_interrupted_run_keeps_what_was_answered_and_resumes_with_the_rest(config: Path) -> None:
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
        run = start(config, server.url)
        out, errors = run.communicate(timeout=180)
        assert run.returncode == 0, errors
        assert sum(body.get("n", 1) for body in server.seen[asked:]) == N_PROBLEMS * N - len(kept)
    assert_complete(config)
    assert kept.items() <= stored(config).items()
    for path in (config.parent / "run").rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path
    assert KEY not in out + errors


def test_a_run_whose_server_fails_for_good_says_how_to_go_on_and_does(config: Path) -> None:
    def misbehave(body: JSON, number: int) -> Reply | None:
        return Reply({"error": f"account {KEY} is out of credit"}, 429) if number >= 20 else None

    with openai_server(misbehave) as server:
        run = start(config, server.url)
        _, errors = run.communicate(timeout=180)
        assert run.returncode in (1, 3), errors
        assert "out of credit" in errors
        assert "same command" in errors
        assert KEY not in errors
        assert "Traceback" not in errors
        assert len(stored(config)) == 20 * 8  # all that was answered
        server.misbehave = lambda body, number: None
        run = start(config, server.url)
        _, errors = run.communicate(timeout=180)
        assert run.returncode == 0, errors
    assert_complete(config)
    session = next((config.parent / "run" / "sessions").glob("*.json"))
    assert json.loads(session.read_text())["engine"]["per_sample_seeds"] is True
