"""Many quantities compared on the same problems, without one being declared better by the number of tries.

Notation: V_im is the value of quantity m on problem i, shape (P, M). A family is every pair of quantities, at every
budget that is looked at. The *single-step max-t* method gives intervals that all hold together with the
confidence level, and p-values that fit them: the critical value is the quantile of the largest |t| of the family,
simulated with Gaussian multipliers on the problems, which keeps the correlation between comparisons and is therefore
less strict than Bonferroni or Holm on comparisons as correlated as these.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtr, stdtrit

from ttscale.errors import InvalidInputError
from ttscale.stats.counts.curve import FloatArray
from ttscale.stats.intervals.intervals import Rng, check_confidence

_BATCH = 4_000_000
"""Random numbers drawn at a time."""

METHOD = "paired over problems; single-step max-t (Gaussian multipliers)"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PairedDifferences:
    """Differences of means over the same problems, one family of D comparisons.

    Attributes:
        pairs: (first, second) positions of each comparison, length D.
        value: Mean of first − second, shape (D,).
        low: Lower ends of the simultaneous intervals, shape (D,).
        high: Upper ends, shape (D,).
        p_value: Adjusted for the family, shape (D,).
        p_unadjusted: Of each comparison alone, t over problems, shape (D,).
        confidence_level: Of all intervals together.
        n_problems: P.
    """

    pairs: tuple[tuple[int, int], ...]
    value: FloatArray
    low: FloatArray
    high: FloatArray
    p_value: FloatArray
    p_unadjusted: FloatArray
    confidence_level: float
    n_problems: int

    def to_rows(self, names: list[str]) -> Iterator[dict[str, Any]]:
        """Yield one tidy row per comparison.

        Args:
            names: Of the quantities, by position.
        """
        for j, (first, second) in enumerate(self.pairs):
            yield {
                "verifier": names[first],
                "versus": names[second],
                "value": float(self.value[j]),
                "low": float(self.low[j]),
                "high": float(self.high[j]),
                "p_value": float(self.p_value[j]),
                "p_unadjusted": float(self.p_unadjusted[j]),
                "confidence_level": self.confidence_level,
                "method": METHOD,
                "n_problems": self.n_problems,
            }


def paired_differences(
    values: ArrayLike,
    *,
    pairs: tuple[tuple[int, int], ...] | None = None,
    confidence_level: float = 0.95,
    n_resamples: int = 10_000,
    rng: Rng = None,
) -> PairedDifferences:
    """Compare means over the same problems, pair by pair, with simultaneous intervals.

    Args:
        values: One row per problem and one column per quantity, shape (P, M), within [0, 1].
        pairs: Which columns to compare; all pairs by default.
        confidence_level: Of all intervals together.
        n_resamples: Simulated families.
        rng: Generator or seed.

    Returns:
        The comparisons. Two quantities that agree on every problem differ by 0 with the interval that P problems
        without a difference allow, and a p-value of 1.

    Raises:
        InvalidInputError: Fewer than two columns, or values that are not finite.

    References:
        Hothorn, Bretz, Westfall 2008, https://doi.org/10.1002/bimj.200810425;
        Montiel Olea, Plagborg-Møller 2019, https://doi.org/10.1002/jae.2656

    >>> paired_differences([[1, 0], [1, 1], [0, 0]], rng=0).value.round(3).tolist()
    [0.333]
    """
    check_confidence(confidence_level)
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] < 2 or not np.isfinite(table).all():
        raise InvalidInputError(f"Comparing needs finite values of shape (P, at least 2), not {table.shape}.")
    chosen = pairs if pairs is not None else tuple(combinations(range(table.shape[1]), 2))
    first, second = np.array(chosen).T
    difference = table[:, first] - table[:, second]  # (P, D)
    P = len(table)
    mean = difference.mean(axis=0)
    spread = difference.std(axis=0, ddof=1) if P > 1 else np.zeros(len(chosen))
    varies = spread > 1e-12
    error = spread / np.sqrt(P)
    t = np.where(varies, np.abs(mean) / np.where(varies, error, 1.0), 0.0)
    # a constant difference other than 0 says nothing of its own error: no test, and the widest interval
    largest = _largest_t(difference[:, varies], n_resamples, np.random.default_rng(rng))
    critical = max(float(np.quantile(largest, confidence_level)), float(ndtri(0.5 + confidence_level / 2)))
    widened = critical * _t_over_z(confidence_level, P)
    reach = np.where(varies, widened * error, _unseen(confidence_level, len(chosen), P))
    exceeded = (largest[:, None] * _t_over_z(confidence_level, P) >= t).sum(axis=0)
    p_value = np.where(varies, (1 + exceeded) / (1 + n_resamples), 1.0)
    alone = np.where(varies, 2 * stdtr(max(P - 1, 1), -t), 1.0)
    return PairedDifferences(
        pairs=chosen,
        value=mean,
        low=np.clip(mean - reach, -1, 1),
        high=np.clip(mean + reach, -1, 1),
        p_value=np.maximum(p_value, alone),
        p_unadjusted=alone,
        confidence_level=confidence_level,
        n_problems=P,
    )


def _largest_t(difference: FloatArray, n_resamples: int, rng: np.random.Generator) -> FloatArray:
    """Simulate the largest |t| of the family when no pair differs, shape (R,)."""
    if not difference.shape[1] or len(difference) < 2:
        return np.zeros(n_resamples)
    centered = difference - difference.mean(axis=0)
    standardised = centered / np.sqrt((centered**2).sum(axis=0))
    batch = max(1, _BATCH // len(difference))
    sizes = [min(batch, n_resamples - start) for start in range(0, n_resamples, batch)]
    return np.concatenate(
        [np.abs(rng.standard_normal((size, len(difference))) @ standardised).max(axis=1) for size in sizes]
    )


def _t_over_z(confidence_level: float, n_problems: int) -> float:
    """Return how much wider t is than normal, the error itself being estimated from P problems."""
    if n_problems < 2:
        return 1.0  # nothing varies over one problem
    half = 0.5 + confidence_level / 2
    return float(stdtrit(n_problems - 1, half) / ndtri(half))


def _unseen(confidence_level: float, n_comparisons: int, n_problems: int) -> float:
    """Return the largest mean difference that P problems would still have hidden, Bonferroni over the family."""
    return float(1 - ((1 - confidence_level) / n_comparisons) ** (1 / n_problems))
