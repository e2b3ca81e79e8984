"""The queue of sampling work: what is missing, cut into small requests with fixed seeds."""

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence

from ttscale.types import Problem, SampleRequest

_ROUND = 256
_ROUND_ENDS = (8, 64, _ROUND)
"""Where the first rounds end, in samples of each problem; later ones are as long as the last: the queue moves on to the
next problem there. The first is small, so that early numbers rest on every problem; the others keep a problem's prompt
in the engine's prefix cache for longer."""


def round_of(sample_index: int) -> int:
    """Return the round that draws a sample.

    >>> [round_of(i) for i in (0, 7, 8, 63, 64, 255, 256, 511, 512)]
    [0, 0, 1, 1, 2, 2, 3, 3, 4]
    """
    if sample_index < _ROUND:
        return bisect_right(_ROUND_ENDS, sample_index)
    return len(_ROUND_ENDS) - 1 + sample_index // _ROUND


def round_range(number: int) -> range:
    """Return the sample indices that a round draws of each problem.

    >>> [round_range(i) for i in range(4)]
    [range(0, 8), range(8, 64), range(64, 256), range(256, 512)]
    """
    if number < len(_ROUND_ENDS):
        return range(_ROUND_ENDS[number - 1] if number else 0, _ROUND_ENDS[number])
    start = (number - len(_ROUND_ENDS) + 1) * _ROUND
    return range(start, start + _ROUND)


def request_ranges(gap: range, request_size: int) -> Iterator[range]:
    """Yield what each request for a gap draws: no request crosses a round.

    >>> list(request_ranges(range(6, 100), 50))
    [range(6, 8), range(8, 58), range(58, 64), range(64, 100)]
    """
    first = gap.start
    while first < gap.stop:
        stop = min(first + request_size, gap.stop, round_range(round_of(first)).stop)
        yield range(first, stop)
        first = stop


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
    seeded_by: Callable[[str], str] = str,
) -> Iterator[SampleRequest]:
    """Yield requests for all missing samples: round by round, problem by problem, index by index.

    Args:
        problems: In the order they are sampled.
        missing: problem_id -> ranges of missing sample indices, ascending and disjoint.
        run_seed: Seed of the run.
        request_size: Most samples per request.
        seeded_by: Returns the problem_id that seeds come from.
    """
    last = max((gaps[-1].stop for gaps in missing.values()), default=0)
    for number in range(round_of(last - 1) + 1 if last else 0):
        drawn = round_range(number)
        for problem in problems:
            seed = first_seed(run_seed, seeded_by(problem.problem_id))
            for gap in missing.get(problem.problem_id, ()):
                within = range(max(gap.start, drawn.start), min(gap.stop, drawn.stop))
                for part in request_ranges(within, request_size):
                    yield SampleRequest(
                        problem=problem, first_index=part.start, n=len(part), seed=seed + part.start
                    )
