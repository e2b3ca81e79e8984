"""What an attempt takes, before anything is drawn: calls and tokens that can be counted by hand."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from strategy_runs import strategy_run

from ttscale.config.cells import cells
from ttscale.config.loading import load_config
from ttscale.config.models import Cell
from ttscale.costs.contract import Price
from ttscale.pipeline.planning import Expectations, plan_rows, status_rows
from ttscale.pipeline.strategy.rehearsing import Taken, rehearsed
from ttscale.types import Problem

CHECK = "toy_sampler:CountsA"
PROBLEM = Problem(problem_id="p", prompt="x" * 400)  # a hundred tokens


def config_of(tmp_path: Path, strategies: dict[str, Any], **sampling: Any) -> Path:
    path = tmp_path / "r.yaml"
    tree = {
        "model": {"path": "none", "engine": "toy_sampler:ToySampler"},
        "task": {"name": "arithmetic", "problems": 5},
        "sampling": {"n": 4, "max_tokens": 50, **sampling},
        "verifiers": ["strategy_runs:StartsWithA"],
        "sweep": {"axes": {"strategy": strategies}, "name": "{strategy}"},
    }
    path.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    return path


def taken(tmp_path: Path, strategy: dict[str, Any]) -> tuple[Taken, Taken]:
    config = load_config(config_of(tmp_path, {"plain": "independent", "it": strategy}), out=tmp_path / "r")
    cell: Cell = next(one for one in cells(config) if one.name == "it")
    return rehearsed(cell, PROBLEM)


@pytest.mark.parametrize(
    ("strategy", "calls", "most"),
    [
        ({"name": "refine", "turns": 3}, 4, 4),
        ({"name": "rsa", "population": 5, "subset": 2, "steps": 3}, 15, 15),
        ({"name": "first-accepted", "attempts": 1, "verifier": CHECK}, 1, 1),
        ({"name": "first-accepted", "attempts": 3, "verifier": CHECK}, pytest.approx(1.75, abs=0.5), 3),
        (
            {"name": "first-accepted", "attempts": 3, "verifier": CHECK, "planner": True},
            pytest.approx(2.25, abs=0.7),
            4,
        ),
        ({"name": "refine", "turns": 6, "verifier": CHECK}, pytest.approx(1.97, abs=0.8), 7),
        ({"name": "adaptive-vote", "classes": "numeric", "most": 9, "threshold": 2.0}, 9, 9),
    ],
)
def test_calls_on_average_and_at_most(
    tmp_path: Path, strategy: dict[str, Any], calls: Any, most: int
) -> None:
    expected, upper = taken(tmp_path, strategy)
    assert expected.calls == calls
    assert upper.calls == most
    assert upper.completion_tokens == 50 * most


def test_prompts_of_later_calls_hold_what_they_are_made_of(tmp_path: Path) -> None:
    template = "{problem}{previous}"
    _, upper = taken(tmp_path, {"name": "refine", "turns": 2, "template": template})
    assert upper.later_prompt_tokens == pytest.approx(2 * (100 + 50), rel=0.02)
    _, forced = taken(tmp_path, {"name": "budget-forcing", "waits": 2, "wait": "wait", "force": None})
    assert forced.calls == 3
    assert forced.later_prompt_tokens == pytest.approx(
        (100 + 51) + (100 + 102), rel=0.02
    )  # the prefix is read again


def test_the_plan_adds_up_calls_tokens_and_money(tmp_path: Path) -> None:
    strategies = {
        "plain": "independent",
        "refine": {"name": "refine", "turns": 1, "template": "{problem}{previous}"},
    }
    path = config_of(tmp_path, strategies)
    prices = {"none": Price(name="none", prompt=4.0, completion=100.0)}
    plain, refine = plan_rows(load_config(path, out=tmp_path / "r"), Expectations(100.0, prices))
    assert (plain["calls_expected"], refine["calls_expected"], refine["calls_at_most"]) == (20, 40, 40)
    assert (plain["tokens_expected"], refine["tokens_expected"]) == (1000, 2000)
    assert refine["seconds_expected"] == 2 * plain["seconds_expected"]
    later = 20 * 50 * 4e-6  # what it said before is read again; prompts are a token or two
    assert refine["usd_expected"] - 2 * 0.1 == pytest.approx(later, rel=0.2)


def test_without_strategies_no_calls_are_told(tmp_path: Path) -> None:
    tree = yaml.safe_load(config_of(tmp_path, {"plain": "independent"}).read_text())
    del tree["sweep"]
    path = tmp_path / "p.yaml"
    path.write_text(yaml.safe_dump(tree))
    (row,) = plan_rows(load_config(path, out=tmp_path / "p"))
    assert row["calls_expected"] is None


def test_attempts_that_are_stored_are_what_more_of_them_will_take(tmp_path: Path) -> None:
    store = strategy_run(
        tmp_path / "r", {"plain": "independent", "refine": {"name": "refine", "turns": 2}}, n=4
    )
    calls = store.calls("refine").filter(kind="generate").collect()
    (row,) = [one for one in status_rows(store) if one["cell"] == "refine"]
    assert row["calls"] == calls.height == 4 * 6 * 3
    config = load_config(tmp_path / "r.yaml", ["sampling.n=8"], out=tmp_path / "r")
    more = next(one for one in plan_rows(config) if one["cell"] == "refine")
    assert more["expectation"] == "measured in this run"
    assert more["calls_expected"] == 4 * 6 * 3
    assert more["tokens_expected"] == calls["completion_tokens"].sum()
