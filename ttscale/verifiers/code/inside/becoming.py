"""A forked, confined process becomes a program: it is told which, and runs it as a script or answers calls."""

from __future__ import annotations

import itertools
import json
import os
import socket
from collections.abc import Iterable
from typing import Any

from ttscale.execution.inside.confine import Limits, limit_resources
from ttscale.verifiers.code.inside.answering import Server
from ttscale.verifiers.code.inside.as_script import run_as_script, send_without_descriptors
from ttscale.verifiers.code.inside.beside import run_beside
from ttscale.verifiers.code.inside.wire import MAX_CONTROL, Channel


def close_all_but(fds: Iterable[int]) -> None:
    """Close every descriptor but the standard ones and these: the server's own must not leak."""
    edges = [2, *sorted(fds), 1 << 16]
    for low, high in itertools.pairwise(edges):
        os.closerange(low + 1, high)


def silence() -> None:
    """Let the standard streams lead nowhere."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)


def become_program(
    server: socket.socket, control: socket.socket, settings: dict[str, Any], more_processes: int | None
) -> int:
    """Wait to be told, take the tester's request, limit this process and run what was asked; return its exit code.

    Args: server: Where this process is told, and tells. control: Where the request comes from. settings: As the fork server receives them.
        more_processes: How many the user has beside those of the program; None: it may start none.
    """
    if not server.recv(MAX_CONTROL):
        return 0
    request, fds, _, _ = socket.recv_fds(control, MAX_CONTROL, 3)
    server.send(b"taken")
    server.close()
    control.close()
    asked = json.loads(request)
    limits = Limits(**asked["limits"])
    processes = 0 if more_processes is None else limits.processes + more_processes
    limit_resources(limits._replace(processes=processes))
    if not settings["sends_descriptors"]:
        send_without_descriptors()
    if asked["mode"] == "serve":
        tests = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fds[0])
        os.register_at_fork(
            after_in_child=tests.close
        )  # who answers is the process that was asked, or nobody
        Server(Channel(tests, settings["reply_bytes"])).run()
        return 0
    run = _run_beside if asked["mode"] == "beside" else _run_script
    return run(fds, leaves_file=more_processes is not None)


def _run_beside(fds: list[int], *, leaves_file: bool) -> int:
    """Run a program beside its tests: source file, tests, where it tells."""
    source, tests = map(_text_in, fds[:2])
    return run_beside(source, tests, fds[2], leaves_file=leaves_file)


def _run_script(fds: list[int], *, leaves_file: bool) -> int:
    """Run a program as a script, from stdin to stdout; return its exit code.

    The program comes first on the same descriptor as its input: source file, input, output.
    """
    source_fd, stdin_fd, stdout_fd = fds
    source = _text_in(source_fd)
    os.dup2(stdin_fd, 0)
    os.dup2(stdout_fd, 1)
    os.closerange(3, 64)
    return run_as_script(source, leaves_file=leaves_file)


def _text_in(descriptor: int) -> str:
    with os.fdopen(descriptor, "r", encoding="utf-8", newline="", errors="surrogatepass") as file:
        return file.read()
