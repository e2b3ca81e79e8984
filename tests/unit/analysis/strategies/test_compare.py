"""Strategies at equal cost: costs are those of the journal, and the winner is who solves more for them."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from strategy_runs import ORACLE, strategy_run

from ttscale.analysis.budget.arms import Arm
from ttscale.analysis.budget.pricing import charges_of
from ttscale.analysis.budget.reading_arms import read_arms
from ttscale.analysis.strategies.compare import compare_strategies, short_names
from ttscale.cli.main import run_cli
from ttscale.costs.contract import ModelFacts, Price
from ttscale.costs.counted import TokenCost
from ttscale.costs.money import MoneyCost
from ttscale.errors import InvalidInputError
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.store.run import RunStore

STRATEGIES = {
    "plain": "independent",
    "first": {"name": "first-accepted", "attempts": 4, "verifier": "toy_sampler:CountsA"},
    "rsa": {"name": "rsa", "population": 3, "subset": 2, "steps": 2},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    return strategy_run(tmp_path_factory.mktemp("run") / "r", STRATEGIES, n=24, problems=12)


def test_an_attempt_costs_all_its_calls_and_the_first_prompt_once_per_problem(store: RunStore) -> None:
    arms = {arm.label: arm for arm in read_arms([store.path])}
    for cell in STRATEGIES:
        usage = arms[cell].usage
        assert usage is not None
        charges = TokenCost(TokenCost.Options()).charges(usage, ModelFacts())
        calls = store.calls(cell).filter(kind="generate").collect()
        samples = store.samples(cell).collect()
        later = calls.filter(pl.col("path") != "0")["prompt_tokens"].sum()
        expected = (samples["completion_tokens"].sum() + later) / samples.height
        assert charges.per_sample.mean() == pytest.approx(expected)
        assert charges.once.tolist() == [1.0] * 12  # the toy's prompt is one token


def test_the_model_inside_an_attempt_is_paid_for_each_of_its_verdicts(tmp_path: Path) -> None:
    strategies = {
        "plain": "independent",
        "judged": {"name": "first-accepted", "attempts": 3, "verifier": "toy_sampler:CostlyJudge"},
    }
    store = strategy_run(tmp_path / "r", strategies, n=6)
    arm = next(arm for arm in read_arms([store.path]) if arm.label == "judged")
    judgements = store.calls("judged").filter(kind="judge").collect()
    assert arm.samples is not None
    (inside,) = arm.samples.inside
    assert inside.times is not None
    assert inside.times.sum() == judgements.height
    tokens = charges_of(arm, TokenCost(TokenCost.Options()), "tokens", None)
    assert arm.usage is not None
    without = TokenCost(TokenCost.Options()).charges(arm.usage, ModelFacts())
    more = (tokens.per_sample - without.per_sample).mean() * arm.n.sum()
    assert more == pytest.approx(judgements["prompt_tokens"].sum() + judgements["completion_tokens"].sum())
    assert "inside the attempts" in " ".join(tokens.notes)
    with pytest.raises(InvalidInputError, match="inside the attempts"):  # its price is not the run's model's
        charges_of(with_price(arm), MoneyCost(MoneyCost.Options()), "money", None)


def with_price(arm: Arm) -> Arm:
    return replace(arm, facts=replace(arm.facts, price=Price(name="none", prompt=1.0, completion=1.0)))


def test_values_at_a_cost_lie_between_those_of_the_attempts_that_it_buys(store: RunStore) -> None:
    coverage = next(one for one in compare_strategies(store.path, at=[30.0]) if one.metric == "coverage")
    for way in coverage.ways:
        (arm,) = [arm for arm in read_arms([store.path]) if arm.label == way.label]
        k = way.attempts[0]
        assert 1 <= k < 24
        around = pass_at_k(arm.n, arm.c, [int(np.floor(k)), int(np.ceil(k))]).mean(axis=0)
        assert around[0] - 1e-9 <= way.value[0] <= around[1] + 1e-9


def test_a_check_that_helps_wins_at_equal_cost_and_the_difference_is_certain(store: RunStore) -> None:
    found = {one.metric: one for one in compare_strategies(store.path, at=[25.0])}
    accuracy = found["selected accuracy"]
    assert accuracy.ways[0].label == "plain, majority vote"
    rows = {row["way"]: row for row in accuracy.to_rows()}
    assert rows["plain, majority vote"]["difference"] is None
    first = rows["first, majority vote"]
    assert first["difference"] == pytest.approx(first["value"] - rows["plain, majority vote"]["value"])
    assert first["difference_low"] <= first["difference"] <= first["difference_high"]
    assert "Highest selected accuracy" in str(accuracy)


def test_the_same_strategy_twice_never_differs_for_certain(tmp_path: Path) -> None:
    twice = strategy_run(
        tmp_path / "r", {"plain": "independent", "again": {"name": "refine", "turns": 0}}, n=8
    )
    coverage = compare_strategies(twice.path)[0]
    assert coverage.differences.value.tolist() == [0.0] * len(coverage.differences.value)
    assert (coverage.differences.low < 0).all()
    assert (coverage.differences.high > 0).all()
    assert "None of these differs for certain" in coverage.sentence()


def test_plain_samples_picked_by_a_verifier_stand_beside_the_strategies(store: RunStore) -> None:
    for verifiers in ([], ["toy_sampler:CountsA"]):  # by default all that have judged every cell
        accuracy = compare_strategies(store.path, verifiers=verifiers)[1]
        assert [way.label for way in accuracy.ways if way.is_plain] == [
            "plain, majority vote",
            "plain, first accepted by toy_sampler:CountsA",
        ]


def test_the_frontier_covers_all_costs_and_is_worth_most_there(store: RunStore) -> None:
    coverage = compare_strategies(store.path)[0]
    assert all(one.end == two.begin for one, two in pairwise(coverage.frontier))
    at = coverage.frontier[-1]
    (there,) = [one for one in compare_strategies(store.path, at=[at.end]) if one.metric == "coverage"]
    assert at.label == there.best[0][0]
    assert at.value == pytest.approx(max(way.value[0] for way in there.ways))
    assert f"{at.label} from" in str(coverage)


def test_without_a_verifier_that_says_no_the_first_accepted_is_missing_with_a_word(tmp_path: Path) -> None:
    two = {"plain": "independent", "again": {"name": "refine", "turns": 0}}
    found = compare_strategies(strategy_run(tmp_path / "r", two, n=4, verifiers=(ORACLE,)).path)
    assert "No first accepted is compared" in str(found[-1])


def test_one_cell_is_nothing_to_compare(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"one cell.*a sweep over 'strategy'"):
        compare_strategies(strategy_run(tmp_path / "r", {"plain": "independent"}, n=2, problems=2).path)


def test_the_command_prints_tables_words_and_rows(
    store: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["compare-strategies", str(store.path), "--at", "20,60"]) == 0
    text = capsys.readouterr().out
    assert "At 20 tokens per problem" in text
    assert "Highest coverage" in text
    assert run_cli(["compare-strategies", str(store.path), "--csv"]) == 0
    rows = capsys.readouterr().out.count("\n")
    assert (
        rows == 1 + 3 * 3 + 3 * 6
    )  # coverage; the vote and the first accepted: three ways each, at three costs
    assert run_cli(["compare-strategies", str(store.path), "--at", "ten"]) == 2
    money = ["--cost", "money", "--price", "prompt=1e6,completion=2e6", "--at", "40"]
    assert run_cli(["compare-strategies", str(store.path), *money]) == 0
    assert "At 40 US dollars per problem" in capsys.readouterr().out


def test_names_lose_the_words_that_all_share() -> None:
    assert short_names(["m-task-rsa", "m-task-refine"]) == {"m-task-rsa": "rsa", "m-task-refine": "refine"}
    assert short_names(["m"]) == {"m": "m"}
