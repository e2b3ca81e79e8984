"""Batches are cut into parts for tasks."""

from scripted import draw

from ttscale.pipeline.ray.verifying import _parts
from ttscale.types import Problem
from ttscale.verifiers.contract import Candidate

PROBLEMS = [Problem(problem_id=f"p{i}", prompt=f"{i}+1=", answer=str(i + 1)) for i in range(7)]


def test_parts_keep_problems_together_where_they_must() -> None:
    batch = [Candidate(problem, draw(problem, index, 0)) for problem in PROBLEMS for index in range(5)]
    loose = list(_parts(batch, 8, whole_problems=False))
    whole = list(_parts(batch, 8, whole_problems=True))
    assert [c for part in loose for c in part] == [c for part in whole for c in part] == batch
    assert max(map(len, loose)) == 8
    assert [len(part) for part in whole] == [10, 10, 10, 5]
