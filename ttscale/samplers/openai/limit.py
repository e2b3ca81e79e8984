"""How many samples may be under way at one server: found by trying."""

from collections.abc import Callable

_START = 32
_WORTHWHILE = 0.2
"""Share of the added concurrency that must come back as speed for the limit to grow further."""
_SHARE_OF_A_STEP = 16
"""Once a server has protested, the limit grows by this part of itself."""
_ROUNDS_AT_REST = 10
"""Rounds until growth that did not pay is tried again: the work may have changed."""


class AdaptiveLimit:
    """A limit that grows while that makes the server faster and halves when the server protests.

    A round is as many finished samples as the limit; its speed is their tokens per second. By Little's law the
    speed is the limit over the latency: growth that only makes requests wait leaves the speed as it was. So
    the limit doubles each round while a fifth or more of the growth comes back as speed, and else rests. A
    latency alone would not tell: batching makes every request slower and the server faster.

    An overload halves the limit, once for all requests that were sent before it; from then on it grows by a
    sixteenth.

    Args:
        most: The limit's limit.
        clock: Seconds, monotonic.
    """

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most = most
        self._clock = clock
        self._doubling = True
        self._rest = 0
        self._last_cut = float("-inf")
        self._before: tuple[int, float] | None = None  # the limit and the speed of the round before
        self.value = min(_START, most)
        self._begin_round()

    def reached(self) -> None:
        """Take note that the limit kept more from being under way: only then does a round say anything of it."""
        self._was_reached = True

    def finished(self, n: int, tokens: int) -> None:
        """Count a request that was answered.

        Args:
            n: Its samples.
            tokens: Their tokens.
        """
        self._n += n
        self._tokens += tokens
        if self._n >= self.value:
            self._end_round()

    def overloaded(self, sent_at: float) -> None:
        """Halve, unless the protest is about a request from before the last cut.

        Args:
            sent_at: When the request was sent, by the clock.
        """
        if sent_at < self._last_cut:
            return
        self._last_cut = self._clock()
        self._doubling = False
        self._before = None
        self.value = max(1, self.value // 2)
        self._begin_round()

    def _begin_round(self) -> None:
        self._began = self._clock()
        self._n = self._tokens = 0
        self._was_reached = False

    def _end_round(self) -> None:
        seconds = self._clock() - self._began
        if self._was_reached and seconds > 0:
            self._decide(self._tokens / seconds)
        self._begin_round()

    def _decide(self, speed: float) -> None:
        before, self._before = self._before, (self.value, speed)
        if self._rest:
            self._rest -= 1
            return
        if before is not None and before[0] < self.value and not _paid(before, (self.value, speed)):
            self._rest = _ROUNDS_AT_REST
            return
        step = self.value if self._doubling else max(1, self.value // _SHARE_OF_A_STEP)
        self.value = min(self._most, self.value + step)


def _paid(before: tuple[int, float], now: tuple[int, float]) -> bool:
    growth = now[0] / before[0] - 1
    gain = now[1] / max(before[1], 1e-9) - 1
    return gain >= _WORTHWHILE * growth
