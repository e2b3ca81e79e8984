"""A kill between two steps of this process: from a chosen one on, nothing that it does reaches the disk."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

STEPS = ("open", "replace", "unlink", "rename", "fsync", "mkdir", "write", "rmdir")


class KilledError(BaseException):
    """The process is dead: whatever it still tries fails with this."""


def disk_is_full() -> OSError:
    """What a step answers on a disk that is full."""
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def killed_after(steps: int, error: Callable[[], BaseException] = KilledError) -> Iterator[list[int]]:
    """Let the code inside live for so many steps; yields a list that is not empty once it was killed.

    Reading is no step: a dead process may look, but not touch.

    Args:
        steps: Those that still succeed.
        error: What each later one ends in; of a full disk the code inside shall make an error of its own.
    """
    left, killed = steps, list[int]()

    def counted(real: Callable[..., Any], *, reads: bool) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            nonlocal left
            if reads and len(given) > 1 and not given[1] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                return real(*given, **named)
            left -= 1
            if left < 0:
                killed.append(steps)
                raise error()
            return real(*given, **named)

        return call

    patches = [
        mock.patch.object(os, name, counted(getattr(os, name), reads=name == "open")) for name in STEPS
    ]
    try:
        for patch in patches:
            patch.start()
        yield killed
    except KilledError:
        pass
    finally:
        for patch in patches:
            patch.stop()
