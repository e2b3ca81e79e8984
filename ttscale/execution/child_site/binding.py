"""Let a child process of an engine end with the process that wanted the engine, and keep the engine's folder until then.

That process holds a lock until it dies, of whatever. A lock of the kind that is not inherited tells the two apart even where
one was forked from the other, needs no descriptor in any child, and no process number that may have come to be another's.
"""

import os
import sys

FOLDER_VARIABLE = "TTSCALE_ENGINE_FOLDER"
"""The engine's folder."""
LOCK = "lock"
"""Held together (`flock`) by all that use the folder: it may be deleted when nobody does."""
LIFE = "life"
"""Held alone (`lockf`) by the process that wanted the engine, as long as it lives."""


def bind() -> None:
    """Hold the folder, and end when the process that made it is gone."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder is None or _is_tracker():
        return
    import fcntl
    import threading

    try:
        lock = os.open(os.path.join(folder, LOCK), os.O_RDWR)  # noqa: PTH118  # imports nothing heavy
        fcntl.flock(lock, fcntl.LOCK_SH)
        life = os.open(os.path.join(folder, LIFE), os.O_RDWR)  # noqa: PTH118
    except FileNotFoundError:
        os._exit(1)  # the engine was closed, or is dead, before this was there
    threading.Thread(target=_end_with, args=(life,), name="ttscale-binding", daemon=True).start()


def _is_tracker() -> bool:
    """Tell whether this is the process of `multiprocessing` that deletes the shared memory of the dead: it ends by itself."""
    return any("multiprocessing.resource_tracker" in word for word in sys.orig_argv)


def _end_with(life: int) -> None:
    import fcntl

    fcntl.lockf(life, fcntl.LOCK_SH)
    os._exit(1)
