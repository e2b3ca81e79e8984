"""The servers, how busy each is, and which takes the next request."""

import logging
import random
import zlib
from collections.abc import Callable, Sequence

from ttscale.execution.http.failures import FailedAttempt, Overloaded, Refusal, TimedOut, Unreachable
from ttscale.execution.http.pausing import FIRST_PAUSE_S, LONGEST_PAUSE_S, backoff_s
from ttscale.samplers.openai.limit import AdaptiveLimit
from ttscale.types import Problem

logger = logging.getLogger(__name__)

_SUSPICIOUS = 8
"""Failures of any kind in a row after which a server stands aside: one that fails at once is never busy, and would
draw all work to itself."""

_MUCH_BUSIER = 0.25
"""Share of their limits that a problem's home may be busier than the idlest server."""


class Server:
    """One base URL: its limit, what is under way there, and since when it fails.

    A server that is busy, away or refusing stands aside for a while, longer each time, and then gets one request;
    its first answer brings it back.

    Args:
        url: The base URL.
        most: Most samples under way.
        clock: Seconds, monotonic.
        patience_s: How long it may fail before the run ends, at the latest: it is not waited for longer.
    """

    def __init__(
        self, url: str, most: int, clock: Callable[[], float], patience_s: float = float("inf")
    ) -> None:
        self.url = url
        self.limit = AdaptiveLimit(most, clock)
        self.under_way = 0
        self.aside_until = float("-inf")
        self.failing_since: float | None = None
        self.last_failure: FailedAttempt | None = None
        self._clock = clock
        self._patience_s = patience_s
        self._has_told = False
        self._failures_in_a_row = 0
        self._times_aside = 0
        self._stood_aside_at = float("-inf")
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
        """Count a request as under way; return the time, for `failed`."""
        self.under_way += n
        if self.under_way + n > self.limit.value:
            self.limit.reached()
        return self._clock()

    def ended(self, n: int) -> None:
        """Count a request as under way no more."""
        self.under_way -= n

    def answered(self, n: int, tokens: int) -> None:
        """Take note of an answer; see `AdaptiveLimit.finished`."""
        self._failures_in_a_row = self._times_aside = 0
        self.failing_since = self.last_failure = None
        self.limit.finished(n, tokens)

    def failed(self, failure: FailedAttempt, sent_at: float) -> None:
        """Take note of a failure: the server may get less to do, or none for a while.

        Args:
            failure: What happened.
            sent_at: When the request was sent: many sent together fail together, and count once.
        """
        self._failures_in_a_row += 1
        self.last_failure = failure
        if isinstance(failure, Overloaded | TimedOut):
            self.limit.overloaded(sent_at)
        is_away = isinstance(failure, Unreachable | Overloaded | Refusal)
        if is_away or self._failures_in_a_row >= _SUSPICIOUS:
            self._stand_aside(failure, sent_at)

    def _stand_aside(self, failure: FailedAttempt, sent_at: float) -> None:
        now = self._clock()
        if self.failing_since is None:
            self.failing_since = now
        pause = failure.retry_after_s
        if sent_at >= self._stood_aside_at:
            self._stood_aside_at = now
            own = (
                LONGEST_PAUSE_S
                if isinstance(failure, Refusal)
                else backoff_s(self._times_aside, self._random)
            )
            pause = max(pause, own)
            self._times_aside += 1
        pause = self._bounded(pause, failure, self.failing_since + self._patience_s - now)
        self.aside_until = max(self.aside_until, now + pause)

    def _bounded(self, pause: float, failure: FailedAttempt, left: float) -> float:
        """Return a pause that is no longer than patience lasts; say once that a server asks for a long one."""
        bounded = min(pause, max(left, FIRST_PAUSE_S))
        if not self._has_told and failure.retry_after_s > LONGEST_PAUSE_S:
            self._has_told = True
            logger.warning(
                "%s asks to be left alone for long (%s); it is asked again after %.0f s.",
                self.url, failure.reason, bounded,
            )  # fmt: skip
        return bounded


def home_of(problem: Problem) -> str:
    """Return what decides where a problem is at home: what is asked, so that calls that go on from one prompt meet in one cache."""
    return problem.prompt or str(problem.messages)


def choose(servers: Sequence[Server], n: int, home: str) -> Server | None:
    """Return a server with room for n samples of a problem, or None.

    A problem has a home, so that its prompt is read once and lies in one cache; the least busy server helps out where
    the home has no room or is much busier. A home does not move when another server dies.
    """
    with_room = [server for server in servers if server.has_room(n)]
    idlest = min(with_room, key=lambda server: server.load, default=None)
    if idlest is None:
        return None
    at_home = max(with_room, key=lambda server: zlib.crc32(f"{server.url}\0{home}".encode()))
    return at_home if at_home.load - idlest.load <= _MUCH_BUSIER else idlest
