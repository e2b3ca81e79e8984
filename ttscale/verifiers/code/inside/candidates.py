"""The programs' sandbox, as the tests' side sees it: processes to be started, and killed when they have answered."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_MAX_CONTROL = 1 << 16
_MAY_USE_A_NETWORK = re.compile(
    r"sock|http|url|requests|xmlrpc|(?:ftp|smtp|imap|pop|telnet|nntp)lib|asyncio|multiprocessing|psutil|ctypes|subprocess"
    r"|import_|importlib|exec|eval|flask|django|tornado|zmq|mail|server|wsgi|rpc|ssl"
)
"""Programs in whose text this is found get a network of their own, with 127.0.0.1: it takes longer to make than most programs run.
Any other program can make no sockets but nameless ones between its own processes."""


class ForkServer:
    """The other sandbox, as seen from here.

    Attributes:
        limits: What programs may use from now on, as plain data.
    """

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.limits: dict[str, Any] = {}
        self._ended: dict[str, int] = {"cleared": 1}

    @contextmanager
    def process(self, mode: str, program: str, fds: list[int], ended: dict[str, int]) -> Iterator[None]:
        """Start a candidate process, where `clear` was called; on leaving, kill it without waiting for its end.

        `ended` is given the wait status of one that ended by itself, at the latest by `clear`.
        """
        with self._or_give_up():
            has_network = bool(_MAY_USE_A_NETWORK.search(program))
            request = {"mode": mode, "network": has_network, "limits": self.limits}
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
                self._ended.update(json.loads(self.control.recv(_MAX_CONTROL)))

    @contextmanager
    def _or_give_up(self) -> Iterator[None]:
        """End this process if the fork server is gone: that says nothing of the program."""
        try:
            yield
        except (OSError, ValueError):
            os._exit(3)
