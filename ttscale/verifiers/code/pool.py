"""Pairs of sandboxes, a tester and a fork server, kept ready for programs."""

import contextlib
import json
import math
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ttscale.errors import VerifierError
from ttscale.execution.sandbox import (
    INSIDE as EXECUTION_INSIDE,
)
from ttscale.execution.sandbox import (
    Limits,
    SandboxStatus,
    View,
    python_paths,
    start_sandboxed,
    stop,
)
from ttscale.execution.system_calls import Filters, filters_of
from ttscale.execution.users import beside_the_users_own
from ttscale.verifiers.code.inside.candidates import KINDS
from ttscale.verifiers.code.inside.wire import Channel, ChannelError, OutOfTimeError
from ttscale.verifiers.code.suite import Suite

_PLACES = {
    "ttscale/execution/inside": EXECUTION_INSIDE,
    "ttscale/verifiers/code/inside": Path(__file__).parent / "inside",
}
_INSIDE = "/opt/ttscale"
_GRACE_S = 15.0
_START_S = 60.0
_MAX_ANSWER = 64 << 20
_TESTER_LIMITS = Limits(
    wall_s=math.inf,
    cpu_s=math.inf,
    memory_bytes=4 << 30,
    output_bytes=0,
    open_files=1 << 16,
    file_bytes=1 << 30,
)
_BOOT = "import sys; sys.path[0] = {path!r}; from ttscale.verifiers.code.inside.{name} import main; main()"


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """How programs are run.

    Attributes: reply_bytes: Most bytes in one answer of a program. python: Interpreter of the programs with its installed packages, or
        None for this one's standard library. preload: Modules imported once, before any program starts.
    """

    reply_bytes: int = 16 << 20
    python: str | None = None
    preload: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One program to be judged by one suite.

    Attributes:
        key: Names the suite.
        suite: The tests; sent once to each tester.
        program: Python source.
        limits: What the program may use.
        ceiling_s: When to give the pair of sandboxes up, for jobs of several runs.
        beside: See `ProgramOptions.beside`.
    """

    key: str
    suite: Suite
    program: str
    limits: Limits
    ceiling_s: float
    beside: str = "doubt"


class Pair:
    """A tester and a fork server, connected; started when first used and again after a failure."""

    def __init__(self, status: SandboxStatus | None, settings: PoolSettings) -> None:
        self._status = status
        self._settings = settings
        self._processes: list[subprocess.Popen[bytes]] = []
        self._known: set[str] = set()
        self._socket: socket.socket | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - what the sandboxes write to stderr

    def run(self, job: Job) -> dict[str, Any]:
        """Run one job; a pair that breaks on it is replaced, and the job is tried once more."""
        answer = self._try(job)
        if answer is None:
            answer = self._try(job)
        broken = f"the sandbox broke twice on this program; {self._complaint()}"
        return answer or {"outcome": "error", "detail": broken}

    def close(self) -> None:
        """End both sandboxes."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        for process in self._processes:
            stop(process)
        self._processes.clear()
        self._known.clear()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _try(self, job: Job) -> dict[str, Any] | None:
        if self._socket is None:
            self._start()
        assert self._socket is not None
        channel = Channel(self._socket, _MAX_ANSWER)
        request: dict[str, Any] = {
            "key": job.key, "program": job.program, "limits": job.limits.as_dict(), "beside": job.beside
        }  # fmt: skip
        if job.key not in self._known:
            request["suite"] = job.suite
        try:
            channel.send(request)
            answer: dict[str, Any] = channel.receive(time.monotonic() + job.ceiling_s + _GRACE_S)
        except OutOfTimeError:
            self.close()
            return {"outcome": "timeout", "detail": "the tests did not end; their sandbox was closed"}
        except ChannelError:
            self.close()
            return None
        if answer["outcome"] != "error":
            self._known.add(job.key)
        return answer

    def _start(self) -> None:
        settings = self._settings
        host, host_inside = socket.socketpair()
        self._socket = host
        with contextlib.ExitStack() as handed_in:
            handed_in.enter_context(host_inside)
            pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in KINDS]
            controls, controls_inside = zip(*pairs, strict=True)
            for each in (*controls, *controls_inside):
                handed_in.enter_context(each)
            self._processes = [
                self._launch("tester", settings.python, (host_inside, *controls)),
                self._launch("forkserver", settings.python, controls_inside),
            ]
        try:
            Channel(host, _MAX_ANSWER).receive(time.monotonic() + _START_S)
        except (ChannelError, OutOfTimeError):
            self.close()
            raise VerifierError(f"The sandbox for programs does not start; {self._complaint()}") from None

    def _complaint(self) -> str:
        """Return the end of what the sandboxes wrote to stderr."""
        size = self._complaints.seek(0, os.SEEK_END)
        self._complaints.seek(max(0, size - 1000))
        return f"it said: {self._complaints.read().decode(errors='replace').strip() or 'nothing'}"

    def _launch(
        self, name: str, python: str | None, sockets: Sequence[socket.socket]
    ) -> "subprocess.Popen[bytes]":
        status, fds = self._status, [each.fileno() for each in sockets]
        interpreter = python or sys.executable
        flags = ["-s", "-B"] if python else ["-s", "-S", "-B"]
        code = _BOOT.format(path=_INSIDE if status else self._open_folder(), name=name)
        argv = [interpreter, *flags, "-c", code, self._inside_settings(), *map(str, fds)]
        keep = ("CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_KILL", "CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP")
        return start_sandboxed(
            status, argv, self._view(interpreter),
            stderr=self._complaints.fileno(), pass_fds=fds, capabilities=keep,
        )  # fmt: skip

    def _view(self, interpreter: str) -> View:
        mounted = {f"{_INSIDE}/{place}": str(path) for place, path in _PLACES.items()}
        environment = {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        environment["USER"] = "candidate"  # there is no list of users
        environment["MALLOC_ARENA_MAX"] = "1"  # else every thread takes 128 MiB of the address space
        return View(readable=python_paths(interpreter), mounted=mounted, environment=environment)

    def _inside_settings(self) -> str:
        settings = self._settings
        users = self._status is not None and self._status.users
        sends = (
            users or self._status is None
        )  # else all programs are one user, of whom the kernel counts what is in flight
        return json.dumps({
            "tmp_bytes": Limits().tmp_bytes,
            "tester_limits": _TESTER_LIMITS.as_dict(),
            "reply_bytes": settings.reply_bytes,
            "preload": settings.preload,
            "namespaces": self._status is not None,
            "users": users,
            "sends_descriptors": sends,
            "filters": asdict(filters_of(sends_descriptors=sends) if self._status else Filters()),
            "tester_filter": filters_of().offline if self._status else "",
            "directory": "/tmp" if self._status else self._open_folder(),
        })  # fmt: skip

    def _open_folder(self) -> str:
        """Return a temporary folder that stands for the inside where there is no sandbox."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory()
            for place, path in _PLACES.items():
                target = Path(self._folder.name) / place
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(path)
        return self._folder.name


class Pool:
    """A number of pairs, each with its own thread; the pairs start when the first job comes."""

    def __init__(self, status: SandboxStatus | None, settings: PoolSettings, workers: int | None) -> None:
        self._status = status
        self._settings = settings
        self._threads = ThreadPoolExecutor(workers or len(os.sched_getaffinity(0)), "ttscale-code")
        self._local = threading.local()
        self._pairs: list[Pair] = []

    def submit(self, job: Job) -> "Future[dict[str, Any]]":
        """Queue a job."""
        if self._status is None:
            job = replace(job, limits=beside_the_users_own(job.limits))
        return self._threads.submit(self._run, job)

    def close(self) -> None:
        """End every sandbox."""
        self._threads.shutdown(cancel_futures=True)
        for pair in self._pairs:
            pair.close()

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self.close()

    def _run(self, job: Job) -> dict[str, Any]:
        if not hasattr(self._local, "pair"):
            self._local.pair = Pair(self._status, self._settings)
            self._pairs.append(self._local.pair)
        pair: Pair = self._local.pair
        return pair.run(job)
