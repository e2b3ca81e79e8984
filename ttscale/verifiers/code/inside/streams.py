"""What a script is given and what it prints: files in memory, a pipe."""

from __future__ import annotations

import json
import os
import select
import socket
import time

from ttscale.verifiers.code.inside.wire import MAX_CONTROL


def memory_file(text: str) -> int:
    """Return the descriptor of a file in memory that holds a text."""
    fd = os.memfd_create("ttscale")
    left = memoryview(text.encode("utf-8", "surrogatepass"))
    while left:  # one call writes a part of a large text
        left = left[os.write(fd, left) :]
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def read_to_the_end(
    reader: int, control: socket.socket, deadline: float, limit: int, ended: dict[str, int]
) -> tuple[bytes, str]:
    """Read a script's output until its process has ended; return it and what went wrong."""
    output = bytearray()
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    poll.register(control, select.POLLIN)
    while True:
        left = deadline - time.monotonic()
        ready = {fd for fd, _ in poll.poll(left * 1000)} if left > 0 else set()
        if not ready:
            return bytes(output), "timeout"
        if reader in ready:
            chunk = os.read(reader, 1 << 16)
            output += chunk
            if len(output) > limit:
                return b"", f"printed more than {limit} bytes"
            if not chunk:
                poll.unregister(reader)
        elif control.fileno() in ready:  # it has ended, and all that it wrote is read
            message = control.recv(MAX_CONTROL)
            if not message:
                os._exit(3)
            ended.update(json.loads(message))
            return bytes(output), ""
