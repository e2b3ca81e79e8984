"""Hurt a run on a Ray cluster at random moments; then show that nothing was lost, doubled or changed.

    python benchmarks/ray_chaos.py configs/quickstart.yaml --faults 100 --scripted
    python benchmarks/ray_chaos.py configs/quickstart.yaml --faults 4 --nodes 2 --set sampling.n=64

The cluster has several nodes, each of them processes of this machine with room for one engine. Faults: a node killed
(a new one joins), a replica's process killed (SIGKILL), the driver killed or asked to stop (SIGTERM). Every run that
was finished is compared with an undisturbed one without Ray, verdicts included; then the next run begins.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # all at 127.0.0.1
sys.path.insert(0, str(Path(__file__).parent))

from faults import Report, command_line, run_command  # beside this file
from kill_loop import finish, rows

LOOPBACK = {"node_ip_address": "127.0.0.1", "include_dashboard": False}
FAULTS_PER_RUN = 10


@dataclass(slots=True)
class RayReport(Report):
    """Also counts drivers.

    Attributes:
        drivers: Processes that it took.
    """

    drivers: int = 0


class RayChaos:
    """Injects faults into one configuration's runs on a cluster.

    Args:
        command: The run, without its ``--out``, as it runs here.
        cluster: Of `ray.cluster_utils`.
        folder: Empty; holds the runs.
        nodes: How many nodes with an engine each.
        seed: Of kinds and moments.
    """

    def __init__(self, command: list[str], cluster: Any, folder: Path, *, nodes: int, seed: int) -> None:
        self.command = command
        settings = {"name": "ray", "address": cluster.address, "replicas": nodes, "cpus_per_replica": 1}
        self.on_ray = [*command, "--set", f"execution={settings}"]
        self.cluster = cluster
        self.folder = folder
        self.rng = random.Random(seed)
        self.report = RayReport()
        self.kinds = (self.kill_node, self.kill_replica, self.kill_driver, self.stop_driver)
        for _ in range(nodes):
            cluster.add_node(num_cpus=1, **LOOPBACK)

    def run(self, n_faults: int) -> RayReport:
        """Inject faults, finish and compare, until there were enough."""
        began = time.monotonic()
        finish([*self.command, "--out", str(self.folder / "undisturbed")])
        expected = rows(self.folder / "undisturbed")
        self.report.samples = expected.height
        while self.report.n_faults < n_faults or not self.report.runs:
            run = self.folder / "disturbed"
            self.disturb(run, min(FAULTS_PER_RUN, n_faults - self.report.n_faults))
            self.report.compare(expected, run, time.monotonic() - began)
            shutil.rmtree(run)
        return self.report

    def disturb(self, run: Path, n_faults: int) -> None:
        """Finish a run in spite of so many faults, or of as many as come before its end."""
        driver = self.started(run)
        for _ in range(n_faults):
            self.wait_for_a_segment(run, driver)
            if driver.poll() is not None:
                break
            kind = self.rng.choice(self.kinds)
            if kind(driver):
                self.report.count(kind.__name__.replace("_", " "))
            if driver.poll() is not None and driver.returncode != 0:
                driver = self.started(run)
        _, stderr = driver.communicate()
        if driver.returncode:
            raise RuntimeError(f"A driver ended with {driver.returncode}:\n{stderr}")

    def started(self, run: Path) -> subprocess.Popen[str]:
        self.report.drivers += 1
        return subprocess.Popen(
            [*self.on_ray, "--out", str(run)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )

    def wait_for_a_segment(self, run: Path, driver: subprocess.Popen[str]) -> None:
        """Wait until something new is stored, and then for a moment more."""
        before = len(list(run.glob("samples/*/*.parquet")))
        while driver.poll() is None and len(list(run.glob("samples/*/*.parquet"))) == before:
            time.sleep(0.02)
        time.sleep(self.rng.uniform(0.0, 0.5))

    # ---- faults: each returns whether it hit something --------------------------------------------

    def kill_node(self, driver: subprocess.Popen[str]) -> bool:
        node = self.rng.choice(sorted(self.cluster.worker_nodes, key=lambda node: node.unique_id))
        self.cluster.remove_node(node, allow_graceful=False)
        self.cluster.add_node(num_cpus=1, **LOOPBACK)
        return True

    def kill_replica(self, driver: subprocess.Popen[str]) -> bool:
        replicas = [pid for pid in processes() if self._is_replica(pid)]
        if replicas:
            os.kill(self.rng.choice(replicas), signal.SIGKILL)
        return bool(replicas)

    def kill_driver(self, driver: subprocess.Popen[str]) -> bool:
        return self._signalled(driver, signal.SIGKILL)

    def stop_driver(self, driver: subprocess.Popen[str]) -> bool:
        return self._signalled(driver, signal.SIGTERM)

    def _is_replica(self, pid: int) -> bool:
        """Tell whether a process is a replica of this cluster: Ray names it, and its node knows the folder."""
        return command_of(pid).startswith("ray::Replica") and str(self.folder) in command_of(parent_of(pid))

    def _signalled(self, driver: subprocess.Popen[str], number: signal.Signals) -> bool:
        driver.send_signal(number)
        driver.communicate()
        return driver.returncode != 0


def processes() -> list[int]:
    """Return every process id."""
    return sorted(int(path.name) for path in Path("/proc").glob("[0-9]*"))


def parent_of(pid: int) -> int:
    """Return the process id of a process' parent, 0 for one that is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def command_of(pid: int) -> str:
    """Return a process' command line, empty for one that is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return ""


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--nodes", type=int, default=3)
    options = parser.parse_args()
    command = run_command(options, scripted_s=0.03)
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # Ray's sockets need a short path
    os.environ["RAY_TMPDIR"] = str(folder)

    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **LOOPBACK})
    try:
        chaos = RayChaos(command, cluster, folder, nodes=options.nodes, seed=options.seed)
        report = chaos.run(options.faults)
    finally:
        cluster.shutdown()
        shutil.rmtree(folder, ignore_errors=True)
    report.close()


if __name__ == "__main__":
    main()
