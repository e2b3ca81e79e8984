"""The next samples proposed narrow a forecast as foreseen, by simulation, and impossible questions are refused."""

import numpy as np
import pytest

from ttscale.errors import InvalidInputError
from ttscale.stats.forecast.forecasting import forecast
from ttscale.stats.forecast.next_samples import next_samples

N, K = 50, 5000


def test_a_plan_that_is_carried_out_narrows_the_interval_as_foreseen() -> None:
    """Six benchmarks of 80 problems: the mean of widths over foreseen widths, and of samples over foreseen samples."""
    rng = np.random.default_rng(12)
    widths, costs, found = [], [], []
    for _ in range(6):
        p = rng.beta(0.35, 12.0, 80)
        c = rng.binomial(N, p)
        plan = next_samples(N, c, K)
        n = np.full(80, N)
        for i in plan.problems:
            first = rng.geometric(max(p[i], 1e-12))
            n[i] = min(N + first, plan.up_to)
            c[i] = int(N + first <= plan.up_to)
        curve = forecast(n, c, K).curve
        widths.append((curve.high[0] - curve.low[0]) / plan.expected_width)
        costs.append((n - N).sum() / plan.expected_samples)
        found.append(plan.expected_width / plan.width)
    assert 0.6 < np.mean(widths) < 1.5
    assert 0.6 < np.mean(costs) < 1.6
    assert max(found) <= 0.51


def test_only_unsolved_problems_are_sampled_the_least_sampled_first() -> None:
    n = np.array([40, 10, 20, 30, 10, 40, 40, 40])
    c = np.array([0, 0, 0, 0, 5, 1, 2, 0])
    plan = next_samples(n, c, 1000, shrink=0.9)
    assert plan.problems.tolist() == [1, 2, 3, 0, 7][: len(plan.problems)]
    assert plan.up_to <= 1000


def test_a_stricter_wish_costs_more() -> None:
    c = np.random.default_rng(3).binomial(N, np.random.default_rng(4).beta(0.3, 9.0, 100))
    lax, strict = (next_samples(N, c, K, shrink=share) for share in (0.7, 0.3))
    assert lax.expected_samples < strict.expected_samples
    assert "would narrow" in strict.advice


def test_where_all_is_solved_nothing_is_asked_for() -> None:
    plan = next_samples(10, [3, 10, 1, 2, 7, 4], 100)
    assert len(plan.problems) == 0
    assert "no plan" in plan.advice


@pytest.mark.parametrize(("k", "shrink"), [(10, 0.5), (100, 0.0), (100, 1.0), (100, float("nan"))])
def test_impossible_wishes_are_refused(k: int, shrink: float) -> None:
    with pytest.raises(InvalidInputError):
        next_samples(10, [0, 1, 5], k, shrink=shrink)
