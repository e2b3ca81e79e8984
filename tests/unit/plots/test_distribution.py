"""The histogram of success rates counts every problem once, the never-solved ones apart."""

from fractions import Fraction

import numpy as np
import pytest

from ttscale.errors import InvalidInputError
from ttscale.plots import plot_success_rates, rate_histogram


def bin_of(rate: Fraction, n_bins: int) -> int:
    """Place a rate by exact arithmetic: bin j holds 10^((j - n_bins)/3) < rate <= 10^((j + 1 - n_bins)/3)."""
    cubed = rate**3  # so that edges are whole powers of ten
    for j in range(n_bins):
        if cubed <= Fraction(10) ** (j + 1 - n_bins):
            return j
    raise AssertionError(rate)


@pytest.mark.parametrize("n", [1, 2, 7, 10, 32, 100, 256, 1000])
def test_every_count_falls_into_the_bin_that_exact_arithmetic_says(n: int) -> None:
    c = np.arange(1, n + 1)
    histogram = rate_histogram(np.full(n, n), c)
    expected = np.zeros_like(histogram.counts)
    for correct in c:
        expected[bin_of(Fraction(int(correct), n), histogram.counts.size)] += 1
    assert histogram.counts.tolist() == expected.tolist()


def test_ragged_samples_and_never_solved_problems_add_up() -> None:
    rng = np.random.default_rng(3)
    n = rng.integers(1, 5000, 400)
    c = rng.binomial(n, 10 ** rng.uniform(-5, 0, 400))
    histogram = rate_histogram(n, c)
    assert histogram.never_solved == np.sum(c == 0)
    assert histogram.counts.sum() + histogram.never_solved == histogram.n_problems == 400
    assert (histogram.n_min, histogram.n_max) == (n.min(), n.max())


def test_edges_are_thirds_of_decades_up_to_one() -> None:
    edges = rate_histogram([1000], [1]).edges
    assert edges[0] == pytest.approx(1e-3)
    assert edges[-1] == 1.0
    assert np.diff(np.log10(edges)) == pytest.approx(np.full(9, 1 / 3))


@pytest.mark.parametrize(
    ("n", "c"), [([], []), ([5], [6]), ([5], [-1]), ([0], [0]), ([5, 5], [1]), ([[5]], [[1]])]
)
def test_impossible_counts_are_refused(n: list[int], c: list[int]) -> None:
    with pytest.raises(InvalidInputError):
        rate_histogram(n, c)


@pytest.mark.parametrize("c", [[0, 0, 0], [8, 8, 8], [0, 3, 8]])
def test_the_figure_writes_every_count_over_its_bar(c: list[int]) -> None:
    figure = plot_success_rates([8, 8, 8], c)
    figure.draw_without_rendering()
    written = sorted(int(text.get_text()) for text in figure.axes[0].texts)
    assert sum(written) == 3
    assert 0 not in written
