"""Turns of attempts: coverage by enumeration, saturation where the model is true, and when F turns down."""

from itertools import combinations, product

import numpy as np
import pytest

from ttscale.errors import InvalidInputError
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.decide.turns import (
    VerifiedTurns,
    coverage_by_turn,
    later_against_earlier,
    saturation,
    slope,
)


def judged(problem: list[int], correct: np.ndarray) -> VerifiedTurns:
    return VerifiedTurns(problem=np.array(problem), correct=correct, tokens=np.ones_like(correct))


def test_coverage_is_the_mean_over_all_subsets_and_all_draws_from_populations() -> None:
    rng = np.random.default_rng(1)
    share = rng.integers(0, 4, size=(5, 2)) / 3  # three members in each population
    found = coverage_by_turn(judged([0] * 5, share), [1, 2, 4, 5])[0]
    for t, (j, k) in product(range(2), enumerate([1, 2, 4, 5])):
        subsets = list(combinations(range(5), k))
        right = 0.0
        for subset in subsets:
            for members in product(range(3), repeat=k):
                right += any(m < round(3 * share[a, t]) for a, m in zip(subset, members, strict=True)) / 3**k
        assert found[t, j] == pytest.approx(right / len(subsets))


def test_coverage_of_plain_answers_is_pass_at_k_on_ragged_attempts() -> None:
    rng = np.random.default_rng(2)
    problem = [0] * 4 + [1] * 7 + [2] * 5
    correct = (rng.random((16, 3)) < 0.4).astype(float)
    turns = judged(problem, correct)
    n = np.bincount(problem)
    for t in range(3):
        c = np.bincount(problem, weights=correct[:, t]).astype(int)
        assert coverage_by_turn(turns, [1, 3, 4])[:, t] == pytest.approx(pass_at_k(n, c, [1, 3, 4]))
    assert turns.per_problem(correct)[1] == pytest.approx(correct[4:11].mean(axis=0))


@pytest.mark.parametrize("k", [[0], [5]])
def test_more_attempts_than_there_are_cannot_be_asked_for(k: list[int]) -> None:
    with pytest.raises(InvalidInputError, match="4 attempts"):
        coverage_by_turn(judged([0] * 4, np.zeros((4, 1))), k)


@pytest.mark.parametrize(("ceiling", "rate", "gain"), [(0.6, 0.4, 0.01), (0.9, 0.1, 0.005), (0.3, 0.8, 0.02)])
def test_the_saturation_point_is_the_first_round_that_the_next_adds_little_to(
    ceiling: float, rate: float, gain: float
) -> None:
    f = ceiling * (1 - (1 - rate) ** np.arange(1, 9))
    found = saturation(np.tile(f, (8, 1)), gain=gain)
    n = np.arange(1, 200)
    gains = ceiling * ((1 - rate) ** n - (1 - rate) ** (n + 1))  # F(N + 1) - F(N)
    assert abs(found.turns - int(n[gains <= gain][0])) <= 1  # the fit chooses rates from a grid
    assert found.ceiling == pytest.approx(ceiling, rel=0.03)
    assert found.rate == pytest.approx(rate, rel=0.03)
    assert (found.low, found.high) == (found.turns, found.turns)  # all problems agree
    assert found.error < 1e-3


def test_turns_that_add_nothing_are_saturated_at_once() -> None:
    assert saturation(np.full((5, 4), 0.3)).turns == 1
    assert saturation(np.zeros((5, 4))).turns == 1
    with pytest.raises(InvalidInputError, match="two turns"):
        saturation(np.zeros((5, 1)))


def test_saturation_repeats_with_its_seed_and_leaves_the_global_generator_alone() -> None:
    values = np.sort(np.random.default_rng(3).random((12, 5)), axis=1)
    before = np.random.get_state()[1].copy()  # type: ignore[index]  # noqa: NPY002
    assert saturation(values, rng=1) == saturation(values, rng=1)
    assert (np.random.get_state()[1] == before).all()  # type: ignore[index]  # noqa: NPY002


def test_the_slope_is_that_of_least_squares() -> None:
    values = np.random.default_rng(4).random((30, 6))
    value, low, high = slope(values)
    assert value == pytest.approx(np.polyfit(np.arange(6), values.mean(axis=0), 1)[0])
    assert low < value < high


def test_a_round_that_hurts_many_problems_is_found_and_named() -> None:
    values = np.tile([0.4, 0.7, 0.7, 0.3], (40, 1)) + np.random.default_rng(5).normal(0, 0.05, (40, 4))
    found = later_against_earlier(np.clip(values, 0, 1))
    falls = {pair for pair, high in zip(found.pairs, found.high, strict=True) if high < 0}
    assert {(3, 1), (3, 2)} <= falls
    assert (1, 0) not in falls
