"""Several engines on one machine and one run directory: each on its own GPUs, killed at will, the same samples as one."""

import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests_paths import SUPPORT

from ttscale.cli.main import run_cli
from ttscale.config.cells import cells
from ttscale.config.loading import check_config, load_config
from ttscale.errors import ConfigError, TtscaleError
from ttscale.pipeline.progress import Progress
from ttscale.pipeline.replicas import processes
from ttscale.pipeline.run import run, sample_run
from ttscale.store.run import RunStore

CELL = "none-arithmetic"
SLOW = ("sampling.n=400", "sampling.request_size=8", "model.engine_options.seconds_per_request=0.005")
LIMIT_S = 120


class Told(Progress):
    """Remembers what was said, and how many samples there were by then."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.n_at: dict[str, int] = {}
        self._n = 0

    def note(self, text: str) -> None:
        self.notes.append(text)
        self.n_at[text] = self._n

    def advance(self, n_samples: int, n_tokens: int = 0) -> None:
        self._n += n_samples


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
    for actor in started:
        assert not Path(f"/proc/{actor.pid}").exists(), "a replica outlived its run"


def samples(store: RunStore, cell: str = CELL) -> pl.DataFrame:
    return store.samples(cell).sort("problem_id", "sample_index").collect()


def when_stored(folder: Path, n: int, do: Callable[[], None], cell: str = "*") -> threading.Thread:
    """Do something once a run, or a cell of it, has so many segments."""

    def wait() -> None:
        give_up = time.monotonic() + LIMIT_S
        while len(list(folder.glob(f"samples/{cell}/[!.]*.parquet"))) < n and time.monotonic() < give_up:
            time.sleep(0.005)  # between looks, not for a result
        do()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_two_engines_one_of_which_is_killed_draw_what_one_draws_and_begin_the_next_cell_early(
    scripted_config: Path, tmp_path: Path, actors: list[processes.Actor]
) -> None:
    sweep = ["sweep={axes: {temperature: [0.5, 1.0, 1.5]}}", *SLOW[:2], "sampling.n=200"]
    config = load_config(scripted_config, ["execution.replicas=2", *sweep, SLOW[2]], out=tmp_path / "two")
    first, second, third = (cell.name for cell in cells(config))
    killer = when_stored(  # the first cell's last chunks may be under way
        tmp_path / "two", 1, lambda: os.kill(actors[0].pid, signal.SIGKILL), cell=second
    )
    told = Told()
    two = sample_run(config, told)
    killer.join()
    one = sample_run(load_config(scripted_config, sweep, out=tmp_path / "one"))
    for cell in (first, second, third):
        assert samples(two, cell).equals(samples(one, cell))
        drew = [session for session in two.sessions() if session.cell == cell and session.n_samples]
        assert sum(session.n_samples for session in drew) == samples(two, cell).height
        assert {session.engine["detail"]["replica"] for session in drew} == {1, 2}  # both worked
        assert {session.engine["detail"]["execution"] for session in drew} == {"local"}
    assert len(actors) == 3
    assert any("killed by SIGKILL" in note and "Another takes its place" in note for note in told.notes)
    assert sum("starts its engine" in note for note in told.notes) == 3
    assert told.n_at[f"Cell 2 of 3: {second}"] < samples(two, first).height


def test_what_engines_used_is_added_up_and_what_helps_is_said(
    scripted_config: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    told = Told()
    settings = ["execution.replicas=2", "model.engine=scripted:ThrashingSampler"]
    for n in (40, 64):
        config = load_config(scripted_config, [*settings, f"sampling.n={n}"], out=tmp_path)
        store = sample_run(config, told)
    n_requests = 16 * 5  # of each problem [0, 8), [8, 24), [24, 40), [40, 56), [56, 64)
    used = [session.usage for session in store.sessions() if session.n_samples]
    assert sum(usage["preemptions"] for usage in used) == n_requests
    assert {usage["usd"] for usage in used} == {None}
    lines = [note for note in told.notes if "lower max_num_seqs (now 256)" in note]
    assert len(lines) == 2  # one for each call
    assert run_cli(["status", str(tmp_path)]) == 0
    assert f"too small for what was under way: {n_requests} times a sample" in capfd.readouterr().err


def test_each_engine_sees_its_own_gpus(
    scripted_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, actors: list[processes.Actor]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4, 5,6,GPU-7")
    tree = {"execution": {"gpus": 4}, "model": {"engine_options": {}}}
    overrides = [f"execution={tree['execution']}", *SLOW]
    store = sample_run(load_config(scripted_config, overrides, out=tmp_path / "four"))
    seen = {s.engine["detail"]["replica"]: s.engine["detail"]["gpus"] for s in store.sessions()}
    assert seen.items() <= {1: "4", 2: "5", 3: "6", 4: "GPU-7"}.items()
    assert len(actors) == 4


@pytest.mark.parametrize(
    ("settings", "shown", "width", "environments"),
    [
        ({"gpus": "all"}, "4,5,6,7", 1, ["4", "5", "6", "7"]),
        ({"gpus": 4}, "0,1,2,3", 2, ["0,1", "2,3"]),
        ({"gpus": 4, "replicas": 1}, "0,1,2,3", 2, ["0,1"]),
        ({"gpus": 3}, "0,1,2,3", 2, ["0,1"]),
    ],
)
def test_gpus_go_to_engines_in_groups(
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    shown: str,
    width: int,
    environments: list[str],
) -> None:
    from ttscale.config.execution import ExecutionSettings
    from ttscale.pipeline.replicas.local import Machine

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)
    machine = Machine(ExecutionSettings(**settings), width)
    assert machine.n_replicas() == len(environments)
    given = [machine.replica_options(i + 1)["environment"] for i in range(machine.n_replicas())]
    assert given == [{"CUDA_VISIBLE_DEVICES": names} for names in environments]


@pytest.mark.parametrize(
    ("execution", "shown", "message"),
    [
        ({"gpus": 8}, "0,1", "gpus is 8, but this machine shows 2"),
        ({"gpus": "all"}, "", "gpus is all, but this machine shows 0"),
        ({"gpus": 2, "replicas": 3}, "0,1", "hold 2 engines of 1 each, but the run asks for 3"),
    ],
)
def test_more_gpus_than_there_are_is_said_before_anything_starts(
    scripted_config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    execution: dict[str, Any],
    shown: str,
    message: str,
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)
    with pytest.raises(ConfigError, match=message):
        sample_run(load_config(scripted_config, [f"execution={execution}"], out=tmp_path / "run"))


def test_engines_that_die_again_and_again_end_the_run_with_the_reason(
    scripted_config: Path, tmp_path: Path, actors: list[processes.Actor]
) -> None:
    settings = ["execution.replicas=2", "model.engine_options.die_after=0"]
    with pytest.raises(TtscaleError, match="scripted death"):
        sample_run(load_config(scripted_config, settings, out=tmp_path / "run"))
    assert len(actors) == 6


def test_a_whole_run_with_rounds_works_with_several_engines(
    scripted_config: Path, tmp_path: Path, actors: list[processes.Actor]
) -> None:
    rule = "sampling.until={successes: 2}"
    two = run(load_config(scripted_config, [rule, "execution.replicas=2"], out=tmp_path / "two"))
    one = run(load_config(scripted_config, [rule], out=tmp_path / "one"))
    assert samples(two).equals(samples(one))
    assert len(actors) == 2  # kept from round to round


def test_several_engines_and_sharing_are_not_combined(scripted_config: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Leave one of the two out"):
        sample_run(load_config(scripted_config, ["execution.replicas=2"], out=tmp_path / "run"), share=True)


def test_no_replica_survives_a_driver_that_is_killed(scripted_config: Path, tmp_path: Path) -> None:
    words = [
        part for setting in ("execution.replicas=2", *SLOW, "sampling.n=4000") for part in ("--set", setting)
    ]
    driver = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "ttscale",
            "sample",
            str(scripted_config),
            "--out",
            str(tmp_path / "run"),
            *words,
        ],
        env=os.environ | {"PYTHONPATH": str(SUPPORT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    when_stored(tmp_path / "run", 1, lambda: None).join()
    replicas = [
        int(pid) for pid in Path(f"/proc/{driver.pid}/task/{driver.pid}/children").read_text().split()
    ]
    assert len(replicas) == 2
    driver.kill()
    driver.wait()
    give_up = time.monotonic() + 30
    while any(_is_alive(pid) for pid in replicas):
        assert time.monotonic() < give_up, "replicas live on without their driver"
        time.sleep(0.01)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.engine
@pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vllm is not installed")
def test_two_vllm_engines_with_a_kill_draw_what_one_draws(
    tmp_path: Path, actors: list[processes.Actor]
) -> None:
    def config(name: str, **execution: Any) -> Any:
        options = {"kv_cache_memory_bytes": 1 << 28, "max_num_seqs": 64}
        return check_config(
            {
                "name": "several",
                "out": str(tmp_path / name),
                "model": {"path": "demo-arithmetic", "engine": "vllm", "engine_options": options},
                "task": {"name": "arithmetic", "problems": 16},
                "sampling": {"n": 128, "max_tokens": 10},
                "verifiers": ["exact"],
                "execution": execution,
                "sweep": {"axes": {"temperature": [0.7, 1.3]}},
            }
        )

    told = Told()
    killer = when_stored(tmp_path / "two", 2, lambda: os.kill(actors[-1].pid, signal.SIGKILL))
    two = sample_run(config("two", replicas=2), told)
    killer.join()
    one = sample_run(config("one"))
    columns = ["problem_id", "sample_index", "completion", "finish_reason", "seed"]
    for cell in two.cells():
        assert samples(two, cell).select(columns).equals(samples(one, cell).select(columns))
    assert len(actors) == 3
    (began,) = (n for note, n in told.n_at.items() if note.startswith("Cell 2 of 2"))
    assert began < 16 * 128  # while the first cell's last samples were drawn
