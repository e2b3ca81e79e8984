"""Backtests: the prefixes are hypergeometric, and a good forecast beats a naive one."""

from math import comb

import numpy as np
import pytest

from ttscale.errors import InvalidInputError
from ttscale.stats.forecast.backtesting import backtest, thin


def test_prefixes_are_hypergeometric() -> None:
    """Chi-square over 20,000 prefixes; a false alarm has chance 1e-3 and the seed is fixed."""
    from scipy.stats import chisquare

    drawn = thin(np.full(20_000, 9), np.full(20_000, 4), 5, np.random.default_rng(5))
    exact = np.array([comb(4, j) * comb(5, 5 - j) / comb(9, 5) for j in range(5)])
    assert chisquare(np.bincount(drawn.c, minlength=5), 20_000 * exact).pvalue > 1e-3


def test_problems_with_few_samples_keep_all_of_theirs() -> None:
    drawn = thin([3, 100], [2, 50], 10, np.random.default_rng(0))
    assert drawn.n.tolist() == [3, 10]
    assert drawn.c[0] == 2


def test_a_fitted_forecast_beats_the_plug_in_one() -> None:
    rng = np.random.default_rng(2)
    c = rng.binomial(300, rng.beta(0.3, 8.0, 200))
    result = backtest(300, c, methods=["average", "beta-binomial", "plug-in"], n_draws=2, rng=1)
    errors = {(score.method, score.s): score.error for score in result.scores}
    assert {s for _, s in errors} == {30, 100}
    for s in (30, 100):
        assert errors["average", s] < 0.5 * errors["plug-in", s]
    assert result.best != "plug-in"
    assert len(list(result.to_rows())) == len(result.scores)
    assert "plug-in" in str(result)


def test_a_method_that_cannot_be_fitted_is_counted_as_failed() -> None:
    result = backtest(20, [0, 0, 0, 0, 0, 1], s=1, methods=["log-log", "plug-in"], n_draws=5, rng=0)
    assert result.scores[0].n_failed + result.scores[0].n_draws == 5
    assert result.scores[0].n_failed > 0
    assert result.best == "plug-in"


@pytest.mark.parametrize(("n", "s"), [(1, None), (10, 10), (10, 0)])
def test_a_prefix_must_be_shorter_than_the_samples(n: int, s: int | None) -> None:
    with pytest.raises(InvalidInputError):
        backtest(n, [1, 0], s=s)


@pytest.mark.parametrize("n_draws", [0, -1, 10_001, 10**30])
def test_draws_have_bounds(n_draws: int) -> None:
    with pytest.raises(InvalidInputError, match="1 to 10,000 draws"):
        backtest(40, [0, 1, 3, 9], s=10, n_draws=n_draws)
