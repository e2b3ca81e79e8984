"""Whatever is stored, the planned requests are exactly what is missing."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from ttscale.pipeline.requests import first_seed, plan_requests
from ttscale.types import Problem


@st.composite
def gaps(draw: st.DrawFn) -> list[range]:
    edges = sorted(draw(st.sets(st.integers(0, 1500), min_size=2, max_size=8)))
    pairs = zip(edges[::2], edges[1::2], strict=False)
    return [range(a, b) for a, b in pairs]


@given(missing=st.dictionaries(st.sampled_from("abcd"), gaps(), min_size=1), size=st.integers(1, 300))
def test_every_missing_sample_is_requested_once_with_its_own_seed(
    missing: dict[str, list[range]], size: int
) -> None:
    problems = [Problem(problem_id=name, prompt="") for name in "abcd"]
    requests = list(plan_requests(problems, missing, run_seed=7, request_size=size))
    asked = Counter(
        (request.problem.problem_id, request.first_index + j)
        for request in requests
        for j in range(request.n)
    )
    wanted = Counter((name, i) for name, parts in missing.items() for part in parts for i in part)
    assert asked == wanted
    for request in requests:
        assert 1 <= request.n <= size
        assert request.seed == first_seed(7, request.problem.problem_id) + request.first_index


@given(st.integers(0, 2**40), st.text())
def test_seeds_leave_room_to_count_up_in_64_signed_bits(run_seed: int, problem_id: str) -> None:
    assert 0 <= first_seed(run_seed, problem_id) < 2**62
