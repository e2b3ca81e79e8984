"""Bootstrap intervals: seeded, around the estimate, never without width, and as wide as their level says."""

import numpy as np
import pytest

from ttscale.stats.counts.counts import counts
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.intervals.bootstrap import bootstrap_coverage, bootstrap_over_problems, percentiles

DATA = counts([8] * 12, [0, 1, 2, 3, 8, 5, 0, 0, 4, 7, 1, 2])
K = np.array([1, 4, 8])


@pytest.mark.parametrize("over", ["problems", "samples", "both"])
def test_the_same_seed_repeats_another_differs_and_the_estimate_lies_within(over: str) -> None:
    first, again, other = (
        bootstrap_coverage(DATA, K, 0.9, over=over, n_resamples=300, rng=seed)  # type: ignore[arg-type]
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first.low, again.low) and np.array_equal(first.high, again.high)
    assert not np.array_equal(first.low, other.low)
    mean = pass_at_k(DATA.n, DATA.c, K).mean(axis=0)
    assert (first.low < mean).all() and (mean < first.high).all()
    assert (first.low >= 0).all() and (first.high <= 1).all()


def test_the_global_generator_is_left_alone() -> None:
    before = np.random.get_state()[1].tolist()  # noqa: NPY002 - it is what must not move
    bootstrap_coverage(DATA, K, 0.9, over="both", n_resamples=50, rng=0)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@pytest.mark.parametrize("over", ["problems", "samples", "both"])
@pytest.mark.parametrize("c", [0, 8])
def test_problems_that_all_agree_leave_something_open(over: str, c: int) -> None:
    found = bootstrap_coverage(counts([8] * 6, [c] * 6), K, 0.95, over=over, n_resamples=200, rng=0)  # type: ignore[arg-type]
    assert (found.high - found.low > 1e-4).all()


def test_a_higher_level_is_wider_and_more_problems_are_narrower() -> None:
    values = np.random.default_rng(0).random((20, 1))
    narrow, wide = (bootstrap_over_problems(values, level, rng=0) for level in (0.5, 0.99))
    assert wide.low[0] < narrow.low[0] < narrow.high[0] < wide.high[0]
    many = bootstrap_over_problems(np.tile(values, (9, 1)), 0.99, rng=0)
    assert many.high[0] - many.low[0] < 0.5 * (wide.high[0] - wide.low[0])


def test_weights_are_repeated_rows() -> None:
    values = np.array([[0.2], [0.9]])
    weighed = bootstrap_over_problems(values, 0.9, weight=np.array([3, 5]), n_resamples=20_000, rng=0)
    repeated = bootstrap_over_problems(np.repeat(values, [3, 5], axis=0), 0.9, n_resamples=20_000, rng=1)
    assert weighed.low == pytest.approx(repeated.low, abs=0.02)
    assert weighed.high == pytest.approx(repeated.high, abs=0.02)


def test_one_problem_says_nothing_about_others() -> None:
    found = percentiles(np.full((9, 2), 0.4), 1, 0.95)
    assert (found.low.tolist(), found.high.tolist()) == ([0, 0], [1, 1])
    signed = percentiles(np.full((9, 1), -0.4), 1, 0.95)
    assert (signed.low.tolist(), signed.high.tolist()) == ([-1], [1])
