"""What an engine's own processes say goes to a file, and of it the cause of their death to the user.

An engine that fails in a process of its own prints pages on the terminal and tells its parent to "see root cause above".
"""

import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ttscale.execution.child_site.diverting import LOG_VARIABLE, STREAMS_VARIABLE, identity
from ttscale.execution.children import children_told

logger = logging.getLogger(__name__)

_LAST_BYTES = 1 << 16
"""Of what was said last: enough for the longest traceback. So much is kept of a log that has grown too long."""
_MOST_BYTES = 16 << 20
_LOOK_S = 5.0
_PREFIX = re.compile(r"^(\([^)]*pid=\d+\) ?)*((ERROR|CRITICAL) \d\d-\d\d [\d:]+ \[[^\]]*\] ?)?")
"""What vLLM puts before every line of a process: its name, and of a log record the time and the place."""
_RAISED = re.compile(r"^[A-Za-z_][\w.]*(Error|Exception|Failure|Exit|Interrupt)\b(: .*)?$")
_ELSEWHERE = re.compile(r"root cause", re.IGNORECASE)


class ChildLog:
    """A file for what child processes say; it ends with the engine's folder.

    Args:
        folder: Where it is.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "log"
        self._looked_at = time.monotonic()

    @contextmanager
    def diverted(self) -> Iterator[None]:
        """Send there what processes say that are started inside the block, forked or fresh; with -v all is shown instead."""
        if logger.isEnabledFor(logging.DEBUG):
            yield
            return
        streams = ",".join(identity(descriptor) for descriptor in (1, 2))
        with children_told({LOG_VARIABLE: str(self._path), STREAMS_VARIABLE: streams}):
            yield

    def keep_short(self) -> None:
        """Forget what was said long ago, if it is much: an engine that warns at every step would fill the disk in days."""
        now = time.monotonic()
        if now - self._looked_at < _LOOK_S:
            return
        self._looked_at = now
        with suppress(OSError):
            if self._path.stat().st_size > _MOST_BYTES:
                last = self._last()
                os.truncate(self._path, 0)  # who writes there appends, and goes on at the new end
                with self._path.open("ab") as file:
                    file.write(last)

    def cause(self) -> str | None:
        """Return the last exception that they spoke of, in one line; None where they spoke of none."""
        try:
            lines = self._last().decode(errors="replace").splitlines()
        except OSError:
            return None
        spoken = [_PREFIX.sub("", line).rstrip() for line in lines]
        causes = [
            " ".join([line, *_continued(spoken[number + 1 :])])
            for number, line in enumerate(spoken)
            if _RAISED.match(line) and not _ELSEWHERE.search(line)
        ]
        return causes[-1] if causes else None

    def _last(self) -> bytes:
        with self._path.open("rb") as file:
            file.seek(max(0, self._path.stat().st_size - _LAST_BYTES))
            return file.read()


def _continued(lines: list[str]) -> Iterator[str]:
    """Yield the indented lines that belong to a message of several."""
    for line in lines:
        if not line.startswith("  ") or line.lstrip().startswith("File "):
            return
        yield line.strip()
