"""Several processes on one run directory, killed at random: every sample exactly once, whoever drew it."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
from tests_paths import SUPPORT

from ttscale.store.claims import Claims
from ttscale.store.run import RunStore

KEY = ["problem_id", "sample_index"]
N_PROBLEMS, N = 16, 600


def start(config: Path, run: Path, *arguments: str) -> subprocess.Popen[str]:
    slow = "model.engine_options.seconds_per_request=0.005"
    command = [sys.executable, "-m", "ttscale", "sample", config, "--out", run, "--share", *arguments]
    return subprocess.Popen(
        [*map(str, command), "--set", f"sampling.n={N}", "--set", slow, "--set", "sampling.request_size=16"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(SUPPORT)},
    )


def test_processes_divide_a_cell_and_survive_each_other(scripted_config: Path, tmp_path: Path) -> None:
    run, rng = tmp_path / "run", random.Random(0)
    workers = [start(scripted_config, run) for _ in range(3)]
    time.sleep(1.5)
    for _ in range(3):
        victim = workers.pop(0)
        time.sleep(rng.uniform(0.0, 0.4))
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        workers.append(start(scripted_config, run))
    for worker in workers:
        _, stderr = worker.communicate(timeout=60)
        assert worker.returncode == 0, stderr
    last = start(scripted_config, run)
    last.communicate(timeout=60)

    samples = RunStore(run).samples("none-arithmetic").collect()
    assert samples.height == N_PROBLEMS * N
    assert samples.select(KEY).is_unique().all()
    drew = [session for session in RunStore(run).sessions() if session.n_samples]
    assert len(drew) >= 3

    alone = tmp_path / "alone"
    single = start(scripted_config, alone)
    single.communicate(timeout=60)
    expected = RunStore(alone).samples("none-arithmetic").collect()
    assert samples.sort(KEY).equals(expected.sort(KEY))


def test_without_share_a_second_process_is_refused(scripted_config: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    worker = start(scripted_config, run)
    while not list(run.glob("samples/*/*.parquet")):
        time.sleep(0.02)
    refused = subprocess.run(
        [sys.executable, "-m", "ttscale", "sample", str(scripted_config), "--out", str(run)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(SUPPORT)},
    )
    worker.communicate(timeout=60)
    assert refused.returncode == 1
    assert "--share" in refused.stderr


def test_a_claim_is_exclusive_between_processes_and_dies_with_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "cell.blocks"
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, pathlib; from ttscale.store.claims import Claims; c = Claims(pathlib.Path(sys.argv[1]));"
            "c.claim(3); c.claim(5); c.release(5, stored=7); print('held', flush=True); sys.stdin.read()",
            str(path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with Claims(path) as claims:
        assert not claims.claim(3)
        assert claims.claim(4)
        assert claims.claim(5)
        assert (claims.stored(4), claims.stored(5)) == (0, 7)
        holder.kill()
        holder.wait()
        assert claims.claim(3)
        assert claims.stored(3) == 0


def test_a_shared_run_ends_verified(scripted_config: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-m", "ttscale", "run", str(scripted_config), "--out", str(run), "--share"]
    workers = [
        subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": str(SUPPORT)},
        )
        for _ in range(2)
    ]
    for worker in workers:
        assert worker.wait(timeout=60) == 0
    store = RunStore(run)
    for verdicts in store.verdict_sets():
        rows = pl.concat([verdicts.scan(cell).select(KEY).collect() for cell in store.cells()])
        assert rows.height == sum(store.counts("none-arithmetic").values())
        assert rows.is_unique().all()
