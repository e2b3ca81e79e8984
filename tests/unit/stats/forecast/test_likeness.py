"""Earlier counts become the prior: they narrow, they do not rule out, and nothing counts twice."""

import numpy as np
import pytest

from ttscale.errors import InvalidInputError
from ttscale.stats.counts.counts import counts
from ttscale.stats.forecast.forecasting import forecast
from ttscale.stats.forecast.likeness import models_like
from ttscale.stats.forecast.prior import prior_models
from ttscale.stats.forecast.samples_needed import samples_for

N, K = 40, 10_000


def table(rng: np.random.Generator, sigma: float, n: int, center: float = -6.0) -> np.ndarray:
    """Return the successes of 100 problems whose hazards are log-normal around a model's own strength."""
    hazard = np.exp(rng.normal(center + rng.normal(0.0, 0.5), sigma, 100))
    return rng.binomial(n, -np.expm1(-hazard))


def test_earlier_counts_of_the_kind_bring_the_forecast_nearer_and_narrow_it() -> None:
    """Eight models of one benchmark that bends upwards, each forecast with and without three others; seed fixed."""
    errors, widths, held = [], [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        others = [(5000, table(rng, 1.2, 5000)) for _ in range(3)]
        c = table(rng, 1.2, K)
        drawn = rng.hypergeometric(c, K - c, N)
        curves = [forecast(N, drawn, K, like=like).curve for like in ((), others)]
        truth = np.mean(c > 0)
        errors.append([abs(curve.value[0] - truth) for curve in curves])
        widths.append([curve.high[0] - curve.low[0] for curve in curves])
        held.append(curves[1].low[0] <= truth <= curves[1].high[0])
    without, given = np.mean(errors, axis=0)
    assert given < 0.7 * without
    assert np.mean(widths, axis=0)[1] < np.mean(widths, axis=0)[0]
    assert sum(held) >= 5  # of 8 at 90 %: fewer have chance 5e-3


def test_a_prior_from_another_kind_does_not_outweigh_many_samples() -> None:
    rng = np.random.default_rng(1)
    other = [(5000, table(rng, 0.6, 5000, center=-8.0))]
    c = rng.binomial(2000, rng.beta(0.3, 12.0, 400))
    plain, given = (forecast(2000, c, 20_000, like=like).curve for like in ((), other))
    assert given.value[0] == pytest.approx(plain.value[0], abs=0.03)


def test_no_earlier_counts_leave_the_prior_as_it_is() -> None:
    assert models_like(()) is prior_models()


def test_learnt_weights_are_probabilities_and_spreads_no_wider_than_before() -> None:
    rng = np.random.default_rng(2)
    learnt = models_like([counts(5000, table(rng, 1.5, 5000)) for _ in range(2)])
    assert sum(model.shape.weight for model in learnt) == pytest.approx(1.0)
    for now, before in zip(learnt, prior_models(), strict=True):
        assert np.all(now.prior.spread <= before.prior.spread)
        assert now.shape.weight > 0.3 * before.prior.weight * before.shape.weight


def test_the_counts_themselves_among_the_earlier_ones_are_left_out() -> None:
    rng = np.random.default_rng(3)
    c, other = table(rng, 1.5, N), table(rng, 1.5, N)
    alone, with_itself = (forecast(N, c, K, like=like).curve for like in ([(N, other)], [(N, c), (N, other)]))
    assert alone.value.tolist() == with_itself.value.tolist()


def test_samples_for_takes_earlier_counts_too() -> None:
    rng = np.random.default_rng(4)
    c, other = table(rng, 1.2, N), table(rng, 1.2, 5000)
    assert samples_for(N, c, 0.9, like=[(5000, other)]).k != samples_for(N, c, 0.9).k


def test_earlier_counts_without_samples_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="hold no samples"):
        forecast(N, [0, 1, 2, 3, 4], K, like=[(0, [0, 0])])
