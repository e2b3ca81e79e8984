"""A program as a script of its own: what Python gives a script that it starts, and what it does when the script ends."""

from __future__ import annotations

import atexit
import builtins
import errno
import gc
import io
import linecache
import os
import re
import resource
import site
import socket
import sys
import threading
import types
from contextlib import suppress
from typing import Any

_STANDARD_INPUT = ("/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")
_NAME = "candidate.py"


def remember_source(source: str, *, leaves_file: bool = False) -> str:
    """Give a program its arguments, `exit` and `quit`, and a name for its file that `inspect` knows, perhaps the file, too; return the name."""
    path = f"{os.getcwd()}/{_NAME}"  # noqa: PTH109 - pathlib would make every process larger
    linecache.cache[path] = (len(source), None, source.splitlines(keepends=True), path)
    sys.argv[:] = [path]
    site.setquit()
    _name_an_interpreter_that_runs_here()
    _show_the_limit_as_memory()
    if leaves_file:
        with suppress(OSError), open(path, "w", encoding="utf-8", errors="surrogatepass") as file:  # noqa: PTH123 - as above
            file.write(source)
    return path


def _show_the_limit_as_memory() -> None:
    """Let the machine's memory be what a program may use: the kernel is not asked, whose answer tells of other programs."""
    plain = os.sysconf
    memory = {os.sysconf_names[name] for name in ("SC_PHYS_PAGES", "SC_AVPHYS_PAGES")}

    def sysconf(name: Any) -> int:
        if os.sysconf_names.get(name, name) in memory:
            return resource.getrlimit(resource.RLIMIT_AS)[0] // plain("SC_PAGE_SIZE")
        return plain(name)

    os.sysconf = sysconf


def send_without_descriptors() -> None:
    """Where the kernel lets no program send descriptors, let the calls of that name send what else they can, and `multiprocessing` know it."""
    socket.socket.sendmsg = _send_joined  # type: ignore[method-assign, assignment]
    if hasattr(socket, "SCM_RIGHTS"):
        del socket.SCM_RIGHTS


def _send_joined(
    self: socket.socket, buffers: Any, ancdata: Any = (), flags: int = 0, address: Any = None
) -> int:
    if list(ancdata):
        raise PermissionError(errno.EPERM, "no descriptors can be sent from here")
    data = b"".join(buffers)
    return self.send(data, flags) if address is None else self.sendto(data, flags, address)


def _name_an_interpreter_that_runs_here() -> None:
    """Where a virtual environment lies in a folder closed to the user in here, the interpreter that it was made of serves."""
    if not os.access(sys.executable, os.X_OK):
        sys.executable = getattr(sys, "_base_executable", sys.executable)


def run_as_script(source: str, *, leaves_file: bool) -> int:
    """Run a program on the descriptors 0, 1 and 2, with its source in a file or not; return its exit code."""
    for name, descriptor, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        stream = open(descriptor, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - lives as long as the process
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    _open_standard_input_by_name()
    path = remember_source(source, leaves_file=leaves_file)
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as above
    code = _ended_by(lambda: _run_main(source, path))
    waited = _ended_by(threading._shutdown)  # type: ignore[attr-defined]  # as the interpreter does: threads are joined
    _ended_by(atexit._run_exitfuncs)
    if _AT_THE_END.search(source):
        sys.modules["__main__"] = sys
        gc.collect()
    flushed = 0 if sys.stdout is None or sys.stdout.closed else _ended_by(sys.stdout.flush)
    return (code or waited or flushed) & 0xFF


_AT_THE_END = re.compile(r"\b(?:__del__|yield|finalize|__exit__)\b")
"""What a program may hold that does something when the interpreter lets go of it."""


def _run_main(source: str, path: str) -> None:
    module = types.ModuleType("__main__")
    module.__file__ = path
    sys.modules["__main__"] = module
    exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)


def _ended_by(run: Any) -> int:
    """Return the exit code that running something ends a script with."""
    try:
        run()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        return 1
    return 0


def _open_standard_input_by_name() -> None:
    """Let ``open("/dev/stdin")`` work where there is no /proc, which that name leads through."""
    plain = builtins.open

    def open_(file: Any, *args: Any, **kwargs: Any) -> Any:
        name = os.fspath(file) if isinstance(file, os.PathLike) else file
        return plain(os.dup(0) if name in _STANDARD_INPUT else file, *args, **kwargs)

    builtins.open = io.open = open_
