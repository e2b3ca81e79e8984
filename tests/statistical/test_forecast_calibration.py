"""Forecast intervals hold what comes, and the forecast is worth more than the published ones, on simulated problems."""

import numpy as np

from ttscale.stats.counts.counts import counts
from ttscale.stats.forecast.forecasting import forecast
from ttscale.stats.forecast.model_averaging import posterior_draws
from ttscale.stats.forecast.predictive import Predictive, open_problems
from ttscale.stats.forecast.prior import STRAIGHT, PriorModel, prior_models
from ttscale.stats.forecast.samples_needed import samples_for
from ttscale.stats.laws.fitting import fit_law


def test_intervals_hold_the_coverage_to_come() -> None:
    """14 populations of 150 beta problems; at a true level of 90 % fewer than 9 hits have chance 1.5e-3."""
    rng = np.random.default_rng(4)
    hits, ours, fitted = 0, [], []
    for _ in range(14):
        p = rng.beta(0.3, 15.0, 150)
        c = rng.binomial(60, p)
        more = c + rng.binomial(2000 - 60, p)
        truth = np.mean(more > 0)
        curve = forecast(60, c, 2000).curve
        hits += bool(curve.low[0] <= truth <= curve.high[0])
        ours.append(abs(curve.value[0] - truth))
        fitted.append(abs(fit_law("beta-binomial", 60, c).predict(2000).value[0] - truth))
    assert hits >= 9
    assert np.mean(ours) < 1.2 * np.mean(fitted)  # though the law of the fit is the true one


def test_posterior_draws_surround_the_truth() -> None:
    rng = np.random.default_rng(8)
    data = counts(200, rng.binomial(200, rng.beta(0.3, 10.0, 5000)))
    draws = posterior_draws(data.unique(), k=2000, rng=np.random.default_rng(0))
    problems = open_problems(data, np.array([2000]))
    chance = problems.mean_chance(draws.failure(problems.n.astype(float)), draws.failure(np.array([2000.0])))[
        :, 0
    ]
    mean = draws.weight @ chance
    spread = np.sqrt(draws.weight @ (chance - mean) ** 2)
    j = np.arange(200, 2000)
    exact = 1.0 - np.exp(np.sum(np.log1p(-0.3 / (10.3 + j))))
    assert abs(draws.weight.sum() - 1.0) < 1e-12
    assert abs(sum(draws.law_weight.values()) - 1.0) < 1e-12
    assert abs(mean - exact) < 4 * spread
    assert (
        spread < 0.04
    )  # 200 samples cannot tell the law from one with a small share out of reach: below .03 without that one


def test_inverse_forecasts_hold_the_number_needed() -> None:
    """10 populations; at a true level of 90 % fewer than 6 hits have chance 1.6e-3."""
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(10):
        p = rng.beta(0.4, 8.0, 100)
        c = rng.binomial(50, p)
        first = np.where(c > 0, 1, 50 + rng.geometric(np.maximum(p, 1e-9)))  # when each open problem falls
        needed = int(np.sort(first)[84])  # 85 of 100 solved
        answer = samples_for(50, c, 0.85, largest=20_000)
        low = answer.low if answer.low is not None else answer.largest
        high = answer.high if answer.high is not None else np.inf
        hits += bool((needed <= 50 and low <= 50) or low * 0.98 <= needed <= high * 1.02)
    assert hits >= 6


def test_a_forecast_that_knows_of_bent_curves_is_worth_more_where_they_bend() -> None:
    """6 populations whose curves steepen: by the interval score (Gneiting and Raftery 2007), seed fixed."""
    rng = np.random.default_rng(6)
    n, k, level = 100, 10_000, 0.9

    def interval_score(c: np.ndarray, truth: float, models: tuple[PriorModel, ...]) -> float:
        data = counts(n, c)
        draws = posterior_draws(data.unique(), k=k, rng=np.random.default_rng(0), models=models)
        problems = open_problems(data, np.array([k]))
        chance = problems.mean_chance(
            draws.failure(np.array([float(n)])), draws.failure(np.array([float(k)]))
        )
        ends = Predictive(problems, chance, draws.weight)
        low, high = (ends.quantile(q)[0] for q in ((1 - level) / 2, (1 + level) / 2))
        return float(high - low + 2 / (1 - level) * max(low - truth, truth - high, 0.0))

    only = tuple(model for model in prior_models() if model.shape is STRAIGHT)
    both, straight = [], []
    for _ in range(6):
        p = -np.expm1(-np.exp(rng.normal(-6.0, 2.5, 300)))
        c = rng.binomial(n, p)
        truth = float(np.mean(c + rng.binomial(k - n, p) > 0))
        both.append(interval_score(c, truth, prior_models()))
        straight.append(interval_score(c, truth, only))
    assert np.mean(both) < 0.8 * np.mean(straight)
