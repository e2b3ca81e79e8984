"""What an engine starts ends with the process that wanted the engine, however that dies, and nothing else does."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ttscale.execution.engine_folder import EngineFolder

DRIVER = """
import multiprocessing, os, subprocess, sys, time
from multiprocessing import resource_tracker
from ttscale.execution.engine_folder import EngineFolder

CHILD = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); time.sleep(600)"

def forked(pipe):
    process = subprocess.Popen([sys.executable, "-c", CHILD])
    if os.fork():
        pipe.send((os.getpid(), process.pid))
    time.sleep(600)

folder = EngineFolder()
with folder.used():
    here, there = multiprocessing.Pipe()
    resource_tracker.ensure_running()
    child = multiprocessing.get_context("fork").Process(target=forked, args=(there,))
    child.start()
print(folder.path, *here.recv(), flush=True)
words = sys.stdin.readline()
if "close" in words:
    folder.close()
    print("closed", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def own_temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="t") as short:
        monkeypatch.setenv("TMPDIR", short)
        monkeypatch.setattr(tempfile, "tempdir", short)
        yield Path(short)


@pytest.fixture
def driver() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        group = process.pid
        yield process
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)  # what a failing test left


def eventually(holds: Callable[[], object]) -> bool:
    """Tell whether something comes to hold within half a minute."""
    give_up = time.monotonic() + 30
    while not holds() and time.monotonic() < give_up:
        time.sleep(0.01)
    return bool(holds())


def members(group: int) -> set[str]:
    """Return the commands of the living processes of a group, but not of its leader."""
    listed = subprocess.run(
        ["ps", "-eo", "pid=,pgid=,stat=,args="], capture_output=True, text=True, check=True
    )
    rows = [line.split(maxsplit=3) for line in listed.stdout.splitlines()]
    return {
        f"{pid} {command}"
        for pid, pgid, state, command in rows
        if pgid == str(group) and pid != pgid and "Z" not in state
    }


def is_bound(pid: str, folder: Path) -> bool:
    """Tell whether a process waits for the end of a folder's maker."""
    try:
        opened = [descriptor.readlink() for descriptor in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:  # it has just ended
        return False
    return folder / "life" in opened


def begun(driver: subprocess.Popen[str]) -> Path:
    """Wait until a driver has started all of its family: a fork, its fork, a fresh process and its own, a tracker."""
    assert driver.stdout is not None
    path = Path(driver.stdout.readline().split()[0])
    assert eventually(lambda: sum(is_bound(row.split()[0], path) for row in members(driver.pid)) == 4)
    assert len(members(driver.pid)) == 5
    return path


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_whatever_kills_the_driver_all_that_an_engine_started_ends_and_takes_its_folder_along(
    driver: subprocess.Popen[str], how: signal.Signals, own_temporary: Path
) -> None:
    folder = begun(driver)
    assert folder.exists()
    driver.send_signal(how)
    driver.wait()
    assert eventually(lambda: not members(driver.pid)), members(driver.pid)
    assert eventually(lambda: not list(own_temporary.iterdir()))


def test_a_folder_that_is_closed_ends_no_process_whose_driver_lives(driver: subprocess.Popen[str]) -> None:
    begun(driver)
    assert driver.stdin is not None and driver.stdout is not None
    driver.stdin.write("close\n")
    driver.stdin.flush()
    assert driver.stdout.readline() == "closed\n"
    time.sleep(0.5)  # long enough for a death: nothing shall happen
    assert len(members(driver.pid)) == 5


def test_a_folder_is_kept_as_long_as_a_process_of_the_engine_lives(driver: subprocess.Popen[str]) -> None:
    """One that is stopped cannot end: its files are still its own."""
    folder = begun(driver)
    stopped = [int(line.split()[0]) for line in members(driver.pid) if "resource_tracker" not in line]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    driver.kill()
    driver.wait()
    EngineFolder().close()
    assert folder.exists()
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    assert eventually(lambda: not folder.exists())
