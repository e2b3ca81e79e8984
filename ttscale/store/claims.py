"""Which of several processes does which block of work, without anybody in charge.

One small file has a field of a few bytes for every block. Who does a block holds a byte-range lock on its field,
which the kernel releases when the holder dies, on this machine or (through NFS) on another; no clock is involved.
What the field holds is how many samples of the block are known to be stored: read and written under the lock, it is
right even where another machine's view of the folder lags behind.
"""

import fcntl
import os
from pathlib import Path
from types import TracebackType

from ttscale.store.files import storage_errors

_FIELD = 4
"""Bytes of a field: samples stored, little-endian."""


class Claims:
    """One process's claims on a cell's blocks; a context manager that lets go of them.

    Args:
        path: The claims file, the same for all processes. It is made where needed.
    """

    def __init__(self, path: Path) -> None:
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        self._held: set[int] = set()

    def __enter__(self) -> "Claims":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)  # releases every lock
        self._held.clear()

    def claim(self, block: int) -> bool:
        """Take a block; False where another process has it."""
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, _FIELD, block * _FIELD)
        except (BlockingIOError, PermissionError):  # POSIX allows either for a lock that is held
            return False
        self._held.add(block)
        return True

    def stored(self, block: int) -> int:
        """Return how many samples of a block that is held here are known to be stored."""
        return int.from_bytes(os.pread(self._descriptor, _FIELD, block * _FIELD), "little")

    def release(self, block: int, stored: int | None = None) -> None:
        """Let go of a block, and say how many of its samples are stored now."""
        if stored is not None:
            os.pwrite(self._descriptor, stored.to_bytes(_FIELD, "little"), block * _FIELD)
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN, _FIELD, block * _FIELD)
        self._held.discard(block)
