"""The saturation point against its closed form and against search."""

from math import ceil, log

import numpy as np
import pytest

from ttscale.errors import InvalidInputError
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.laws.saturation import mean_gain, saturation_point


@pytest.mark.parametrize("p", [0.01, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("epsilon", [1e-2, 1e-3, 1e-6])
@pytest.mark.parametrize("ceiling", [1.0, 0.4])
def test_one_rate_has_the_closed_form(p: float, epsilon: float, ceiling: float) -> None:
    exact = max(0, ceil(log(epsilon / (ceiling * p)) / log(1 - p) - 1e-12))
    assert saturation_point(p, epsilon, ceiling=ceiling) == exact


def test_many_rates_agree_with_a_search_over_all_k() -> None:
    p = np.random.default_rng(0).beta(0.3, 5.0, 50)
    gain = np.array([np.mean(p * (1 - p) ** k) for k in range(5000)])
    assert saturation_point(p, 1e-3) == int(np.argmax(gain <= 1e-3))


@pytest.mark.parametrize("p", [0.0, 1.0, [0.0, 1.0]])
def test_rates_at_the_ends_are_answered(p: object) -> None:
    assert saturation_point(p, 0.6) in {0, 1}


def test_gain_is_the_difference_of_coverage() -> None:
    n, c, k = [9, 12, 30], [0, 5, 30], np.arange(1, 8)
    difference = (pass_at_k(n, c, k + 1) - pass_at_k(n, c, k)).mean(axis=0)
    assert mean_gain(n, c, k) == pytest.approx(difference, abs=1e-12)


@pytest.mark.parametrize(
    ("p", "epsilon"), [(1.5, 0.1), (-0.1, 0.1), (float("nan"), 0.1), ([], 0.1), (0.5, 0.0)]
)
def test_impossible_rates_are_refused(p: object, epsilon: float) -> None:
    with pytest.raises(InvalidInputError):
        saturation_point(p, epsilon)
