"""What a program prints while it answers calls: kept, so that tests which catch what is printed find it."""

from __future__ import annotations

import io

_MOST = 1 << 20
"""Bytes between two answers; more is forgotten."""


class _Kept(io.BytesIO):
    def write(self, data: bytes) -> int:  # type: ignore[override]
        if self.tell() < _MOST:
            super().write(data)
        return len(data)

    def fileno(self) -> int:
        return 1


class Printed:
    """Stands for standard output.

    Attributes:
        stream: What `sys.stdout` is to be.
    """

    def __init__(self) -> None:
        self._kept = _Kept()
        self.stream = io.TextIOWrapper(self._kept, "utf-8", "surrogatepass", newline="", write_through=True)

    def taken(self) -> str:
        """Return what was printed since the last time."""
        if self._kept.closed or not self._kept.tell():
            return ""
        text = self._kept.getvalue().decode("utf-8", "replace")
        self._kept.seek(0)
        self._kept.truncate()
        return text
