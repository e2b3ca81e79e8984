"""Objects in processes of their own on this machine, driven with the few verbs of Ray that replicas need.

`remote`, `wait`, `get` and `kill` mean what they mean in Ray. A process leads a group of its own, so that what an engine
starts ends with it; it ends when whoever started it is gone.
"""

import itertools
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, Future, wait
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import IO, Any

from ttscale.execution.groups import end_group

_CHILD = "ttscale.pipeline.replicas.child"
_LAST_WORDS = 4096
"""Bytes at the end of what a process said that tell why it died."""
_FAREWELL_S = 5.0
"""That a process which hung up has to end by itself, so that it is known how."""


class ActorGone(Exception):  # noqa: N818  # the name says what happened
    """A process ended with calls under way; the text says how."""


class Processes:
    """Has the verbs."""

    def remote(self, kind: type) -> "_Maker":
        """Return what starts objects of a class."""
        return _Maker(kind, {})

    def wait(
        self, references: Sequence["Future[Any]"], *, num_returns: int = 1, timeout: float | None = None
    ) -> tuple[list["Future[Any]"], list["Future[Any]"]]:
        """Wait until one call has ended, or all; return those that have and the others."""
        when = ALL_COMPLETED if num_returns >= len(references) else FIRST_COMPLETED
        wait(references, timeout, when)
        done = [reference for reference in references if reference.done()]
        return done, [reference for reference in references if not reference.done()]

    def get(self, reference: "Future[Any]") -> Any:
        """Return what a call returned, or raise what it raised."""
        return reference.result()

    def kill(self, actor: "Actor") -> None:
        """End an object's process and all that it started."""
        actor.kill()


class _Maker:
    def __init__(self, kind: type, environment: Mapping[str, str]) -> None:
        self._kind = kind
        self._environment = environment

    def options(self, *, environment: Mapping[str, str]) -> "_Maker":
        return _Maker(self._kind, environment)

    def remote(self, *arguments: Any) -> "Actor":
        return Actor(self._kind, arguments, self._environment)


class Actor:
    """The near end of an object in a process of its own: its methods have a `remote`.

    Args:
        kind: The object's class; its methods are coroutines.
        arguments: It is made with.
        environment: Variables that its process has besides ours.
    """

    def __init__(self, kind: type, arguments: Sequence[Any], environment: Mapping[str, str]) -> None:
        near, far = socket.socketpair()
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the process
        with far:
            self._process = subprocess.Popen(
                [sys.executable, "-m", _CHILD, str(far.fileno())],
                pass_fds=[far.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._said,
                stderr=self._said,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        self._connection = Connection(near.detach())
        self._calls: dict[int, Future[Any]] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._is_gone = False
        self._send((kind, arguments))
        threading.Thread(target=self._listen, name="replica", daemon=True).start()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def __getattr__(self, name: str) -> "_Method":
        if name.startswith("_"):
            raise AttributeError(name)
        return _Method(self, name)

    def call(self, name: str, arguments: Sequence[Any]) -> "Future[Any]":
        """Call a method; return where its answer will be."""
        answer: Future[Any] = Future()
        with self._lock:
            number = next(self._numbers)
            if self._is_gone:
                answer.set_exception(ActorGone("its process had ended before."))
                return answer
            self._calls[number] = answer
        self._send((number, name, arguments))
        return answer

    def kill(self) -> None:
        """End the process and its group; calls under way fail."""
        end_group(self._process.pid)
        self._process.wait()

    def _send(self, message: Any) -> None:
        packed = pickle.dumps(message)
        with self._lock, suppress(OSError):  # a process that is gone is noticed by whoever listens
            self._connection.send_bytes(packed)

    def _listen(self) -> None:
        try:
            while True:
                number, returned, raised = pickle.loads(self._connection.recv_bytes())
                answer = self._calls.pop(number)
                if raised is None:
                    answer.set_result(returned)
                else:
                    answer.set_exception(raised)
        except (EOFError, OSError):
            self._bury()

    def _bury(self) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_FAREWELL_S)
        self.kill()
        gone = ActorGone(f"{_ended(self._process.returncode)}{self._last_words()}")
        with self._lock:
            self._is_gone = True
            calls, self._calls = list(self._calls.values()), {}
        for answer in calls:
            answer.set_exception(gone)
        self._connection.close()
        self._said.close()

    def _last_words(self) -> str:
        """Return the last line of what the process said."""
        size = self._said.seek(0, os.SEEK_END)
        self._said.seek(max(0, size - _LAST_WORDS))
        lines = [line.strip() for line in self._said.read().decode(errors="replace").splitlines()]
        spoken = [line for line in lines if line]
        return f" It said: {spoken[-1].rstrip('.')}." if spoken else ""


class _Method:
    def __init__(self, actor: Actor, name: str) -> None:
        self._actor = actor
        self._name = name

    def remote(self, *arguments: Any) -> "Future[Any]":
        return self._actor.call(self._name, arguments)


def _ended(code: int) -> str:
    if code >= 0:
        return f"its process ended with exit code {code}."
    name = signal.Signals(-code).name
    hint = ": out of memory? (`dmesg` may say)" if name == "SIGKILL" else ""
    return f"its process was killed by {name}{hint}."
