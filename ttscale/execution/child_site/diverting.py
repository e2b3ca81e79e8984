"""Let a child process speak into a file where its parent says so. Imports nothing but `os`: fresh interpreters run it first."""

import os

LOG_VARIABLE = "TTSCALE_CHILD_LOG"
"""The file."""
STREAMS_VARIABLE = "TTSCALE_CHILD_STREAMS"
"""Which files standard output and error are in the parent: a child whose parent reads one of them keeps that one."""


def divert() -> None:
    """Send standard output and error to the parent's file, as far as they are the parent's own."""
    path, streams = os.environ.get(LOG_VARIABLE), os.environ.get(STREAMS_VARIABLE, "")
    if path is None:
        return
    for descriptor, theirs in zip((1, 2), streams.split(","), strict=False):
        if identity(descriptor) == theirs:
            log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(log, descriptor)
            os.close(log)


def identity(descriptor: int) -> str:
    """Return what tells an open file apart from others."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return "closed"
    return f"{status.st_dev}:{status.st_ino}"
