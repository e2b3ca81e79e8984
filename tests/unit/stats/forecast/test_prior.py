"""The prior of forecasts says what it claims of the curves, whatever law they come from."""

import numpy as np
import pytest

from ttscale.errors import InvalidInputError
from ttscale.stats.forecast.prior import (
    ANY,
    BENT,
    KNOTS,
    SHAPES,
    STRAIGHT,
    TAILS,
    CurveShape,
    prior_models,
)
from ttscale.stats.laws.frame import hazard_grid


def failure(slopes: list[float]) -> np.ndarray:
    """Return the failure chances, shape (1, 5), of a curve with the given slopes between the knots."""
    level = 1.0 - np.concatenate([[0.0], np.cumsum(np.array(slopes) * np.diff(np.log(KNOTS)))])
    return -np.expm1(-np.exp(level))[None, :]


def odds(slopes: list[float]) -> float:
    """Return the log ratio of the densities of straight and bent."""
    curve = failure(slopes)
    return float(STRAIGHT.log_density(curve)[0] - BENT.log_density(curve)[0])


def test_the_kinds_of_curve_are_all_there_is() -> None:
    assert sum(shape.weight for shape in SHAPES) == pytest.approx(1.0)
    for tail in TAILS:
        laws = {model.prior.law.name: model.prior.weight for model in prior_models(tail)}
        assert sum(laws.values()) == pytest.approx(1.0)


def test_a_straight_curve_speaks_for_straight_and_a_bent_one_for_bent() -> None:
    assert odds([0.3, 0.3, 0.3, 0.3]) > np.log(10)
    assert odds([0.3, 0.3, 0.15, 0.15]) < -np.log(10)  # levels off
    assert odds([0.2, 0.2, 0.4, 0.4]) < -np.log(10)  # speeds up
    assert odds([0.3, 0.3, 0.15, 0.15]) == pytest.approx(odds([0.15, 0.15, 0.3, 0.3]))


@pytest.mark.parametrize("shape", [STRAIGHT, BENT])
def test_each_shape_is_a_density_of_bend_and_wiggles(shape: CurveShape) -> None:
    """With the slope held it is a product of Student laws, up to a constant that both shapes share."""
    from scipy.stats import t

    early, late = 0.4, 0.8
    slopes = np.array([early * 0.3, early * 0.7, late * 0.6, late * 0.4]) / 2
    spread = [np.log(late / early), np.log(0.7 / 0.3), np.log(0.4 / 0.6)]
    scales = [shape.bend, shape.wiggle, shape.wiggle]
    density = sum(t.logpdf(x, 3, scale=s) for x, s in zip(spread, scales, strict=True))
    total = slopes.mean()
    expected = density - 0.5 * np.log(total / 0.3) ** 2
    constant = 3 * t.logpdf(0.0, 3)
    assert shape.log_density(failure(slopes.tolist()))[0] == pytest.approx(expected - constant, abs=1e-6)


def test_curves_at_the_ends_have_a_finite_prior() -> None:
    for flat in (np.ones((1, 5)), np.zeros((1, 5))):
        assert np.isfinite(STRAIGHT.log_density(flat)).all()


def test_any_curve_is_as_likely_as_its_law_makes_it() -> None:
    assert ANY.log_density(failure([0.3, 0.1, 0.9, 0.2])).tolist() == [0.0]


def test_every_law_with_every_shape_has_prior_mass_one() -> None:
    """By plain Monte Carlo with other draws: 20,000 of them know the mass of the wide shape within a few percent."""
    rng = np.random.default_rng(1)
    x, step = hazard_grid(1, 10_000)
    for model in prior_models()[1:7:3]:
        assert model.shape is BENT
        prior = model.prior
        free = prior.center + prior.spread * rng.standard_normal((20_000, len(prior.center)))
        free = free[prior.inside(free)]
        mass, zero = prior.mixtures(free, x, step)
        density = np.exp(BENT.log_density(mass @ np.exp(-np.outer(np.exp(x), KNOTS)) + zero[:, None]))
        beforehand = np.exp(model.log_weight) * density.sum() / 20_000
        assert beforehand == pytest.approx(prior.weight * BENT.weight, rel=0.1)


def test_an_unknown_tail_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="open, ceiling, all-solvable"):
        prior_models("heavy")  # type: ignore[arg-type]
