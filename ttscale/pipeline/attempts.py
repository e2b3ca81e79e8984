"""Attempts at problems: the one place where it is decided what one is.

An attempt is one sample: one call of the model, or what a strategy makes of many (`ttscale.pipeline.strategy`). Both have
one shape (`ttscale.pipeline.attempt_kinds`): requests for attempts in, calls of the model out, answers in, samples out as
they finish.
"""

from collections.abc import Callable, Iterable

from ttscale.config.models import Cell
from ttscale.pipeline.attempt_kinds import Attempts, PlainAttempts
from ttscale.samplers.contract import Sampler
from ttscale.store.calls import Journal
from ttscale.types import SampleRequest


def attempts_of(
    cell: Cell, sampler: Sampler, requests: Iterable[SampleRequest | None], journal: Callable[[], Journal]
) -> Attempts:
    """Return the attempts at a cell's samples, as its strategy makes them or as the sampler draws them.

    Args:
        cell: The cell.
        sampler: Runs.
        requests: Attempts wanted. None among them: no more now, but there may be some later.
        journal: Makes the journal of a strategy's calls.
    """
    if cell.strategy is None:
        return PlainAttempts(requests)
    from ttscale.pipeline.strategy.driving import Drive

    return Drive.of(cell, sampler, requests, journal())
