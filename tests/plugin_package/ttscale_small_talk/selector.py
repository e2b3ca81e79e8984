"""A selector that goes by a verifier's scores: the sample in the middle."""

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy.stats import hypergeom, rankdata

from ttscale.stats.selectors.contract import Picked, Selector


class MiddleOptions(BaseModel):
    """Options of `middle`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    upper: bool = False
    """Of an even number of samples, take the upper of the two in the middle."""


class Middle(Selector):
    """The sample whose score is the median of the k, so that no outlier is trusted."""

    Options = MiddleOptions
    metric = "middle_of_k"
    needs = frozenset({"scores"})

    def __init__(self, options: MiddleOptions) -> None:
        self._upper = options.upper

    def label(self, verifier=None):
        """Return what a table calls it."""
        return f"middle by {verifier}" if verifier else "middle of k"

    def values(self, pools, k, *, rng=None):
        """Return the chance that the median of k is correct, exactly, with equal scores in any order."""
        table, correct = pools.samples()
        score, value = pools.scores(), np.empty((len(table), len(k)))
        for i, rows in enumerate(table.rows()):
            right = _by_rank(score[rows], correct[rows])
            for j, budget in enumerate(k):
                below = budget // 2 if self._upper else (budget - 1) // 2
                value[i, j] = right @ _chance_of_rank(len(rows), int(budget), below)
        return Picked(value)


def _by_rank(score, correct):
    """Return the share of correct samples at each rank, ties sharing theirs; shape (n,)."""
    tied = rankdata(score, method="dense") - 1
    share = np.bincount(tied, weights=correct) / np.bincount(tied)
    return share[np.sort(tied)]


def _chance_of_rank(n, k, below):
    """Return how likely each of n ranks has exactly `below` of the k drawn below it and is drawn itself; shape (n,)."""
    rank = np.arange(n)
    return k / n * hypergeom.pmf(below, n - 1, rank, k - 1)
