"""The end of a process group in which Python's tracker of shared memory may live."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_TRACKER = b"multiprocessing.resource_tracker"
_LONGEST_S = 5.0
"""Of waiting for processes to be gone that were killed: one that hangs in the kernel is not waited for."""


def end_group(leader: int, *, spared: int | None = None) -> None:
    """Kill the processes of a group, all but trackers: those free the shared memory of the dead, and end by themselves.

    Args:
        leader: The group's number.
        spared: A process that lives on.
    """
    give_up = time.monotonic() + _LONGEST_S
    while others := [
        pid for pid in _mortals(leader) if pid != spared
    ]:  # again: one may just have started another
        for pid in others:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > give_up:
            return
        time.sleep(0.001)


def _mortals(leader: int) -> Iterator[int]:
    """Yield the living processes of a group that are no trackers."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            state, _, group = (process / "stat").read_bytes().rpartition(b")")[2].split()[:3]
            if (
                int(group) == leader
                and state not in b"ZX"
                and _TRACKER not in (process / "cmdline").read_bytes()
            ):
                yield int(process.name)
