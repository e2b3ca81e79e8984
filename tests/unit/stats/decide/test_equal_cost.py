"""Values at a cost that is a mean itself: the value is that of the mean curve, the spread that of both resampled together."""

import numpy as np
import pytest

from ttscale.errors import InvalidInputError
from ttscale.stats.decide.best_buy import values_at
from ttscale.stats.decide.equal_cost import spans, values_at_cost

K = np.arange(1, 33)


def population(
    rng: np.random.Generator, n_problems: int, *, dear: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return costs and values (P, K) where hard problems cost up to five times as much as easy ones."""
    rate = rng.beta(0.5, 1.5, n_problems)
    each = dear * 20 * (5 - 4 * rate) * rng.gamma(8, 1 / 8, n_problems)
    return 10 + each[:, None] * K, 1 - (1 - rate[:, None]) ** K


def test_the_mean_is_the_value_of_the_mean_curve_at_any_cost() -> None:
    cost, value = population(np.random.default_rng(1), 40)
    budget = np.array([3.0, 60.0, 333.0, float(cost.mean(axis=0)[-1]), 1e5])
    assert values_at_cost(cost, value, budget).mean(axis=0) == pytest.approx(
        values_at(cost.mean(axis=0), value, budget).mean(axis=0)
    )


def test_equal_costs_leave_the_values_as_they_are() -> None:
    _, value = population(np.random.default_rng(2), 10)
    cost = np.tile(7.0 * K, (10, 1))
    assert values_at_cost(cost, value, [10.0, 100.0]) == pytest.approx(
        values_at(7.0 * K, value, [10.0, 100.0])
    )


def test_the_spread_is_that_of_costs_and_values_resampled_together() -> None:
    rng = np.random.default_rng(3)
    cost, value = population(rng, 300)
    budget = np.array([5.0, 150.0, 700.0])
    means = []
    for _ in range(3000):
        again = rng.integers(300, size=300)
        means.append(values_at(cost[again].mean(axis=0), value[again], budget).mean(axis=0))
    told = values_at_cost(cost, value, budget).std(axis=0) / np.sqrt(300)
    assert told == pytest.approx(np.std(means, axis=0), rel=0.06)
    ignoring_cost = values_at(cost.mean(axis=0), value, budget).std(axis=0) / np.sqrt(300)
    assert (ignoring_cost < 0.94 * told).all()  # hard problems are dear: this would promise too much


def test_spans_hold_every_value_and_difference() -> None:
    rng = np.random.default_rng(4)
    tables = [values_at_cost(*population(rng, 30), [100.0, 300.0]) for _ in range(3)]
    (low, high), (least, most) = spans(*tables)
    assert all((low <= table).all() and (table <= high).all() for table in tables)
    assert all((np.abs(tables[0] - table) <= most).all() for table in tables)
    assert least == -most


@pytest.mark.parametrize("cost", [[[1.0, 1.0]], [[0.0, 1.0]], [[1.0, 2.0], [1.0, 2.0]]])
def test_costs_that_do_not_increase_or_fit_are_refused(cost: list[list[float]]) -> None:
    with pytest.raises(InvalidInputError, match=r"Costs"):
        values_at_cost(cost, [[0.1, 0.2]], [1.0])
