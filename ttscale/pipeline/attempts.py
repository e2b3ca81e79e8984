"""Attempts at problems: the one place where it is decided what one is.

An attempt is one sample: one call of the model, or what a strategy makes of many (`ttscale.pipeline.strategy`). Both have
one shape: requests for attempts in, samples out as they finish.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from ttscale.config.models import Cell
from ttscale.pipeline.calls import drawn
from ttscale.samplers.contract import Sampler
from ttscale.store.calls import CallRecord
from ttscale.types import Sample, SampleRequest


class Journal(Protocol):
    """Where a strategy's calls are recorded, and what is recorded of attempts that were interrupted.

    Attributes:
        n_stored: Records that will survive anything, from the first on.
    """

    n_stored: int

    def add(self, records: Sequence[CallRecord]) -> None:
        """Take records."""

    def flush(self) -> None:
        """Make sure of all of them."""

    def recorded(self, problem_id: str, sample_index: int) -> Sequence[CallRecord]:
        """Return what there is of an attempt."""


def attempted(
    cell: Cell, sampler: Sampler, requests: Iterable[SampleRequest | None], journal: Callable[[], Journal]
) -> Iterator[list[Sample]]:
    """Yield the samples of a cell as its strategy makes them, or as the sampler draws them.

    Args:
        cell: The cell.
        sampler: Runs.
        requests: Attempts wanted. None among them: no more now, but there may be some later.
        journal: Makes the journal of a strategy's calls.
    """
    if cell.strategy is None:
        yield from drawn(sampler, requests)
        return
    from ttscale.pipeline.strategy.driving import made

    yield from made(cell, sampler, requests, journal())
