"""The queue of sampling work: what is missing, cut into small requests with fixed seeds."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from ttscale.types import Problem, SampleRequest

ROUND = 256
"""Samples per problem before the queue moves on: a stopped run is balanced over problems to within this,
and a problem's prompt stays in the engine's prefix cache for that long."""


def first_seed(run_seed: int, problem_id: str) -> int:
    """Return the seed of a problem's sample 0; sample i has this plus i.

    It depends on the run's seed and the problem's id alone, so neither other problems nor the cut into
    requests can change a sample. 62 bits leave room to count up within a signed 64-bit integer.
    """
    digest = hashlib.blake2b(f"{run_seed}\0{problem_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 2


def longest_first(problems: Sequence[Problem], mean_tokens: Mapping[str, float]) -> list[Problem]:
    """Return problems with those first whose samples were longest so far, so that none of them is last and alone.

    No sample depends on the order. Problems without a sample may be long and stand at the beginning.

    Args:
        problems: In any order, which decides between equals.
        mean_tokens: problem_id -> mean completion tokens of its stored samples.
    """
    return sorted(problems, key=lambda problem: -mean_tokens.get(problem.problem_id, float("inf")))


def plan_requests(
    problems: Sequence[Problem],
    missing: Mapping[str, Sequence[range]],
    *,
    run_seed: int,
    request_size: int,
) -> Iterator[SampleRequest]:
    """Yield requests for all missing samples: round by round, problem by problem, index by index.

    Args:
        problems: In the order they are sampled.
        missing: problem_id -> ranges of missing sample indices, ascending and disjoint.
        run_seed: Seed of the run.
        request_size: Most samples per request.
    """
    last = max((gaps[-1].stop for gaps in missing.values()), default=0)
    for round_start in range(0, last, ROUND):
        for problem in problems:
            seed = first_seed(run_seed, problem.problem_id)
            for gap in missing.get(problem.problem_id, ()):
                start, stop = max(gap.start, round_start), min(gap.stop, round_start + ROUND)
                for first in range(start, stop, request_size):
                    yield SampleRequest(
                        problem=problem,
                        first_index=first,
                        n=min(request_size, stop - first),
                        seed=seed + first,
                    )
