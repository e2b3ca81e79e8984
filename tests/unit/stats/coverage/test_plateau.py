"""Where a curve stops rising, by the rule and with its interval."""

import numpy as np
import pytest

from ttscale.errors import InvalidInputError
from ttscale.stats.coverage.plateau import doublings, plateau

K = doublings(16)


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        ([0.1, 0.5, 0.6, 0.6, 0.6], 4),
        ([0.5, 0.5, 0.5, 0.5, 0.5], 1),
        ([0.1, 0.2, 0.3, 0.4, 0.5], None),  # still climbing
        ([0.1, 0.5, 0.6, 0.5, 0.4], None),  # falling is no plateau
        ([0.5, 0.5, 0.5, 0.5, 0.6], None),  # a late move undoes an early plateau
        ([0.5, 0.505, 0.51, 0.515, 0.52], 1),  # drifting within the tolerance
        ([0.1, 0.2, 0.3, 0.4, 0.41], 8),
    ],
)
def test_the_rule(curve: list[float], expected: int | None) -> None:
    assert plateau([curve], K, rng=0).k == expected


def test_the_rule_does_not_depend_on_where_the_pool_ends() -> None:
    long = [0.1, 0.5, 0.6, 0.601, 0.6015, 0.6018, 0.602]
    found = {plateau([long[:size]], doublings(2 ** (size - 1)), rng=0).k for size in (4, 5, 6, 7)}
    assert found == {4}


def test_problems_that_disagree_widen_the_interval() -> None:
    early, late = [0.0, 1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0, 1.0]
    alike, mixed = plateau([early] * 2000, K, rng=0), plateau([early] * 19 + [late], K, rng=0)
    assert (alike.k, alike.low, alike.high, alike.unreached) == (2, 2, 2, 0.0)
    assert (mixed.k, mixed.low, mixed.high) == (None, 2, None)
    assert "no plateau up to k = 16 [2, >8]" in str(mixed)


@pytest.mark.parametrize("n_problems", [1, 20])
def test_few_problems_that_agree_do_not_show_where_others_settle(n_problems: int) -> None:
    """A problem in twenty may be left out, and may move at any doubling: 1 − .95^20 is only .64."""
    found = plateau([[0.0, 1.0, 1.0, 1.0, 1.0]] * n_problems, K, rng=0)
    assert (found.k, found.high) == (2, None)
    assert found.unreached > 0.05


def test_one_budget_shows_no_plateau() -> None:
    assert plateau([[0.5]], [1], rng=0).k is None


@pytest.mark.parametrize("k", [[1, 2, 3], [2, 4], [1, 2, 4, 8, 16, 32]])
def test_budgets_that_do_not_double_are_refused(k: list[int]) -> None:
    with pytest.raises(InvalidInputError, match="1, 2, 4"):
        plateau(np.zeros((3, 5)), k)
