"""The candidate's side: one interpreter, started once, forks a confined process for every program, one ahead.

The server is trusted and never runs foreign code itself. Each program gets its own process table, its own
empty ``/tmp``, its own System V IPC, no capabilities, and limits; it is the first process of its table, so
killing it kills whatever it left behind, however it forked away. The server tells the tester how the program
ended.

Most programs only compute. For them there is a quicker way (`forker`), with no namespaces of their own and a filter that lets them do
nothing else. In the forked process, a script runs, or `answering` answers calls (`becoming`).
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any, NoReturn

from ttscale.execution.inside.confine import (
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    drop_privileges,
    filter_system_calls,
    forbid_capabilities,
    make_devices_read_only,
    mount_private_tmp,
    own_uid,
    raise_loopback,
    set_namespaces,
    share_tmp_as_shm,
    unshare,
)
from ttscale.verifiers.code.inside.becoming import become_program, close_all_but, silence
from ttscale.verifiers.code.inside.candidates import KINDS
from ttscale.verifiers.code.inside.forker import start_forker
from ttscale.verifiers.code.inside.wire import MAX_CONTROL, allow_long_integers

_PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>
_PYTHON_BELOW_TMP = sorted(path for path in {sys.prefix, sys.base_prefix} if path.startswith("/tmp/"))
"""Where an environment below /tmp has its packages: programs import on, after /tmp became their own."""
_UNCONFINED, _CONFINED = 70, 71
"""Exit codes of a process that failed, before and after it was confined."""
_OTHERS = 2 * len(KINDS) + 2
"""Processes of this sandbox beside a program's: servers, spares, the forker and bwrap; where all are one user, the kernel counts them."""


def main() -> None:
    """Serve programs until the tester hangs up. argv: settings as JSON, and one control socket for each of `KINDS`."""
    settings = json.loads(sys.argv[1])
    for name in settings["preload"]:
        with suppress(ImportError):
            importlib.import_module(name)
    allow_long_integers()
    _adopt_orphans()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (most, most)
    )  # the user's descriptors in flight count against it
    if settings["namespaces"]:
        unshare(CLONE_NEWNS)
        make_devices_read_only()
        forbid_capabilities()
    gc.collect()
    gc.freeze()  # a collection in a forked process would copy every page it visits
    controls = {
        kind: socket.socket(fileno=int(number)) for kind, number in zip(KINDS, sys.argv[2:], strict=True)
    }
    for kind in KINDS[1:]:
        if os.fork() == 0:
            _adopt_orphans()
            _serve_kind(kind, controls, settings)
            os._exit(0)
    _serve_kind(KINDS[0], controls, settings)


def _serve_kind(kind: str, controls: Mapping[str, socket.socket], settings: dict[str, Any]) -> None:
    """Serve programs of one kind: the filter of one would be the others', too."""
    for other in set(KINDS) - {kind}:
        controls[other].close()
    if kind == "computing" and settings["filters"]["computing"]:
        forker = start_forker(controls[kind], settings)
        if forker is not None:
            _serve(controls[kind], lambda: Spare(*forker.fork()))
            return
    filter_system_calls(settings["filters"]["online" if kind == "online" else "offline"])
    _serve(controls[kind], lambda: confined_spare(controls[kind], settings, network=kind == "online"))


def _serve(control: socket.socket, make_spare: Callable[[], Spare]) -> None:
    """Run programs until the tester hangs up."""
    spare = make_spare()
    spare.await_confined()
    control.send(b"ready")
    while True:
        if not control.recv(1, socket.MSG_PEEK):
            return
        spare.become()
        running, spare = spare, make_spare()  # made ready while the program runs
        _run_one(running, control)
        _, status = os.waitpid(running.pid, 0)
        spare.await_confined()
        control.send(json.dumps({"cleared": status}).encode())  # the next program's time begins after this


def _adopt_orphans() -> None:
    """Become the parent of processes whose parent ends."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "subreaper")


def _run_one(running: Spare, control: socket.socket) -> None:
    """Wait for a program's end, or until the tester says stop, and kill what is left of it."""
    watch = os.pidfd_open(running.pid)
    stopped = False
    poll = select.poll()
    poll.register(watch, select.POLLIN)
    poll.register(control, select.POLLIN)
    if control.fileno() in {fd for fd, _ in poll.poll()}:
        stopped = bool(control.recv(MAX_CONTROL))
    os.close(watch)
    with suppress(ProcessLookupError):
        os.kill(running.pid, signal.SIGKILL)
    if not stopped:
        ended = os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOWAIT)
        control.send(json.dumps({"ended": _wait_status(ended)}).encode())
        control.recv(MAX_CONTROL)  # the tester always says stop: one answer to one request


def _wait_status(ended: os.waitid_result | None) -> int:
    """Return how a process ended in the form of wait(2)."""
    assert ended is not None  # only WNOHANG gives None
    return ended.si_status << 8 if ended.si_code == os.CLD_EXITED else ended.si_status


class Spare:
    """A process that is confined already and waits to be told what it shall run.

    Confining takes longer than most programs run, so it is done ahead, for one program each.

    Attributes:
        pid: Process id, as this server sees it.
    """

    def __init__(self, pid: int, sock: socket.socket) -> None:
        self.pid = pid
        self._socket = sock
        self._is_confined = False

    def await_confined(self) -> None:
        """Wait until it is confined; end the server where that does not work: it says nothing of a program."""
        if not self._is_confined and self._socket.recv(MAX_CONTROL) != b"confined":
            sys.exit("a process cannot be confined here")
        self._is_confined = True

    def become(self) -> None:
        """Have it take the tester's request. It does so itself: where it may send no descriptors, this server may not, either."""
        self.await_confined()
        with self._socket:
            self._socket.send(b"go")
            if not self._socket.recv(MAX_CONTROL):
                sys.exit("a confined process is gone")


def confined_spare(control: socket.socket, settings: dict[str, Any], *, network: bool) -> Spare:
    """Return a process of its own namespaces, with a network of its own, or none. It takes its request from the control socket."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        pid = _fork(settings)
        if pid == 0:
            _become_candidate(theirs, control, settings, network=network)
    return Spare(pid, ours)


def _fork(settings: dict[str, Any]) -> int:
    """Fork, into a process table of its own where there are namespaces; return as `os.fork` does."""
    if not settings["namespaces"]:
        return os.fork()
    return _fork_from_here() if _may_set_back() else _fork_by_another()


@cache
def _may_set_back() -> bool:
    """Say whether this process may set back which table its children get: in a user namespace of its own it may not."""
    try:
        _set_back()
    except PermissionError:
        return False
    return True


def _set_back() -> None:
    """Give children this process's own table again (Linux 5.8)."""
    own = os.pidfd_open(os.getpid())
    try:
        set_namespaces(own, CLONE_NEWPID)
    finally:
        os.close(own)


def _fork_from_here() -> int:
    """Fork into a new table. One can be opened only while children share this process's, so that is set back first."""
    _set_back()
    unshare(CLONE_NEWPID)
    return os.fork()


def _fork_by_another() -> int:
    """Fork a process that opens the table and forks again; it ends, and leaves its child to this one, the subreaper."""
    there, here = os.pipe()
    between = os.fork()
    if between == 0:
        try:
            unshare(CLONE_NEWPID)
            pid = os.fork()
            if pid == 0:
                return 0
            os.write(here, str(pid).encode())
        except BaseException:
            sys.excepthook(*sys.exc_info())
        os._exit(0)
    os.close(here)
    told = os.read(there, 32)
    os.close(there)
    os.waitpid(between, 0)
    if not told:
        sys.exit("no process table can be opened here")
    return int(told)


def _become_candidate(
    server: socket.socket, control: socket.socket, settings: dict[str, Any], *, network: bool
) -> NoReturn:
    """Confine this process for good, wait for the program and run it."""
    code = _UNCONFINED
    try:
        os.setsid()  # kill(0) reaches the process group, across namespaces
        close_all_but([server.fileno(), control.fileno()])
        if settings["namespaces"]:
            _leave_shared_things(
                settings["tmp_bytes"], network=network, is_filtered=bool(settings["filters"]["offline"])
            )
            drop_privileges(own_uid() if settings["users"] else None)
        os.chdir(settings["directory"])
        silence()
        server.send(b"confined")
        code = _CONFINED
        code = become_program(server, control, settings, 0 if settings["users"] else _OTHERS)
    except BaseException:
        if code == _UNCONFINED:
            sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def _leave_shared_things(tmp_bytes: int, *, network: bool, is_filtered: bool) -> None:
    """Part from what programs would leave to each other; without a filter that is more."""
    others = 0 if is_filtered else CLONE_NEWIPC | CLONE_NEWNET
    unshare(CLONE_NEWNS | others | (CLONE_NEWNET if network else 0))
    if network:
        raise_loopback()
    mount_private_tmp(tmp_bytes, _PYTHON_BELOW_TMP)
    with suppress(OSError):  # without it there are no semaphores between processes
        share_tmp_as_shm()


if __name__ == "__main__":
    main()
