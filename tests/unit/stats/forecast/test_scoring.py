"""Forecasts scored on prefixes: errors, bias and hits by hand, and prefixes that are really random ones."""

import math

import numpy as np
import pytest
from scipy.stats import hypergeom

from ttscale.errors import InvalidInputError
from ttscale.stats.counts.counts import Counts
from ttscale.stats.counts.curve import Curve
from ttscale.stats.forecast.scoring import score_forecasts, thin


def curve(value: float, low: float, high: float) -> Curve:
    ends = (np.array([end]) for end in (value, low, high))
    value_, low_, high_ = ends
    return Curve(metric="coverage", k=np.array([10]), value=value_, low=low_, high=high_, confidence_level=0.9, over="samples", method="made up", n_problems=1)  # fmt: skip


def test_error_bias_hits_and_width_are_means_over_the_prefixes() -> None:
    answers = iter([curve(0.5, 0.3, 0.7), curve(0.9, 0.8, 1.0), curve(0.6, 0.6, 0.62)])
    drawn = [Counts(np.array([4]), np.array([1]))] * 3
    score = score_forecasts("m", lambda _: next(answers), drawn, s=4, k=10, truth=0.6)
    assert score.error == pytest.approx((0.1 + 0.3 + 0.0) / 3)
    assert score.bias == pytest.approx((-0.1 + 0.3) / 3)
    assert score.inside == pytest.approx(2 / 3)  # the end itself counts as inside
    assert score.width == pytest.approx((0.4 + 0.2 + 0.02) / 3)
    assert (score.n_draws, score.n_failed) == (3, 0)


def test_prefixes_without_a_forecast_are_counted_and_not_scored() -> None:
    calls = iter([True, False, False])

    def forecaster(_: Counts) -> Curve:
        if next(calls):
            return curve(0.5, 0.4, 0.6)
        raise InvalidInputError("no success")

    drawn = [Counts(np.array([4]), np.array([0]))] * 3
    score = score_forecasts("m", forecaster, drawn, s=4, k=10, truth=0.5)
    assert (score.n_draws, score.n_failed, score.error, score.inside) == (1, 2, 0.0, 1.0)


def test_a_method_that_never_forecasts_has_no_score() -> None:
    def fails(_: Counts) -> Curve:
        raise InvalidInputError("never")

    score = score_forecasts("m", fails, [Counts(np.array([4]), np.array([0]))], s=4, k=10, truth=0.5)
    assert math.isnan(score.error)
    assert math.isnan(score.inside)
    assert score.n_failed == 1


def test_a_thinned_count_is_hypergeometric_and_short_problems_keep_all() -> None:
    n, c = np.array([40, 40, 3]), np.array([10, 0, 2])
    rng = np.random.default_rng(0)
    drawn = np.array([thin(n, c, 8, rng).c for _ in range(4000)])
    assert (drawn[:, 1] == 0).all()
    assert (drawn[:, 2] == 2).all()
    assert thin(n, c, 8, rng).n.tolist() == [8, 8, 3]
    law = hypergeom(40, 10, 8)
    share = np.bincount(drawn[:, 0], minlength=9) / 4000
    # largest of nine deviations beyond 4.5 standard errors: false alarm below 1e-4
    error = np.sqrt(law.pmf(np.arange(9)) * (1 - law.pmf(np.arange(9))) / 4000)
    assert (np.abs(share - law.pmf(np.arange(9))) <= 4.5 * error + 1e-3).all()


def test_the_same_generator_thins_alike_and_the_global_one_is_untouched() -> None:
    n, c = np.array([50] * 20), np.arange(20)
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    found = [thin(n, c, 10, np.random.default_rng(seed)).c.tolist() for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@pytest.mark.parametrize("s", [8, 2**63, 10**30])
def test_a_prefix_longer_than_all_samples_keeps_them_however_long(s: int) -> None:
    kept = thin([8, 4], [3, 1], s, np.random.default_rng(0))
    assert (kept.n.tolist(), kept.c.tolist()) == ([8, 4], [3, 1])
