"""Every mixing law against its closed form, an integral by SciPy, or samples drawn from it."""

from collections.abc import Callable
from math import comb
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import betaln, expit
from scipy.stats import betabinom

from ttscale.registry import BUILT_IN, load_plugin, plugins
from ttscale.stats.counts.counts import counts
from ttscale.stats.laws.frame import MixingLaw, hazard_grid, named_law
from ttscale.stats.laws.likelihood import binomial_kernel, count_probabilities

BUDGETS = np.array([1.0, 3.0, 30.0, 1e3, 1e5])
MIXING: dict[str, list[float]] = {
    "beta-binomial": [0.3, 12.0],
    "zero-inflated-beta": [0.2, 0.5, 40.0],
    "scaled-beta": [0.4, 0.5, 3.0],
    "beta-mixture": [0.3, 6.0, 14.0, 0.4, 200.0],
    "generalized-beta": [0.3, 0.6, 5.0],
    "zero-inflated-generalized-beta": [0.2, 0.4, 0.6, 5.0],
    "kumaraswamy": [0.4, 3.0],
    "log-normal": [-5.0, 2.0],
    "logit-normal": [-4.0, 2.0],
    "zero-inflated-log-normal": [0.1, -5.0, 2.0],
}


def solvable(rng: np.random.Generator, zero: float, size: int) -> np.ndarray:
    return rng.random(size) >= zero


def log_normal(rng: np.random.Generator, size: int, mu: float, sigma: float) -> np.ndarray:
    return -np.expm1(-np.exp(rng.normal(mu, sigma, size)))


def generalized(rng: np.random.Generator, size: int, alpha: float, b: float, beta: float) -> np.ndarray:
    return rng.beta(alpha / b, beta, size) ** (1 / b)


DRAW: dict[str, Callable[..., np.ndarray]] = {
    "beta-binomial": lambda rng, m, a, b: rng.beta(a, b, m),
    "zero-inflated-beta": lambda rng, m, z, a, b: rng.beta(a, b, m) * solvable(rng, z, m),
    "scaled-beta": lambda rng, m, s, a, b: s * rng.beta(a, b, m),
    "beta-mixture": lambda rng, m, w, a1, b1, a2, b2: np.where(
        rng.random(m) < w, rng.beta(a1, b1, m), rng.beta(a2, b2, m)
    ),
    "generalized-beta": generalized,
    "zero-inflated-generalized-beta": lambda rng, m, z, *rest: (
        generalized(rng, m, *rest) * solvable(rng, z, m)
    ),
    "kumaraswamy": lambda rng, m, a, b: (1 - (1 - rng.random(m)) ** (1 / b)) ** (1 / a),
    "log-normal": log_normal,
    "logit-normal": lambda rng, m, mu, sigma: expit(rng.normal(mu, sigma, m)),
    "zero-inflated-log-normal": lambda rng, m, z, *rest: log_normal(rng, m, *rest) * solvable(rng, z, m),
}
"""How success rates are drawn by the definition of each law: (rng, size, *theta)."""


@pytest.mark.parametrize(("law", "theta"), MIXING.items())
def test_coverage_is_that_of_rates_drawn_from_the_law(law: str, theta: list[float]) -> None:
    p = DRAW[law](np.random.default_rng(1), 400_000, *theta)
    solved = -np.expm1(np.multiply.outer(BUDGETS, np.log1p(-np.minimum(p, 1 - 1e-16))))
    error = solved.std(axis=1) / np.sqrt(p.size)  # five standard errors: false alarms below 1e-4 in all
    assert np.all(np.abs(named_law(law).coverage(BUDGETS, np.array(theta)) - solved.mean(axis=1)) < 5 * error)


@pytest.mark.parametrize(
    ("alpha", "beta"), [(0.3, 12.0), (0.05, 90.0), (2.0, 0.5), (0.01, 0.01), (30.0, 1e5)]
)
def test_beta_coverage_is_the_closed_form(alpha: float, beta: float) -> None:
    exact = -np.expm1(betaln(alpha, beta + BUDGETS) - betaln(alpha, beta))
    assert named_law("beta-binomial").coverage(BUDGETS, np.array([alpha, beta])) == pytest.approx(
        exact, abs=1e-6
    )


@pytest.mark.parametrize("n", [1, 8, 100, 10_000])
@pytest.mark.parametrize(("alpha", "beta"), [(0.3, 12.0), (0.05, 90.0), (2.0, 0.5), (40.0, 60.0)])
def test_count_probabilities_are_beta_binomial(n: int, alpha: float, beta: float) -> None:
    c = np.unique(np.geomspace(1, n, 30).astype(int)).tolist()
    pairs = counts(n, [0, *c]).unique()
    law = named_law("beta-binomial")
    assert isinstance(law, MixingLaw)
    x, step = hazard_grid(n, n)
    ours = count_probabilities(
        pairs, law.mixture(np.array([alpha, beta]), x, step), binomial_kernel(pairs, x)
    )
    exact = betabinom.logpmf(pairs.c, n, alpha, beta)
    likely = exact > -16  # the mass at zero is known to 1e-8
    assert np.log(ours)[likely] == pytest.approx(exact[likely], abs=2e-4)


@pytest.mark.parametrize(("n", "c"), [(5, 0), (5, 2), (5, 5), (50, 3)])
def test_kumaraswamy_count_probability_is_the_integral(n: int, c: int) -> None:
    a, b = 0.7, 2.5

    def integrand(v: float) -> float:  # v = p^a removes the singularity at 0
        p = v ** (1 / a)
        return float(b * (1 - v) ** (b - 1) * p**c * (1 - p) ** (n - c))

    exact = comb(n, c) * quad(integrand, 0, 1, epsabs=1e-12, limit=200)[0]
    pairs = counts(n, [c]).unique()
    law = named_law("kumaraswamy")
    assert isinstance(law, MixingLaw)
    x, step = hazard_grid(n, n)
    ours = count_probabilities(pairs, law.mixture(np.array([a, b]), x, step), binomial_kernel(pairs, x))
    assert ours == pytest.approx([exact], rel=1e-6)


def test_generalized_beta_holds_beta_and_kumaraswamy() -> None:
    general = named_law("generalized-beta")
    beta = named_law("beta-binomial").coverage(BUDGETS, np.array([0.3, 12.0]))
    assert general.coverage(BUDGETS, np.array([0.3, 1.0, 12.0])) == pytest.approx(beta, abs=1e-9)
    kumaraswamy = named_law("kumaraswamy").coverage(BUDGETS, np.array([0.4, 3.0]))
    assert general.coverage(BUDGETS, np.array([0.4, 0.4, 3.0])) == pytest.approx(kumaraswamy, abs=1e-9)


def test_many_parameters_at_once_give_the_same_densities() -> None:
    x, _ = hazard_grid(100, 1000)
    for name, theta in MIXING.items():
        law = named_law(name)
        assert isinstance(law, MixingLaw)
        both = np.array([theta, theta]).T[..., None]  # (D, 2, 1)
        assert law.log_density(x, both)[1] == pytest.approx(law.log_density(x, np.array(theta)))


@pytest.mark.parametrize("name", BUILT_IN["laws"])
def test_a_law_carries_the_name_it_is_announced_by(name: str) -> None:
    law: Any = named_law(name)
    assert law.name == name
    assert all(r.low < r.high for r in law.ranges)


def test_the_registry_announces_the_same_laws() -> None:

    assert set(BUILT_IN["laws"]) <= set(plugins("laws"))
    assert load_plugin("laws", "kumaraswamy").name == "kumaraswamy"
