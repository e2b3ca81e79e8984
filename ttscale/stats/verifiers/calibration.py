"""Whether a score can be read as the chance of being correct.

Notation: each of S samples of P problems has a probability claimed by the verifier and is correct or not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy.special import expit, ndtri

from ttscale.arrays import ArrayLike, FloatArray, IntArray
from ttscale.errors import InvalidInputError
from ttscale.result import Result
from ttscale.showing.numbers import rests_on, share
from ttscale.showing.view import View
from ttscale.stats.counts.pools import Pools, flags, pools, scores
from ttscale.stats.intervals.bootstrap import percentiles
from ttscale.stats.intervals.estimate import Estimate
from ttscale.stats.intervals.intervals import Rng, check_confidence
from ttscale.stats.intervals.unseen import ratio_ends, widened
from ttscale.types import CONFIDENCE_LEVEL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ProbabilityScale = Literal["as is", "sigmoid"]
"""Scores that are probabilities already, or logits."""

_MOST_BINS, _PROBLEMS_PER_BIN = 15, 5


@dataclass(frozen=True, slots=True, eq=False, kw_only=True, repr=False)
class ReliabilityCurve(Result):
    """The accuracy of the samples in each bin of claimed probability; B bins, none of them empty.

    Attributes:
        claimed: Mean probability claimed in each bin, increasing, shape (B,).
        accuracy: Share correct in each bin, shape (B,).
        low: Lower ends of the accuracy's interval over problems, shape (B,).
        high: Upper ends, shape (B,).
        n_samples: Samples in each bin, shape (B,).
        confidence_level: Such as 0.95.
        n_problems: Problems in all.
    """

    claimed: FloatArray
    accuracy: FloatArray
    low: FloatArray
    high: FloatArray
    n_samples: IntArray
    confidence_level: float
    n_problems: int

    def to_rows(self) -> Iterator[dict[str, Any]]:
        """Yield one tidy row per bin."""
        for j in range(len(self.claimed)):
            yield {
                "metric": "reliability",
                "claimed": float(self.claimed[j]),
                "value": float(self.accuracy[j]),
                "low": float(self.low[j]),
                "high": float(self.high[j]),
                "n_samples": int(self.n_samples[j]),
                "confidence_level": self.confidence_level,
                "averaging": "pooled",
                "n_problems": self.n_problems,
            }

    def view(self) -> View:
        """Return the accuracy of every bin."""
        return View(
            title="accuracy by claimed probability",
            about=rests_on(self.n_problems, self.confidence_level, "problems"),
            rows=[
                {
                    "claimed percent": share(row["claimed"]),
                    "percent correct": share(row["value"], row["low"], row["high"]),
                    "samples": row["n_samples"],
                }
                for row in self.to_rows()
            ],
        )

    def plot(self, ax: "Axes | None" = None) -> "Figure":
        """Draw accuracy over claimed probability; on the diagonal a score is a probability."""
        from ttscale.plots.reliability import ReliabilityLine, plot_reliability

        line = ReliabilityLine(
            label="samples", claimed=self.claimed, accuracy=self.accuracy, low=self.low, high=self.high
        )
        subtitle = rests_on(self.n_problems, self.confidence_level, "problems")
        return plot_reliability([line], subtitle=subtitle, ax=ax)


def probability_scale(score: ArrayLike) -> ProbabilityScale | None:
    """Say how scores read as probabilities: as they are within [0, 1], as logits where both signs occur, else not.

    >>> probability_scale([0.1, 1.0]), probability_scale([-2.0, 3.0]), probability_scale([-9.0, -1.0])
    ('as is', 'sigmoid', None)
    """
    value = np.asarray(score, dtype=np.float64)
    low, high = value.min(), value.max()
    if low >= 0 and high <= 1:
        return "as is"
    return "sigmoid" if low < 0 < high else None


def probabilities(score: ArrayLike, scale: ProbabilityScale) -> FloatArray:
    """Turn scores into probabilities on the given scale, shape (S,)."""
    value = np.asarray(score, dtype=np.float64)
    return value if scale == "as is" else np.asarray(expit(value))


def expected_calibration_error(
    problem: ArrayLike,
    probability: ArrayLike,
    correct: ArrayLike,
    *,
    n_bins: int | None = None,
    confidence_level: float = CONFIDENCE_LEVEL,
    n_resamples: int = 2000,
    rng: Rng = None,
) -> Estimate:
    """Estimate the pooled ECE: |accuracy − mean probability| of each bin, averaged over samples.

    Bins hold about equally many samples, and equal probabilities share a bin. The plain estimate is biased upwards, all
    the more the fewer problems a bin has; the interval, the bootstrap over problems reflected at the estimate,
    takes the first order of that bias out and is only stretched to contain the estimate. In simulation nominal
    95 % covers 88-93 % for 30 and 100 problems: read it as somewhat too narrow.

    Args:
        problem: Problem number of each sample, shape (S,), 0..P-1.
        probability: Claimed chance of each sample to be correct, shape (S,), within [0, 1].
        correct: Whether each sample is correct, shape (S,).
        n_bins: At most this many bins; by default 15, or fewer so that each has 5 problems' worth of samples.
        confidence_level: Such as 0.95.
        n_resamples: Bootstrap replicates.
        rng: Generator or seed of the bootstrap.

    Returns:
        The estimate, within [0, 1].

    Raises:
        InvalidInputError: Columns of unequal length, or a probability outside [0, 1].

    References:
        Naeini et al. 2015, https://doi.org/10.1609/aaai.v29i1.9602

    >>> expected_calibration_error([0, 1], [0.8, 0.8], [True, False], rng=0).value.__round__(3)
    0.3
    """
    check_confidence(confidence_level)
    table, claimed, label = _columns(problem, probability, correct)
    P = len(table)
    wanted = min(_MOST_BINS, max(P // _PROBLEMS_PER_BIN, 1)) if n_bins is None else n_bins
    gaps = _gaps_by_problem(table, claimed, label, _bins(claimed, wanted))  # (P, B)
    value = float(np.abs(gaps.sum(axis=0)).sum() / table.n.sum())
    drawn = np.random.default_rng(rng).multinomial(P, np.full(P, 1 / P), size=n_resamples)
    replicates = np.abs(drawn @ gaps).sum(axis=1) / np.maximum(drawn @ table.n, 1)
    lower, upper = _reflected(replicates, value, P, confidence_level)
    return Estimate(
        metric="ece",
        value=value,
        low=lower,
        high=upper,
        confidence_level=confidence_level,
        averaging="pooled",
        method=f"{gaps.shape[1]} equal-mass bins; reflected bootstrap over problems",
        n_problems=P,
    )


def _reflected(replicates: FloatArray, value: float, P: int, confidence_level: float) -> tuple[float, float]:
    """Return the ends of a bootstrap interval reflected at the estimate; of one problem, the whole span."""
    if P == 1:
        return 0.0, 1.0
    ends = percentiles(replicates[:, None], P, confidence_level)
    lower = float(np.clip(2 * value - ends.high[0], 0.0, value))
    upper = float(np.clip(2 * value - ends.low[0], value, 1.0))
    return widened(lower, upper, value, P, float(ndtri(0.5 + confidence_level / 2)))


def problem_calibration_error(
    problem: ArrayLike,
    probability: ArrayLike,
    correct: ArrayLike,
    *,
    confidence_level: float = CONFIDENCE_LEVEL,
    n_resamples: int = 2000,
    rng: Rng = None,
) -> Estimate:
    """Estimate how far a problem's mean claim lies from its success rate: the root mean square over problems.

    A verifier may be calibrated over all samples together and yet claim the same for easy and hard problems. The
    square of each problem's mean gap is estimated without bias from pairs of its samples, Σ_{j≠l} d_j d_l / n(n−1),
    so the noise of few samples does not count as miscalibration.

    Args:
        problem: Problem number of each sample, shape (S,), 0..P-1.
        probability: Claimed chance of each sample to be correct, shape (S,), within [0, 1].
        correct: Whether each sample is correct, shape (S,).
        confidence_level: Such as 0.95.
        n_resamples: Bootstrap replicates.
        rng: Generator or seed of the bootstrap.

    Returns:
        The estimate, within [0, 1], over the problems with at least two samples; NaN where there are none.

    Raises:
        InvalidInputError: Columns of unequal length, or a probability outside [0, 1].

    >>> round(problem_calibration_error([0, 0], [0.5, 0.5], [1, 1], rng=0).value, 3)
    0.5
    """
    check_confidence(confidence_level)
    table, claimed, label = _columns(problem, probability, correct)
    number, gap = table.problem_of_row(), claimed - label
    total = np.bincount(number, weights=gap, minlength=len(table))
    squares = np.bincount(number, weights=gap**2, minlength=len(table))
    usable = table.n > 1
    n = table.n[usable]
    square = (total[usable] ** 2 - squares[usable]) / (n * (n - 1))  # unbiased for the squared mean gap
    P = len(square)
    value, low, high = _root(square.mean()) if P else float("nan"), 0.0, 1.0
    if P > 1:
        drawn = np.random.default_rng(rng).multinomial(P, np.full(P, 1 / P), size=n_resamples)
        ends = percentiles((drawn @ square / P)[:, None], P, confidence_level)
        z = float(ndtri(0.5 + confidence_level / 2))
        low, high = widened(_root(ends.low[0]), _root(ends.high[0]), value, P, z)
    return Estimate(
        metric="calibration error",
        value=value,
        low=low,
        high=high,
        confidence_level=confidence_level,
        averaging="within problem",
        method="root mean square, debiased; bootstrap over problems",
        n_problems=P,
    )


def reliability_curve(
    problem: ArrayLike,
    probability: ArrayLike,
    correct: ArrayLike,
    *,
    n_bins: int = 10,
    confidence_level: float = CONFIDENCE_LEVEL,
) -> ReliabilityCurve:
    """Estimate the accuracy at each level of claimed probability, pooled over all samples.

    Args:
        problem: Problem number of each sample, shape (S,), 0..P-1.
        probability: Claimed chance of each sample to be correct, shape (S,), within [0, 1].
        correct: Whether each sample is correct, shape (S,).
        n_bins: At most this many bins of about equally many samples; equal probabilities share a bin.
        confidence_level: Of each bin's interval over problems.

    Returns:
        The curve, with no empty bin.

    Raises:
        InvalidInputError: Columns of unequal length, or a probability outside [0, 1].

    >>> reliability_curve([0, 1, 2, 3], [0.2, 0.2, 0.9, 0.9], [0, 1, 1, 1]).accuracy.tolist()
    [0.5, 1.0]
    """
    check_confidence(confidence_level)
    table, claimed, label = _columns(problem, probability, correct)
    bin_of = _bins(claimed, n_bins)
    n_samples = np.bincount(bin_of)
    accuracy = np.bincount(bin_of, weights=label) / n_samples
    ends = [
        _bin_bounds(table, label, bin_of == b, float(accuracy[b]), confidence_level)
        for b in range(len(n_samples))
    ]
    low, high = np.array(ends).T
    return ReliabilityCurve(
        claimed=np.bincount(bin_of, weights=claimed) / n_samples,
        accuracy=accuracy,
        low=low,
        high=high,
        n_samples=n_samples,
        confidence_level=confidence_level,
        n_problems=len(table),
    )


def _columns(
    problem: ArrayLike, probability: ArrayLike, correct: ArrayLike
) -> tuple[Pools, FloatArray, IntArray]:
    table = pools(problem)
    size = len(table.order)
    claimed, label = scores(probability, "probability", size), flags(correct, "correct", size)
    if claimed.min() < 0 or claimed.max() > 1:
        raise InvalidInputError(
            f"probability must lie within [0, 1], but spans {claimed.min():.4g} to {claimed.max():.4g}. "
            "Convert scores first, such as logits with probabilities(score, 'sigmoid')."
        )
    return table, claimed, label


def _bins(claimed: FloatArray, n_bins: int) -> IntArray:
    """Number bins of about equal mass from 0 without splitting equal values; shape (S,)."""
    if n_bins < 1:
        raise InvalidInputError(f"n_bins must be at least 1, but is {n_bins}.")
    _, inverse, sizes = np.unique(claimed, return_inverse=True, return_counts=True)
    middle = (np.cumsum(sizes) - sizes / 2) / len(claimed)  # of each distinct value, in (0, 1)
    wanted = np.minimum((middle * n_bins).astype(np.int64), n_bins - 1)
    _, dense = np.unique(wanted, return_inverse=True)
    number: IntArray = dense[inverse]
    return number


def _gaps_by_problem(table: Pools, claimed: FloatArray, label: IntArray, bin_of: IntArray) -> FloatArray:
    """Return Σ (probability − correct) of each problem and bin, shape (P, B)."""
    width = int(bin_of.max()) + 1
    cell = table.problem_of_row() * width + bin_of
    gaps = np.bincount(cell, weights=claimed - label, minlength=len(table) * width)
    return gaps.astype(np.float64).reshape(-1, width)


def _bin_bounds(
    table: Pools, label: IntArray, inside: np.ndarray, accuracy: float, confidence_level: float
) -> tuple[float, float]:
    """Return the interval of one bin's accuracy, problems being its clusters."""
    number = table.problem_of_row()[inside]
    size = np.bincount(number, minlength=len(table))
    hits = np.bincount(number, weights=label[inside], minlength=len(table))
    used = size > 0
    if used.sum() < 2:
        return 0.0, 1.0
    low, high = ratio_ends(
        hits[used].astype(np.float64), size[used].astype(np.float64), float(ndtri(0.5 + confidence_level / 2))
    )
    return min(low, accuracy), max(high, accuracy)


def _root(square: float) -> float:
    """Return the root of an estimated square, which may fall below 0 by chance."""
    return float(np.sqrt(np.clip(square, 0.0, 1.0)))
