"""A predictive distribution of coverage: binomials under chances that are not quite known."""

import numpy as np
import pytest

from ttscale.stats.forecast.predictive import OpenProblems, Predictive


def predictive(chance: np.ndarray, n_open: int = 1000) -> Predictive:
    k = np.arange(1, chance.shape[1] + 1)
    problems = OpenProblems(k, np.zeros(len(k)), np.zeros(1), np.full((len(k), 1), n_open), n_open)
    return Predictive(problems, chance, np.full(len(chance), 1.0 / len(chance)))


def test_a_blurred_hazard_is_off_by_a_log_normal_factor() -> None:
    blurred = predictive(np.full((4096, 1), 0.2)).blurred(0.5)
    off = np.log(np.log1p(-blurred.chance[:, 0]) / np.log(0.8))
    assert (off.mean(), off.std()) == (pytest.approx(0.0, abs=0.01), pytest.approx(0.5, rel=0.01))


def test_a_blur_spreads_the_interval_and_leaves_what_is_certain() -> None:
    plain = predictive(np.tile([0.0, 0.2, 1.0], (512, 1)))
    wide = plain.blurred(0.5)
    assert wide.quantile(0.05)[1] < plain.quantile(0.05)[1] < plain.quantile(0.95)[1] < wide.quantile(0.95)[1]
    assert wide.quantile(0.05)[[0, 2]] == pytest.approx([0.0, 1.0])
    assert wide.quantile(0.95)[[0, 2]] == pytest.approx([0.0, 1.0])


def test_neither_end_of_a_blurred_interval_falls_with_the_budget() -> None:
    hazard = np.multiply.outer(np.geomspace(0.05, 0.5, 300), np.sqrt(np.arange(1, 30)))
    wide = predictive(-np.expm1(-hazard)).blurred(0.7)
    assert all((np.diff(wide.quantile(level)) >= 0).all() for level in (0.05, 0.95))
