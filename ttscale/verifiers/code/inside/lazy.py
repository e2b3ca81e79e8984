"""What a program gives that is not there yet: the rest of a long iterator, and what a coroutine will return.

`Rest` and `Task` are kept in the program's process; `pieces` and `awaited` stand on the tests' side and ask them.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Iterator
from typing import Any

_PIECE = 1000


class Rest:
    """An iterator that is asked for piece by piece: it may be endless."""

    def __init__(self, items: Iterator[Any]) -> None:
        self._items = items

    def take(self, n: int) -> list[Any]:
        """Return the next items, fewer than n at the end."""
        return list(itertools.islice(self._items, n))


class Task:
    """A coroutine that is run as a whole when it is awaited."""

    def __init__(self, coroutine: Any) -> None:
        self._coroutine = coroutine

    def run(self) -> Any:
        """Return what it returns."""
        return importlib.import_module("asyncio").run(self._coroutine)


def pieces(rest: Any) -> Iterator[Any]:
    """Yield the items of a `Rest`."""
    take = rest.take
    while items := take(_PIECE):
        yield from items


async def awaited(task: Any) -> Any:
    """Return what a `Task` returns."""
    return task.run()
