"""The order of the work: problems with long samples begin, so that none of them is last and alone."""

from collections import Counter
from pathlib import Path

import pytest

from ttscale.config.models import Cell
from ttscale.pipeline.contract import CellWork
from ttscale.pipeline.progress import Progress
from ttscale.pipeline.requests import longest_first, plan_requests, round_of, round_range
from ttscale.store.run import RunStore
from ttscale.store.samples import samples_frame
from ttscale.store.segments import write_segment
from ttscale.types import Problem, Sample

PROBLEMS = [Problem(problem_id=name, prompt=name) for name in ("short", "new", "long", "newer")]


def test_unknown_problems_begin_then_the_longest() -> None:
    ordered = longest_first(PROBLEMS, {"short": 5.0, "long": 900.0})
    assert [problem.problem_id for problem in ordered] == ["new", "newer", "long", "short"]
    assert longest_first(PROBLEMS, {}) == PROBLEMS


@pytest.mark.parametrize(("n", "stop_after"), [(32, 0.35), (128, 0.1), (1000, 0.02), (10_000, 0.01)])
def test_a_stopped_run_has_samples_of_every_problem(n: int, stop_after: float) -> None:
    problems = [Problem(problem_id=f"p{i}", prompt="") for i in range(64)]
    missing = {problem.problem_id: [range(n)] for problem in problems}
    drawn: Counter[str] = Counter()
    for request in plan_requests(problems, missing, run_seed=0, request_size=64):
        if drawn.total() >= stop_after * n * len(problems):
            break
        drawn[request.problem.problem_id] += request.n
    assert len(drawn) == 64
    assert max(drawn.values()) <= 8 * min(drawn.values())


def test_rounds_follow_each_other_without_a_gap() -> None:
    indices = [i for number in range(9) for i in round_range(number)]
    assert indices == list(range(len(indices)))
    assert all(i in round_range(round_of(i)) for i in indices)


def test_lengths_are_the_stored_samples(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    counts = [("short", 3), ("short", 7), ("long", 900), ("newer", None)]  # a server may not count
    samples = [
        Sample(
            problem_id=name,
            sample_index=index,
            completion="x",
            finish_reason="stop",
            prompt_tokens=1,
            completion_tokens=tokens,
        )
        for index, (name, tokens) in enumerate(counts)
    ]
    write_segment(store.samples_folder("c") / "s-0.parquet", samples_frame(samples, "c"))
    cell = Cell.model_validate({"name": "c", "model": "m", "task": "arithmetic", "sampling": {"n": 9}})
    work = CellWork(store=store, cell=cell, problems=PROBLEMS, progress=Progress())
    assert [problem.problem_id for problem in work.longest_first()] == ["new", "newer", "long", "short"]
