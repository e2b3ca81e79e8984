"""The servers, how busy each is, and which takes the next request."""

import random
from collections.abc import Callable, Sequence

from ttscale.execution.http.failures import FailedAttempt, Overloaded, Refusal, TimedOut, Unreachable
from ttscale.execution.http.pausing import LONGEST_PAUSE_S, backoff_s
from ttscale.samplers.openai.limit import AdaptiveLimit


class Server:
    """One base URL: its limit, what is under way there, and since when it fails.

    Args:
        url: The base URL.
        most: Most samples under way.
        clock: Seconds, monotonic.
    """

    def __init__(self, url: str, most: int, clock: Callable[[], float]) -> None:
        self.url = url
        self.limit = AdaptiveLimit(most, clock)
        self.under_way = 0
        self.aside_until = 0.0
        self.failing_since: float | None = None
        self.last_failure: FailedAttempt | None = None
        self._clock = clock
        self._failures = 0
        self._last_failure_at = float("-inf")
        self._random = random.Random()

    def has_room(self, n: int) -> bool:
        """Whether a request of n samples may be sent now; one may always, where nothing is under way."""
        if self._clock() < self.aside_until:
            return False
        if not self.under_way:
            return True
        return self.failing_since is None and self.under_way + n <= self.limit.value

    @property
    def load(self) -> float:
        """Samples under way as a share of the limit."""
        return self.under_way / self.limit.value

    def sent(self, n: int) -> float:
        """Count a request as under way; return the time, for `answered` or `failed`."""
        self.under_way += n
        return self._clock()

    def ended(self, n: int) -> None:
        """Count a request as under way no more."""
        self.under_way -= n

    def answered(self, n: int, tokens: int, *, was_full: bool) -> None:
        """Take note of an answer."""
        self._failures = 0
        self.failing_since = self.last_failure = None
        self.limit.finished(n, tokens, was_full=was_full)

    def failed(self, failure: FailedAttempt, sent_at: float) -> None:
        """Take note of a failure that says something of the server: it may get less to do, or none for a while."""
        now = self._clock()
        if isinstance(failure, Overloaded | TimedOut):
            self.limit.overloaded(sent_at)
        self.last_failure = failure
        if self.failing_since is None:
            self.failing_since = now
        if failure.retry_after_s:
            self.aside_until = max(self.aside_until, now + failure.retry_after_s)
        if sent_at < self._last_failure_at:
            return  # its fellows told already
        self._last_failure_at = now
        self._failures += 1
        if isinstance(failure, Refusal):
            self.aside_until = max(self.aside_until, now + LONGEST_PAUSE_S)
        elif isinstance(failure, Unreachable | Overloaded):
            self.aside_until = max(self.aside_until, now + backoff_s(self._failures - 1, self._random))


def choose(servers: Sequence[Server], n: int) -> Server | None:
    """Return the least busy server with room for n samples, or None."""
    with_room = [server for server in servers if server.has_room(n)]
    return min(with_room, key=lambda server: server.load, default=None)
