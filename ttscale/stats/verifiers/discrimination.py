"""How well a score or a verdict tells correct samples from wrong ones.

Notation: S samples of P problems, each correct or not, with a score (higher is better) or a verdict (accepted or
not). Two averages answer two questions. *Pooled*: all samples in one table, so a verifier also earns by telling
easy problems from hard ones. *Within problem*: each problem by itself and then averaged with equal weight;
only this one says what a selector among the samples of one problem can gain.
"""

import numpy as np
from scipy.special import expit, logit, stdtrit

from ttscale.arrays import ArrayLike, FloatArray, IntArray
from ttscale.stats.counts.pools import Pools, flags, pools, scores
from ttscale.stats.intervals.estimate import Estimate, cluster_variance, mean_over_problems, ratio_of_sums
from ttscale.stats.intervals.intervals import check_confidence
from ttscale.types import CONFIDENCE_LEVEL


def auroc(
    problem: ArrayLike, score: ArrayLike, correct: ArrayLike, *, confidence_level: float = CONFIDENCE_LEVEL
) -> Estimate:
    """Estimate the pooled AUROC: the chance that a correct sample outscores a wrong one, ties counting half.

    Exact over all pairs. The variance is DeLong's with problems as clusters: each sample's placement among the
    samples of the other kind, summed by problem. The interval is a t interval on the logit scale.

    Args:
        problem: Problem number of each sample, shape (S,), 0..P-1.
        score: Score of each sample, higher is better, shape (S,).
        correct: Whether each sample is correct, shape (S,).
        confidence_level: Such as 0.95.

    Returns:
        The estimate, within [0, 1]; NaN where all samples are correct or all are wrong.

    Raises:
        InvalidInputError: Columns of unequal length, or a NaN score.

    References:
        DeLong et al. 1988, https://doi.org/10.2307/2531595; Obuchowski 1997, https://doi.org/10.2307/2533958

    >>> auroc([0, 0, 1, 1], [0.9, 0.2, 0.2, 0.1], [True, False, True, False]).value
    0.875
    """
    check_confidence(confidence_level)
    table, value, label = _columns(problem, score, correct)
    right, contributing = label == 1, _with_both_kinds(table, label)
    area = float("nan")
    low, high = 0.0, 1.0
    if right.any() and not right.all():
        place = _placements(value, label)
        influence = _influence(table, place, label)
        area = float(place[right].mean())
        low, high = _logit_interval(area, cluster_variance(influence), contributing, confidence_level)
    return Estimate(
        metric="auroc",
        value=area,
        low=low,
        high=high,
        confidence_level=confidence_level,
        averaging="pooled",
        method="exact over pairs; DeLong clustered by problem, logit t",
        n_problems=len(table),
    )


def within_problem_auroc(
    problem: ArrayLike, score: ArrayLike, correct: ArrayLike, *, confidence_level: float = CONFIDENCE_LEVEL
) -> Estimate:
    """Estimate the AUROC within a problem, averaged over the problems that have correct and wrong samples.

    Args:
        problem: Problem number of each sample, shape (S,), 0..P-1.
        score: Score of each sample, higher is better, shape (S,).
        correct: Whether each sample is correct, shape (S,).
        confidence_level: Such as 0.95.

    Returns:
        The estimate; its n_problems counts the problems with both kinds of samples.

    Raises:
        InvalidInputError: Columns of unequal length, or a NaN score.

    >>> within_problem_auroc([0, 0, 1, 1], [0.9, 0.2, 0.2, 0.1], [True, False, True, False]).value
    1.0
    """
    table, value, label = _columns(problem, score, correct)
    areas = [_area(value[rows], label[rows]) for rows in table.rows()]
    return mean_over_problems("auroc", areas, confidence_level=confidence_level, how="exact over pairs")


def auroc_influence(table: Pools, score: FloatArray, label: IntArray) -> FloatArray:
    """Return each problem's influence on the pooled AUROC, shape (P,), summing to 0.

    A problem's correct samples move it by their placements' excess over the area, divided by all correct ones,
    and its wrong samples likewise.
    """
    return _influence(table, _placements(score, label), label)


def _influence(table: Pools, place: FloatArray, label: IntArray) -> FloatArray:
    right = label == 1
    area = place[right].mean()
    size = np.where(right, right.sum(), (~right).sum())
    influence = np.bincount(table.problem_of_row(), weights=(place - area) / size, minlength=len(table))
    return influence.astype(np.float64)


def acceptance_rates(
    problem: ArrayLike, accepted: ArrayLike, correct: ArrayLike, *, confidence_level: float = CONFIDENCE_LEVEL
) -> list[Estimate]:
    """Estimate what an accept/reject verifier gets right, pooled and within problems.

    Args:
        problem: Problem number of each sample, shape (S,), 0..P-1.
        accepted: Whether the verifier accepts each sample, shape (S,).
        correct: Whether each sample is correct, shape (S,).
        confidence_level: Such as 0.95.

    Returns:
        Eight estimates, four metrics in both averages: "precision" (correct among accepted), "recall" (accepted among
        correct; completeness), "specificity" (rejected among wrong; soundness) and "acceptance" (accepted among all).

    Raises:
        InvalidInputError: Columns of unequal length, or values that are neither true nor false.

    >>> [e.value for e in acceptance_rates([0] * 4, [1, 1, 1, 0], [1, 1, 0, 0])[::2]]
    [0.6666666666666666, 1.0, 0.5, 0.75]
    """
    table = pools(problem)
    size = len(table.order)
    yes, right = flags(accepted, "accepted", size), flags(correct, "correct", size)
    A, C, T = table.totals(yes), table.totals(right), table.totals(yes * right)
    parts = {
        "precision": (T, A),
        "recall": (T, C),
        "specificity": (table.n - A - C + T, table.n - C),
        "acceptance": (A, table.n),
    }
    found = []
    for metric, (part, whole) in parts.items():
        found.append(ratio_of_sums(metric, part, whole, confidence_level=confidence_level))
        rate = np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
        found.append(mean_over_problems(metric, rate, confidence_level=confidence_level))
    return found


def _columns(problem: ArrayLike, score: ArrayLike, correct: ArrayLike) -> tuple[Pools, FloatArray, IntArray]:
    table = pools(problem)
    size = len(table.order)
    return table, scores(score, "score", size), flags(correct, "correct", size)


def _placements(score: FloatArray, label: IntArray) -> FloatArray:
    """Return the share of the samples of the other kind that each sample is on the right side of; shape (S,)."""
    right = label == 1
    place = np.empty(len(score))
    place[right] = _share_below(score[right], score[~right])
    place[~right] = _share_below(-score[~right], -score[right])
    return place


def _share_below(values: FloatArray, others: FloatArray) -> FloatArray:
    """Return the share of `others` below each value, ties counting half."""
    ordered = np.sort(others)
    below, up_to = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    share: FloatArray = (below + up_to) / (2 * len(ordered))
    return share


def _area(score: FloatArray, label: IntArray) -> float:
    """Return the AUROC of one problem, NaN without both kinds."""
    right, wrong = np.sort(score[label == 1]), np.sort(score[label != 1])
    if not len(right) or not len(wrong):
        return float("nan")
    twice_below = np.searchsorted(wrong, right, "left").sum() + np.searchsorted(wrong, right, "right").sum()
    return float(twice_below / 2 / (len(right) * len(wrong)))


def _with_both_kinds(table: Pools, label: IntArray) -> int:
    """Return the smaller of the numbers of problems with correct and with wrong samples."""
    right = table.totals(label)
    return int(min((right > 0).sum(), (right < table.n).sum()))


def _logit_interval(
    area: float, variance: float, n_problems: int, confidence_level: float
) -> tuple[float, float]:
    if n_problems < 2:
        return 0.0, 1.0
    if not 0 < area < 1 or variance <= 0:  # perfect separation: what P problems without a swap can rule out
        edge = ((1 - confidence_level) / 2) ** (1 / n_problems)
        return (edge, 1.0) if area == 1 else (0.0, 1 - edge) if area == 0 else (0.0, 1.0)
    t = float(stdtrit(n_problems - 1, 0.5 + confidence_level / 2))
    reach = t * np.sqrt(variance) / (area * (1 - area))
    low, high = expit(logit(area) + np.array([-reach, reach]))
    return float(low), float(high)
