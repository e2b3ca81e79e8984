"""Fits recover the parameters of simulated problems, and their intervals hold them as often as they say."""

import numpy as np
import pytest

from ttscale.stats.laws.fitting import fit_law


def test_zero_inflated_beta_is_recovered() -> None:
    rng = np.random.default_rng(7)
    p = rng.beta(0.8, 6.0, 4000) * (rng.random(4000) > 0.3)
    fit = fit_law("zero-inflated-beta", 100, rng.binomial(100, p))
    for name, truth in {"zero": 0.3, "alpha": 0.8, "beta": 6.0}.items():
        parameter = fit.params[name]
        error = (parameter.high - parameter.low) / 3.92
        assert abs(parameter.value - truth) < 4 * error, name  # four standard errors: false alarms below 1e-3
        assert error < 0.15 * truth


@pytest.mark.parametrize("law", ["beta-binomial", "kumaraswamy", "log-normal"])
def test_intervals_hold_the_truth_about_as_often_as_they_say(law: str) -> None:
    """60 populations of 200 problems; at a true level of 95 % fewer than 51 hits have chance 4e-4 per parameter."""
    rng = np.random.default_rng(9)
    truth, draw = {
        "beta-binomial": ({"alpha": 0.5, "beta": 5.0}, lambda size: rng.beta(0.5, 5.0, size)),
        "kumaraswamy": ({"a": 0.5, "b": 3.0}, lambda size: (1 - (1 - rng.random(size)) ** (1 / 3.0)) ** 2),
        "log-normal": (
            {"mu": -3.0, "sigma": 1.5},
            lambda size: -np.expm1(-np.exp(rng.normal(-3.0, 1.5, size))),
        ),
    }[law]
    hits = dict.fromkeys(truth, 0)
    for _ in range(60):
        fit = fit_law(law, 40, rng.binomial(40, draw(200)))
        for name, value in truth.items():
            hits[name] += fit.params[name].low <= value <= fit.params[name].high
    assert min(hits.values()) >= 51, hits
