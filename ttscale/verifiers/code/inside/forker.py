"""Processes for programs that only compute: forked behind a filter that ends them for anything else.

Namespaces and a filter of its own take longer than most programs run. Here a process is forked off one that is confined already, the
forker, and shares everything with it; what it shares it cannot reach, because the filter (`Filters.computing`) allows no call that
would leave something, or show something of others. A program that makes another call is ended by SIGSYS and run again in namespaces
of its own, so that it is judged as if it had been run there first.

The forker is behind the same filter. It may fork by one call that libraries do not make, and that programs cannot make, either:
they are limited to no more processes. The server is the parent of all that it forks.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import socket
import sys
from typing import Any, NoReturn

from ttscale.execution.inside.confine import FORK_BY_PARENT, drop_privileges, filter_system_calls, own_uid
from ttscale.verifiers.code.inside.becoming import become_program, close_all_but, silence

_CLONE = {"x86_64": 56}.get(platform.machine(), 220)
_FAILED = 71
_libc = ctypes.PyDLL(None)


class Forker:
    """The forker, as the server sees it."""

    def __init__(self, pid: int, sock: socket.socket) -> None:
        self._pid = pid
        self._socket = sock

    def fork(self) -> tuple[int, socket.socket]:
        """Return the process id of a new process that waits for a program, and what leads to it."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            socket.send_fds(self._socket, [b"fork"], [theirs.fileno()])
        told = self._socket.recv(32)
        if not told:
            raise ProcessLookupError("the forker is gone")
        return int(told), ours

    def holds(self) -> bool:
        """Say whether its processes can start none of their own, and nothing ends them before."""
        pid, sock = self.fork()
        with sock:
            sock.send(b"try")
            _, status = os.waitpid(pid, 0)
        return status == 0

    def end(self) -> None:
        """End it."""
        self._socket.close()
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


def start_forker(control: socket.socket, settings: dict[str, Any]) -> Forker | None:
    """Return a forker, or None where its processes would not be confined: where the kernel limits no processes of the user."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        _fork_on_demand(theirs, control, settings)
    theirs.close()
    forker = Forker(pid, ours)
    try:
        if forker.holds():
            return forker
    except OSError:
        pass
    forker.end()
    return None


def _fork_on_demand(server: socket.socket, control: socket.socket, settings: dict[str, Any]) -> NoReturn:
    """Confine this process for good, and fork until the server hangs up."""
    try:
        os.setsid()
        silence()
        close_all_but([server.fileno(), control.fileno()])
        drop_privileges(own_uid() if settings["users"] else None)
        os.chdir(settings["directory"])
        filter_system_calls(settings["filters"]["computing"])
        while True:
            _, fds, _, _ = socket.recv_fds(server, 32, 1)
            if not fds:
                break
            pid = _fork()
            if pid == 0:
                _become_candidate(
                    socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, fds[0]), control, settings
                )
            os.close(fds[0])
            server.send(str(pid).encode())
    finally:
        os._exit(_FAILED)


def _fork() -> int:
    """Fork a sibling. The forker has one thread, so there is nothing that Python would have to put right in the copy."""
    pid: int = _libc.syscall(*map(ctypes.c_long, (_CLONE, FORK_BY_PARENT, 0, 0, 0, 0)))
    if pid == 0 and "random" in sys.modules:
        sys.modules["random"].seed()
    return pid


def _become_candidate(server: socket.socket, control: socket.socket, settings: dict[str, Any]) -> NoReturn:
    code = _FAILED
    try:
        close_all_but([server.fileno(), control.fileno()])
        server.send(b"confined")
        if server.recv(3, socket.MSG_PEEK) == b"try":
            resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
            code = int(_fork() >= 0)
        else:
            code = become_program(server, control, settings, None)
    finally:
        os._exit(code)
