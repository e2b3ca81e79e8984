"""Agreement with a problem's other samples: what voting says of one sample."""

import numpy as np

from ttscale.arrays import ArrayLike, FloatArray
from ttscale.stats.counts.pools import classes, pools


def agreement(problem: ArrayLike, answer_class: ArrayLike) -> FloatArray:
    """Return the share of a problem's other samples that give the same answer as each sample.

    It depends on the whole pool: a budget of k samples never has it. Use it to measure how well votes tell right from
    wrong, and `ttscale.stats.selectors.voting.maj_at_k` for what a vote of k collects.

    Args:
        problem: Problem number of each sample, shape (S,), 0..P-1.
        answer_class: Class of each sample's answer within its problem, shape (S,); −1 abstains.

    Returns:
        Shape (S,), within [0, 1]; 0 for a sample that abstains or has no others.

    Raises:
        InvalidInputError: Columns of unequal length, or a class below −1.

    >>> agreement([0, 0, 0, 0], [5, 5, 7, -1]).round(3).tolist()
    [0.333, 0.333, 0.0, 0.0]
    """
    table = pools(problem)
    answer = classes(answer_class, "answer_class", len(table.order))
    share = np.zeros(len(answer))
    for rows in table.rows():
        named, member, sizes = np.unique(answer[rows], return_inverse=True, return_counts=True)
        others = np.where(named[member] >= 0, sizes[member] - 1, 0)
        share[rows] = others / max(len(rows) - 1, 1)
    return share
