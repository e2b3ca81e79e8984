"""Files that appear whole or not at all."""

import errno
import glob
import os
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ttscale.errors import StoreError

TEMPORARY_PREFIX = ".tmp-"
_ABANDONED_S = 60.0
"""Without a change: nobody writes there any more."""
_NO_FILE = {errno.ENOENT, errno.ELOOP, errno.ENXIO, errno.ENOTDIR, errno.EISDIR, errno.EIO}


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file so that it is there completely and durably, or not at all.

    Args:
        path: Where the file appears; its folder is made where needed.
        write: Receives the open binary file.

    Raises:
        StoreError: The folder cannot be written or the disk is full; nothing half-written stays behind.
    """
    # Unique among machines that share the folder, too: two of them may have processes of one number.
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(4)}-{path.name}")
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):  # what went wrong first is told
                temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically; see `write_atomically`."""
    write_atomically(path, lambda file: file.write(text.encode()))


def beside(path: Path) -> Path:
    """Return a free temporary name beside a path; what killed writers of it left is deleted first.

    A folder of exports or reports has no lock: what was touched a minute ago may be another's, still being written.
    """
    with suppress(OSError):  # a folder that is not there, or not ours: whoever writes says so
        for left in path.parent.glob(f".{glob.escape(path.name)}.????????.tmp"):
            if time.time() - max(one.lstat().st_mtime for one in (left, *left.rglob("*"))) > _ABANDONED_S:
                shutil.rmtree(left) if left.is_dir() else left.unlink()
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


def remove_leftovers(folder: Path) -> None:
    """Delete temporary files of writers that died. Only the holder of the lock may call it."""
    for leftover in folder.rglob(f"{TEMPORARY_PREFIX}*"):
        if not leftover.is_dir():
            with storage_errors(leftover):
                leftover.unlink(missing_ok=True)


class FlawError(ValueError):
    """A file is not what was written there; the message says why, in a few words."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Tell a file that is damaged from one that cannot be looked at: that is no reason to make it again.

    Raises:
        FlawError: No file stands there, or the disk cannot give it.
        StoreError: Whatever else the operating system says, such as that it may not be read.
    """
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        if error.errno in _NO_FILE:
            raise FlawError(f"it is no file that can be read ({error.strerror})") from error
        raise StoreError(
            f"{path} cannot be read: {error.strerror or error}. It must be one that you may read."
        ) from error


@contextmanager
def open_regular(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading; a pipe that nobody writes to is not waited for. Raises as `reading`."""
    with reading(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb", closefd=True) as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FlawError("it is no regular file")
            yield file


def read_regular(path: Path) -> bytes:
    """Read a file as a whole; raises as `reading`."""
    with open_regular(path) as file:
        return file.read()


def subfolders(folder: Path, depth: int = 1) -> list[Path]:
    """Return the folders so many floors below one, by name; raises as `listed`."""
    found = [path for path in listed(folder, "") if path.is_dir()]
    return found if depth == 1 else [path for each in found for path in subfolders(each, depth - 1)]


def listed(folder: Path, suffix: str) -> list[Path]:
    """Return what a folder holds under names that end so, by name; nothing where there is no folder.

    Raises:
        StoreError: The folder cannot be looked into: what it holds is not known then, which is another thing than nothing.
    """
    try:
        names = sorted(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(
            f"{folder} cannot be read: {error.strerror or error}. It must be a folder that you may read."
        ) from error
    own = (name for name in names if name.endswith(suffix) and not name.startswith(TEMPORARY_PREFIX))
    return [folder / name for name in own]


def move_aside(path: Path, folder: Path, name: str) -> Path:
    """Move whatever stands at a path, a folder too, into a folder under a name that is free there; return its new place."""
    with storage_errors(folder / name):
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / name
        while os.path.lexists(target):
            target = folder / f"{secrets.token_hex(4)}-{name}"
        path.replace(target)
    return target


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's errors into a line with a fix."""
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(f"Cannot write {path}: {_explain(error)}") from error


def _explain(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full. Everything stored so far is intact: free some space and repeat the same command."
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return f"{error.strerror}. A file stands where a folder is needed; choose another folder with --out."
    if error.errno == errno.EISDIR:
        return f"{error.strerror}. A folder stands where a file is needed; move it away."
    return f"{error.strerror or error}. Choose a folder that you may write with --out."


def _sync_folder(folder: Path) -> None:
    """Make a rename durable: the folder's own entry must reach the disk too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
