"""What a failed attempt means for the next one."""

_PASSING = frozenset({408, 409, 425})
_OVERLOAD = frozenset({429, 503, 529})  # 529 is not registered, but some providers send it for "overloaded"
_REFUSING = frozenset({401, 403, 404})


class FailedAttempt(Exception):  # noqa: N818  # an outcome of one attempt, never shown to a user as it is
    """A request was not answered as hoped.

    Attributes:
        reason: What happened, in one line, without the API key.
        status: The HTTP status, where there was one.
        retry_after_s: What the server asked to wait, 0 where it asked for nothing.
    """

    def __init__(self, reason: str, *, status: int | None = None, retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.retry_after_s = retry_after_s


class PassingFailure(FailedAttempt):
    """Another attempt may succeed."""


class Unreachable(PassingFailure):
    """Nobody accepted the connection."""


class TimedOut(PassingFailure):
    """No whole answer came in time."""


class Overloaded(PassingFailure):
    """The server asks for less."""


class LastingFailure(FailedAttempt):
    """This request will never succeed; others may."""


class Refusal(LastingFailure):
    """The server refuses access, or knows no such path or model: no request of this kind will succeed."""


def failure_of_status(status: int, reason: str, *, retry_after_s: float = 0.0) -> FailedAttempt:
    """Sort a status that is no success by what helps.

    >>> type(failure_of_status(429, "slow down")).__name__
    'Overloaded'
    """
    kind: type[FailedAttempt] = LastingFailure
    if status in _OVERLOAD:
        kind = Overloaded
    elif status in _PASSING or status >= 500:
        kind = PassingFailure
    elif status in _REFUSING:
        kind = Refusal
    return kind(reason, status=status, retry_after_s=retry_after_s)
