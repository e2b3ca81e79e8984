"""A threshold from the scores of drafts on other problems than are answered (split conformal: Vovk et al. 2005)."""

from pathlib import Path

import numpy as np

from ttscale.errors import StrategyError
from ttscale.options import Settings


class Calibration(Settings):
    """Drafts whose scores set the threshold."""

    run: Path
    """A run of the draft model alone, on other problems."""
    cell: str | None = None
    """Its cell, where it has several."""


def conformal_threshold(scores: np.ndarray, quantile: float) -> float:
    """Return the score below which a new draft falls with probability at most `quantile`.

    The ⌊q(n+1)⌋-th smallest of n exchangeable scores; below the smallest where that is 0.

    >>> conformal_threshold(np.array([1.0, 2.0, 3.0]), 0.5)
    2.0
    """
    rank = int(np.floor(quantile * (len(scores) + 1)))
    return float(np.sort(scores)[min(rank, len(scores)) - 1]) if rank else -np.inf


def draft_scores(calibration: Calibration) -> tuple[np.ndarray, frozenset[str]]:
    """Read the mean log-probabilities of a stored run's samples, and which problems they answer.

    Raises:
        StrategyError: It has no log-probabilities, or several cells and none is named.
        StoreError: There is no such run.
    """
    import polars as pl

    from ttscale.store.run import RunStore

    store = RunStore(calibration.run)
    cells = store.cells()
    if calibration.cell is None and len(cells) > 1:
        raise StrategyError(
            f"{calibration.run} has the cells {', '.join(cells)}. Name one: calibration.cell."
        )
    rows = (
        store.samples(calibration.cell or cells[0])
        .select("problem_id", score=pl.col("cumulative_logprob") / pl.col("completion_tokens"))
        .drop_nulls()
        .collect()
    )
    if not rows.height:
        raise StrategyError(
            f"{calibration.run} has no log-probabilities to calibrate on: draw it with sampling.logprobs."
        )
    return rows["score"].to_numpy(), frozenset(rows["problem_id"])
