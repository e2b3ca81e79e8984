"""Hurt a run in every way at hand, at random moments; then show that nothing was lost, doubled or changed.

    python benchmarks/chaos.py configs/quickstart.yaml --faults 20 --set sampling.n=64
    python benchmarks/chaos.py configs/quickstart.yaml --faults 100 --scripted

Faults: the driver killed (SIGKILL) or asked to stop (SIGTERM); one of three processes that share the run killed; the
engine's own process killed; a stored segment cut short; the disk full (a small tmpfs, so only for root); the clock set
days forward or back while the run goes on (where libfaketime is installed). After some faults the run is finished and
compared with an undisturbed one, verdicts included; then the next run begins. What this machine cannot do is left out
and said.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from faults import Report, command_line, run_command  # beside this file
from kill_loop import finish, rows

FAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
TMPFS_MB = 256
FAULTS_PER_RUN = 8


@dataclass(slots=True)
class ChaosReport(Report):
    """Also says what this machine cannot do.

    Attributes:
        left_out: Kind -> why.
    """

    left_out: dict[str, str] = field(default_factory=dict)


class Chaos:
    """Injects faults into one configuration's runs.

    Args:
        command: The run, without its ``--out``.
        folder: Empty; holds the runs.
        own_process: Whether the engine has a process that can be killed.
        seed: Of kinds and moments.
    """

    def __init__(self, command: list[str], folder: Path, *, own_process: bool, seed: int) -> None:
        self.command = command
        self.folder = folder
        self.rng = random.Random(seed)
        self.report = ChaosReport()
        self.kinds: dict[str, Callable[[Path], bool]] = {
            "driver killed": self.kill_driver,
            "driver asked to stop": self.stop_driver,
            "sharing process killed": self.kill_sharer,
            "segment cut short": self.cut_segment,
        }
        if own_process:
            self.kinds["engine process killed"] = self.kill_engine
        else:
            self.report.left_out["engine process killed"] = "the engine has no process of its own"
        if os.path.ismount(folder):
            self.kinds["disk full"] = self.fill_disk
        else:
            self.report.left_out["disk full"] = "mounting a small file system takes root"
        if FAKETIME is not None:
            self.kinds["clock set"] = self.set_clock
        else:
            self.report.left_out["clock set"] = "libfaketime is not installed"

    def run(self, n_faults: int) -> ChaosReport:
        """Inject faults, finish and compare, until there were enough."""
        began = time.monotonic()
        undisturbed = self.folder / "undisturbed"
        finish([*self.command, "--out", str(undisturbed)])
        self.whole_s = time.monotonic() - began
        expected = rows(undisturbed)
        self.report.samples = expected.height
        while self.report.n_faults < n_faults:
            run = self.folder / "disturbed"
            for _ in range(FAULTS_PER_RUN):
                kind = self.rng.choice(list(self.kinds))
                if self.kinds[kind](run):
                    self.report.count(kind)
            finish([*self.command, "--out", str(run)])
            self.report.compare(expected, run, time.monotonic() - began)
            shutil.rmtree(run)
        return self.report

    # ---- faults: each returns whether it hit a run that was going on -----------------------------

    def kill_driver(self, run: Path) -> bool:
        return self._signalled(run, signal.SIGKILL)

    def stop_driver(self, run: Path) -> bool:
        return self._signalled(run, signal.SIGTERM)

    def kill_sharer(self, run: Path) -> bool:
        with ExitStack() as stack:
            sharers = [stack.enter_context(self._started(run, "--share")) for _ in range(3)]
            self._wait(sharers[0])
            hit = self._signal(self.rng.choice(sharers), signal.SIGKILL)
            self._wait(sharers[0])
        return hit

    def kill_engine(self, run: Path) -> bool:
        with self._started(run) as driver:
            self._wait(driver)
            engine = next((pid for pid in children(driver.pid) if "VLLM" in name_of(pid)), None)
            if engine is None:
                return False
            os.kill(engine, signal.SIGKILL)
            driver.wait()  # it starts another engine and goes on to the end
        return True

    def cut_segment(self, run: Path) -> bool:
        segments = [*run.glob("samples/*/*.parquet"), *run.glob("verdicts/*/*/*.parquet")]
        if not segments:
            return False
        victim = self.rng.choice(segments)
        os.truncate(victim, self.rng.randrange(victim.stat().st_size))
        return True

    def fill_disk(self, run: Path) -> bool:
        filler = self.folder / "filler"
        try:
            with self._started(run) as driver:
                self._wait(driver)
                size = shutil.disk_usage(self.folder).free
                subprocess.run(["fallocate", "-l", str(size), filler], check=False, capture_output=True)
                return driver.wait() != 0
        finally:
            filler.unlink(missing_ok=True)

    def set_clock(self, run: Path) -> bool:
        clock = self.folder / "clock"
        clock.write_text("+0")
        environment = {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(clock),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # setting a machine's clock does not touch it either
        }
        with self._started(run, environment=environment) as driver:
            for _ in range(3):
                self._wait(driver, 0.2)
                clock.write_text(f"{self.rng.choice('+-')}{self.rng.randrange(1, 30)}d")
            return self._signal(driver, signal.SIGKILL)

    # ---- processes -------------------------------------------------------------------------------

    def _signalled(self, run: Path, number: signal.Signals) -> bool:
        with self._started(run) as driver:
            self._wait(driver)
            hit = self._signal(driver, number)
            if hit:
                driver.wait()
        return hit

    @contextmanager
    def _started(
        self, run: Path, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Start the run in a process group of its own; whatever is left of it is killed at the end."""
        process = subprocess.Popen(
            [*self.command, "--out", str(run), *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ | dict(environment or {}),
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _wait(self, process: subprocess.Popen[bytes], share: float = 1.0) -> None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(self.rng.uniform(0.05, 1.0) * self.whole_s * share)

    def _signal(self, process: subprocess.Popen[bytes], number: signal.Signals) -> bool:
        if process.poll() is not None:
            return False
        process.send_signal(number)
        return True


def children(pid: int) -> list[int]:
    """Return the process ids of a process' children."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def name_of(pid: int) -> str:
    """Return a process' name, empty for one that is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except OSError:
        return ""


@contextmanager
def small_disk() -> Iterator[Path]:
    """Yield an empty folder: a small file system of its own where that can be had."""
    folder = Path(tempfile.mkdtemp(prefix="ttscale-chaos-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_MB}m", "tmpfs", folder], check=False, capture_output=True
    )
    try:
        yield folder
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", folder], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    options = command_line(__doc__).parse_args()
    apart = ("model.engine_options={own_process: true}",)
    command = run_command(options, scripted_s=0.004, with_engine=apart)
    with small_disk() as folder:
        chaos = Chaos(command, folder, own_process=not options.scripted, seed=options.seed)
        report = chaos.run(options.faults)
    report.close()


if __name__ == "__main__":
    main()
