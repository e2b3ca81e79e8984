"""What settles a comparison: monotone in everything that should matter. That it does so is simulated in tests/statistical."""

import numpy as np
import pytest

from ttscale.errors import InvalidInputError
from ttscale.stats.decide.settling import Settling, what_settles
from ttscale.stats.intervals.multiple import paired_differences

SIZE = 400


def asked(first: np.ndarray, second: np.ndarray, error: float = float("nan"), **how: float) -> Settling:
    values = np.column_stack([first, second])
    found = paired_differences(values, n_resamples=300, rng=0)
    (one,) = what_settles((first - second)[:, None], found, sampling_error=[error], n=10, **how)
    return one


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    hard = 0.3 + 0.4 * rng.random(SIZE)
    noise = rng.normal(size=SIZE)
    noise = (noise - noise.mean()) / noise.std()
    return np.clip(hard + 0.02 + 0.2 * noise, 0, 1), hard


def test_an_unsettled_difference_needs_more_problems_and_knows_how_little_it_knows(
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    one = asked(*pair)
    assert not one.is_settled
    assert one.problems is not None and one.problems > SIZE
    assert one.problems_low is not None and one.problems_low < one.problems
    assert one.problems_high is None
    assert one.samples is None  # nothing is known of their noise


@pytest.mark.parametrize("seed", range(6))
def test_a_difference_that_may_be_zero_has_no_upper_number(seed: int) -> None:
    values = np.round(np.random.default_rng(seed).random((50, 2)), 2)
    one = asked(values[:, 0], values[:, 1])
    assert one.is_settled or one.problems_high is None


def test_the_order_of_the_two_does_not_matter(pair: tuple[np.ndarray, np.ndarray]) -> None:
    one, other = asked(*pair), asked(*pair[::-1])
    assert one.problems == pytest.approx(other.problems, rel=0.01)


def test_a_higher_chance_needs_more_and_shows_only_larger_differences(
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    low, high = asked(*pair, power=0.6), asked(*pair, power=0.95)
    assert (low.problems or 0) < (high.problems or 0)
    assert low.detectable < high.detectable


@pytest.mark.parametrize("size", [20, 60, 400])
def test_a_difference_as_large_as_the_detectable_one_needs_just_these_problems(size: int) -> None:
    rng = np.random.default_rng(7)
    hard = 0.3 + 0.2 * rng.random(size)
    noise = 0.1 * rng.normal(size=size)
    noise -= noise.mean()
    gap = asked(hard + 0.01 + noise, hard).detectable
    assert 0 < gap < 0.45
    needed = asked(hard + gap + noise, hard).problems
    assert needed == pytest.approx(size, rel=0.05, abs=1)


def test_more_samples_help_as_far_as_the_spread_is_theirs(pair: tuple[np.ndarray, np.ndarray]) -> None:
    spread = (pair[0] - pair[1]).std() / np.sqrt(SIZE)
    all_theirs, none_theirs = asked(*pair, error=spread), asked(*pair, error=spread * 0.01)
    assert all_theirs.samples is not None and all_theirs.samples > 10
    assert none_theirs.samples is None
    assert all_theirs.problems is not None
    # where all spread is the samples', ten times the samples and ten times the problems shrink it alike
    assert all_theirs.samples / 10 == pytest.approx(all_theirs.problems / SIZE, rel=0.2)


def test_what_is_settled_says_so_and_what_is_alike_never_settles() -> None:
    apart = asked(np.full(40, 0.9), np.full(40, 0.1))
    assert apart.is_settled and apart.problems is not None and apart.problems < 40
    assert apart.problems_high is not None
    alike = asked(np.full(40, 0.5), np.full(40, 0.5))
    assert (alike.is_settled, alike.problems, alike.samples) == (False, None, None)


@pytest.mark.parametrize("power", [0.4, 1.0])
def test_an_impossible_chance_is_refused(pair: tuple[np.ndarray, np.ndarray], power: float) -> None:
    with pytest.raises(InvalidInputError, match=r"between 0\.5 and 1"):
        asked(*pair, power=power)
