"""An event loop in a thread of its own, behind synchronous calls."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import wait
from typing import Any, TypeVar

T = TypeVar("T")

AWAKE_EVERY_S = 0.2
"""Longest sleep of a caller that waits for the loop's thread. A signal may be delivered to any thread, and wakes only
that one; Python acts on it when the main thread next runs."""


class LoopThread:
    """Runs coroutines for a caller that is not asynchronous, also in a notebook, where a loop runs already."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        # A daemon: an interpreter that ends without close() must not hang on it.
        self._thread = threading.Thread(target=self._run, name="ttscale-openai", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end and return its result; an interrupt cancels it."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            while not wait([future], timeout=AWAKE_EVERY_S).done:
                pass
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """Have a function called in the loop's thread soon."""
        self._loop.call_soon_threadsafe(function, *arguments)

    def close(self) -> None:
        """End the loop and the thread; safe to call twice."""
        if not self._loop.is_closed() and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.get_loop().run_forever()
