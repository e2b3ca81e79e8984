"""One row per problem: counts, the most frequent answers, the earliest right and wrong samples."""

from pathlib import Path

import pytest
from stored_runs import make_run

from ttscale.analysis.reading.cell import RunReader
from ttscale.analysis.run.problems import problems_frame
from ttscale.analysis.run.samples import sample_groups
from ttscale.store.run import RunStore

N, PROBLEMS = 12, 5


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    return make_run(tmp_path_factory.mktemp("problems") / "run", n=N, n_problems=PROBLEMS)


@pytest.fixture(scope="module")
def cell(store: RunStore) -> str:
    (name,) = store.cells()
    return name


def test_every_problem_has_its_counts_in_the_tasks_order(store: RunStore, cell: str) -> None:
    verified = RunReader(store).cell(cell).verified()
    table = problems_frame(store, cell, store.problems(cell), verified)
    assert table["problem_id"].to_list() == [one.problem_id for one in store.problems(cell)]
    assert table["n"].to_list() == [N] * PROBLEMS
    assert table["success_rate"].to_list() == (verified.c / N).tolist()
    assert table["prompt"].to_list()[3] == "3+3="


def test_answers_are_counted_the_most_frequent_first_and_known_to_be_right_or_wrong(
    store: RunStore, cell: str
) -> None:
    verified = RunReader(store).cell(cell).verified()
    for row in problems_frame(store, cell, store.problems(cell), verified).to_dicts():
        counted = [one["count"] for one in row["answers"]]
        assert counted == sorted(counted, reverse=True) and sum(counted) <= N
        assert sum(one["count"] for one in row["answers"] if one["correct"]) == row["c"]


def test_examples_are_the_first_right_and_the_first_wrong_samples(store: RunStore, cell: str) -> None:
    verified = RunReader(store).cell(cell).verified()
    outcomes = {(row["problem_id"], row["sample_index"]): row["outcome"] for row in verified.frame.to_dicts()}
    for row in problems_frame(store, cell, store.problems(cell), verified).to_dicts():
        for is_right in (True, False):
            own = [
                index
                for (problem, index), outcome in sorted(outcomes.items())
                if problem == row["problem_id"] and (outcome == "correct") == is_right
            ]
            shown = [
                one["sample_index"] for one in row["examples"] if (one["outcome"] == "correct") == is_right
            ]
            assert shown == own[:3]


def test_problems_without_a_verified_sample_are_left_out(tmp_path: Path) -> None:
    store = make_run(tmp_path / "run", n=2, n_problems=3)
    (name,) = store.cells()
    verified = RunReader(store).cell(name).verified()
    some = verified.frame.filter(verified.frame["problem_id"] != "0001")
    from ttscale.analysis.reading.verified import verified_samples

    table = problems_frame(store, name, store.problems(name), verified_samples(some))
    assert table["problem_id"].to_list() == ["0000", "0002"]


def test_equal_samples_are_one_group_that_lists_them(store: RunStore, cell: str) -> None:
    reader = RunReader(store).cell(cell, verifiers=["last-digit"])
    groups = sample_groups(reader)
    whole = [(row["problem_id"], index) for row in groups.to_dicts() for index in row["sample_indices"]]
    assert sorted(whole) == [(one.problem_id, i) for one in store.problems(cell) for i in range(N)]
    assert groups.select("problem_id", "completion").is_unique().all()  # verdicts follow from the text here
    assert all(row["sample_indices"] == sorted(row["sample_indices"]) for row in groups.to_dicts())
    assert "outcome:last-digit" in groups.columns
    first = [row["sample_indices"][0] for row in groups.filter(problem_id="0004").to_dicts()]
    assert first == sorted(first)


def test_some_problems_can_be_asked_for_alone(store: RunStore, cell: str) -> None:
    groups = sample_groups(RunReader(store).cell(cell), ["0002", "none"])
    assert set(groups["problem_id"]) == {"0002"}
    assert sample_groups(RunReader(store).cell(cell), []).height == 0
