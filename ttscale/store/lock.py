"""One writer at a time: an advisory lock that the kernel releases when its holder dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ttscale.errors import RunLockedError
from ttscale.store.files import storage_errors


@contextmanager
def writer_lock(path: Path) -> Iterator[None]:
    """Hold the run directory for writing.

    Raises:
        RunLockedError: Another live process holds it.
        StoreError: The directory cannot be written.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise RunLockedError(
                f"Another process (pid {holder}) is writing {path.parent}. Wait for it, stop it, or give "
                "this run its own directory with --out."
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield  # closing the file releases the lock
