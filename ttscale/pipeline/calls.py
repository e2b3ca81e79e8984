"""Calls of a model: the one place where a sampler is asked."""

from collections.abc import Iterable, Iterator
from typing import cast

from ttscale.errors import SamplerError, TtscaleError
from ttscale.samplers.contract import Sampler
from ttscale.types import Sample, SampleRequest


def drawn(sampler: Sampler, requests: Iterable[SampleRequest | None]) -> Iterator[list[Sample]]:
    """Yield what the sampler draws; whatever it dies of becomes an error of ours."""
    try:
        yield from sampler.sample(
            cast("Iterable[SampleRequest]", requests)
        )  # None: to samplers that serve calls
    except TtscaleError:
        raise
    except Exception as error:
        raise SamplerError(
            f"{type(sampler).__name__} broke off with {type(error).__name__}: {error}"
        ) from error
