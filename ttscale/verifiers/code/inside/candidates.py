"""The programs' sandbox, as the tests' side sees it: processes to be started, and killed when they have answered."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ttscale.verifiers.code.inside.wire import MAX_CONTROL

KINDS = ("computing", "offline", "online")
"""How much a program's process may do: nothing but compute, all but reach a network of its own, or all."""

_MAY_USE_A_NETWORK = re.compile(
    r"sock|http|url|requests|xmlrpc|(?:ftp|smtp|imap|pop|telnet|nntp)lib|asyncio|multiprocessing|psutil|ctypes|subprocess"
    r"|import_|importlib|exec|eval|flask|django|tornado|zmq|mail|server|wsgi|rpc|ssl"
)
"""Programs in whose text this is found get a network of their own, with 127.0.0.1: it takes longer to make than most programs run.
Any other program can make no sockets but nameless ones between its own processes."""
_MAY_DO_MORE = re.compile(
    r"\b(?:open|os|io|path|pathlib|shutil|tempfile|glob|thread\w*|concurrent|queue|signal|sqlite3|dbm|shelve|mmap|resource|logging|uuid"
    r"|platform|locale|numpy|pandas|scipy|sklearn|torch|matplotlib|sympy|networkx)\b"
)
"""Programs in whose text this is found are not tried in a process that may do nothing but compute. It only saves the attempt: any
program that does more there is run again."""


def kind_for(program: str) -> str:
    """Return the kind of process in which a program is run first."""
    if _MAY_USE_A_NETWORK.search(program):
        return "online"
    return "offline" if _MAY_DO_MORE.search(program) else "computing"


class ForkServer:
    """The other sandbox, as seen from here.

    Attributes:
        kind: Of the processes from now on.
        limits: What they may use, as plain data.
    """

    def __init__(self, controls: Mapping[str, socket.socket]) -> None:
        self.kind = self._running = "offline"
        self.limits: dict[str, Any] = {}
        self._controls = controls
        self._ended: dict[str, int] = {"cleared": 0}
        self._wanted_more = False

    def begin(self, kind: str, limits: dict[str, Any]) -> None:
        """Run the next processes in this way, once the last one is gone."""
        self.clear()
        self.kind, self.limits = kind, limits
        self._wanted_more = False

    @property
    def control(self) -> socket.socket:
        """Where it is told how the process that was started last has ended."""
        return self._controls[self._running]

    def await_ready(self) -> None:
        """Wait until programs of all kinds can start at once."""
        with self._or_give_up():
            for control in self._controls.values():
                if control.recv(MAX_CONTROL) != b"ready":
                    raise OSError("the fork server is gone")

    @contextmanager
    def process(self, mode: str, fds: list[int], ended: dict[str, int]) -> Iterator[None]:
        """Start a candidate process, where `clear` was called; on leaving, kill it without waiting for its end.

        `ended` is given the wait status of one that ended by itself, at the latest by `clear`.
        """
        self._running = self.kind
        with self._or_give_up():
            request = {"mode": mode, "limits": self.limits}
            socket.send_fds(self.control, [json.dumps(request).encode()], fds)
        self._ended = ended
        for fd in fds:
            os.close(fd)
        try:
            yield
        finally:
            with self._or_give_up():
                self.control.send(b"stop")

    def clear(self) -> None:
        """Wait until the last process is gone and the next one can start at once."""
        with self._or_give_up():
            while "cleared" not in self._ended:
                self._ended.update(json.loads(self.control.recv(MAX_CONTROL)))
        self._wanted_more |= self._is_refused(self._ended["cleared"])

    def wanted_more(self) -> bool:
        """Say whether a process was ended, since `begin`, because it did something other than compute."""
        return self._wanted_more or self._is_refused(self._ended.get("ended", 0))

    def _is_refused(self, status: int) -> bool:
        return self._running == self.kind == "computing" and os.WTERMSIG(status) == signal.SIGSYS

    @contextmanager
    def _or_give_up(self) -> Iterator[None]:
        """End this process if the fork server is gone: that says nothing of the program."""
        try:
            yield
        except (OSError, ValueError):
            os._exit(3)
