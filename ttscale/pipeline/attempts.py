"""Attempts at problems: the one place where it is decided what one is.

An attempt is one sample: one call of the model, or what a strategy makes of many (`ttscale.pipeline.strategy`). Both have
one shape: requests for attempts in, samples out as they finish.
"""

from collections.abc import Iterable, Iterator

from ttscale.config.models import Cell
from ttscale.pipeline.calls import drawn
from ttscale.samplers.contract import Sampler
from ttscale.store.run import RunStore
from ttscale.types import Sample, SampleRequest


def attempted(
    store: RunStore, cell: Cell, session: str, sampler: Sampler, requests: Iterable[SampleRequest]
) -> Iterator[list[Sample]]:
    """Yield the samples of a cell as its strategy makes them, or as the sampler draws them.

    Args:
        store: The run, held for writing: a strategy's calls are recorded there.
        cell: The cell.
        session: Unique prefix for the names of segments.
        sampler: Runs.
        requests: Attempts wanted.
    """
    if cell.strategy is None:
        yield from drawn(sampler, requests)
        return
    from ttscale.pipeline.strategy.driving import made

    yield from made(store, cell, session, sampler, requests)
