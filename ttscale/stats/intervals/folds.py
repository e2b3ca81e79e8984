"""Problems dealt into folds, so that nothing is scored on the problems it was learnt from."""

import numpy as np

from ttscale.arrays import IntArray
from ttscale.errors import InvalidInputError
from ttscale.stats.intervals.intervals import Rng


def problem_folds(n_problems: int, n_folds: int = 5, *, rng: Rng = None) -> IntArray:
    """Deal problems into folds of nearly equal size at random.

    Args:
        n_problems: P, at least 2.
        n_folds: Folds, at least 2; at most P are made.
        rng: Generator or seed.

    Returns:
        The fold of each problem, shape (P,), 0..F-1; no fold is empty.

    Raises:
        InvalidInputError: Fewer than two problems or folds.

    >>> np.bincount(problem_folds(5, 2, rng=0)).tolist()
    [3, 2]
    """
    if n_problems < 2 or n_folds < 2:
        raise InvalidInputError(
            f"Learning on some problems and scoring on others needs at least 2 problems and 2 folds, not "
            f"{n_problems} and {n_folds}."
        )
    dealt = np.arange(n_problems) % min(n_folds, n_problems)
    fold: IntArray = np.random.default_rng(rng).permutation(dealt)
    return fold
