"""Weights of a population, against sums that are worked out by hand."""

import numpy as np
import pytest

from ttscale.strategies.weights import log_mean_exp, multinomial, normalized, score_of, systematic
from ttscale.types import Outcome, Verdict


def test_weights_are_shares_however_small_or_large_their_logarithms() -> None:
    for offset in (-800.0, 0.0, 800.0):
        assert normalized(np.log([1.0, 3.0, 4.0]) + offset) == pytest.approx([0.125, 0.375, 0.5])
    assert normalized(np.array([-np.inf, -np.inf])).tolist() == [0.5, 0.5]
    assert normalized(np.array([-np.inf, 0.0])).tolist() == [0.0, 1.0]


def test_the_mean_weight_does_not_overflow() -> None:
    assert log_mean_exp(np.array([800.0, 800.0])) == pytest.approx(800.0)
    assert log_mean_exp(np.log([1.0, 3.0])) == pytest.approx(np.log(2.0))
    assert log_mean_exp(np.array([-np.inf, -np.inf])) == -np.inf


@pytest.mark.parametrize("draw", [systematic, multinomial])
def test_ancestors_are_drawn_in_proportion(draw) -> None:
    rng = np.random.default_rng(5)
    weights = np.array([0.1, 0.2, 0.7])
    drawn = np.concatenate([draw(weights, rng) for _ in range(4_000)])
    share = np.bincount(drawn, minlength=3) / len(drawn)
    assert share == pytest.approx(weights, abs=4.5 * 0.5 / np.sqrt(12_000))  # one of 100,000 would fail it


def test_systematic_drawing_gives_everybody_the_whole_part_of_its_share() -> None:
    weights = np.array([0.5, 0.26, 0.24])
    for seed in range(50):
        counts = np.bincount(systematic(weights, np.random.default_rng(seed)), minlength=3)
        assert counts.sum() == 3
        assert (counts >= np.floor(3 * weights)).all()
        assert (counts <= np.ceil(3 * weights)).all()


@pytest.mark.parametrize(
    ("verdict", "score"),
    [
        (Verdict(outcome=Outcome.SCORED, score=-2.5), -2.5),
        (Verdict(outcome=Outcome.CORRECT, score=0.25), 0.25),
        (Verdict(outcome=Outcome.CORRECT), 1.0),
        (Verdict(outcome=Outcome.TIMEOUT), 0.0),
    ],
)
def test_a_verdict_counts_by_its_score_or_its_judgement(verdict: Verdict, score: float) -> None:
    assert score_of(verdict) == score
