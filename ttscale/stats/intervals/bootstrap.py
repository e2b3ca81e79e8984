"""Bootstrap intervals for coverage, as alternatives to the default: over problems, samples, or two-level.

Known to miss their nominal level (`benchmarks/interval_coverage.py`): over problems they are too narrow for
few problems and heavy tails; with samples resampled they are too narrow for k near n, since a problem without
a success never has one in a replicate. For that reason a replicate's mean is also biased; the replicates are
shifted back to the estimate. Two-level replicates count the noise of sampling twice, since problems carry it
with them already.
"""

import numpy as np
from scipy.sparse import csr_array
from scipy.special import ndtr, ndtri, stdtrit

from ttscale.arrays import FloatArray, IntArray
from ttscale.stats.counts.counts import Counts, UniqueCounts, counts
from ttscale.stats.counts.curve import Over
from ttscale.stats.counts.pass_at_k import at_least_one
from ttscale.stats.intervals.intervals import Interval, Rng
from ttscale.stats.intervals.unseen import UNIT, UNSEEN, still_open
from ttscale.types import CONFIDENCE_LEVEL

_REDRAWS = 256
"""Redraws of each distinct (n, c), from which the replicates pick at random."""

_BATCH = 4_000_000


def bootstrap_coverage(
    data: Counts,
    k: IntArray,
    confidence_level: float,
    *,
    over: Over,
    n_resamples: int = 2000,
    rng: Rng = None,
) -> Interval:
    """Return percentile intervals of coverage from `n_resamples` replicates; budgets k <= n of shape (K,)."""
    generator = np.random.default_rng(rng)
    pairs = data.unique()
    if over == "problems":
        values = at_least_one(pairs.n[:, None], pairs.c[:, None], k)
        return bootstrap_over_problems(
            values, confidence_level, weight=pairs.weight, n_resamples=n_resamples, rng=generator
        )
    redrawn, values = _redraw(pairs, k, generator)
    means = _replicate_means(pairs.inverse, redrawn, values, over == "both", n_resamples, generator)
    estimate = pairs.weight @ at_least_one(pairs.n[:, None], pairs.c[:, None], k) / len(data)
    means = np.clip(means - means.mean(axis=0) + estimate, 0.0, 1.0)
    tail = (1 - confidence_level) / 2
    if over == "both":
        interval, groups = percentiles(means, len(data), confidence_level), np.full(len(k), float(len(data)))
    else:
        low, high = np.quantile(means, [tail, 1 - tail], axis=0)
        interval = Interval(low, high, "bootstrap")
        groups = np.asarray(pairs.weight @ (np.maximum(pairs.n, 1)[:, None] / k))
    below, above = still_open(estimate, groups, float(ndtri(1 - tail)))
    return Interval(np.minimum(interval.low, below), np.maximum(interval.high, above), "bootstrap")


def _redraw(pairs: UniqueCounts, k: IntArray, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
    """Redraw c of every distinct pair: rows into a table (U, J), and the table of pass@k (V, K)."""
    n = np.repeat(pairs.n, _REDRAWS)
    rate = (pairs.c + 0.5) / (pairs.n + 1.0)  # c/n would redraw nothing but failures of what was never solved
    c = rng.binomial(n, np.repeat(rate, _REDRAWS))
    drawn = counts(n, c).unique()
    return drawn.inverse.reshape(-1, _REDRAWS), at_least_one(drawn.n[:, None], drawn.c[:, None], k)


def _replicate_means(
    pair_of: IntArray,
    redrawn: IntArray,
    values: FloatArray,
    resample: bool,
    n_resamples: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Return bootstrap means (R, K); a replicate adds one redrawn row of `values` per problem."""
    n_problems = len(pair_of)
    first = (pair_of * _REDRAWS).astype(np.int64)  # (P,)
    rows_of = redrawn.ravel().astype(np.int32)
    batch = max(1, _BATCH // n_problems)
    means = []
    for start in range(0, n_resamples, batch):
        shape = (min(batch, n_resamples - start), n_problems)
        chosen = first[rng.integers(n_problems, size=shape, dtype=np.int32)] if resample else first
        rows = rows_of[
            chosen + rng.integers(_REDRAWS, size=shape, dtype=np.uint8 if _REDRAWS <= 256 else np.int32)
        ]
        ends = np.arange(0, rows.size + 1, n_problems)
        picks = csr_array((np.ones(rows.size), rows.ravel(), ends), shape=(shape[0], len(values)))
        means.append(picks @ values / n_problems)
    return np.concatenate(means)


def bootstrap_over_problems(
    values: FloatArray,
    confidence_level: float = CONFIDENCE_LEVEL,
    *,
    weight: IntArray | None = None,
    n_resamples: int = 2000,
    rng: Rng = None,
) -> Interval:
    """Resample problems, and half a problem at either end of [0, 1]; the interval is the expanded percentiles of the means.

    Without that half, values that are all equal would have an interval of no width.

    Args:
        values: Shape (U, K), within [0, 1].
        confidence_level: Such as 0.95.
        weight: Problems that each row stands for, shape (U,).
        n_resamples: Replicates.
        rng: Generator or seed.

    Returns:
        Ends of shape (K,); the whole range of what is possible where one problem says nothing about others.
    """
    generator = np.random.default_rng(rng)
    rows = np.concatenate([values, np.multiply.outer(UNIT, np.ones(values.shape[1]))])
    mass = np.append(np.ones(len(values)) if weight is None else weight, [UNSEEN, UNSEEN])
    total = round(mass.sum())
    batch = max(1, _BATCH // len(rows))
    means = np.concatenate(
        [
            generator.multinomial(total, mass / total, size=min(batch, n_resamples - start)) @ rows / total
            for start in range(0, n_resamples, batch)
        ]
    )
    return percentiles(means, total - 1, confidence_level)


def percentiles(replicates: FloatArray, n_problems: int, confidence_level: float) -> Interval:
    """Return expanded percentiles of bootstrap means (R, K): wider by t/z and by sqrt(P/(P−1))."""
    if n_problems < 2:
        shape = replicates.shape[1:]
        low = np.where(replicates.min(axis=0, initial=0.0) < 0, -1.0, 0.0)
        return Interval(np.broadcast_to(low, shape), np.ones(shape), "one problem says nothing about others")
    t = stdtrit(n_problems - 1, 0.5 + confidence_level / 2) * np.sqrt(n_problems / (n_problems - 1))
    tail = float(ndtr(-t))
    low, high = np.quantile(replicates, [tail, 1 - tail], axis=0)
    return Interval(low, high, "bootstrap")
