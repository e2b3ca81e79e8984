"""Posterior draws are what Bayes' rule says, however many samples and problems there are."""

from math import comb

import numpy as np
import pytest
from scipy.special import expit, logsumexp
from scipy.stats import binom

from ttscale.stats.counts.counts import counts
from ttscale.stats.forecast.forecasting import forecast
from ttscale.stats.forecast.model_averaging import highest_mode, posterior_draws
from ttscale.stats.forecast.prior import (
    ANY,
    BENT,
    KNOTS,
    STRAIGHT,
    CurveShape,
    PriorLaw,
    beta_model,
    prior_models,
)
from ttscale.stats.laws.frame import hazard_grid


def test_draws_agree_with_plain_monte_carlo_from_the_prior() -> None:
    """Eight problems of twenty samples, every model on its own: weights by likelihood and shape, no proposal at all.

    Mean chances of the unsolved and the laws' shares, to a tenth: 40,000 draws leave some hundreds effective ones.
    """
    n, c, k = 20, np.array([0, 0, 0, 0, 1, 3, 9, 20]), np.array([400.0])
    rng = np.random.default_rng(5)
    x, step = hazard_grid(1000, 10_000)
    chance, evidence, names = [], [], []
    for model in prior_models():
        prior = model.prior
        free = prior.center + prior.spread * rng.standard_normal((40_000, len(prior.center)))
        free = free[prior.inside(free)][:30_000]
        mass, zero = prior.mixtures(free, x, step)
        p = -np.expm1(-np.exp(x))
        likelihood = mass @ binom.pmf(c, n, p[:, None]) + np.outer(zero, c == 0)
        at = mass @ np.exp(-np.outer(np.exp(x), np.append(KNOTS, [n, *k]))) + zero[:, None]
        log_weight = np.log(np.maximum(likelihood, 1e-300)).sum(axis=1) + model.shape.log_density(at[:, :5])
        weight = np.exp(log_weight - logsumexp(log_weight))
        chance.append(float(weight @ (1.0 - at[:, 6] / at[:, 5])))
        evidence.append(model.log_weight + logsumexp(log_weight) - np.log(len(weight)))
        names.append(prior.law.name)
    share = np.exp(np.array(evidence) - logsumexp(evidence))
    draws = posterior_draws(counts(n, c).unique(), k=400, rng=np.random.default_rng(0))
    ours = draws.weight @ (1.0 - np.divide(*draws.failure(np.array([*k, float(n)])).T))
    assert ours == pytest.approx(share @ np.array(chance), abs=0.03)
    for name, weight in draws.law_weight.items():
        assert weight == pytest.approx(
            sum(s for s, m in zip(share, names, strict=True) if m == name), abs=0.1
        )


def test_the_evidence_of_many_problems_is_discounted_by_the_coarsened_posterior() -> None:
    """Odds of two models from 1,000 problems are the third root of Bayes': 500 / (500 + 1000) of the log evidence."""
    data = counts(
        50, np.random.default_rng(1).binomial(50, np.random.default_rng(2).beta(0.3, 12.0, 1000))
    ).unique()
    bell, power = (next(m for m in prior_models() if m.prior.law.name == name) for name in ("logit-normal", "generalized-beta"))  # fmt: skip
    ends = highest_mode([bell, power], data, 10_000)
    laplace = [height + 0.5 * float(np.linalg.slogdet(2 * np.pi * spread)[1]) for _, spread, height in ends]
    draws = posterior_draws(data, k=10_000, rng=np.random.default_rng(0), models=[bell, power])
    share = draws.law_weight
    odds = np.log(share["generalized-beta"] / share["logit-normal"])
    assert laplace[1] - laplace[0] > 3.0
    assert odds == pytest.approx((laplace[1] - laplace[0]) / 3.0, abs=1.0)
    assert draws.weight.sum() == pytest.approx(1.0)
    assert draws.sharp.sum() == pytest.approx(1.0)


def test_odds_of_a_beta_law_are_those_of_plain_monte_carlo_from_both_priors() -> None:
    """Thirty problems: exact beta-binomial probabilities against those of normal logits, each under its prior."""
    from scipy.stats import betabinom

    c = np.random.default_rng(1).binomial(40, np.random.default_rng(2).beta(0.5, 4.0, 30))
    bell = next(m for m in prior_models() if m.prior.law.name == "logit-normal" and m.shape is ANY)
    rng = np.random.default_rng(3)

    def drawn(prior: PriorLaw) -> np.ndarray:
        free = prior.center + prior.spread * rng.standard_normal((5000, 2))
        return free[prior.inside(free)]

    a, b = np.exp(drawn(beta_model().prior)).T
    of_beta = betabinom.logpmf(c[:, None], 40, a, b).sum(axis=0)
    middle, sigma = drawn(bell.prior).T
    node, weight = np.polynomial.hermite_e.hermegauss(200)
    p = expit(middle[:, None] + np.exp(sigma)[:, None] * node)  # (B, 200)
    p = p.clip(1e-15, 1 - 1e-15)
    seen, times = np.unique(c, return_counts=True)
    chance = np.array(
        [comb(40, one) * p**one * (1 - p) ** (40 - one) @ weight / weight.sum() for one in seen.tolist()]
    )
    of_bell = times @ np.log(np.maximum(chance, 1e-300))
    expected = logsumexp(of_beta) - np.log(len(of_beta)) - logsumexp(of_bell) + np.log(len(of_bell))
    draws = posterior_draws(counts(40, c).unique(), k=10_000, rng=np.random.default_rng(0), models=[bell])
    assert np.log(draws.beta) == pytest.approx(expected, abs=0.3)


def test_one_shape_alone_gives_the_narrower_and_the_wider_forecast() -> None:
    rng = np.random.default_rng(3)
    pairs = counts(30, rng.binomial(30, rng.beta(0.3, 12.0, 200))).unique()

    def spread(shape: CurveShape) -> float:
        models = [model for model in prior_models() if model.shape is shape]
        draws = posterior_draws(pairs, k=3000, rng=np.random.default_rng(0), models=models)
        chance = 1.0 - np.divide(*draws.failure(np.array([3000.0, 30.0])).T)
        return float(np.sqrt(draws.weight @ (chance - draws.weight @ chance) ** 2))

    assert spread(STRAIGHT) < 0.8 * spread(BENT)


@pytest.mark.parametrize("n", [10**9, 10**18 // 8])
def test_a_billion_samples_say_what_ten_thousand_of_the_same_rates_do(n: int) -> None:
    """Of solved problems alone: they pin the law wherever rates are above a thousand in ten thousand."""
    rate = np.random.default_rng(2).beta(2.0, 5.0, 60).clip(0.15)
    few, many = ((10_000, n)[i] * np.ones(60, dtype=np.int64) for i in (0, 1))
    failures = []
    for size in (few, many):
        pairs = counts(
            size // 10**3 * 10**3,
            (size * rate).astype(np.int64) if size is few else (few * rate).astype(np.int64) * (n // 10_000),
        ).unique()
        draws = posterior_draws(pairs, k=10_000, rng=np.random.default_rng(0))
        failures.append(draws.weight @ draws.failure(np.array([1.0, 4.0, 16.0])))
    assert failures[1] == pytest.approx(failures[0], rel=0.03)


def test_twenty_thousand_ragged_problems_are_forecast_like_a_likelihood_of_each() -> None:
    """Merged counts: log-likelihood ratios of two beta laws against exact beta-binomial probabilities."""
    from scipy.stats import betabinom

    from ttscale.stats.laws.beta import BetaBinomial
    from ttscale.stats.laws.likelihood import binomial_kernel, condensed

    rng = np.random.default_rng(4)
    n = rng.integers(50, 5000, 20_000)
    c = rng.binomial(n, rng.beta(0.3, 12.0, len(n)))
    few = condensed(counts(n, c).unique())
    assert len(few.n) <= 450
    assert few.weight.sum() == len(n)
    x, step = hazard_grid(1000, 10_000)
    kernel = binomial_kernel(few, x)

    def ours(a: float, b: float) -> float:
        mixture = BetaBinomial().mixture(np.array([a, b]), x, step)
        return float(few.weight @ np.log(kernel @ mixture.weight + mixture.zero * (few.c == 0)))

    def exact(a: float, b: float) -> float:
        return float(betabinom.logpmf(c, n, a, b).sum())

    for other in ((0.32, 12.0), (0.3, 13.0), (0.28, 10.5)):
        ratio = exact(0.3, 12.0) - exact(*other)
        assert ours(0.3, 12.0) - ours(*other) == pytest.approx(ratio, abs=0.05 * abs(ratio) + 0.3)


@pytest.mark.parametrize("n", [3000, 10**5, 10**6])
def test_sharp_counts_are_scored_like_exact_beta_binomial_ones(n: int) -> None:
    """Rates down to some successes in n: a grid too wide for them would score some problems by where its points lie."""
    from scipy.stats import betabinom

    from ttscale.stats.forecast.model_averaging import _Observed
    from ttscale.stats.laws.beta import BetaBinomial

    c = np.random.default_rng(6).binomial(n, np.random.default_rng(5).beta(0.25, 12.0, 400))
    observed = _Observed(counts(n, c).unique(), 10_000)

    def ours(a: float, b: float) -> float:
        mixture = BetaBinomial().mixture(np.array([a, b]), observed.x, observed.step)
        return float(observed.log_likelihood(mixture.weight[None], np.array([mixture.zero]))[0])

    def exact(a: float, b: float) -> float:
        return float(betabinom.logpmf(c, n, a, b).sum())

    for other in ((0.3, 12.0), (0.25, 8.0), (0.2, 14.0)):
        ratio = exact(0.25, 12.0) - exact(*other)
        assert ours(0.25, 12.0) - ours(*other) == pytest.approx(ratio, abs=0.02 * abs(ratio) + 0.05)


def test_known_tails_move_the_forecast_their_way() -> None:
    rng = np.random.default_rng(8)
    c = rng.binomial(50, rng.beta(0.4, 12.0, 100))
    low, high = (forecast(50, c, 10**4, tail=tail).curve.value[0] for tail in ("ceiling", "all-solvable"))
    assert low + 0.05 < high
    assert high > 0.95
