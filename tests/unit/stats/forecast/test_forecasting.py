"""Forecasts: what is certain stays certain, what is not has an interval, and the edges are answered."""

import warnings

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import betabinom

from ttscale.errors import FitWarning, InvalidInputError, TtscaleWarning, UnknownPluginError
from ttscale.stats.counts.counts import counts
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.forecast.forecasting import forecast
from ttscale.stats.forecast.model_averaging import posterior_of
from ttscale.stats.forecast.predicting import predict
from ttscale.stats.forecast.predictive import Predictive, open_problems
from ttscale.stats.forecast.samples_needed import samples_for
from ttscale.stats.laws.fitting import fit_law

N = 40
METHODS = ["auto", "log-log", "beta-binomial", "plug-in"]


@pytest.fixture(scope="module")
def c() -> np.ndarray:
    rng = np.random.default_rng(11)
    return rng.binomial(N, rng.beta(0.3, 8.0, 150))


@pytest.mark.parametrize("method", METHODS)
def test_within_the_samples_the_observed_coverage_stands(method: str, c: np.ndarray) -> None:
    ahead = forecast(N, c, [1, 7, N], method=method).curve
    observed = pass_at_k(N, c, [1, 7, N]).mean(axis=0)
    for ends in (ahead.value, ahead.low, ahead.high):
        assert ends == pytest.approx(observed, abs=1e-12)


@pytest.mark.parametrize("method", ["auto", "log-log", "beta-binomial"])
def test_solved_problems_stay_solved_and_more_samples_never_hurt(method: str, c: np.ndarray) -> None:
    ahead = forecast(N, c, [N, 2 * N, 1000, 10**5], method=method)
    curve = ahead.curve
    assert curve.low.min() >= np.mean(c > 0) - 1e-12
    for ends in (curve.value, curve.low, curve.high):
        assert np.all(np.diff(ends) >= -1e-9)
        assert np.all(ends <= 1.0)
    assert ahead.extrapolates.tolist() == [False, True, True, True]


def test_a_wider_level_gives_a_wider_interval(c: np.ndarray) -> None:
    narrow, wide = (forecast(N, c, 1000, confidence_level=level).curve for level in (0.5, 0.95))
    assert wide.low[0] < narrow.low[0] <= narrow.value[0] <= narrow.high[0] < wide.high[0]


def test_ragged_samples_are_each_continued_from_where_they_stand() -> None:
    n, c = np.array([10, 1000] * 40), np.array([0, 0] * 20 + [1, 200] * 20)
    curve = forecast(n, c, [10, 1000, 5000]).curve
    assert np.all(np.diff(curve.value) > 0)
    few = open_problems(counts(n, c), np.array([10, 500, 5000]))
    assert few.n_open.tolist() == [0, 20, 40]


def test_the_interval_is_the_binomial_one_when_the_chance_is_known() -> None:
    from scipy.stats import binom

    problems = open_problems(counts(10, [0] * 30 + [2] * 10), np.array([100]))
    known = Predictive(problems, np.full((5, 1), 0.3), np.full(5, 0.2))
    for level in (0.05, 0.5, 0.95):
        assert known.quantile(level)[0] == pytest.approx((10 + binom.ppf(level, 30, 0.3)) / 40)
    assert known.chance_to_reach(0.5)[0] == pytest.approx(binom.sf(9, 30, 0.3))


@pytest.mark.parametrize(
    ("n", "c"),
    [(10, [0] * 30), (10, [10] * 30), (10, [4]), (10, [0]), (1, [0, 1] * 20), ([5, 0, 9], [1, 0, 0])],
    ids=[
        "none solved",
        "all solved",
        "one problem",
        "one unsolved problem",
        "one sample",
        "one without samples",
    ],
)
def test_edges_are_answered(n: object, c: object) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        curve = forecast(n, c, [1, 100, 10**6]).curve  # type: ignore[arg-type]
    assert all(issubclass(w.category, TtscaleWarning) for w in caught), [str(w.message) for w in caught]
    assert np.isfinite([curve.value, curve.low, curve.high]).all()
    assert np.all((curve.low >= 0) & (curve.high <= 1))


def test_no_solved_problem_is_said_to_be_little_knowledge() -> None:
    with pytest.warns(FitWarning, match="None of the 20 problems"):
        forecast(10, [0] * 20, 100)


def test_all_solved_is_certain() -> None:
    curve = forecast(10, [3, 10, 1, 2, 5], 1000).curve
    assert (curve.value[0], curve.low[0], curve.high[0]) == (1.0, 1.0, 1.0)


def test_the_plug_in_forecast_takes_unsolved_for_impossible() -> None:
    curve = forecast(10, [0, 1, 5], 20, method="plug-in").curve
    assert curve.value[0] == pytest.approx((0 + (1 - 0.9**20) + (1 - 0.5**20)) / 3)


@pytest.mark.parametrize("level", [0.0, 1.0, -1, float("nan")])
def test_impossible_levels_are_refused(level: float) -> None:
    with pytest.raises(InvalidInputError, match="confidence_level"):
        forecast(10, [1, 0], 100, confidence_level=level)


@pytest.mark.parametrize("k", [0, -3, 1.5, float("nan"), []])
def test_impossible_budgets_are_refused(k: object) -> None:
    with pytest.raises(InvalidInputError):
        forecast(10, [1, 0, 3, 4, 5], k)  # type: ignore[arg-type]


def test_an_unknown_method_is_an_error() -> None:
    with pytest.raises(UnknownPluginError, match="log-log"):
        forecast(10, [1, 0, 3, 4, 5], 100, method="loglog")


def test_the_same_seed_repeats_another_differs_and_the_global_one_is_untouched(c: np.ndarray) -> None:
    state = np.random.get_state()[1].tolist()  # noqa: NPY002 (that it is not used is the claim)
    first, again, other = (forecast(N, c, 3000, rng=seed).curve.value[0] for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert first == pytest.approx(other, abs=0.01)
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002


def test_samples_for_inverts_the_forecast(c: np.ndarray) -> None:
    needed = samples_for(N, c, 0.6)
    assert needed.k is not None
    assert needed.low is not None
    assert needed.low <= needed.k
    curve = forecast(N, c, [needed.low, needed.k]).curve
    assert curve.high[0] >= 0.6
    assert curve.value[1] == pytest.approx(0.6, abs=0.02)


def test_samples_for_a_coverage_already_seen_reads_the_observed_curve(c: np.ndarray) -> None:
    target = float(pass_at_k(N, c, 5).mean())
    needed = samples_for(N, c, target)
    assert (needed.low, needed.k, needed.high) == (5, 5, 5)


def test_what_cannot_be_reached_is_said_so() -> None:
    needed = samples_for(1000, [0] * 60 + [500] * 60, 0.999, largest=2000)
    assert needed.k is None
    assert needed.high is None
    assert needed.chance_at_largest < 0.05
    assert "not within 2,000 samples" in str(needed)


@pytest.mark.parametrize("target", [0.0, -0.1, 1.1, float("nan")])
def test_impossible_targets_are_refused(target: float) -> None:
    with pytest.raises(InvalidInputError, match="target"):
        samples_for(10, [1, 0, 3], target)


def test_a_forecast_carries_its_backtest_on_request(c: np.ndarray) -> None:
    """Three times further than the samples reach: scored from a third of them, on the coverage they show."""
    ahead = forecast(N, c, [N, 3 * N], backtest_draws=2)
    assert ahead.backtest is not None
    assert (ahead.backtest.s, ahead.backtest.k, ahead.backtest.n_draws) == (N // 3, N, 2)
    assert ahead.backtest.method == ahead.method
    truth = float(np.mean(c > 0))
    assert ahead.backtest.error < abs(
        pass_at_k(N, c, N // 3).mean() - truth
    )  # better than what the prefix shows
    assert f"from {N // 3} of {N} samples" in str(ahead)


def test_a_backtest_looks_back_ten_times_at_most(c: np.ndarray) -> None:
    ahead = forecast(N, c, 10**5, method="plug-in", backtest_draws=1)
    assert ahead.backtest is not None
    assert ahead.backtest.s == N // 10


@pytest.mark.parametrize(
    ("n", "k", "draws"), [(N, 3 * N, 0), (N, N, 2), (1, 100, 2)], ids=["not asked", "within", "too few"]
)
def test_where_no_backtest_is_possible_there_is_none(n: int, k: int, draws: int) -> None:
    assert forecast(n, [0, 1] * 20, k, method="plug-in", backtest_draws=draws).backtest is None


def test_a_negative_number_of_backtest_draws_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="backtest_draws"):
        forecast(N, [0, 1, 2], 100, backtest_draws=-1)


def test_a_backtest_leaves_the_forecast_as_it_is(c: np.ndarray) -> None:
    plain, scored = (forecast(N, c, 2 * N, method="log-log", backtest_draws=d).curve for d in (0, 1))
    assert (plain.value[0], plain.low[0], plain.high[0]) == (scored.value[0], scored.low[0], scored.high[0])


def test_a_backtested_forecast_is_that_of_the_candidate_with_the_least_error_on_prefixes() -> None:
    c = np.random.default_rng(21).binomial(60, np.random.default_rng(20).beta(0.3, 6.0, 120))
    chosen = forecast(60, c, 400, method="backtested", rng=3)
    assert chosen.backtest is not None
    assert chosen.backtest.method == chosen.method
    alone = forecast(60, c, 400, method=chosen.method, rng=3)
    assert chosen.curve.value.tolist() == alone.curve.value.tolist()
    seed = int(np.random.default_rng(3).integers(2**32))
    for name in ("log-log", "exponentiated-power-law", "beta-binomial"):
        score = forecast(60, c, 400, method=name, backtest_draws=3, rng=seed).backtest
        assert score is not None
        assert chosen.backtest.error <= score.error
    assert forecast(60, c, 60, method="backtested").method == "average"  # nothing lies ahead to choose for


def test_a_forecast_says_when_the_samples_cannot_tell_levelling_off_from_going_on() -> None:
    """Many problems, few samples, far ahead: the law is what is unknown. A step ahead it is which problems fall."""
    c = np.random.default_rng(2).binomial(20, np.random.default_rng(1).beta(0.2, 8.0, 2000))
    far, near = forecast(20, c, 10**5), forecast(20, c, 30)
    assert far.doubt is not None
    assert "These samples cannot tell a curve that levels off near" in str(far)
    assert near.doubt is None
    assert forecast(20, c, 10**5, method="log-log").doubt is None


def test_the_point_averages_with_the_published_methods_while_the_counts_allow_what_they_suppose() -> None:
    """Sixty problems of a beta law: each method's own curve, as published, in equal parts with the average's mean."""
    c = np.random.default_rng(8).binomial(100, np.random.default_rng(9).beta(0.25, 12.0, 60))
    ahead = forecast(100, c, 1000).curve
    draws = posterior_of(counts(100, c).unique(), k=1000, rng=0)
    assert min(draws.straight, draws.beta) > 10**-0.5
    failure = draws.failure(np.array([100.0, 1000.0]))
    own = (np.sum(c > 0) + np.sum(c == 0) * (draws.sharp @ (1 - failure[:, 1] / failure[:, 0]))) / 60
    line = fit_law("log-log", 100, c)
    power = fit_law("exponentiated-power-law", 100, c)
    beta = fit_law("beta-binomial", 100, c)
    a, b = line.params["a"].value, line.params["b"].value
    others = [
        np.exp(-a * 1000.0**-b),
        np.exp(power.params["a"].value * 1000.0 ** power.params["b"].value),
        1 - betabinom.pmf(0, 1000, beta.params["alpha"].value, beta.params["beta"].value),
    ]
    parts = np.clip([own, *others], ahead.low[0], ahead.high[0])
    assert ahead.value[0] == pytest.approx(parts.mean(), abs=1e-6)


def test_published_methods_fade_where_the_counts_speak_against_straight_curves() -> None:
    """Two kinds of problem, easy and one in a thousand: the curve rises twice, and every published method misses that."""
    rng = np.random.default_rng(7)
    p = np.where(rng.random(2000) < 0.4, rng.beta(6, 14, 2000), rng.beta(2, 2000, 2000))
    truth = float(np.mean(1 - (1 - p) ** 3000))
    c = rng.binomial(300, p)
    error = {
        method: abs(float(forecast(300, c, 3000, method=method).curve.value[0]) - truth)
        for method in ("auto", "log-log", "exponentiated-power-law", "beta-binomial")
    }
    assert error.pop("auto") < 0.03
    assert min(error.values()) > 0.1


def test_a_beta_binomial_fades_where_success_rates_follow_no_beta_law() -> None:
    """Difficulties of two kinds whose curve is nearly straight: the beta law alone is wrong, and alone fades."""
    rng = np.random.default_rng(3)
    p = np.where(rng.random(400) < 0.5, rng.beta(8, 2, 400), rng.beta(0.3, 30.0, 400))
    c = rng.binomial(100, p)
    draws = posterior_of(counts(100, c).unique(), k=10_000, rng=0)
    assert draws.beta < 1e-3
    point = predict(counts(100, c), np.array([10_000]), "auto", 0)
    assert point.trust[2] < 0.01
    assert point.trust[0] == point.trust[1]


def test_ten_thousand_problems_tell_a_bell_of_difficulties_at_its_best_guess() -> None:
    """The interval discounts what many problems say; the best guess does not, and errs by a tenth of what it would."""
    p = expit(np.random.default_rng(0).normal(-5, 3, 10_000))
    c = np.random.default_rng(1).binomial(100, p)
    truth = float(np.mean(np.where(c > 0, 1.0, 1 - (1 - p) ** 9_900)))
    curve = forecast(100, c, 10_000).curve
    assert abs(curve.value[0] - truth) < 0.01
    assert curve.low[0] < truth - 0.02
