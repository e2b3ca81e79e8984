"""Simulated weighted votes against exact ones: every path of the simulation, and whether its error is honest.

Each comparison allows 5 standard errors; with about 60 comparisons at fixed seeds, a correct implementation fails once in
30,000 tries of other seeds.
"""

import numpy as np
import pytest

from ttscale.stats.selectors.vote_simulation import Ballots, _enumerate, simulate
from ttscale.stats.selectors.voting import maj_at_k


def pool_of(member: np.ndarray, weight: np.ndarray, n_classes: int, rng: np.random.Generator) -> Ballots:
    return Ballots(member, weight, (rng.random(n_classes) < 0.4).astype(float))


@pytest.mark.parametrize("n_classes", [1, 3, 8])
@pytest.mark.parametrize("levels", [2, 1000])
def test_draws_agree_with_the_enumeration_of_all_subsets(n_classes: int, levels: int) -> None:
    rng = np.random.default_rng(5)
    n = 15  # more than what is enumerated
    pools = [
        pool_of(rng.integers(0, n_classes + 1, n), rng.integers(0, levels, n) / levels, n_classes, rng)
        for _ in range(6)
    ]
    k = np.array([1, 2, 3, 7, 14, 15, 7])
    value, error = simulate(pools, k, 2e-3, np.random.default_rng(0))
    exact = np.array([_enumerate(pool)[k - 1] for pool in pools])
    mean_error = np.sqrt((error**2).sum(axis=0)) / len(pools)
    assert (mean_error <= 2e-3).all()
    assert (error[:, [0, 5]] == 0).all()
    assert np.allclose(value[:, [0, 5]], exact[:, [0, 5]])
    assert (abs(value.mean(axis=0) - exact.mean(axis=0)) <= 5 * mean_error + 1e-12).all()
    assert (abs(value - exact) <= 6 * error + 1e-12).all()
    assert value[:, 3].tolist() == value[:, 6].tolist()


def test_many_classes_and_large_pools_agree_with_the_exact_plurality() -> None:
    """Draws of 2 to 8 samples of 400 classes are sorted, larger ones summed by class, and classes let go."""
    rng = np.random.default_rng(3)
    n, n_problems = 3000, 4
    answer = np.minimum(rng.zipf(1.35, (n_problems, n)) - 1, 399)
    answer[rng.random(answer.shape) < 0.1] = -1
    label = answer % 3 == 0
    problem = np.repeat(np.arange(n_problems), n)
    k = np.array([1, 2, 5, 8, 30, 100, 1000, 2500, 3000])
    exact = maj_at_k(problem, answer.ravel(), label.ravel() & (answer.ravel() >= 0), k)
    pools = []
    for row in range(n_problems):
        right = (np.arange(400) % 3 == 0).astype(float)
        pools.append(Ballots(np.where(answer[row] < 0, 400, answer[row]), np.full(n, 0.3), right))
    value, error = simulate(pools, k, 4e-3, np.random.default_rng(1))
    assert (np.sqrt((error**2).sum(axis=0)) / n_problems <= 4e-3).all()
    assert (abs(value - exact) <= 5 * error + 1e-9).all()


def test_the_stated_error_covers_what_repetition_shows() -> None:
    """64 repetitions estimate the spread within 9 %: it may exceed the stated error by 30 % at most (3.3 sigma)."""
    rng = np.random.default_rng(8)
    pools = [pool_of(rng.integers(0, 4, 200), rng.random(200), 3, rng) for _ in range(5)]
    k = np.array([2, 10, 60])
    found = [simulate(pools, k, 0.02, np.random.default_rng(seed)) for seed in range(64)]
    means = np.array([value.mean(axis=0) for value, _ in found])
    stated = np.mean([np.sqrt((error**2).sum(axis=0)) / 5 for _, error in found], axis=0)
    assert (means.std(axis=0, ddof=1) <= 1.3 * stated).all()


def test_problems_that_are_stored_alike_draw_apart_from_each_other() -> None:
    """Equal pools in equal order, correct samples first: draws that many share must not err together.

    600 repetitions estimate the spread within 3 %, so 1.15 is 5 sigma; draws that erred together would spread by 3.
    """
    pool = Ballots((np.arange(60) >= 30).astype(int), np.linspace(1, 2, 60), np.array([1.0, 0.0]))
    found = [
        simulate([pool] * 10, np.array([5, 20]), 0.2, np.random.default_rng(seed)) for seed in range(600)
    ]
    means = np.array([value.mean(axis=0) for value, _ in found])
    stated = np.mean([np.sqrt((error**2).sum(axis=0)) / 10 for _, error in found], axis=0)
    assert (means.std(axis=0, ddof=1) <= 1.15 * stated).all()


def test_pools_of_different_sizes_are_drawn_from_each_in_its_own_size() -> None:
    rng = np.random.default_rng(4)
    pools = [pool_of(rng.integers(0, 3, n), rng.random(n), 2, rng) for n in (15, 14, 15, 8, 14)]
    k = np.array([2, 5, 8])
    value, error = simulate(pools, k, 4e-3, np.random.default_rng(0))
    exact = np.array([_enumerate(pool)[k - 1] for pool in pools])
    assert (abs(value - exact) <= 6 * error + 1e-12).all()
    assert (np.sqrt((error**2).sum(axis=0)) / len(pools) <= 4e-3).all()


def test_certain_problems_cost_no_accuracy_of_the_open_ones() -> None:
    certain = Ballots(np.zeros(100, dtype=int), np.ones(100), np.ones(1))
    open_ended = Ballots(np.arange(100) % 2, np.ones(100), np.array([0.0, 1.0]))
    value, error = simulate([certain, open_ended], np.array([11]), 5e-3, np.random.default_rng(0))
    assert value[0, 0] == 1.0
    assert abs(value[1, 0] - 0.5) < 5 * error[1, 0]
    assert np.sqrt((error**2).sum()) / 2 <= 5e-3
