"""Attempts at problems: the one place where it is decided what one is.

An attempt is one sample: one call of the model, or what a strategy makes of many (`ttscale.pipeline.strategy`). Both have
one shape: requests for attempts in, samples out as they finish.
"""

from collections.abc import Callable, Iterable, Iterator

from ttscale.config.models import Cell
from ttscale.pipeline.calls import drawn
from ttscale.samplers.contract import Sampler
from ttscale.store.calls import Journal
from ttscale.types import Sample, SampleRequest


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
