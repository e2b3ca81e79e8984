"""The candidate's side: one interpreter, started once, forks a confined process for every program.

The server is trusted and never runs foreign code itself. Each program gets its own process table, its own
empty ``/tmp``, its own System V IPC, no capabilities, and limits; it is the first process of its table, so
killing it kills whatever it left behind, however it forked away. The server tells the tester how the program
ended.

In the forked process, `serve` answers calls. The program shares that process and may do with it what it
likes: all it can change is its own answers.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import itertools
import json
import os
import select
import signal
import socket
import sys
import traceback
import types
from contextlib import suppress
from typing import Any, NoReturn

from ttscale.execution.inside.confine import (
    CLONE_NEWIPC,
    CLONE_NEWNS,
    CLONE_NEWPID,
    Limits,
    drop_privileges,
    limit_resources,
    mount_private_tmp,
    unshare,
)
from ttscale.verifiers.code.inside.wire import Channel, decode, encode

_PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>
_MAX_CONTROL = 1 << 16
_UNCONFINED, _CONFINED = 70, 71
"""Exit codes of a process that failed, before and after it was confined."""


def main() -> None:
    """Serve programs until the tester hangs up. argv[1]: settings as JSON, argv[2]: the control socket."""
    settings = json.loads(sys.argv[1])
    for name in settings["preload"]:
        with suppress(ImportError):
            importlib.import_module(name)
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "subreaper")
    gc.collect()
    gc.freeze()  # a collection in a forked process would copy every page it visits
    control = socket.socket(fileno=int(sys.argv[2]))
    _prove_confinement(settings)
    control.send(b"ready")
    while True:
        request, fds, _, _ = socket.recv_fds(control, _MAX_CONTROL, 3)
        if not request:
            return
        status = _run_one(json.loads(request), fds, control, settings)
        control.send(json.dumps({"status": status}).encode())


def _prove_confinement(settings: dict[str, Any]) -> None:
    """Confine a process that has nothing to do; end the server, saying why, if that does not work."""
    ours, theirs = socket.socketpair()
    with theirs:
        ours.close()
        pid = _fork_confined({"mode": "serve"}, [theirs.fileno()], settings)
    _, status = os.waitpid(pid, 0)
    if os.waitstatus_to_exitcode(status) != _CONFINED:
        sys.exit("a process cannot be confined here")


def _run_one(
    request: dict[str, Any], fds: list[int], control: socket.socket, settings: dict[str, Any]
) -> int:
    """Run one program to its end, or until the tester says stop; return its wait status."""
    pid = _fork_confined(request, fds, settings)
    for fd in fds:
        os.close(fd)
    watch = os.pidfd_open(pid)
    stopped = False
    poll = select.poll()
    poll.register(watch, select.POLLIN)
    poll.register(control, select.POLLIN)
    if control.fileno() in {fd for fd, _ in poll.poll()}:
        stopped = bool(control.recv(_MAX_CONTROL))
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    os.close(watch)
    _, status = os.waitpid(pid, 0)
    if not stopped:
        control.send(json.dumps({"ended": status}).encode())
        control.recv(_MAX_CONTROL)  # the tester always says stop: one answer to one request
    return status


def _fork_confined(request: dict[str, Any], fds: list[int], settings: dict[str, Any]) -> int:
    """Fork the process that will run the program, by way of one that enters new namespaces; return its id."""
    if not settings["namespaces"]:
        pid = os.fork()
        if pid == 0:
            _become_candidate(request, fds, settings)
        return pid
    reader, writer = os.pipe()
    middle = os.fork()
    if middle == 0:
        _split(request, fds, settings, writer)
    os.close(writer)
    answer = os.read(reader, 32)
    os.close(reader)
    os.waitpid(middle, 0)
    return int(answer)


def _split(request: dict[str, Any], fds: list[int], settings: dict[str, Any], writer: int) -> NoReturn:
    """Enter new namespaces, fork the candidate as the first process there, report its id and go."""
    try:
        unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC)
        pid = os.fork()
        if pid == 0:
            _become_candidate(request, fds, settings)
        os.write(writer, str(pid).encode())
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


def _become_candidate(request: dict[str, Any], fds: list[int], settings: dict[str, Any]) -> NoReturn:
    """Confine this process for good and run the program."""
    code = _UNCONFINED
    try:
        limits = Limits(**settings["limits"])
        os.setsid()  # kill(0) reaches the process group, across namespaces
        _close_all_but(fds)
        if settings["namespaces"]:
            mount_private_tmp(limits.tmp_bytes)
            drop_privileges(settings["uid"])
        os.chdir(settings["directory"])
        limit_resources(limits)
        code = _CONFINED
        is_server = request["mode"] == "serve"
        code = _serve(fds[0], settings["reply_bytes"]) if is_server else _run_script(fds)
    except BaseException:
        if code == _UNCONFINED:
            traceback.print_exc()
    finally:
        os._exit(code)


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


class Server:
    """Answers operations on the program's functions and objects."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._kept: list[Any] = []
        self._module = types.ModuleType("candidate")

    def run(self) -> None:
        """Answer until the other side hangs up."""
        while True:
            request = self._channel.receive()
            try:
                operation = getattr(self, "do_" + request["do"])
                answer = {"value": encode(operation(request), self._keep)}
            except BaseException as error:  # SystemExit and the like are failures of the program too
                answer = {"raised": [type(error).__name__, _text(error)]}
            self._channel.send(answer)

    def do_load(self, request: dict[str, Any]) -> None:
        """Run the program's top level."""
        sys.modules["candidate"] = self._module
        program = compile(request["program"], "candidate.py", "exec", dont_inherit=True)
        exec(program, self._module.__dict__)

    def do_call(self, request: dict[str, Any]) -> Any:
        """Call a function by name, or a kept object."""
        target = self._resolve(request["on"]) if "on" in request else getattr(self._module, request["name"])
        arguments = [decode(item, self._resolve) for item in request["args"]]
        named = {name: decode(item, self._resolve) for name, item in request["kwargs"].items()}
        return target(*arguments, **named)

    def do_get(self, request: dict[str, Any]) -> Any:
        """Read an attribute of a kept object."""
        return getattr(self._resolve(request["on"]), request["name"])

    def do_set(self, request: dict[str, Any]) -> None:
        """Set an attribute of a kept object."""
        setattr(self._resolve(request["on"]), request["name"], decode(request["value"], self._resolve))

    def do_truth(self, request: dict[str, Any]) -> bool:
        """Say whether a kept object counts as true."""
        return bool(self._resolve(request["on"]))

    def _keep(self, value: Any) -> int:
        for handle, kept in enumerate(self._kept):
            if kept is value:
                return handle
        self._kept.append(value)
        return len(self._kept) - 1

    def _resolve(self, handle: int) -> Any:
        return self._kept[handle]


def _text(error: BaseException) -> str:
    """Return an exception's message; foreign exceptions may fail at that too."""
    try:
        return str(error)[:500]
    except BaseException:
        return "(no message)"


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
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - lives as long as the process
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    try:
        exec(compile(source, "candidate.py", "exec", dont_inherit=True), module.__dict__)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        code = 1
    try:
        sys.stdout.flush()
    except BaseException:
        code = code or 1
    return code & 0xFF


if __name__ == "__main__":
    main()
