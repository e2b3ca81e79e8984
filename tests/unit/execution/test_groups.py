"""A group's processes are ended, and what they had in shared memory is freed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ttscale.execution.groups import end_group

FAMILY = """
import subprocess, sys, time
from multiprocessing.shared_memory import SharedMemory
memory = SharedMemory(create=True, size=4096)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(memory.name, child.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def family() -> Iterator[tuple[subprocess.Popen[str], Path, int]]:
    """A group's leader, with the shared memory that it made and the process that it started."""
    with subprocess.Popen(
        [sys.executable, "-c", FAMILY], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    ) as leader:  # fmt: skip
        assert leader.stdout is not None
        name, child = leader.stdout.readline().split()
        yield leader, Path("/dev/shm", name), int(child)
        with suppress(ProcessLookupError):
            os.killpg(leader.pid, signal.SIGKILL)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_group_ends_and_frees_its_shared_memory(family: tuple[subprocess.Popen[str], Path, int]) -> None:
    leader, memory, child = family
    assert memory.exists()
    assert is_alive(child)
    end_group(leader.pid)
    assert leader.wait() == -signal.SIGKILL
    assert not is_alive(child)
    give_up = time.monotonic() + 30
    while memory.exists() and time.monotonic() < give_up:
        time.sleep(0.01)  # between looks, not for a result
    assert not memory.exists()


def test_one_may_be_spared(family: tuple[subprocess.Popen[str], Path, int]) -> None:
    leader, memory, child = family
    end_group(leader.pid, spared=leader.pid)
    assert not is_alive(child)
    assert leader.poll() is None
    assert memory.exists()


def test_a_group_that_is_gone_is_no_error() -> None:
    with subprocess.Popen([sys.executable, "-c", ""], start_new_session=True) as leader:
        pass
    end_group(leader.pid)
