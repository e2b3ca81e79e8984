"""Ways to spend a sum over arms, against lists of every way."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ttscale.stats.decide.spending import (
    greedy,
    log_missed_table,
    maximal_allocations,
    single_arms,
    upper_bound,
)

PRICES = st.lists(st.sampled_from([0.5, 1.0, 2.0, 3.5]), min_size=1, max_size=3)


def costs(k: tuple[int, ...], price: np.ndarray, once: np.ndarray) -> float:
    drawn = np.array(k)
    return float(drawn @ price + (drawn > 0) @ once)


@given(PRICES, st.sampled_from([0.0, 0.7]), st.sampled_from([0.3, 2.0, 5.0, 9.0]), st.integers(1, 4))
@settings(deadline=None, max_examples=80)
def test_every_allocation_to_which_nothing_can_be_added_is_listed(
    prices: list[float], first: float, budget: float, most: int
) -> None:
    price, once, limit = np.array(prices), np.full(len(prices), first), np.full(len(prices), most)
    within = [
        k
        for k in product(range(most + 1), repeat=len(prices))
        if costs(k, price, once) <= budget * (1 + 1e-12)
    ]
    found = maximal_allocations(price, once, budget, limit, 1000)
    assert found is not None
    listed = {tuple(k) for k in found.tolist()}
    assert listed <= set(within)
    for k in within:  # each is below one of the list, so that none better is left out
        assert any(all(a <= b for a, b in zip(k, other, strict=True)) for other in listed), k


def test_too_many_allocations_are_not_listed() -> None:
    price, once, limit = np.ones(3), np.zeros(3), np.array([9, 9, 9])
    assert maximal_allocations(price, once, 9.0, limit, 99) is None
    assert maximal_allocations(price, once, 9.0, limit, 100) is not None


def test_one_arm_alone_takes_the_first_ones_price_and_its_own_limit_into_account() -> None:
    found = single_arms(np.array([1.0, 2.0, 1.0]), np.array([0.0, 3.0, 20.0]), 10.0, np.array([4, 99, 99]))
    assert found.tolist() == [[4, 0, 0], [0, 3, 0], [0, 0, 0]]


def test_a_budget_that_is_just_enough_is_not_lost_to_rounding() -> None:
    assert single_arms(np.array([0.1]), np.zeros(1), 0.3, np.array([9])).tolist() == [[3]]


def test_the_chance_to_miss_is_a_product_of_draws_without_replacement() -> None:
    n, c = np.array([4, 3]), np.array([1, 3])
    found = np.exp(log_missed_table(n, c))
    assert found.shape == (2, 4)
    assert found[0] == pytest.approx([1, 3 / 4, 3 / 4 * 2 / 3, 3 / 4 * 2 / 3 * 1 / 2])
    assert found[1] == pytest.approx([1, 0, 0, 0], abs=1e-300)
    assert log_missed_table(np.array([0, 3]), np.array([0, 1])).tolist() == [[0.0], [0.0]]


def test_greedy_takes_the_best_sample_for_its_price_each_time_and_stops_where_nothing_helps() -> None:
    drawn, right = np.array([[4, 4], [4, 4]]), np.array([[2, 4], [2, 0]])
    path = greedy(drawn, right, np.array([1.0, 3.0]), np.zeros(2), 5.0)
    assert path[0].tolist() == [0, 0]
    assert path[1].tolist() == [1, 0]  # half of both problems for 1, against one problem for 3
    assert (np.diff(path.sum(axis=1)) == 1).all()
    assert costs(tuple(path[-1]), np.array([1.0, 3.0]), np.zeros(2)) <= 5.0
    nothing = greedy(drawn, np.zeros_like(right), np.ones(2), np.zeros(2), 5.0)
    assert nothing.tolist() == [[0, 0]]


def test_no_allocation_exceeds_the_bound() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        drawn = np.full((3, 2), 4)
        right = rng.integers(0, 5, (3, 2))
        price, budget = np.array([1.0, 2.0]), 5.0
        bound = upper_bound(drawn, right, price, budget, greedy(drawn, right, price, np.zeros(2), budget))
        tables = [np.exp(log_missed_table(drawn[:, a], right[:, a])) for a in range(2)]
        best = max(
            1 - float((tables[0][:, i] * tables[1][:, j]).mean())
            for i, j in product(range(5), repeat=2)
            if i + 2 * j <= budget
        )
        assert best <= bound + 1e-12
