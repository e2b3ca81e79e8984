"""How long to wait before another attempt."""

import random
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
LONGEST_RETRY_AFTER_S = 600.0
"""A server that asks for more is not waited for: the next attempt comes after this long."""


def backoff_s(attempt: int, rng: random.Random) -> float:
    """Return the pause after the attempt of this number, counted from 0.

    It doubles with every attempt, up to 30 s; its random half keeps clients from coming back together.
    """
    longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(attempt, 30))
    return float(longest * rng.uniform(0.5, 1.0))


def retry_after_s(header: str | None) -> float:
    """Read a ``Retry-After`` header: seconds or a date (RFC 9110, section 10.2.3); 0 where it says nothing.

    >>> retry_after_s("7")
    7.0
    """
    if header is None:
        return 0.0
    seconds = 0.0
    try:
        seconds = float(header)
    except ValueError:
        with suppress(ValueError, TypeError, OverflowError):
            when = parsedate_to_datetime(header)
            when = when if when.tzinfo else when.replace(tzinfo=UTC)
            seconds = (when - datetime.now(UTC)).total_seconds()
    return min(seconds, LONGEST_RETRY_AFTER_S) if seconds > 0 else 0.0  # not a number counts as nothing
