"""Requests, and readings of samples, that the engine tests share."""

from collections.abc import Iterable, Iterator

from ttscale.samplers.contract import Sampler
from ttscale.types import Problem, Sample, SampleRequest

PROMPTS = ("12+7=", "345*6=", "9999+1=", "71*38=", "5+5=", "1234*4321=")

Drawn = dict[tuple[str, int], str]
"""(problem_id, sample_index) -> completion."""


def requests(n: int, size: int, prompts: Iterable[str] = PROMPTS) -> Iterator[SampleRequest]:
    """Yield requests for the samples [0, n) of every prompt, cut into pieces of `size`."""
    for number, prompt in enumerate(prompts):
        problem = Problem(problem_id=prompt, prompt=prompt)
        for first in range(0, n, size):
            yield SampleRequest(
                problem=problem, first_index=first, n=min(size, n - first), seed=1000 * number + first
            )


def samples(sampler: Sampler, n: int, size: int, prompts: Iterable[str] = PROMPTS) -> list[Sample]:
    """Draw and return every sample."""
    return [sample for batch in sampler.sample(requests(n, size, prompts)) for sample in batch]


def drawn(found: Iterable[Sample]) -> Drawn:
    """Return completions by key; a duplicate is an error."""
    result: Drawn = {}
    for sample in found:
        key = (sample.problem_id, sample.sample_index)
        assert key not in result, f"{key} was drawn twice"
        result[key] = sample.completion
    return result
