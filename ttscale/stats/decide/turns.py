"""Attempts that answer turn after turn: what each turn is worth, when more turns stop paying, and whether they hurt.

Notation: attempts a of P problems; Y_at is how right attempt a would be, had it stopped after turn t = 0..T-1 (1 or 0; the
mean where the answer would have been drawn from a population). F(t) is the mean over problems.

*Saturation* (TTSPM, Wang et al. 2025, arXiv 2505.20522): a wrong answer becomes right with chance p in every turn and
then stays, F(N) = c (1 − (1 − p)^N) after N turns; the saturation point is the first N at which the next turn adds less than
ε: c p (1 − p)^N <= ε. The model knows no turn that hurts. Whether one does is asked without it: all differences between a turn
and an earlier one are a family (`ttscale.stats.intervals.multiple`), and F *turns down* where one of them is below zero for
certain.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ttscale.arrays import ArrayLike, FloatArray, IntArray
from ttscale.errors import InvalidInputError
from ttscale.stats.intervals.intervals import Rng, check_confidence, interval_over_problems
from ttscale.stats.intervals.multiple import PairedDifferences, paired_differences
from ttscale.types import CONFIDENCE_LEVEL

_RATES = np.geomspace(1e-3, 0.999, 600)
"""Chances p that a fit chooses from."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class VerifiedTurns:
    """Attempts with their turns, judged.

    Attributes:
        problem: Problem number of each attempt, 0..P-1, every problem at least once, shape (S,).
        correct: How right each attempt was after each turn, within [0, 1], shape (S, T); one that ended keeps its last.
        tokens: What it had taken by then, shape (S, T).
    """

    problem: IntArray
    correct: FloatArray
    tokens: FloatArray

    def per_problem(self, values: FloatArray) -> FloatArray:
        """Average over the attempts of each problem, (S, T) -> (P, T)."""
        total = np.zeros((int(self.problem.max()) + 1, values.shape[1]))
        np.add.at(total, self.problem, values)
        return np.asarray(total / np.bincount(self.problem)[:, None])


@dataclass(frozen=True, slots=True, kw_only=True)
class Saturation:
    """Where more turns stop paying, by TTSPM.

    Attributes:
        ceiling: c, what endlessly many turns would reach.
        rate: p, the chance that a turn mends a wrong answer.
        turns: N*, after which the next turn adds at most `gain`.
        low: Lower end of its interval over problems.
        high: Upper end.
        gain: ε.
        error: Root mean square of F minus the fit: how well the model tells these turns.
    """

    ceiling: float
    rate: float
    turns: int
    low: int
    high: int
    gain: float
    error: float


def coverage_by_turn(turns: VerifiedTurns, k: ArrayLike) -> FloatArray:
    """Return each problem's chance that one of k attempts is right, had all stopped after turn t: shape (P, T, K).

    The exact expectation over subsets of the attempts: 1 − e_k(1 − Y) / C(n, k), e_k being the elementary symmetric polynomial.

    Raises:
        InvalidInputError: A k above the attempts of some problem, or below 1.

    >>> one = VerifiedTurns(problem=np.array([0, 0]), correct=np.array([[1.0], [0.0]]), tokens=np.ones((2, 1)))
    >>> coverage_by_turn(one, [1, 2]).tolist()
    [[[0.5, 1.0]]]
    """
    ks = np.asarray(k, dtype=np.int64)
    fewest = int(np.bincount(turns.problem).min())
    if ks.min() < 1 or ks.max() > fewest:
        raise InvalidInputError(
            f"k must lie between 1 and the {fewest} attempts that every problem has, but is {ks.tolist()}."
        )
    wrong = 1.0 - turns.correct
    return np.stack(
        [
            1.0 - _mean_products(wrong[turns.problem == i], int(ks.max()))[ks].T
            for i in range(int(turns.problem.max()) + 1)
        ]
    )


def saturation(
    values: ArrayLike,
    *,
    gain: float = 0.01,
    confidence_level: float = CONFIDENCE_LEVEL,
    n_resamples: int = 1000,
    rng: Rng = 0,
) -> Saturation:
    """Fit TTSPM to the mean over problems by least squares, and say after how many turns the next one adds at most `gain`.

    Args:
        values: Of each problem after each turn, shape (P, T), at least two turns.
        gain: ε, as a share of the problems.
        confidence_level: Of the interval for the number of turns: a bootstrap over problems.
        n_resamples: Replicates.
        rng: Generator or seed.

    Raises:
        InvalidInputError: One turn, or a gain outside (0, 1).

    >>> f = 0.6 * (1 - 0.5 ** np.arange(1, 7))
    >>> found = saturation(np.tile(f, (10, 1)))
    >>> round(found.ceiling, 2), round(found.rate, 2), found.turns
    (0.6, 0.5, 5)
    """
    check_confidence(confidence_level)
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] < 2 or not 0 < gain < 1:
        raise InvalidInputError(
            f"Saturation needs at least two turns and a gain between 0 and 1, not {table.shape} and {gain:g}."
        )
    P = len(table)
    weight = np.random.default_rng(rng).multinomial(P, np.full(P, 1 / P), size=n_resamples) / P
    ceiling, rate, error = _fitted(table.mean(axis=0)[None])
    again = _turns_until(*_fitted(weight @ table)[:2], gain)
    tail = (1 - confidence_level) / 2
    point = int(_turns_until(ceiling, rate, gain)[0])
    low, high = (int(end) for end in np.quantile(again, [tail, 1 - tail], method="nearest"))
    return Saturation(
        ceiling=float(ceiling[0]),
        rate=float(rate[0]),
        turns=point,
        low=min(low, point),
        high=max(high, point),
        gain=gain,
        error=float(error[0]),
    )


def slope(values: ArrayLike, confidence_level: float = CONFIDENCE_LEVEL) -> tuple[float, float, float]:
    """Return the mean gain per turn (least squares over all turns) with its interval over problems: (value, low, high).

    >>> slope([[0.0, 0.5, 1.0], [0.0, 0.5, 1.0]])[0]
    0.5
    """
    table = np.asarray(values, dtype=np.float64)
    at = np.arange(table.shape[1]) - (table.shape[1] - 1) / 2
    weight = at / (at**2).sum()
    most = float(weight[weight > 0].sum())  # of values within [0, 1]
    each = (table @ weight)[:, None]
    ends = interval_over_problems(each, confidence_level, span=(-most, most))
    return float(each.mean()), float(ends.low[0]), float(ends.high[0])


def later_against_earlier(
    values: ArrayLike, *, confidence_level: float = CONFIDENCE_LEVEL, rng: Rng = 0
) -> PairedDifferences:
    """Compare every turn with every earlier one, as one family: pairs are (later, earlier).

    A difference whose `high` is below 0 says that the turns between hurt: F turns down, with a chance of at most
    1 − confidence_level where it never does.
    """
    table = np.asarray(values, dtype=np.float64)
    pairs = tuple((t, s) for s, t in combinations(range(table.shape[1]), 2))
    return paired_differences(table, pairs=pairs, confidence_level=confidence_level, rng=rng)


def _mean_products(wrong: FloatArray, k_max: int) -> FloatArray:
    """Return the mean over all subsets of k rows of the product of their values, k = 0..k_max: shape (k_max + 1, T).

    With the first j rows in hand a mean over subsets of size k either has row j or not: the chances are k/j and 1 − k/j.
    """
    mean = np.zeros((k_max + 1, wrong.shape[1]))
    mean[0] = 1.0
    for j, row in enumerate(wrong, start=1):
        share = np.minimum(np.arange(1, k_max + 1) / j, 1.0)[:, None]
        mean[1:] = share * mean[:-1] * row + (1 - share) * mean[1:]
    return mean


def _fitted(curves: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Fit c (1 − (1 − p)^N) to curves (R, T): c, p and the root mean square error, each (R,)."""
    basis = 1.0 - (1.0 - _RATES[:, None]) ** np.arange(1, curves.shape[1] + 1)  # (G, T)
    ceiling = np.clip(curves @ basis.T / (basis**2).sum(axis=1), 0.0, 1.0)  # (R, G)
    missed = (
        (curves**2).sum(axis=1)[:, None]
        - 2 * ceiling * (curves @ basis.T)
        + ceiling**2 * (basis**2).sum(axis=1)
    )
    best = missed.argmin(axis=1)
    at = np.arange(len(curves))
    error = np.sqrt(np.maximum(missed[at, best], 0.0) / curves.shape[1])
    return ceiling[at, best], _RATES[best], error


def _turns_until(ceiling: FloatArray, rate: FloatArray, gain: float) -> IntArray:
    """Return the first N >= 1 with c p (1 − p)^N <= ε."""
    with np.errstate(divide="ignore"):
        needed = np.log(gain / np.maximum(ceiling * rate, 1e-300)) / np.log1p(-rate)
    return np.asarray(np.maximum(np.ceil(needed - 1e-9), 1), dtype=np.int64)
