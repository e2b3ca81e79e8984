"""Worker processes that can be killed: for work on hostile text that may hang, eat memory or crash.

A thread cannot be stopped inside one long computation, and neither a signal handler nor a library's own
timeout runs there. A process can. `WorkerPool` keeps a few, hands them jobs, and answers for every job: a
value, or the limit it ran into. A failure costs its own job alone; the rest goes to a fresh worker.

A job's time limit counts computing time, so that a busy machine does not change verdicts; a job that waits
instead of computing is ended after `WALL_FACTOR` times as long.

Workers start when the first job arrives and are used again. They never outlive their parent: each holds the
reading end of a pipe whose only writing end is the parent's, and the kernel ends it when that closes.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ttscale.errors import VerifierError

WALL_FACTOR = 20
"""Wall time that a job may take, over its computing time: many processes may share a core."""

_START_LIMIT_S = 120.0
"""For importing a large library on a busy machine; not part of any job's time."""

_MAX_CHUNK = 32
"""Jobs sent in one message."""

_CODE = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from ttscale.verifiers.worker_main import main; main(json.loads(sys.argv[2]))"
)


class JobStatus(StrEnum):
    """How a job ended."""

    DONE = "done"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    ERROR = "error"
    """The job raised, or its worker died."""


@dataclass(frozen=True, slots=True)
class JobResult:
    """What became of one job.

    Attributes:
        status: How it ended.
        value: What the worker's function returned (JSON types) for ``DONE``, else None.
        detail: The reason for any other status.
    """

    status: JobStatus
    value: Any = None
    detail: str | None = None


class WorkerPool:
    """Processes that run one function over many jobs.

    Args:
        target: "module:function". A worker calls it once with `options`; what it returns is called with every
            job. Jobs, options and results are JSON types.
        options: Keyword arguments of the target.
        workers: How many processes; None: one per available core.
        time_limit_s: Computing time of one job.
        wall_limit_s: Wall time of one job; None: `WALL_FACTOR` times the computing time.
        memory_limit_bytes: Address space of one worker; None: no limit.
    """

    def __init__(
        self,
        target: str,
        options: Mapping[str, Any],
        *,
        workers: int | None = None,
        time_limit_s: float = 10.0,
        wall_limit_s: float | None = None,
        memory_limit_bytes: int | None = 2 << 30,
    ) -> None:
        self._time_limit_s = time_limit_s
        self._wall_limit_s = WALL_FACTOR * time_limit_s if wall_limit_s is None else wall_limit_s
        self._settings = {
            "target": target,
            "options": dict(options),
            "time_limit_s": time_limit_s,
            "wall_limit_s": self._wall_limit_s,
            "memory_limit_bytes": memory_limit_bytes,
        }
        self._size = workers or available_cores()
        self._workers: set[_Worker] = set()
        self._idle: deque[_Worker] = deque()
        self._lock = threading.Lock()  # one `run` at a time
        weakref.finalize(self, _end_all, self._workers)  # also at the interpreter's exit

    def run(self, jobs: Sequence[Any]) -> list[JobResult]:
        """Run every job and return the results in order.

        Raises:
            VerifierError: The workers cannot start.
        """
        size = max(1, min(_MAX_CHUNK, len(jobs) // (4 * self._size)))
        chunks = [jobs[start : start + size] for start in range(0, len(jobs), size)]
        cancelled = threading.Event()
        with self._lock, ThreadPoolExecutor(max(1, min(self._size, len(chunks)))) as threads:
            try:
                results = threads.map(lambda chunk: self._run_chunk(chunk, cancelled), chunks)
                return [result for of_chunk in results for result in of_chunk]
            except BaseException:  # Ctrl-C among others: nobody awaits the rest
                cancelled.set()
                threads.shutdown(wait=False, cancel_futures=True)
                for worker in tuple(self._workers):
                    worker.kill()  # ends the waiting of its thread
                raise

    def close(self) -> None:
        """End all workers; the next `run` starts fresh ones."""
        with self._lock:
            self._idle.clear()
            _end_all(self._workers)

    def pids(self) -> list[int]:
        """Return the process ids of the workers."""
        return [worker.process.pid for worker in self._workers]

    def _run_chunk(self, jobs: Sequence[Any], cancelled: threading.Event) -> list[JobResult]:
        """Run jobs on one worker, and on its successors where it fails."""
        results: list[JobResult] = []
        while len(results) < len(jobs) and not cancelled.is_set():
            worker = self._check_out()
            results += worker.run(jobs[len(results) :], self._time_limit_s, self._wall_limit_s)
            if worker.is_alive():
                self._idle.append(worker)
            else:
                self._workers.discard(worker)
                worker.end()
        return results

    def _check_out(self) -> "_Worker":
        """Take an idle worker or start one; as every thread holds at most one, there are never too many."""
        while self._idle:
            worker = self._idle.pop()
            if worker.is_alive():
                return worker
            self._workers.discard(worker)
            worker.end()
        worker = _Worker(self._settings)
        self._workers.add(worker)
        return worker


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux alone
    return len(affinity(0)) if affinity else os.cpu_count() or 1


class _Worker:
    """One process, spoken to by one thread at a time: jobs go in as a line of JSON, results come out line by line."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        held_by_worker, self._lifeline = os.pipe()
        arguments = {**settings, "lifeline": held_by_worker}
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _CODE, json.dumps(sys.path), json.dumps(arguments)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=(held_by_worker,),
                start_new_session=True,  # Ctrl-C reaches the parent alone, which then ends the workers
            )
        except OSError as error:
            os.close(self._lifeline)
            raise VerifierError(f"A verification worker cannot start: {error}.") from error
        finally:
            os.close(held_by_worker)
        self._is_ready = False
        self._is_killed = False
        self._received = b""

    def run(self, jobs: Sequence[Any], time_limit_s: float, wall_limit_s: float) -> list[JobResult]:
        """Run jobs up to and including the first that ends this worker.

        Raises:
            VerifierError: The worker cannot start.
        """
        self._await_ready()
        self._send(jobs)
        results: list[JobResult] = []
        while len(results) < len(jobs) and not self._is_killed:
            results.append(self._result(time_limit_s, wall_limit_s))
        return results

    def is_alive(self) -> bool:
        return not self._is_killed and self.process.poll() is None

    def kill(self) -> int:
        """Kill the process and what it started; return its exit code: minus the signal that ended it."""
        self._is_killed = True
        if self.process.returncode is None:  # not waited for: its number is still its own
            with contextlib.suppress(ProcessLookupError, PermissionError):  # it ended meanwhile
                os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.wait()

    def end(self) -> None:
        """Kill the process and close its pipes."""
        self.kill()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):  # what it never read
                    stream.close()
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    def _await_ready(self) -> None:
        if self._is_ready:
            return
        message = self._receive(_START_LIMIT_S)
        if not message or not message.get("ready"):
            code = self.kill()
            reason = (message or {}).get("detail") or f"it ended with {_ending(code)}."
            raise VerifierError(f"A verification worker cannot start: {reason}")
        self._is_ready = True

    def _send(self, jobs: Sequence[Any]) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # dead: noticed when its results are read
            self.process.stdin.write(json.dumps(list(jobs)).encode() + b"\n")
            self.process.stdin.flush()

    def _result(self, time_limit_s: float, wall_limit_s: float) -> JobResult:
        """Wait for the next result; a worker that is late or dead is ended."""
        message = self._receive(wall_limit_s)
        if message is None:
            self.kill()
            return JobResult(JobStatus.TIMEOUT, detail=f"No result within {wall_limit_s:g} s.")
        if message == _END_OF_STREAM:
            code = self.kill()
            if code == -signal.SIGPROF:
                return JobResult(
                    JobStatus.TIMEOUT, detail=f"No result in {time_limit_s:g} s of computing time."
                )
            return JobResult(JobStatus.ERROR, detail=f"The worker process died ({_ending(code)}).")
        status = JobStatus(message["status"])
        if status is JobStatus.MEMORY:
            self.kill()  # its heap is full of the remains
        return JobResult(status, message.get("value"), message.get("detail"))

    def _receive(self, limit_s: float) -> dict[str, Any] | None:
        """Return the next message, None if none comes in time, or `_END_OF_STREAM`."""
        assert self.process.stdout is not None
        pipe = self.process.stdout.fileno()
        deadline = time.monotonic() + limit_s
        while b"\n" not in self._received:
            left_s = max(0.0, deadline - time.monotonic())
            if not select.select([pipe], [], [], left_s)[0]:
                return None
            data = os.read(pipe, 1 << 16)
            if not data:
                return _END_OF_STREAM
            self._received += data
        line, _, self._received = self._received.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


_END_OF_STREAM: dict[str, Any] = {}


def _end_all(workers: set[_Worker]) -> None:
    while workers:
        workers.pop().end()
