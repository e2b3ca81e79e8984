"""A run with several engines that is killed leaves none of its processes, no shared memory and no engine's folder."""

import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests_paths import SUPPORT

LIMIT_S = 120
MARK = "TTSCALE_TEST_MARK"
SHARED = Path("/dev/shm")


def eventually(holds: Callable[[], object]) -> bool:
    give_up = time.monotonic() + LIMIT_S
    while not holds() and time.monotonic() < give_up:
        time.sleep(0.02)  # between looks, not for a result
    return bool(holds())


class Family:
    """A run's driver and all that it started, told by a variable of their environments."""

    def __init__(self, config: Path, temporary: Path, *settings: str) -> None:
        self.mark = f"{MARK}={uuid.uuid4().hex}"
        self.out = config.parent / "run"
        self._memory_before = set(SHARED.iterdir())
        name, _, value = self.mark.partition("=")
        words = [word for setting in settings for word in ("--set", setting)]
        self.driver = subprocess.Popen(
            [sys.executable, "-m", "ttscale", "sample", str(config), "--out", str(self.out), *words],
            env=os.environ | {"PYTHONPATH": str(SUPPORT), "TMPDIR": str(temporary), name: value},
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def living(self) -> list[str]:
        """Return the commands of those that live, but for what belongs to Ray."""
        return [command for _, command in self._rows() if "Replica" in command or "ray" not in command]

    def memory(self) -> set[Path]:
        """Return Python's shared memory that was not there before."""
        return {path for path in set(SHARED.iterdir()) - self._memory_before if path.name.startswith("psm_")}

    def end(self) -> None:
        """End whoever a failing test left."""
        for pid, _ in self._rows():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.driver.wait()

    def _rows(self) -> Iterator[tuple[int, str]]:
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if self.mark.encode() in (process / "environ").read_bytes():
                    yield int(process.name), (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()


@pytest.fixture
def temporary() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield Path(folder)  # Ray's sockets need a short path


def engine_folders(temporary: Path) -> list[Path]:
    return list(temporary.glob("ttscale-engine-*"))


RAY = "execution={name: ray, replicas: 2, cpus_per_replica: 0.5}"
needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs the ray extra")


@pytest.mark.parametrize("execution", ["execution.replicas=2", pytest.param(RAY, marks=needs_ray)])
def test_nothing_is_left_of_a_run_whose_driver_is_killed(
    scripted_config: Path, temporary: Path, execution: str
) -> None:
    family = Family(
        scripted_config,
        temporary,
        execution,
        "model.engine=littering:LitteringSampler",
        "model.engine_options.seconds_per_request=0.05",
        "sampling.n=100000",
    )
    try:
        assert eventually(lambda: list(family.out.glob("samples/*/[!.]*.parquet")) or family.driver.poll())
        assert eventually(lambda: len(engine_folders(temporary)) == 2)
        assert eventually(lambda: len(family.memory()) >= 4)
        family.driver.kill()
        family.driver.wait()
        assert eventually(lambda: not family.living()), family.living()
        assert eventually(lambda: not engine_folders(temporary)), engine_folders(temporary)
        # Ray kills whatever a worker of its own started, Python's tracker of shared memory, too: docs/ray.md.
        assert execution == RAY or eventually(lambda: not family.memory()), family.memory()
    finally:
        family.end()
        for path in family.memory():
            path.unlink(missing_ok=True)
