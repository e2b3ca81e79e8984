"""What a run has written, so that a file that is gone is missed.

``written/*.log`` has a line for every file that stands in the run, added once the file is there, and one for every file that was
deleted on purpose, added before it goes. So a kill between the two steps leaves a file that no line names, never a line without its
file. Every process has a log of its own; the next one that holds the run alone makes one of many. A line carries a checksum
that is of this run alone: damaged lines and those of another run count for nothing. Runs of earlier versions are listed when
they are held the next time.
"""

import os
import secrets
import shutil
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ttscale.store.files import (
    TEMPORARY_PREFIX,
    FlawError,
    listed,
    move_aside,
    read_regular,
    storage_errors,
    subfolders,
    write_atomically,
)
from ttscale.store.manifest import home_of, root_of

FOLDER = "written"
_IS, _GOES, _REPLACES = "+", "-", "="
_ENDS = (".parquet", ".json")
"""Of files; what ends otherwise is a folder."""
_MOST_LOGS = 8
"""That are left as they are."""
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK

_own: tuple[int, str] = (0, "")
"""This process's number and the name of its logs; a forked one takes another."""
_noted: set[tuple[Path, str]] = set()
_read: dict[Path, tuple[tuple[int, int, int], "_Log"]] = {}
"""Logs that this process has read, and what they looked like then."""


@dataclass(slots=True)
class _Log:
    """The lines of a log, names by folder; `damaged` counts those that do not fit their checksums."""

    stand: dict[str, set[str]] = field(default_factory=dict)
    go: set[str] = field(default_factory=set)
    replaces: set[str] = field(default_factory=set)
    damaged: int = 0

    def add(self, sign: str, what: str) -> None:
        if sign == _IS:
            folder, _, name = what.rpartition("/")
            self.stand.setdefault(folder, set()).add(name)
        else:
            (self.go if sign == _GOES else self.replaces).add(what)


def new_log() -> None:
    """Let this process begin a log of its own: what it wrote before, another process may have made part of another one."""
    global _own  # noqa: PLW0603
    _own = os.getpid(), secrets.token_hex(8)
    _noted.clear()


def note(path: Path) -> None:
    """Put a file that stands at its place now on the list. What fails here only leaves it unlisted."""
    root = root_of(path)
    if root is None or path.name.startswith(TEMPORARY_PREFIX):
        return
    log, own = _log_of(root), path.relative_to(root).as_posix()
    if (log, own) in _noted and log.exists():  # a session's record is written again and again
        return
    with suppress(OSError):
        _append(log, _IS, [own])
        _noted.add((log, own))


def forget(root: Path, paths: Iterable[Path]) -> None:
    """Take files, and all below folders, off the list: before they are deleted, or because nobody shall miss them."""
    own = [path.relative_to(root).as_posix() for path in paths]
    below = tuple(f"{name}/" for name in own if not name.endswith(_ENDS))
    own += [name for name in _names(root) if name.startswith(below)] if below else []
    log = _log_of(root)
    _noted.difference_update((log, name) for name in own)
    if own:
        with storage_errors(log):
            _append(log, _GOES, own)


def delete(paths: Sequence[Path]) -> None:
    """Delete files and folders of one run, so that nobody misses them."""
    if paths and (root := root_of(paths[0])) is not None:
        forget(root, paths)
    for path in paths:
        with storage_errors(path):
            try:
                path.unlink(missing_ok=True)
            except (IsADirectoryError, PermissionError):
                shutil.rmtree(path)


def gone(folder: Path) -> list[Path]:
    """Return the files that were written into a folder and are no longer there, by name."""
    root = root_of(folder)
    return [] if root is None else all_gone(root, folder.relative_to(root).as_posix())


def all_gone(root: Path, *folders: str) -> list[Path]:
    """Return every file of a run that was written and is no longer there, by name.

    Args:
        root: The run.
        folders: Looks only for those in these folders, named from the run's own on, each part with wildcards; by default all.
    """
    logs = _logs(root)
    known = sorted({folder for log in logs for folder in log.stand})
    own = [folder for folder in known if not folders or any(map(PurePosixPath(folder).match, folders))]
    missed = [f"{folder}/{name}" for folder in own for name in sorted(_missed(root, folder, logs))]
    still = (
        _names(root) if missed else set()
    )  # a line goes before its file does: one that went meanwhile has none now
    return [root / name for name in missed if name in still and not os.path.lexists(root / name)]


def _missed(root: Path, folder: str, logs: Sequence[_Log]) -> set[str]:
    """Return what logs say of a folder and is not in it."""
    try:
        there = os.listdir(root / folder)  # noqa: PTH208 - names are enough, of tens of thousands
    except OSError:
        there = []
    return set[str]().union(*(log.stand.get(folder, ()) for log in logs)).difference(there)


def flawed_logs(root: Path) -> dict[Path, str]:
    """Return the logs with lines that say nothing: what these named is not missed when it goes."""
    return {
        path: f"{_log(path, home_of(path).run).damaged:,} lines of it do not fit their checksums"
        for path in listed(root / FOLDER, ".log")
        if _log(path, home_of(path).run).damaged
    }


def make_one(root: Path) -> None:
    """Make one log of all, with what stands in the run and nobody listed. For the holder of the lock, alone."""
    logs = [path.name for path in listed(root / FOLDER, ".log")]
    names, standing = _names(root), set(_standing(root))
    if standing <= names and len(logs) <= _MOST_LOGS and not flawed_logs(root):
        return
    run = home_of(root / FOLDER).run
    lines = [_line(run, _REPLACES, name) for name in logs]
    lines += [_line(run, _IS, name) for name in sorted(names | standing)]
    path = root / FOLDER / f"{secrets.token_hex(8)}.log"
    write_atomically(path, lambda file: file.write("".join(lines).encode()))
    for name in logs:
        _drop(root / FOLDER / name, root / "torn")
    new_log()


def _drop(log: Path, torn: Path) -> None:
    """Delete a log that another one replaces, or what else stands there."""
    _read.pop(log, None)
    if log.is_dir():
        move_aside(log, torn, log.name)
    else:
        with storage_errors(log):
            log.unlink(missing_ok=True)


def _standing(root: Path) -> Iterator[str]:
    """Yield the files that are missed when they go: those that nothing else would tell of."""
    plain = [*(root / name for name in ("problems", "sessions", "until", "imports"))]
    deep = [folder for kind in ("samples", "calls", "verdicts") for folder in subfolders(root / kind)]
    sets = subfolders(root / "verdicts", depth=2)
    for folder in [*plain, *deep, *sets]:
        for path in listed(folder, ""):
            if path.name.endswith(_ENDS):
                yield path.relative_to(root).as_posix()


# ---- lines ------------------------------------------------------------------------------------------------------


def _log_of(root: Path) -> Path:
    if _own[0] != os.getpid():  # forked: it must not write into its parent's log
        new_log()
    return root / FOLDER / f"{_own[1]}.log"


def _append(log: Path, sign: str, names: Iterable[str]) -> None:
    """Write lines at once: those of several threads do not mix, and each begins anew after one that was cut short."""
    log.parent.mkdir(exist_ok=True)
    run = home_of(log.parent).run
    descriptor = os.open(log, _FLAGS, 0o666)
    try:
        os.write(descriptor, "".join(_line(run, sign, name) for name in names).encode())
    finally:
        os.close(descriptor)


def _line(run: str | None, sign: str, name: str) -> str:
    return f"\n{sign}{name} {_checksum(run, sign, name)}\n"


def _checksum(run: str | None, sign: str, name: str) -> str:
    return f"{zlib.crc32(f'{run} {sign}{name}'.encode(errors='surrogatepass')):08x}"


def _names(root: Path) -> set[str]:
    """Return what is on the list, gone or not."""
    logs = _logs(root)
    stand = {f"{folder}/{name}" for log in logs for folder, names in log.stand.items() for name in names}
    return stand.difference(*(log.go for log in logs))


def _logs(root: Path) -> list[_Log]:
    """Return the logs that count."""
    run = home_of(root / FOLDER).run
    logs = {path.name: _log(path, run) for path in listed(root / FOLDER, ".log")}
    replaced = set[str]().union(*(log.replaces for log in logs.values()))
    return [log for name, log in logs.items() if name not in replaced]


def _log(path: Path, run: str | None) -> _Log:
    try:
        status = path.stat()
        looks = (status.st_ino, status.st_size, status.st_mtime_ns)
        if path not in _read or _read[path][0] != looks:
            _read[path] = looks, _parsed(read_regular(path), run)
        return _read[path][1]
    except (FlawError, OSError):
        return _Log(damaged=int(os.path.lexists(path)))


def _parsed(text: bytes, run: str | None) -> _Log:
    log = _Log()
    for line in filter(None, text.decode(errors="replace").split("\n")):
        what, _, checksum = line.rpartition(" ")
        if what[1:] and what[0] in (_IS, _GOES, _REPLACES) and checksum == _checksum(run, what[0], what[1:]):
            log.add(what[0], what[1:])
        else:
            log.damaged += 1
    return log
