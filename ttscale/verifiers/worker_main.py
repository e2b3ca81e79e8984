"""What runs inside a worker process of `ttscale.verifiers.workers`.

Messages are lines of JSON, not pickles: whatever happens in here, the parent only ever parses plain data.
"""

import contextlib
import fcntl
import importlib
import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

_MAX_DETAIL = 2000


def main(settings: dict[str, Any]) -> None:
    """Answer jobs until the parent closes the pipe."""
    results = _take_stdout()
    _die_with_parent(settings["lifeline"])
    try:
        function = _load(settings["target"])(**settings["options"])
    except Exception as error:
        _send(results, {"ready": False, "detail": f"{type(error).__name__}: {error}"})
        return
    _limit_memory(settings["memory_limit_bytes"])
    _send(results, {"ready": True})
    for line in sys.stdin.buffer:
        for job in json.loads(line):
            with _time_limits(settings["time_limit_s"], settings["wall_limit_s"]):
                answer = _answer(function, job)
            _send(results, answer)


def _answer(function: Callable[[Any], Any], job: Any) -> dict[str, Any]:
    """Run one job and say how it ended."""
    try:
        return {"status": "done", "value": function(job)}
    except MemoryError:
        return {"status": "memory", "detail": "The memory limit was reached."}
    except (Exception, SystemExit):
        return {"status": "error", "detail": traceback.format_exc()[-_MAX_DETAIL:]}


@contextlib.contextmanager
def _time_limits(time_limit_s: float, wall_limit_s: float) -> Iterator[None]:
    """Have the kernel end this process if it computes or waits for too long.

    No handler is installed: Python would run it only after the computation. The wall limit is the parent's
    business; the alarm is for a parent that is stopped or gone.
    """
    signal.setitimer(signal.ITIMER_PROF, time_limit_s)
    signal.setitimer(signal.ITIMER_REAL, 2 * wall_limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _take_stdout() -> BinaryIO:
    """Keep standard output for results and point it elsewhere for libraries that print."""
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return results


def _die_with_parent(lifeline: int) -> None:
    """Have the kernel send SIGIO, which ends the process, when the parent's end of the pipe closes.

    A thread that waits for it would not run while one long computation holds the interpreter.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)


def _limit_memory(limit_bytes: int | None) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if limit_bytes is None:
        return
    with contextlib.suppress(ValueError, OSError):  # a lower limit is in force already
        resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))


def _load(target: str) -> Callable[..., Callable[[Any], Any]]:
    module, _, name = target.partition(":")
    loaded: Callable[..., Callable[[Any], Any]] = getattr(importlib.import_module(module), name)
    return loaded


def _send(results: BinaryIO, message: dict[str, Any]) -> None:
    results.write(json.dumps(message).encode() + b"\n")
    results.flush()
