"""The candidate's side: one interpreter, started once, forks a confined process for every program, one ahead.

The server is trusted and never runs foreign code itself. Each program gets its own process table, its own
empty ``/tmp``, its own System V IPC, no capabilities, and limits; it is the first process of its table, so
killing it kills whatever it left behind, however it forked away. The server tells the tester how the program
ended.

In the forked process, a script runs, or `answering` answers calls.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import itertools
import json
import os
import resource
import select
import signal
import socket
import sys
from contextlib import suppress
from functools import cache
from typing import Any, NoReturn

from ttscale.execution.inside.confine import (
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    Limits,
    drop_privileges,
    filter_system_calls,
    forbid_capabilities,
    limit_resources,
    make_devices_read_only,
    mount_private_tmp,
    own_uid,
    raise_loopback,
    set_namespaces,
    share_tmp_as_shm,
    unshare,
)
from ttscale.verifiers.code.inside.answering import Server
from ttscale.verifiers.code.inside.as_script import run_as_script
from ttscale.verifiers.code.inside.wire import Channel

_PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>
_MAX_CONTROL = 1 << 16
_PYTHON_BELOW_TMP = sorted(path for path in {sys.prefix, sys.base_prefix} if path.startswith("/tmp/"))
"""Where an environment below /tmp has its packages: programs import on, after /tmp became their own."""
_CLEARED = b'{"cleared": 1}'
_UNCONFINED, _CONFINED = 70, 71
"""Exit codes of a process that failed, before and after it was confined."""


def main() -> None:
    """Serve programs until the tester hangs up. argv[1]: settings as JSON, argv[2]: the control socket."""
    settings = json.loads(sys.argv[1])
    for name in settings["preload"]:
        with suppress(ImportError):
            importlib.import_module(name)
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
    control = socket.socket(fileno=int(sys.argv[2]))
    _serve_offline(control, settings, _fork_online(control, settings))


def _fork_online(control: socket.socket, settings: dict[str, Any]) -> socket.socket:
    """Fork a server for programs that may need a network: the filter for others would be theirs, too. Return what leads to it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        if os.fork() == 0:
            ours.close()
            control.close()
            _adopt_orphans()
            filter_system_calls(settings["filters"]["online"])
            _serve_online(theirs, settings)
            os._exit(0)
    return ours


def _serve_online(control: socket.socket, settings: dict[str, Any]) -> None:
    """Run programs, each in a network of its own, until the other server hangs up."""
    while True:
        request, fds, _, _ = socket.recv_fds(control, _MAX_CONTROL, 3)
        if not request:
            return
        spare = Spare(settings, network=True)
        spare.become(request, fds)
        _run_one(spare, control)
        os.waitpid(spare.pid, 0)
        control.send(_CLEARED)


def _serve_offline(control: socket.socket, settings: dict[str, Any], online: socket.socket) -> None:
    """Run programs until the tester hangs up; hand on those that may need a network."""
    filter_system_calls(settings["filters"]["offline"])
    spare = Spare(settings)
    spare.await_confined()
    control.send(b"ready")
    while True:
        request, fds, _, _ = socket.recv_fds(control, _MAX_CONTROL, 3)
        if not request:
            return
        if json.loads(request)["network"]:
            _hand_on(control, online, request, fds)
            continue
        spare.become(request, fds)
        running, spare = spare, Spare(settings)  # made ready while the program runs
        _run_one(running, control)
        os.waitpid(running.pid, 0)
        spare.await_confined()
        control.send(_CLEARED)  # the next program's time begins after this


def _hand_on(control: socket.socket, online: socket.socket, request: bytes, fds: list[int]) -> None:
    """Have another server run a program, and pass on what it and the tester say to each other."""
    socket.send_fds(online, [request], fds)
    for fd in fds:
        os.close(fd)
    said = b""
    while said != _CLEARED:
        ready, _, _ = select.select([control, online], [], [])
        said = ready[0].recv(_MAX_CONTROL)
        if not said:
            sys.exit("the tester or the server for programs with a network is gone")
        (online if ready[0] is control else control).send(said)


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
        stopped = bool(control.recv(_MAX_CONTROL))
    os.close(watch)
    with suppress(ProcessLookupError):
        os.kill(running.pid, signal.SIGKILL)
    if not stopped:
        ended = os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOWAIT)
        control.send(json.dumps({"ended": _wait_status(ended)}).encode())
        control.recv(_MAX_CONTROL)  # the tester always says stop: one answer to one request


def _wait_status(ended: os.waitid_result | None) -> int:
    """Return how a process ended in the form of wait(2)."""
    assert ended is not None  # only WNOHANG gives None
    return ended.si_status << 8 if ended.si_code == os.CLD_EXITED else ended.si_status


class Spare:
    """A process that is confined already and waits to be told what it shall run.

    Confining takes longer than most programs run, so it is done ahead, for one program each.

    Args:
        settings: As `main` receives them.
        network: Whether it gets a network of its own, or none.

    Attributes:
        pid: Process id, as this server sees it.
    """

    def __init__(self, settings: dict[str, Any], *, network: bool = False) -> None:
        self._is_confined = False
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.pid = _fork(settings)
            if self.pid == 0:
                _become_candidate(theirs, settings, network=network)

    def await_confined(self) -> None:
        """Wait until it is confined; end the server where that does not work: it says nothing of a program."""
        if not self._is_confined and self._socket.recv(_MAX_CONTROL) != b"confined":
            sys.exit("a process cannot be confined here")
        self._is_confined = True

    def become(self, request: bytes, fds: list[int]) -> None:
        """Hand it the tester's request; the descriptors are closed here."""
        self.await_confined()
        with self._socket:
            socket.send_fds(self._socket, [request], fds)
        for fd in fds:
            os.close(fd)


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


def _become_candidate(server: socket.socket, settings: dict[str, Any], *, network: bool) -> NoReturn:
    """Confine this process for good, wait for the program and run it."""
    code = _UNCONFINED
    try:
        os.setsid()  # kill(0) reaches the process group, across namespaces
        _close_all_but([server.fileno()])
        if settings["namespaces"]:
            _leave_shared_things(
                settings["tmp_bytes"], network=network, is_filtered=bool(settings["filters"]["offline"])
            )
            drop_privileges(own_uid() if settings["users"] else None)
        os.chdir(settings["directory"])
        server.send(b"confined")
        code = _CONFINED
        request, fds, _, _ = socket.recv_fds(server, _MAX_CONTROL, 3)
        server.close()
        if request:
            asked = json.loads(request)
            limits = Limits(**asked["limits"])
            limit_resources(
                limits._replace(processes=limits.processes + 1)
            )  # the next spare is the same user's
            code = _serve(fds[0], settings["reply_bytes"]) if asked["mode"] == "serve" else _run_script(fds)
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


def _close_all_but(fds: list[int]) -> None:
    """Close every descriptor but the standard ones and these: the server's own must not leak."""
    edges = [2, *sorted(fds), 1 << 16]
    for low, high in itertools.pairwise(edges):
        os.closerange(low + 1, high)


def _serve(fd: int, max_bytes: int) -> int:
    """Load the program from the channel, then answer calls until the tester hangs up."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    Server(Channel(socket.socket(fileno=fd), max_bytes)).run()
    return 0


def _run_script(fds: list[int]) -> int:
    """Run a program as a script, from stdin to stdout; return its exit code.

    The program comes first on the same descriptor as its input: source file, input, output.
    """
    source_fd, stdin_fd, stdout_fd = fds
    with os.fdopen(source_fd, "r", encoding="utf-8", newline="", errors="surrogatepass") as file:
        source = file.read()
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(stdin_fd, 0)
    os.dup2(stdout_fd, 1)
    os.dup2(null, 2)
    os.closerange(3, 64)
    return run_as_script(source)


if __name__ == "__main__":
    main()
