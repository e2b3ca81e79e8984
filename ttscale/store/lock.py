"""Who may write: advisory locks that the kernel releases when their holder dies.

A run directory has one writer, or several that share it: the first kind holds `run.lock` exclusively, the others
share it and divide the work by `Claims`.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ttscale.errors import RunLockedError
from ttscale.store.files import storage_errors

_CLEANING_S = 5.0
"""The longest that cleaning up is waited for."""


@contextmanager
def writer_lock(path: Path, *, share: bool = False) -> Iterator[tuple[bool, Callable[[], None]]]:
    """Hold the run directory for writing.

    Args:
        path: The lock file.
        share: Beside others that share it, too.

    Yields:
        Whether nobody else holds it: the time to clean up; and what to call when that is done, so that those who
        share it can come in.

    Raises:
        RunLockedError: Another live process holds it, and not to share it.
        StoreError: The directory cannot be written.
    """
    with _opened(path) as file:
        alone = _try_lock(file, fcntl.LOCK_EX)
        if not alone and not (share and _shared_soon(file)):
            raise RunLockedError(_refusal(path, file))
        if alone:
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
        yield alone, lambda: fcntl.flock(file, fcntl.LOCK_SH) if share else None
        # closing the file releases the lock


@contextmanager
def waiting_lock(path: Path) -> Iterator[None]:
    """Hold a lock that others let go of by and by; waits for them."""
    with _opened(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _opened(path: Path) -> IO[str]:
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a+")


def _try_lock(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _shared_soon(file: IO[str]) -> bool:
    """Share the lock; whoever is cleaning up before sharing it lets others in within seconds."""
    give_up = time.monotonic() + _CLEANING_S
    while not _try_lock(file, fcntl.LOCK_SH):
        if time.monotonic() > give_up:
            return False
        time.sleep(0.1)
    return True


def _refusal(path: Path, file: IO[str]) -> str:
    file.seek(0)
    holder = file.read().strip() or "unknown"
    return (
        f"Another process (pid {holder}) is writing {path.parent}. Wait for it, stop it, give this run its own "
        "directory with --out, or let several processes work on one run: start each of them with --share."
    )
