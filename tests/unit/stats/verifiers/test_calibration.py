"""Calibration against sums by hand, and the claims of its docstrings."""

import numpy as np
import pytest

from ttscale.errors import InvalidInputError
from ttscale.stats.verifiers.calibration import (
    expected_calibration_error,
    probabilities,
    probability_scale,
    problem_calibration_error,
    reliability_curve,
)


def test_ece_of_two_bins_by_hand() -> None:
    claimed = [0.2] * 5 + [0.9] * 5
    correct = [1, 1, 0, 0, 0] + [1, 1, 1, 1, 0]  # 0.4 against 0.2, 0.8 against 0.9
    estimate = expected_calibration_error(range(10), claimed, correct, n_bins=2, rng=0)
    assert estimate.value == pytest.approx(0.5 * 0.2 + 0.5 * 0.1)
    assert estimate.low <= estimate.value <= estimate.high


def test_equal_claims_share_a_bin_whatever_their_number() -> None:
    claimed = np.array([0.5] * 97 + [0.1, 0.9, 0.95])
    curve = reliability_curve(np.arange(100), claimed, claimed > 0.5, n_bins=10)
    assert 97 in curve.n_samples.tolist()
    assert curve.n_samples.sum() == 100
    assert (np.diff(curve.claimed) > 0).all()


def test_a_verdict_is_calibrated_as_far_as_it_is_right() -> None:
    accepted, correct = [1, 1, 1, 0, 0], [1, 1, 0, 0, 1]
    assert expected_calibration_error(range(5), accepted, correct, n_bins=5, rng=0).value == pytest.approx(
        2 / 5
    )


def test_a_constant_claim_can_be_calibrated_in_the_pool_and_wrong_for_every_problem() -> None:
    problem, correct = np.repeat([0, 1], 500), np.repeat([1, 0], 500)
    claimed = np.full(1000, 0.5)
    assert expected_calibration_error(problem, claimed, correct, rng=0).value == 0.0
    assert problem_calibration_error(problem, claimed, correct, rng=0).value == pytest.approx(0.5)


def test_the_noise_of_two_samples_per_problem_is_no_miscalibration() -> None:
    rng = np.random.default_rng(0)
    problem = np.repeat(np.arange(20_000), 2)
    correct = rng.random(40_000) < 0.3
    error = problem_calibration_error(problem, np.full(40_000, 0.3), correct, rng=0)
    assert error.value < 0.06  # the square is 0 within 0.21 / sqrt(20,000) by two standard errors


def test_the_scale_of_scores() -> None:
    assert probability_scale([0.0, 1.0]) == "as is"
    assert probability_scale([-4.3, 6.1]) == "sigmoid"
    assert probability_scale([3.0, 9.0]) is None
    assert probabilities([0.0], "sigmoid").tolist() == [0.5]


def test_a_probability_beyond_one_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"within \[0, 1\], but spans -1 to 2"):
        expected_calibration_error([0, 1], [-1, 2], [0, 1])
    with pytest.raises(InvalidInputError, match="n_bins"):
        reliability_curve([0], [0.5], [1], n_bins=0)


def test_the_same_seed_repeats_and_another_differs() -> None:
    rng = np.random.default_rng(3)
    columns = (np.repeat(np.arange(30), 5), rng.random(150), rng.random(150) < 0.5)
    before = np.random.get_state()[1].tolist()  # noqa: NPY002 - the global state must not move
    first, again, other = (expected_calibration_error(*columns, rng=seed) for seed in (1, 1, 2))
    assert first == again
    assert (first.low, first.high) != (other.low, other.high)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_reliability_rows_are_tidy() -> None:
    rows = list(reliability_curve([0, 1, 2], [0.1, 0.1, 0.8], [0, 0, 1]).to_rows())
    assert [row["n_samples"] for row in rows] == [2, 1]
    assert all(row["low"] <= row["value"] <= row["high"] for row in rows)
