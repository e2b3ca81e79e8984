"""A temporary folder for what an engine leaves lying about: sockets, rendezvous files, what its processes say.

vLLM puts a socket for each channel and a file for each engine into the temporary folder and forgets them there. In a folder of
its own all that goes with the engine. When the process that wanted the engine dies, the engine's own processes end (see `binding`), and
a small process, which waits for nothing else, deletes the folder. Where that was killed as well, the next engine's start does.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from getpass import getuser
from pathlib import Path

from ttscale.execution.child_site.binding import FOLDER_VARIABLE, LIFE, LOCK
from ttscale.execution.children import children_told
from ttscale.execution.environment import environment

_PREFIX = "ttscale-engine-"
_LONGEST = 60
"""Characters of a folder for sockets: their own names have 37, and the kernel takes 107 in all."""
_FORGOTTEN_S = 3600.0
"""Age of a folder without a lock that belongs to nobody: making one takes a moment."""
_UNDERTAKER = """
import fcntl, os, shutil, sys
folder, lock = sys.argv[1:]
held = os.open(lock, os.O_RDWR)
if os.fork() == 0:  # whoever ends the children of a process ends no grandchild
    fcntl.flock(held, fcntl.LOCK_EX)
    shutil.rmtree(folder, ignore_errors=True)
os._exit(0)
"""
"""Deletes a folder when nobody holds it any more."""


class EngineFolder:
    """A folder that lives as long as this process, or as what it forked or the engine started, at most.

    Attributes:
        path: Where it is.
    """

    def __init__(self) -> None:
        _sweep(Path(tempfile.gettempdir()))
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_SH)
        # Left open on purpose, also by `close`: it says that this process lives, not that it needs the engine.
        life = os.open(self.path / LIFE, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.lockf(life, fcntl.LOCK_EX)
        subprocess.run(
            [sys.executable, "-I", "-S", "-c", _UNDERTAKER, str(self.path), str(self.path / LOCK)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            cwd="/", start_new_session=True, check=False,
        )  # fmt: skip

    @contextmanager
    def used(self) -> Iterator[None]:
        """Let an engine that is started inside the block, here or in processes of its own, put its temporary files there."""
        own, usual = str(self.path), tempfile.gettempdir()
        sockets = {"VLLM_RPC_BASE_PATH": own} if len(own) <= _LONGEST else {}
        kept = {
            "TORCHINDUCTOR_CACHE_DIR": f"{usual}/torchinductor_{getuser()}"
        }  # outlives engines on purpose
        try:
            with environment(sockets | kept, {"TMPDIR": own}), children_told({FOLDER_VARIABLE: own}):
                tempfile.tempdir = own
                yield
        finally:
            tempfile.tempdir = usual

    def close(self) -> None:
        """Delete it with all that is in it; safe to call twice."""
        if self._lock >= 0:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._lock)
            self._lock = -1


def _sweep(parent: Path) -> None:
    """Delete the folders of processes that are gone."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # another user's, or gone meanwhile
            if not _is_held(folder):
                shutil.rmtree(folder)


def _is_held(folder: Path) -> bool:
    try:
        lock = os.open(folder / LOCK, os.O_RDWR)
    except FileNotFoundError:
        return time.time() - folder.stat().st_mtime < _FORGOTTEN_S
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
