"""Folds of problems."""

import numpy as np
import pytest

from ttscale.errors import InvalidInputError
from ttscale.stats.intervals.folds import problem_folds


def test_folds_are_even_and_seeded() -> None:
    fold = problem_folds(23, 5, rng=1)
    assert sorted(np.bincount(fold).tolist()) == [4, 4, 5, 5, 5]
    assert np.array_equal(fold, problem_folds(23, 5, rng=1))
    assert not np.array_equal(fold, problem_folds(23, 5, rng=2))
    assert np.bincount(problem_folds(3, 5, rng=0)).tolist() == [1, 1, 1]
    with pytest.raises(InvalidInputError, match="at least 2 problems"):
        problem_folds(1, 5)
