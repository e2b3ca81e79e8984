"""Attempts at problems: the one place where a sampler is asked.

An attempt is one sample. Here it is one call of the model; what spends many calls on an attempt belongs beside
`drawn`, with the same shape: requests for attempts in, samples out as they finish.
"""

from collections.abc import Iterable, Iterator

from ttscale.errors import SamplerError, TtscaleError
from ttscale.samplers.contract import Sampler
from ttscale.types import Sample, SampleRequest


def drawn(sampler: Sampler, requests: Iterable[SampleRequest]) -> Iterator[list[Sample]]:
    """Yield what the sampler draws; whatever it dies of becomes an error of ours."""
    try:
        yield from sampler.sample(requests)
    except TtscaleError:
        raise
    except Exception as error:
        raise SamplerError(
            f"{type(sampler).__name__} broke off with {type(error).__name__}: {error}"
        ) from error
