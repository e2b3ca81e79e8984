"""Turns read off one run: what each attempt would have answered had it stopped, judged and priced as its journal says."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from strategy_runs import strategy_run

from ttscale.analysis.budget.reading_arms import read_arms
from ttscale.analysis.strategies.turns import turns_result
from ttscale.cli.main import run_cli
from ttscale.errors import InvalidInputError
from ttscale.pipeline.strategy.turns import cells_with_turns, verified_turns
from ttscale.stats.decide.turns import VerifiedTurns
from ttscale.store.run import RunStore

STRATEGIES = {
    "plain": "independent",
    "refine": {"name": "refine", "turns": 3},
    "checked": {"name": "refine", "turns": 3, "verifier": "toy_sampler:CountsA"},
    "rsa": {"name": "rsa", "population": 3, "subset": 2, "steps": 2},
    "vote": {"name": "adaptive-vote", "classes": "numeric", "most": 3},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    return strategy_run(tmp_path_factory.mktemp("run") / "r", STRATEGIES, n=5, problems=4)


def test_strategies_whose_calls_are_whole_answers_have_turns(store: RunStore) -> None:
    assert sorted(cells_with_turns(store)) == ["checked", "refine", "rsa"]
    with pytest.raises(InvalidInputError, match=r"'vote' are no answers.*checked"):
        verified_turns(store, "vote")


@pytest.mark.parametrize("cell", ["refine", "checked"])
def test_the_last_turn_is_what_the_attempt_answered_and_cost(store: RunStore, cell: str) -> None:
    judged, ids = verified_turns(store, cell)
    arm = next(arm for arm in read_arms([store.path]) if arm.label == cell)
    assert ids == arm.problem_ids
    assert np.bincount(judged.problem, weights=judged.correct[:, -1]).tolist() == arm.c.tolist()
    assert arm.usage is not None
    later = 0.0 if arm.usage.later is None else arm.usage.later.read("problem").sum()
    assert judged.tokens[:, -1].sum() == arm.usage.completion_tokens.sum() + later


def test_every_turn_is_judged_by_its_own_text(store: RunStore) -> None:
    judged, ids = verified_turns(store, "refine")
    calls = store.calls("refine").filter(kind="generate").collect()
    for turn in range(4):
        own = calls.filter(pl.col("role") == f"turn {turn}").with_columns(
            right=pl.col("text").str.starts_with("aa")
        )
        assert own.height == 20
        for i, name in enumerate(ids):
            right = own.filter(pl.col("problem_id") == name)["right"].sum()
            assert judged.correct[judged.problem == i, turn].sum() == right
    assert (np.diff(judged.tokens, axis=1) > 0).all()


def test_a_population_is_as_right_as_its_members_are_on_average(store: RunStore) -> None:
    judged, ids = verified_turns(store, "rsa")
    calls = store.calls("rsa").filter(kind="generate").collect()
    first = calls.filter(pl.col("path").is_in(["0", "0.1", "0.2"])).with_columns(
        right=pl.col("text").str.starts_with("aa")
    )
    for i, name in enumerate(ids):
        share = (
            first.filter(pl.col("problem_id") == name).group_by("sample_index").agg(pl.col("right").mean())
        )
        assert sorted(judged.correct[judged.problem == i, 0]) == pytest.approx(sorted(share["right"]))


def test_an_attempt_that_ends_early_keeps_its_answer_and_its_cost(store: RunStore) -> None:
    judged, _ = verified_turns(store, "checked")
    ended = judged.tokens[:, 1] == judged.tokens[:, -1]
    assert ended.any()
    assert (judged.correct[ended, 1] == judged.correct[ended, -1]).all()


def falling(n_problems: int = 60) -> VerifiedTurns:
    rng = np.random.default_rng(1)
    problem = np.repeat(np.arange(n_problems), 4)
    chance = np.array([0.3, 0.8, 0.8, 0.3])
    correct = (rng.random((len(problem), 4)) < chance).astype(float)
    return VerifiedTurns(
        problem=problem, correct=correct, tokens=np.tile([10.0, 25.0, 45.0, 70.0], (len(problem), 1))
    )


def test_a_fall_is_told_with_its_turns_and_its_interval() -> None:
    found = turns_result("c", falling(), k=[1, 2, 4])
    assert found.fall in {(1, 3), (2, 3)}
    assert "More turns hurt: from turn" in str(found)
    assert found.value.shape == (4, 3)
    assert [row["tokens"] for row in found.to_rows()][:3] == [10.0, 20.0, 40.0]
    flat = turns_result(
        "c", VerifiedTurns(problem=np.arange(9), correct=np.ones((9, 3)), tokens=np.ones((9, 3)))
    )
    assert flat.fall is None
    assert "No turn is worse" in str(flat)


def test_one_turn_says_nothing_of_more() -> None:
    one = VerifiedTurns(problem=np.arange(5), correct=np.ones((5, 1)), tokens=np.ones((5, 1)))
    assert "nothing is said of more" in str(turns_result("c", one))


def test_the_command_prints_all_cells_with_turns(
    store: RunStore, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run_cli(["turns", str(store.path)]) == 0
    text = capsys.readouterr().out
    assert "Turns stop paying after" in text
    assert "rsa: percent solved" in text
    assert run_cli(["turns", str(store.path), "--cell", "refine", "--k", "1,2,5", "--csv"]) == 0
    assert capsys.readouterr().out.count("\n") == 1 + 4 * 3
    assert run_cli(["turns", str(store.path), "--k", "six"]) == 2
    plain = strategy_run(tmp_path / "p", {"plain": "independent"}, n=2, problems=2)
    assert run_cli(["turns", str(plain.path)]) == 1
    assert "No cell" in capsys.readouterr().err
