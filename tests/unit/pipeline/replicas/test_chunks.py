"""What is missing is cut into chunks that shrink towards the end."""

from collections.abc import Iterator

import pytest

from ttscale.pipeline.replicas.chunks import ChunkQueue
from ttscale.pipeline.requests import plan_requests
from ttscale.types import Problem, SampleRequest

PROBLEMS = [Problem(problem_id=f"p{i}", prompt=f"{i}+1=", answer=str(i + 1)) for i in range(7)]


def requests(n: int, size: int = 8) -> Iterator[SampleRequest]:
    missing = {problem.problem_id: [range(n)] for problem in PROBLEMS}
    return plan_requests(PROBLEMS, missing, run_seed=0, request_size=size)


@pytest.mark.parametrize("samples_per_s", [None, 0.1, 10.0, 1e6])
def test_chunks_are_the_requests_in_their_order_and_shrink_towards_the_end(
    samples_per_s: float | None,
) -> None:
    queue = ChunkQueue(requests(1000), 7 * 1000, n_replicas=3)
    chunks = []
    while queue:
        chunks.append(queue.take(samples_per_s))
    assert [request for chunk in chunks for request in chunk.requests] == list(requests(1000))
    assert chunks[0].n_samples <= 7 * 1000 / (4 * 3) + 8
    assert chunks[-1].n_samples <= 8
    assert queue.n_left == 0
