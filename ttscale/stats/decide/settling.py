"""How many problems, or samples of each, would settle which of two arms is better.

Notation: D_i is the difference on problem i, shape (P, D) for D comparisons; its mean has a variance of two parts, v_problems from the
choice of problems and v_samples from the n samples drawn of each: more problems shrink both, more samples only the second, which
falls as 1/n. *Settled* means that the comparison's interval leaves out 0, with the critical value of its whole family. The answer is
the number with which that happens with the wanted chance *if the true difference is the one seen*: a difference that is
far from settled is hardly known, and its answer neither. So the interval of the answer is that of the difference, carried
over, and open above wherever the difference may be 0.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from ttscale.arrays import ArrayLike, FloatArray
from ttscale.errors import InvalidInputError
from ttscale.stats.intervals.multiple import PairedDifferences
from ttscale.stats.intervals.unseen import SIGNED, roots_against

POWER = 0.8
_MOST = 1e9
"""Problems and samples beyond which an answer is none."""
_HALVINGS = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """What it takes to settle one comparison.

    Attributes:
        is_settled: Whether its interval leaves out 0 already.
        problems: Problems of this kind, with as many samples of each; None where the arms are alike.
        problems_low: As many if the difference is as large as it may be.
        problems_high: As many if it is as small as it may be; None where that is 0.
        samples: Samples of each of these problems; None where no number of them is enough, or their noise is not known.
        detectable: The smallest true difference that P problems with n samples settle with that chance.
        power: The wanted chance.
    """

    is_settled: bool
    problems: int | None
    problems_low: int | None
    problems_high: int | None
    samples: int | None
    detectable: float
    power: float


def what_settles(
    difference: ArrayLike,
    found: PairedDifferences,
    *,
    sampling_error: ArrayLike | None = None,
    n: int = 1,
    power: float = POWER,
) -> tuple[Settling, ...]:
    """Say how many problems, or samples, would settle each comparison of a family.

    Args:
        difference: Of each problem, shape (P, D), within [-1, 1].
        found: What `paired_differences` made of it.
        sampling_error: Standard error of each mean difference from the samples alone, shape (D,); NaN where not known.
        n: Samples of each problem that it rests on.
        power: Chance with which the comparison shall be settled.

    Raises:
        InvalidInputError: A chance that is not between 0.5 and 1.
    """
    if not 0.5 <= power < 1:
        raise InvalidInputError(f"The chance to settle a comparison lies between 0.5 and 1, not {power:g}.")
    table = np.asarray(difference, dtype=np.float64)
    P, D = table.shape
    toward = table * np.where(table.mean(axis=0) < 0, -1.0, 1.0)  # the arm ahead comes first
    noise = np.full(D, np.nan) if sampling_error is None else np.asarray(sampling_error, dtype=np.float64)
    ask = _Asked(found.critical, float(ndtri(power)))
    mean, ends = toward.mean(axis=0), np.abs([found.low, found.high])
    spans_zero = found.low * found.high <= 0

    def problems_for(gap: FloatArray) -> FloatArray:
        moved = _moved(toward, gap)
        return np.asarray(P * _smallest(lambda more: ask.settles(moved, more), toward))

    problems = [problems_for(gap) for gap in (mean, ends.max(axis=0), ends.min(axis=0))]
    problems[2] = np.where(spans_zero, np.inf, problems[2])  # it may be 0, which no number settles
    samples = n * _smallest(lambda more: ask.settles(_calmer(toward, noise, more), np.ones(D)), toward)
    detectable = _smallest_gap(lambda gap: ask.settles(_moved(toward, gap), np.ones(D)), D)
    return tuple(
        Settling(
            is_settled=bool(found.low[d] > 0 or found.high[d] < 0),
            problems=_whole(problems[0][d]),
            problems_low=_whole(problems[1][d]),
            problems_high=_whole(problems[2][d]),
            samples=None if np.isnan(noise[d]) else _whole(max(samples[d], 1.0)),
            detectable=float(detectable[d]),
            power=power,
        )
        for d in range(D)
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """When a comparison counts as settled: the critical value, and the normal quantile of the wanted chance."""

    critical: float
    quantile: float

    def settles(self, table: FloatArray, more: FloatArray) -> NDArray[np.bool_]:
        """Say whether `more` times as many such problems settle it: even a mean as low as it comes out with that chance."""
        error = table.std(axis=0) / np.sqrt(len(table) * more)
        low = np.clip(table - self.quantile * error, *SIGNED)
        weight = np.broadcast_to(more, table.shape)
        roots = roots_against(low, 0.0, weight=weight, span=SIGNED)
        return np.asarray((low.mean(axis=0) > 0) & (roots >= self.critical))


def _calmer(table: FloatArray, noise: FloatArray, more: FloatArray) -> FloatArray:
    """Return the differences with their spread as `more` times the samples would leave it."""
    mean, variance = table.mean(axis=0), table.var(axis=0)
    of_samples = np.minimum(noise**2 * len(table), variance)
    with np.errstate(all="ignore"):
        kept = np.sqrt(1 - of_samples * (1 - 1 / more) / variance)
    return np.asarray(np.clip(mean + (table - mean) * np.nan_to_num(kept, nan=1.0, posinf=1.0), *SIGNED))


def _smallest(settles: Callable[[FloatArray], NDArray[np.bool_]], table: FloatArray) -> FloatArray:
    """Return by which factor there must be more, by bisection of its logarithm; infinite where no factor is enough."""
    low, high = np.full(table.shape[1], 1 / len(table)), np.full(table.shape[1], _MOST)
    possible = settles(high)
    for _ in range(_HALVINGS):
        middle = np.sqrt(low * high)
        enough = settles(middle)
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.where(possible, high, np.inf)


def _smallest_gap(settles: Callable[[FloatArray], NDArray[np.bool_]], size: int) -> FloatArray:
    """Return the smallest mean difference that is settled, by bisection; 1 where none is."""
    low, high = np.zeros(size), np.ones(size)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        enough = settles(middle)
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return high


def _moved(table: FloatArray, mean: FloatArray) -> FloatArray:
    """Return differences of the same spread around another mean, as far as the span allows."""
    return np.asarray(np.clip(table - table.mean(axis=0) + mean, *SIGNED))


def _whole(number: float) -> int | None:
    return int(np.ceil(number - 1e-9)) if np.isfinite(number) and number <= _MOST else None
