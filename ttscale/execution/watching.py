"""A confined program from its start to its end: fed, read, and killed at its limits of time and output."""

import json
import os
import selectors
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ttscale.errors import VerifierError
from ttscale.execution.inside.confine import Limits
from ttscale.execution.system_calls import filters_of

_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Completed:
    """How a sandboxed program ended.

    Attributes:
        exit_code: Its exit status, negative for a signal; -9 where a limit watched from outside was hit.
        stdout: What it wrote, at most ``output_bytes``.
        stderr: Likewise.
        seconds: Wall time.
        timed_out: It hit ``wall_s``.
        output_exceeded: It wrote more than ``output_bytes``.
    """

    exit_code: int
    stdout: bytes
    stderr: bytes
    seconds: float
    timed_out: bool = False
    output_exceeded: bool = False


def watch(
    confine: Sequence[str],
    argv: Sequence[str],
    limits: Limits,
    stdin: bytes,
    *,
    uid: int | None = None,
    namespaces: bool = False,
    pass_fds: Sequence[int] = (),
    cwd: str | None = None,
    env: Mapping[str, str] | None = None,
) -> Completed:
    """Run a program behind `confine`, feed it, collect its output, kill it at its limits of time and output.

    Raises:
        VerifierError: The program was never reached: the sandbox itself failed.
    """
    start = time.monotonic()
    source = memory_file(stdin)
    ready, ready_inside = os.pipe()
    settings = json.dumps({
        "limits": limits.as_dict(), "uid": uid, "ready_fd": ready_inside,
        "namespaces": namespaces, "filter": filters_of().online if namespaces else "",
    })  # fmt: skip
    try:
        process = subprocess.Popen(
            [*confine, settings, *argv], stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            pass_fds=(*pass_fds, ready_inside), cwd=cwd, env=dict(env or {}), start_new_session=True,
        )  # fmt: skip
    finally:
        os.close(source)
        os.close(ready_inside)
    assert process.stdout is not None and process.stderr is not None
    streams = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    try:
        ended = _collect(streams, start + limits.wall_s, limits.output_bytes)
        if ended == "closed":
            try:
                process.wait(max(0.0, start + limits.wall_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                ended = "timeout"
    finally:
        stop(process)
        process.stdout.close()
        process.stderr.close()
    stdout, stderr = (bytes(data[: limits.output_bytes]) for data in streams.values())
    with os.fdopen(ready, "rb") as announcement:
        if not announcement.read() and ended != "timeout":
            raise VerifierError(
                f"The sandbox did not start: {stderr.decode(errors='replace').strip()[-500:]}"
            )
    return Completed(
        process.returncode if ended == "closed" else -9, stdout, stderr, time.monotonic() - start,
        timed_out=ended == "timeout", output_exceeded=ended == "output",
    )  # fmt: skip


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Kill a sandbox with everything in it and wait until it is gone."""
    if process.poll() is None:
        try:
            os.killpg(process.pid, 9)
        except ProcessLookupError:
            process.kill()
    process.wait()


def _collect(streams: Mapping[int, bytearray], deadline: float, limit: int) -> str:
    """Read streams until all are closed ("closed"), time is up ("timeout") or one is too long ("output")."""
    with selectors.DefaultSelector() as selector:
        for fd in streams:
            selector.register(fd, selectors.EVENT_READ)
        while selector.get_map():
            left = deadline - time.monotonic()
            ready = selector.select(left) if left > 0 else []
            if not ready:
                return "timeout"
            for key, _ in ready:
                chunk = os.read(key.fd, _CHUNK)
                if not chunk:
                    selector.unregister(key.fd)
                streams[key.fd].extend(chunk)
                if len(streams[key.fd]) > limit:
                    return "output"
    return "closed"


def memory_file(data: bytes) -> int:
    """Return a descriptor of an anonymous file with this content, to be read from its start."""
    fd = os.memfd_create("ttscale")
    with os.fdopen(os.dup(fd), "wb") as file:
        file.write(data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
