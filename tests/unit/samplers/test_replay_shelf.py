"""A cell's samples by problem and index, whatever segments they lie in."""

from dataclasses import replace
from pathlib import Path

import pytest
from stored_runs import draw, make_run, problems

from ttscale.errors import SamplerError
from ttscale.samplers.replay_shelf import Shelf
from ttscale.store.run import RunStore
from ttscale.types import Problem, SampleRequest

CELL = "demo-arithmetic-arithmetic"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    """Two problems, samples 0 to 9 in two segments."""
    made = make_run(tmp_path_factory.mktemp("shelf") / "run", n_problems=2, n=6, verified=False)
    draw(made, CELL, range(6, 10), verified=False)
    return made


def fetched(store: RunStore, problem: Problem, first: int, n: int) -> list[int]:
    samples = Shelf(store, CELL, "run 'old'").fetch(
        SampleRequest(problem=problem, first_index=first, n=n, seed=0)
    )
    assert {sample.problem_id for sample in samples} == {problem.problem_id}
    return sorted(sample.sample_index for sample in samples)


@pytest.mark.parametrize(("first", "n"), [(0, 1), (0, 10), (4, 4), (5, 1), (6, 1), (9, 1)])
def test_a_request_finds_its_samples_across_segments(store: RunStore, first: int, n: int) -> None:
    assert fetched(store, problems(2)[1], first, n) == list(range(first, first + n))


def test_counts_are_those_that_are_stored(store: RunStore) -> None:
    assert Shelf(store, CELL, "run").counts == {"0000": 10, "0001": 10}


def test_samples_that_are_not_there_are_an_error_with_its_range(store: RunStore) -> None:
    with pytest.raises(
        SamplerError, match=r"run 'old' holds 10 samples of problem '0000', but \[8, 11\) are"
    ):
        fetched(store, problems(1)[0], 8, 3)


@pytest.mark.parametrize(
    ("problem", "why"),
    [
        (Problem(problem_id="0002", prompt="2+2="), "holds no samples of problem '0002', but of 2 others"),
        (replace(problems(1)[0], prompt="0 + 0"), "'0000' with another prompt"),
    ],
)
def test_a_problem_that_was_not_asked_is_not_answered(store: RunStore, problem: Problem, why: str) -> None:
    with pytest.raises(SamplerError, match=why):
        fetched(store, problem, 0, 1)


def test_an_empty_cell_has_no_samples(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run", n_problems=1, n=0, asked=1, verified=False)
    shelf = Shelf(made, CELL, "run")
    assert dict(shelf.counts) == {}
    with pytest.raises(SamplerError, match="holds no samples of problem '0000', but of 0 others"):
        shelf.fetch(SampleRequest(problem=problems(1)[0], first_index=0, n=1, seed=0))
