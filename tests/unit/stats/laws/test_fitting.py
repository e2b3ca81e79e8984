"""Fits: recovery of parameters, edges of the data, and what is said when a fit cannot be trusted."""

import warnings

import numpy as np
import pytest
from scipy.optimize import curve_fit

from ttscale.errors import FitWarning, InvalidInputError, UnknownPluginError
from ttscale.registry import BUILT_IN
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.coverage.coverage import coverage_curve
from ttscale.stats.laws.fitting import LawFit, fit_law
from ttscale.stats.laws.frame import MixingLaw, named_law

ALL_LAWS = sorted(BUILT_IN["laws"])


def quiet_fit(law: str, n: object, c: object) -> LawFit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        return fit_law(law, n, c)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def beta_counts() -> tuple[int, np.ndarray]:
    rng = np.random.default_rng(3)
    return 50, rng.binomial(50, rng.beta(0.4, 8.0, 300))


def test_exponentiated_power_law_agrees_with_scipy_curve_fit(beta_counts: tuple[int, np.ndarray]) -> None:
    n, c = beta_counts
    k = np.unique(np.geomspace(1, n, 40).round().astype(int))
    coverage = pass_at_k(n, c, k).mean(axis=0)
    (a, b), _ = curve_fit(lambda k, a, b: a * k**b, k.astype(float), np.log(coverage), p0=(-3.0, -0.3))
    fit = fit_law("exponentiated-power-law", n, c)
    assert fit.params["a"].value == pytest.approx(a, rel=1e-5)
    assert fit.params["b"].value == pytest.approx(b, rel=1e-5)


def test_log_log_is_ordinary_least_squares(beta_counts: tuple[int, np.ndarray]) -> None:
    n, c = beta_counts
    k = np.array([1, 2, 5, 20, 50])
    coverage = pass_at_k(n, c, k).mean(axis=0)
    slope, level = np.polyfit(np.log(k), np.log(-np.log(coverage)), 1)
    fit = fit_law("log-log", n, c, k=k)
    assert fit.params["a"].value == pytest.approx(np.exp(level), rel=1e-6)
    assert fit.params["b"].value == pytest.approx(-slope, rel=1e-6)


def test_information_criteria_use_the_summed_likelihood(beta_counts: tuple[int, np.ndarray]) -> None:
    fit = fit_law("beta-binomial", *beta_counts)
    assert fit.log_likelihood is not None
    assert fit.aic == pytest.approx(4.0 - 2.0 * fit.log_likelihood)
    assert fit.bic == pytest.approx(2.0 * np.log(300) - 2.0 * fit.log_likelihood)
    assert fit_law("log-log", *beta_counts).aic is None


def test_the_band_of_the_non_parametric_law_is_the_curves_own_and_open_beyond_the_samples() -> None:
    rng = np.random.default_rng(12)
    c = rng.binomial(100, rng.beta(0.4, 8.0, 300))
    observed = coverage_curve(100, c, [1, 5, 20, 100])
    fitted = quiet_fit("npmle", 100, c).predict([1, 5, 20, 100, 1000])
    width = observed.high - observed.low
    assert np.all(np.abs(fitted.low[:4] - observed.low) < 0.1 * width)
    assert np.all(np.abs(fitted.high[:4] - observed.high) < 0.1 * width)
    assert fitted.high[4] == 1.0
    assert fitted.low[4] == pytest.approx(fitted.low[3])


@pytest.mark.parametrize("law", ALL_LAWS)
def test_the_curve_is_a_curve(law: str, beta_counts: tuple[int, np.ndarray]) -> None:
    curve = quiet_fit(law, *beta_counts).predict([1, 10, 50, 1000])
    assert np.all(np.diff(curve.value) >= 0)
    assert np.all((curve.low <= curve.value + 1e-12) & (curve.value <= curve.high + 1e-12))
    assert np.all((curve.value >= 0) & (curve.value <= 1))


@pytest.mark.parametrize("law", ALL_LAWS)
def test_order_and_multiplicity_of_problems_do_not_matter(law: str) -> None:
    n, c = np.array([20, 20, 30, 30, 20, 25]), np.array([0, 3, 9, 0, 20, 1])
    forward, backward = quiet_fit(law, n, c), quiet_fit(law, n[::-1], c[::-1])
    assert backward.residual == pytest.approx(forward.residual, abs=1e-9)


@pytest.mark.parametrize("law", ALL_LAWS)
@pytest.mark.parametrize(
    ("n", "c"),
    [(10, [0, 0, 0]), (10, [10, 10, 10]), (10, [4]), (1, [0, 1, 1, 0]), (1, [1]), ([10, 0, 5], [3, 0, 0])],
    ids=[
        "none solved",
        "all solved",
        "one problem",
        "one sample",
        "one of one",
        "ragged with an empty problem",
    ],
)
def test_edges_end_in_a_fit_or_a_warning(law: str, n: object, c: object) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = fit_law(law, n, c)  # type: ignore[arg-type]
        value = fit.predict([1, 10]).value
    assert all(issubclass(w.category, FitWarning) for w in caught), [str(w.message) for w in caught]
    assert str(fit)
    assert list(fit.to_rows()) or law == "npmle"
    if not np.isfinite(value).all():
        assert not fit.converged
        assert caught


@pytest.mark.parametrize(
    ("n", "c"), [(5, [6]), (5, [-1]), (5, [1.5]), (5, [float("nan")]), ([], []), (0, [0, 0]), ([5, 5], [1])]
)
def test_impossible_counts_are_refused(n: object, c: object) -> None:
    with pytest.raises(InvalidInputError):
        fit_law("beta-binomial", n, c)  # type: ignore[arg-type]


def test_budgets_beyond_the_samples_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="pass@20"):
        fit_law("log-log", 10, [1, 2], k=[1, 20])


def test_an_unknown_law_is_named_with_its_neighbour() -> None:
    with pytest.raises(UnknownPluginError, match="Did you mean 'beta-binomial'"):
        fit_law("beta-binomail", 10, [1, 2])


def test_a_fit_at_its_bound_says_what_to_check() -> None:
    with pytest.warns(FitWarning, match="end of its range"):
        fit = fit_law("beta-binomial", 10, [10, 10, 10])
    assert any(p.at_bound and p.low == p.high for p in fit.params.values())


def test_a_million_problems_are_fitted() -> None:
    rng = np.random.default_rng(0)
    fit = fit_law("beta-binomial", 20, rng.binomial(20, rng.beta(0.5, 4.0, 10**6)))
    assert fit.params["alpha"].value == pytest.approx(0.5, rel=0.01)
    assert fit.params["beta"].value == pytest.approx(4.0, rel=0.01)
    assert fit.params["alpha"].low < 0.5 < fit.params["alpha"].high


@pytest.mark.parametrize("law", [law for law in ALL_LAWS if isinstance(named_law(law), MixingLaw)])
@pytest.mark.parametrize(
    ("n", "c"),
    [
        (50, np.random.default_rng(3).binomial(50, np.random.default_rng(4).beta(0.4, 8.0, 300))),
        (32, [0] * 127 + [1]),
        (100, np.random.default_rng(5).binomial(100, 0.3, 60)),
    ],
    ids=["varied", "one solved", "all alike"],
)
def test_no_law_explains_counts_better_than_the_non_parametric_one(law: str, n: int, c: object) -> None:
    free, fit = quiet_fit("npmle", n, c).log_likelihood, quiet_fit(law, n, c).log_likelihood
    assert free is not None
    assert fit is not None
    assert fit <= free + 0.05  # its grid is coarse


def test_many_sample_sizes_of_their_own_are_fitted() -> None:
    rng = np.random.default_rng(1)
    n = rng.integers(200, 2000, 30_000)
    fit = fit_law("beta-binomial", n, rng.binomial(n, rng.beta(0.5, 4.0, n.size)))
    assert fit.n_problems == 30_000
    assert fit.params["alpha"].value == pytest.approx(0.5, rel=0.05)
    assert fit.params["beta"].value == pytest.approx(4.0, rel=0.05)


@pytest.mark.parametrize("level", [0.0, 1.0, 95, float("nan")])
def test_impossible_levels_are_refused(level: float) -> None:
    with pytest.raises(InvalidInputError, match="confidence_level"):
        fit_law("log-log", 10, [1, 2], confidence_level=level)


def test_a_billion_samples_are_fitted_like_the_rates_they_show() -> None:
    """As n grows, beta-binomial probabilities become beta densities over n + 1: SciPy fits and scores those."""
    from scipy.stats import beta

    n = 10**9
    p = np.random.default_rng(7).beta(0.6, 3.0, 300)
    c = np.rint(p * n).astype(np.int64)
    fit = fit_law("beta-binomial", n, c)
    a, b, _, _ = beta.fit(np.clip(c / n, 1e-12, 1 - 1e-12), floc=0, fscale=1)
    assert fit.params["alpha"].value == pytest.approx(a, rel=5e-3)  # rates are known within 1 %
    assert fit.params["beta"].value == pytest.approx(b, rel=5e-3)
    assert fit.log_likelihood == pytest.approx(
        beta.logpdf(c / n, a, b).sum() - 300 * np.log(n + 1.0), abs=0.5
    )
