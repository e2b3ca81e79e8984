"""What a cell's attempts can do, whoever makes them, and the plainest ones: a call each."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from ttscale.errors import AttemptsFailedError
from ttscale.types import Sample, SampleRequest


class Attempts(Protocol):
    """A cell's attempts under way.

    Attributes:
        begun: Whether every attempt has begun: what is left to ask are later calls.
    """

    begun: bool

    @property
    def failure(self) -> AttemptsFailedError | None:
        """Attempts that failed, while all others were made."""

    def calls(self) -> Iterator[SampleRequest | None]:
        """Yield what the model is asked, as it can take it; None where there is nothing now."""

    def taken(self, answers: Sequence[Sample]) -> list[Sample]:
        """Take answers; return the samples that are finished."""

    def ended(self) -> list[Sample]:
        """Return the last samples, when nothing is left to ask and all is answered."""

    def wait(self) -> None:
        """Wait for others than the sampler, for a moment."""

    def close(self) -> None:
        """Free what is held; what was not finished can go on from here another time."""


class PlainAttempts:
    """Attempts that are one call each.

    Args:
        requests: Attempts wanted. None among them: no more now, but there may be some later.
    """

    failure: AttemptsFailedError | None = None

    def __init__(self, requests: Iterable[SampleRequest | None]) -> None:
        self._requests = requests
        self.begun = False

    def calls(self) -> Iterator[SampleRequest | None]:
        """Yield the requests themselves."""
        yield from self._requests
        self.begun = True

    def taken(self, answers: Sequence[Sample]) -> list[Sample]:
        """Return the answers: each is a sample."""
        return list(answers)

    def ended(self) -> list[Sample]:
        """Return nothing."""
        return []

    def wait(self) -> None:
        """Return at once."""

    def close(self) -> None:
        """Do nothing."""
