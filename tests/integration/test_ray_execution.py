"""A run on a Ray cluster of several nodes, which are processes of this machine: what it gives, and what it survives."""

import importlib.util
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from tests_paths import ROOT, SUPPORT

from ttscale.cli.main import run_cli
from ttscale.config.execution import ExecutionSettings
from ttscale.config.loading import check_config, load_config
from ttscale.errors import SamplerError, UnfinishedRunError
from ttscale.pipeline.progress import Progress
from ttscale.pipeline.ray.cluster import connected
from ttscale.pipeline.run import run, sample_run
from ttscale.store.rounds import read_rounds
from ttscale.store.run import RunStore

pytestmark = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs the ray extra")

LOOPBACK = {"node_ip_address": "127.0.0.1", "include_dashboard": False}
CELL = "none-arithmetic"
ALL = 16 * 64
SLOW = "model.engine_options.seconds_per_request=0.05"


class Notes(Progress):
    """Remembers what is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, text: str) -> None:
        self.told.append(text)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes with room for one engine each, and this process connected to them."""
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # Ray's sockets need a short path
    kept = dict(os.environ)
    os.environ |= {
        "RAY_TMPDIR": folder,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # keeps every address at 127.0.0.1
        "PYTHONPATH": str(SUPPORT),
    }
    from ray._private import ray_constants
    from ray.cluster_utils import Cluster

    ray_constants.ENABLE_RAY_CLUSTER = False  # the same, where Ray was imported before
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, **LOOPBACK})
    nodes.add_node(num_cpus=1, **LOOPBACK)
    # Every run here uses this connection: Ray starts new workers, which import everything anew, for every one.
    with connected(ExecutionSettings(name="ray", address=nodes.address)):
        yield nodes
    nodes.shutdown()
    os.environ.clear()
    os.environ |= kept
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def on_ray(cluster: Any) -> Callable[..., list[str]]:
    def overrides(replicas: int = 2, **more: Any) -> list[str]:
        settings = {
            "name": "ray",
            "address": cluster.address,
            "replicas": replicas,
            "cpus_per_replica": 1,
        } | more
        return [f"execution={settings}"]

    return overrides


def samples(store: RunStore, cell: str = CELL) -> pl.DataFrame:
    return store.samples(cell).sort("problem_id", "sample_index").collect()


def verdicts(store: RunStore, cell: str = CELL) -> pl.DataFrame:
    frames = [
        verdict_set.scan(cell).select("problem_id", "sample_index", "outcome", "score").collect()
        for verdict_set in store.verdict_sets()
    ]
    return pl.concat(frames).sort(pl.all())


def test_samples_and_verdicts_do_not_depend_on_who_made_them(
    scripted_config: Path, tmp_path: Path, on_ray: Callable[..., list[str]]
) -> None:
    """Here, with one replica or two, written by workers or sent to the driver, begun here and finished there."""
    here = run(load_config(scripted_config, out=tmp_path / "here"))
    assert samples(here).height == ALL
    one = run(
        load_config(scripted_config, on_ray(1, shared=False, cpus_per_verifier=1), out=tmp_path / "one")
    )
    two = tmp_path / "two"
    sample_run(load_config(scripted_config, ["sampling.n=20"], out=two))
    extended = run(load_config(scripted_config, on_ray(2, shared=True, cpus_per_verifier=1), out=two))
    for other in (one, extended):
        assert samples(other).equals(samples(here))
        assert verdicts(other).equals(verdicts(here))
        assert not list(other.path.rglob(".tmp-*"))
    replicas = {session.session for session in extended.sessions() if "replica" in session.engine["detail"]}
    assert 1 <= len(replicas) <= 2  # on a busy machine the first may be done before the last has started
    assert sum(session.n_samples for session in extended.sessions()) == ALL


def test_a_strategys_attempts_and_its_journal_do_not_depend_on_who_made_them(
    tmp_path: Path, on_ray: Callable[..., list[str]]
) -> None:
    tree = {
        "model": {"path": "none", "engine": "toy_sampler:ToySampler"},
        "task": {"name": "arithmetic", "problems": 4},
        "sampling": {"n": 40, "max_tokens": 8, "request_size": 5},
        "strategy": {"name": "rsa", "population": 4, "subset": 2, "steps": 3},
    }
    path = tmp_path / "rsa.yaml"
    path.write_text(yaml.safe_dump(tree))

    def drawn(name: str, *overrides: str) -> tuple[pl.DataFrame, pl.DataFrame]:
        store = sample_run(load_config(path, list(overrides), out=tmp_path / name))
        calls = store.calls(CELL).sort("problem_id", "sample_index", "path", "kind").collect()
        return samples(store), calls

    here = drawn("here")
    assert here[1].filter(kind="generate").height == 4 * 40 * 12
    for name, shared in (("written", True), ("sent", False)):
        attempts, calls = drawn(name, *on_ray(2, shared=shared))
        assert attempts.equals(here[0])
        assert calls.equals(here[1])


def test_a_cell_that_fails_keeps_what_it_gave_and_does_not_stop_the_others(
    tmp_path: Path, on_ray: Callable[..., list[str]]
) -> None:
    config = tmp_path / "sweep.yaml"
    config.write_text(
        "model: {path: none, engine: 'scripted:ScriptedSampler'}\n"
        "task: {name: arithmetic, problems: 16}\n"
        "sampling: {n: 64, request_size: 16}\n"
        "verifiers: [exact]\n"
        "sweep: {axes: {temperature: [0.5, 1.0]}, name: 't{temperature}', "
        "overrides: [{where: {temperature: 0.5}, set: {model.engine_options: {fail_after: 5}}}]}\n"
    )
    with pytest.raises(UnfinishedRunError, match="scripted failure") as failure:
        run(load_config(config, on_ray(1), out=tmp_path / "run"))
    assert list(failure.value.failures) == ["t0.5"]
    store = RunStore(tmp_path / "run")
    assert 0 < sum(store.counts("t0.5").values()) < ALL
    assert samples(store, "t1.0").height == ALL == verdicts(store, "t1.0").height


def test_cells_overlap_in_a_workers_engine_and_draw_what_they_draw_here(
    tmp_path: Path, on_ray: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every worker notes what its engine takes, under which cell's length, and gives back."""
    plugins, diaries = tmp_path / "plugins", tmp_path / "diaries"
    plugins.mkdir()
    diaries.mkdir()
    (plugins / "noting.py").write_text(
        "import os\n"
        "from pathlib import Path\n"
        "from toy_sampler import ToySampler\n"
        "class NotingSampler(ToySampler):\n"
        "    def _note(self, *words):\n"
        f"        with Path({str(diaries)!r}, str(os.getpid())).open('a') as diary:\n"
        "            print(*words, sep='\\t', file=diary)\n"
        "    def _noted(self, requests):\n"
        "        for request in requests:\n"
        "            if request is not None:\n"
        "                self._note('took', self._longest, request.problem.problem_id.encode(), request.first_index)\n"
        "            yield request\n"
        "    def sample(self, requests):\n"
        "        for samples in super().sample(self._noted(requests)):\n"
        "            self._note('gave', self._longest, samples[0].problem_id.encode(), samples[0].sample_index)\n"
        "            yield samples\n"
    )
    monkeypatch.syspath_prepend(str(plugins))
    config = tmp_path / "sweep.yaml"
    config.write_text(
        "model: {path: none, engine: 'noting:NotingSampler', engine_options: {seconds_per_call: 0.001}}\n"
        "task: {name: arithmetic, problems: 16}\n"
        "sampling: {n: 64, request_size: 16}\n"
        "sweep: {axes: {max_tokens: [4, 7]}, name: 't{max_tokens}'}\n"
    )
    there = sample_run(load_config(config, on_ray(2), out=tmp_path / "there"))
    written = {path.name: path.read_text().splitlines() for path in diaries.iterdir()}
    here = sample_run(load_config(config, out=tmp_path / "here"))
    for cell in ("t4", "t7"):
        assert samples(there, cell).height == ALL
        assert samples(there, cell).equals(samples(here, cell))
    assert str(os.getpid()) not in written
    assert any({"4", "7"} <= together for lines in written.values() for together in lengths_in_flight(lines))


def lengths_in_flight(diary: list[str]) -> Iterator[set[str]]:
    """Yield the lengths of the cells that have requests in an engine, after every line of its diary."""
    flying: dict[tuple[str, str], str] = {}
    for did, length, *request in (line.split("\t") for line in diary):
        key = (request[0], request[1])
        if did == "took":
            flying[key] = length
        else:
            flying.pop(key)
        yield set(flying.values())


def test_rounds_are_decided_as_they_would_be_here(
    scripted_config: Path, tmp_path: Path, on_ray: Callable[..., list[str]]
) -> None:
    rule = "{quantity: coverage, k: 20, width: 0.1, round_size: 400, growth: 3}"
    rounds = [f"sampling.until={rule}", "sampling.n=300", "verifiers=[exact]"]
    here = sample_run(load_config(scripted_config, rounds, out=tmp_path / "here"))
    there = sample_run(load_config(scripted_config, [*rounds, *on_ray(1)], out=tmp_path / "there"))
    log = read_rounds(here, CELL)
    assert log is not None
    assert len(log.climbs) > 1
    assert read_rounds(there, CELL) == log
    assert samples(there).equals(samples(here))


def test_a_killed_worker_process_is_replaced(
    scripted_config: Path, tmp_path: Path, on_ray: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sampler is a plugin in the user's own folder, and kills its process (SIGKILL) the first time."""
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "mortal.py").write_text(
        "import os, signal\n"
        "from pathlib import Path\n"
        "from scripted import ScriptedSampler\n"
        "class MortalSampler(ScriptedSampler):\n"
        "    def sample(self, requests):\n"
        "        for count, samples in enumerate(super().sample(requests)):\n"
        f"            if count == 3 and not Path({str(tmp_path / 'died')!r}).exists():\n"
        f"                Path({str(tmp_path / 'died')!r}).touch()\n"
        "                os.kill(os.getpid(), signal.SIGKILL)\n"
        "            yield samples\n"
    )
    monkeypatch.syspath_prepend(str(plugins))
    notes = Notes()
    engine = ["model.engine='mortal:MortalSampler'"]
    store = sample_run(load_config(scripted_config, [*on_ray(2), *engine], out=tmp_path / "run"), notes)
    assert (tmp_path / "died").exists()
    assert any("died" in line and "takes its place" in line for line in notes.told)
    assert samples(store).equals(samples(sample_run(load_config(scripted_config, out=tmp_path / "here"))))


def test_an_engine_that_always_dies_ends_the_run_with_its_reason(
    scripted_config: Path, tmp_path: Path, on_ray: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ttscale.pipeline.replicas.places._MOST_DEATHS", 2)
    (tmp_path / "dead.py").write_text(
        "from ttscale.errors import EngineDiedError\n"
        "from scripted import ScriptedSampler\n"
        "class DeadSampler(ScriptedSampler):\n"
        "    def sample(self, requests):\n"
        "        next(iter(requests))\n"
        "        raise EngineDiedError('no pulse')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    config = load_config(
        scripted_config, [*on_ray(1), "model.engine='dead:DeadSampler'"], out=tmp_path / "run"
    )
    with pytest.raises(SamplerError, match="no pulse"):
        sample_run(config)


def test_what_the_cluster_has_no_room_for_is_said(
    scripted_config: Path, tmp_path: Path, on_ray: Callable[..., list[str]]
) -> None:
    config = load_config(scripted_config, on_ray(1, gpus_per_replica=2, wait_s=1), out=tmp_path / "run")
    with pytest.raises(SamplerError, match=r"room for 1 CPUs, 2 GPUs on one node; the cluster has \d nodes"):
        sample_run(config)


def test_a_node_that_is_killed_in_the_middle_costs_nothing_but_time(
    scripted_config: Path,
    tmp_path: Path,
    on_ray: Callable[..., list[str]],
    cluster: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The samplers hold their work until all three run and the node of one of them is gone; that one never goes on."""
    gate, victim = tmp_path / "gate", cluster.add_node(num_cpus=1, **LOOPBACK)
    (tmp_path / "gated.py").write_text(
        "import time\n"
        "from pathlib import Path\n"
        "from scripted import ScriptedSampler\n"
        "class GatedSampler(ScriptedSampler):\n"
        "    def sample(self, requests):\n"
        "        import ray\n"
        "        node = ray.get_runtime_context().get_node_id()\n"
        "        for samples in super().sample(requests):\n"
        f"            while not Path({str(gate)!r}).exists() or node == {victim.node_id!r}:\n"
        "                time.sleep(0.01)\n"
        "            yield samples\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    class Killer(Notes):
        def note(self, text: str) -> None:
            super().note(text)
            if sum("runs as replica" in line for line in self.told) == 3 and not gate.exists():
                cluster.remove_node(victim, allow_graceful=False)
                gate.touch()

    notes = Killer()
    engine = "model.engine='gated:GatedSampler'"
    store = run(load_config(scripted_config, [*on_ray(3), engine], out=tmp_path / "run"), notes)
    assert victim not in cluster.worker_nodes
    assert any("died" in line for line in notes.told), notes.told
    assert samples(store).equals(samples(run(load_config(scripted_config, out=tmp_path / "here"))))


def test_a_driver_may_be_interrupted_and_killed(
    scripted_config: Path, tmp_path: Path, on_ray: Callable[..., list[str]]
) -> None:
    """Ctrl-C stores what is drawn and says how to go on, SIGKILL leaves no replica behind, and then nothing is lost."""
    out = tmp_path / "run"
    store = RunStore(out)
    overrides = [part for override in [*on_ray(2), SLOW] for part in ("--set", override)]
    command = [sys.executable, "-m", "ttscale", "run", str(scripted_config), "--out", str(out), *overrides]

    interrupted = _started(command, lambda: store.exists and store.has_samples(CELL))
    os.killpg(interrupted.pid, signal.SIGINT)  # as a terminal does: to the whole group
    _, stderr = interrupted.communicate(timeout=60)
    assert interrupted.returncode == 130, stderr
    assert "starts its engine" in stderr
    assert "repeat the same command to continue" in stderr
    ours = (CELL, "sample ", "Connecting", "Ray has", "Interrupted")
    assert [line for line in stderr.splitlines() if line and not line.startswith(ours)] == [], (
        stderr
    )  # nothing of Ray's own
    stored = samples(store).height
    assert 0 < stored < ALL

    killed = _started(command, lambda: samples(store).height > stored)
    assert _replicas()
    killed.kill()
    killed.communicate(timeout=60)
    _until(lambda: not _replicas(), "the replicas of a dead driver are gone")

    finished = sample_run(load_config(scripted_config, [*on_ray(1), SLOW], out=out))
    assert samples(finished).equals(samples(sample_run(load_config(scripted_config, out=tmp_path / "here"))))


def test_a_ray_of_its_own_is_closed_to_the_network() -> None:
    """Whoever reaches Ray's ports can run programs."""
    pytest.importorskip("psutil")
    script = (
        "import psutil\n"
        "from ttscale.config.execution import ExecutionSettings\n"
        "from ttscale.pipeline.ray.cluster import connected\n"
        "with connected(ExecutionSettings(name='ray')):\n"
        "    ours = {process.pid for process in psutil.Process().children(recursive=True)}\n"
        "    for connection in psutil.net_connections(kind='inet'):\n"
        "        if connection.pid in ours and connection.status == psutil.CONN_LISTEN:\n"
        "            print(connection.laddr.ip)\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=environment
    )
    assert done.stdout, done.stderr
    assert set(done.stdout.split()) <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def test_the_page_on_ray_does_what_it_says(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its configurations are valid; its commands extend a run on the cluster that RAY_ADDRESS names."""
    import ray

    ray.shutdown()  # the connection that the other tests share
    page = (ROOT / "docs" / "ray.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(yaml|bash)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    for text in [text for language, text in blocks if language == "yaml"]:
        base = {
            "name": "page",
            "out": "run",
            "model": "demo-arithmetic",
            "task": "arithmetic",
            "sampling": {"n": 4},
        }
        assert check_config(base | yaml.safe_load(text)).execution.name == "ray"
    monkeypatch.setattr("ttscale.cli.runs._report", lambda *_, **__: None)  # it has tests of its own
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    quick = ["--set", "model.engine=scripted:ScriptedSampler", "--set", "task.problems=16"]
    lines = [line for _, text in blocks for line in text.splitlines() if line.startswith("ttscale ")]
    assert len(lines) == 2
    for line in lines:
        assert run_cli([*shlex.split(line)[1:], *quick]) == 0
    sessions = RunStore(Path("runs/quickstart")).sessions()
    assert sum(session.n_samples for session in sessions) == 16 * 64
    assert [session for session in sessions if "replica" in session.engine["detail"]]


def _started(command: list[str], ready: Callable[[], bool]) -> subprocess.Popen[str]:
    """Start a driver and return when something is true of its run."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    _until(lambda: ready() or process.poll() is not None, "a driver stores samples")
    assert process.poll() is None, process.communicate()
    return process


def _until(true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, f"not within a minute: {what}"
        time.sleep(0.05)


def _replicas() -> list[int]:
    """Return the processes that Ray named after our actor and that belong to a node of this cluster."""
    return [
        pid
        for pid in (int(path.name) for path in Path("/proc").glob("[0-9]*"))
        if _read(f"/proc/{pid}/cmdline").startswith("ray::Replica")
        and os.environ["RAY_TMPDIR"] in _read(f"/proc/{_parent(pid)}/cmdline")
    ]


def _parent(pid: int) -> str:
    return (_read(f"/proc/{pid}/stat").rpartition(")")[2].split() or ["", "0"])[1]


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:  # gone meanwhile
        return ""
