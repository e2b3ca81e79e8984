"""Reference fits on the counts of Brown et al. 2024: 7 Pythia models, 128 MATH problems, 10,000 samples each."""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import betabinom

from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.laws.fitting import fit_law

BUDGETS = [1, 10, 100, 1000, 10000]
COVERAGE = {
    "70M": (0.00065, 0.00597, 0.03610, 0.12414, 0.26562),
    "160M": (0.00267, 0.02509, 0.16191, 0.41016, 0.57031),
    "410M": (0.00622, 0.05172, 0.22718, 0.48180, 0.65625),
    "1B": (0.00833, 0.06646, 0.27452, 0.54619, 0.74219),
    "2.8B": (0.02031, 0.13475, 0.42204, 0.67779, 0.81250),
    "6.9B": (0.01856, 0.13140, 0.43165, 0.68773, 0.83594),
    "12B": (0.02319, 0.15682, 0.48343, 0.72325, 0.87500),
}
LOG_LOG = {
    "70M": (7.8868, 0.1918),
    "160M": (6.6721, 0.2816),
    "410M": (5.5523, 0.2873),
    "1B": (5.3950, 0.3129),
    "2.8B": (4.1897, 0.3384),
    "6.9B": (4.3432, 0.3509),
    "12B": (4.1620, 0.3709),
}
CURVE_FIT = {
    "70M": (-7.6732, -0.1842),
    "160M": (-6.4306, -0.2672),
    "410M": (-5.3844, -0.2759),
    "1B": (-5.0971, -0.2928),
    "2.8B": (-4.1015, -0.3276),
    "6.9B": (-4.2233, -0.3371),
    "12B": (-3.9831, -0.3518),
}
BETA = {
    "70M": (0.0388, 92.09),
    "160M": (0.1736, 65.41),
    "410M": (0.1783, 28.60),
    "1B": (0.2144, 25.41),
    "2.8B": (0.2456, 11.69),
    "6.9B": (0.2695, 14.15),
    "12B": (0.2953, 12.36),
}

Table = dict[str, tuple[np.ndarray, np.ndarray]]


@pytest.fixture(scope="module")
def pythia() -> Iterator[Table]:
    path = Path(__file__).parents[2].parent / "shared" / "data" / "monkeys_pythia_math_counts.csv"
    if not path.exists():
        pytest.skip("monkeys_pythia_math_counts.csv is not beside the project")
    table: dict[str, list[tuple[int, int]]] = {}
    with path.open() as file:
        for row in csv.DictReader(file):
            size = row["model"].removeprefix("Pythia ")
            table.setdefault(size, []).append((int(row["n_samples"]), int(row["n_correct"])))
    yield {size: tuple(np.array(pairs).T) for size, pairs in table.items()}  # type: ignore[misc]


@pytest.mark.parametrize("size", COVERAGE)
def test_coverage_is_the_published_one_to_five_decimals(pythia: Table, size: str) -> None:
    n, c = pythia[size]
    assert pass_at_k(n, c, BUDGETS).mean(axis=0) == pytest.approx(COVERAGE[size], abs=5.1e-6)


@pytest.mark.parametrize(("law", "table"), [("log-log", LOG_LOG), ("exponentiated-power-law", CURVE_FIT)])
@pytest.mark.parametrize("size", COVERAGE)
def test_power_law_parameters_agree_to_three_digits(
    pythia: Table, size: str, law: str, table: dict[str, tuple[float, float]]
) -> None:
    fit = fit_law(law, *pythia[size])
    a, b = table[size]
    assert fit.params["a"].value == pytest.approx(a, rel=1e-3)
    assert fit.params["b"].value == pytest.approx(b, rel=1e-3)


@pytest.mark.parametrize("size", [s for s in BETA if s != "70M"])
def test_beta_binomial_parameters_agree(pythia: Table, size: str) -> None:
    """Within 1 % for five models; 160M and 410M are 1.1 and 1.2 % off in alpha, on the side of higher likelihood."""
    fit = fit_law("beta-binomial", *pythia[size])
    alpha, beta = BETA[size]
    assert fit.params["alpha"].value == pytest.approx(alpha, rel=0.012)
    assert fit.params["beta"].value == pytest.approx(beta, rel=0.006)


@pytest.mark.parametrize("size", BETA)
def test_beta_binomial_is_the_maximum_by_an_independent_likelihood(pythia: Table, size: str) -> None:
    """The reference of 70M (alpha .0388) is not the maximum: its likelihood is 3.6 lower than that of our fit."""
    n, c = pythia[size]
    fit = fit_law("beta-binomial", n, c)

    def likelihood(alpha: float, beta: float) -> float:
        return float(betabinom.logpmf(c, n, alpha, beta).sum())

    alpha, beta = fit.params["alpha"].value, fit.params["beta"].value
    best = likelihood(alpha, beta)
    assert fit.log_likelihood == pytest.approx(best, abs=1e-3)
    assert best > likelihood(*BETA[size])
    for factor in (0.99, 1.01):
        assert best > likelihood(alpha * factor, beta)
        assert best > likelihood(alpha, beta * factor)


def test_zero_inflation_pays_for_160m(pythia: Table) -> None:
    fit = fit_law("zero-inflated-beta", *pythia["160M"])
    assert fit.params["zero"].value == pytest.approx(0.295, abs=1e-3)
    assert fit.params["alpha"].value == pytest.approx(0.352, abs=1e-3)
    assert fit.params["beta"].value == pytest.approx(92.5, abs=0.1)
