"""Several processes on one run directory, killed at random: every sample exactly once, whoever drew it."""

import random
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import polars as pl
import pytest
from shared_processes import command, holder_of_claims, whole_run

from ttscale.config.loading import load_config
from ttscale.errors import RunLockedError
from ttscale.pipeline.run import sample_run
from ttscale.store.claims import Claims
from ttscale.store.run import RunStore

KEY = ["problem_id", "sample_index"]
N_PROBLEMS, N = 16, 400
OVERRIDES = (f"sampling.n={N}", "sampling.request_size=16", "model.engine_options.seconds_per_request=0.005")
LIMIT_S = 120


def start(config: Path, run: Path) -> ForkServerProcess:
    settings = [part for override in OVERRIDES for part in ("--set", override)]
    return command("sample", config, "--out", run, "--share", *settings)


def ended_well(process: ForkServerProcess) -> bool:
    process.join(LIMIT_S)
    return process.exitcode == 0


def until_something_is_stored(run: Path) -> None:
    give_up = time.monotonic() + LIMIT_S
    while not list(run.glob("samples/*/*.parquet")):
        assert time.monotonic() < give_up, "nothing was stored"
        time.sleep(0.01)


def test_processes_divide_a_cell_and_survive_each_other(scripted_config: Path, tmp_path: Path) -> None:
    run, rng = tmp_path / "run", random.Random(0)
    workers = [start(scripted_config, run) for _ in range(3)]
    until_something_is_stored(run)
    for _ in range(3):
        victim = workers.pop(0)
        time.sleep(rng.uniform(0.0, 0.3))  # dies at any moment of its work
        victim.kill()
        victim.join()
        workers.append(start(scripted_config, run))
    assert all(map(ended_well, workers))
    # The last one may have seen blocks in the hands of one that died afterwards.
    store = sample_run(load_config(scripted_config, OVERRIDES, out=run), share=True)

    samples = store.samples("none-arithmetic").collect()
    assert samples.height == N_PROBLEMS * N
    assert samples.select(KEY).is_unique().all()
    drew = [session for session in store.sessions() if session.n_samples]
    assert len(drew) >= 3

    alone = sample_run(load_config(scripted_config, OVERRIDES[:2], out=tmp_path / "alone"))
    expected = alone.samples("none-arithmetic").collect()
    assert samples.sort(KEY).equals(expected.sort(KEY))


def test_without_share_a_second_process_is_refused(scripted_config: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    worker = start(scripted_config, run)
    until_something_is_stored(run)
    with pytest.raises(RunLockedError, match="--share"):
        sample_run(load_config(scripted_config, OVERRIDES, out=run))
    worker.kill()
    worker.join()


def test_a_claim_is_exclusive_between_processes_and_dies_with_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "cell.blocks"
    holder, _pipe = holder_of_claims(path)
    with Claims(path) as claims:
        assert not claims.claim(3)
        assert claims.claim(4)
        assert claims.claim(5)
        assert (claims.stored(4), claims.stored(5)) == (0, 7)
        holder.kill()
        holder.join()
        assert claims.claim(3)
        assert claims.stored(3) == 0


def test_a_shared_run_ends_verified(scripted_config: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    workers = [whole_run(scripted_config, run) for _ in range(2)]
    assert all(map(ended_well, workers))
    store = RunStore(run)
    for verdicts in store.verdict_sets():
        rows = pl.concat([verdicts.scan(cell).select(KEY).collect() for cell in store.cells()])
        assert rows.height == sum(store.counts("none-arithmetic").values())
        assert rows.is_unique().all()
