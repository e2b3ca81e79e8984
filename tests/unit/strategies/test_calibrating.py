"""A calibrated threshold rejects the share that it promises, and is set by other problems than are answered."""

from pathlib import Path

import numpy as np
import pytest
from strategy_runs import strategy_run

from ttscale.errors import StrategyError
from ttscale.registry import load_plugin
from ttscale.strategies.calibrating import Calibration, conformal_threshold, draft_scores
from ttscale.types import Problem


@pytest.mark.parametrize("quantile", [0.1, 0.25, 0.5, 0.9])
def test_new_drafts_are_rejected_as_often_as_asked(quantile: float) -> None:
    """Of scores that are exchangeable the share below the threshold is ⌊q(n + 1)⌋/(n + 1) exactly, on average."""
    rng = np.random.default_rng(3)
    n, repeats = 30, 4_000
    rejected = np.mean([rng.random() < conformal_threshold(rng.random(n), quantile) for _ in range(repeats)])
    promised = np.floor(quantile * (n + 1)) / (n + 1)
    assert rejected == pytest.approx(promised, abs=4.5 * np.sqrt(0.25 / repeats))


def test_nothing_is_rejected_where_the_quantile_is_below_one_score() -> None:
    assert conformal_threshold(np.array([1.0, 2.0]), 0.3) == -np.inf


@pytest.fixture(scope="module")
def drafts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return strategy_run(
        tmp_path_factory.mktemp("drafts") / "r", {"plain": "independent"}, n=4, problems=3
    ).path


def test_scores_are_mean_log_probabilities_of_the_stored_drafts(drafts: Path) -> None:
    scores, problems = draft_scores(Calibration(run=drafts))
    assert problems == {"0000", "0001", "0002"}
    assert len(scores) == 12
    assert (scores < 0).all()


def test_a_problem_of_the_calibration_is_refused(drafts: Path) -> None:
    plugin = load_plugin("strategies", "cascade")
    options = {"target": "t", "quantile": 0.5, "calibration": {"run": str(drafts)}}
    cascade = plugin(plugin.Options.model_validate(options))
    with pytest.raises(StrategyError, match="'0001' is among those that the threshold is calibrated on"):
        next(cascade.attempt(Problem(problem_id="0001", prompt="?"), np.random.default_rng(0)))
    assert (
        next(cascade.attempt(Problem(problem_id="0009", prompt="?"), np.random.default_rng(0))).role
        == "draft"
    )
