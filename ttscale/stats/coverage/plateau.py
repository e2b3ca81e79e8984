"""Where a curve stops paying: the budget from which doubling no longer helps.

The rule looks at doublings, not at the distance to the last point, so it does not change its mind because the pool
happens to end somewhere: with a(k) the mean over problems on the budgets 1, 2, 4, ..., the plateau begins at the
smallest k from which on every measured doubling moves a(k) by at most the tolerance, up or down. If the last
doubling still moves it by more, the data shows no plateau. A slow drift below the tolerance per doubling counts
as a plateau, and a steady fall (a verifier whose false positives win in the end) does not.
"""

from dataclasses import dataclass

import numpy as np

from ttscale.arrays import ArrayLike, FloatArray, IntArray
from ttscale.errors import InvalidInputError
from ttscale.result import Result
from ttscale.showing.numbers import Shown, counts, exact_percent, percent, width
from ttscale.showing.view import View
from ttscale.stats.counts.counts import budgets
from ttscale.stats.intervals.intervals import Rng, check_confidence
from ttscale.stats.intervals.unseen import redrawn_curves
from ttscale.types import CONFIDENCE_LEVEL

TOLERANCE = 0.01
"""One percentage point per doubling."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Plateau(Result):
    """The budget at which a curve plateaus.

    Attributes:
        k: Smallest budget of the plateau, a power of two; None where the data shows none.
        low: Lower end of the interval over problems; None: no plateau there either.
        high: Upper end; None: no plateau within the data.
        unreached: Share of the redrawn curves without a plateau within the data.
        tolerance: Largest move per doubling.
        k_max: Largest power of two measured.
        confidence_level: Such as 0.95.
    """

    k: int | None
    low: int | None
    high: int | None
    unreached: float
    tolerance: float
    k_max: int
    confidence_level: float

    @property
    def shown(self) -> Shown:
        """The budget with its interval, as a person reads it."""
        return counts(self.k, self.low, self.high, most=self.k_max // 2)

    def view(self) -> View:
        """Return the budget in one line."""
        found = f"plateau from k = {self.k:,}" if self.k else f"no plateau up to k = {self.k_max:,}"
        return View(
            title=f"{found} {self.shown.interval}",
            about=f"at most {width(self.tolerance)} per doubling; {exact_percent(self.confidence_level)} interval; "
            f"none in {percent(self.unreached)} of the replicates",
        )


def doublings(k_max: int) -> IntArray:
    """Return 1, 2, 4, ... up to `k_max`: the budgets that `plateau` looks at.

    >>> doublings(9).tolist()
    [1, 2, 4, 8]
    """
    return 2 ** np.arange(int(k_max).bit_length(), dtype=np.int64)


def plateau(
    values: ArrayLike,
    k: ArrayLike,
    *,
    tolerance: float = TOLERANCE,
    confidence_level: float = CONFIDENCE_LEVEL,
    n_resamples: int = 2000,
    rng: Rng = None,
) -> Plateau:
    """Find where the mean over problems plateaus, with an interval over problems.

    The interval allows for half a problem unlike those seen (`ttscale.stats.intervals.unseen`), which may still move: twenty
    problems that are all flat do not show that others are.

    Args:
        values: Of each problem, shape (P, K), such as `best_of_k` returns for the budgets of `doublings`.
        k: 1, 2, 4, ..., shape (K,).
        tolerance: Largest move per doubling that still counts as flat.
        confidence_level: Such as 0.95.
        n_resamples: Curves redrawn.
        rng: Generator or seed.

    Returns:
        The plateau. An interval that ends beyond the data has None there.

    Raises:
        InvalidInputError: Budgets that do not double from 1, shapes that differ, or a tolerance below 0.

    >>> str(plateau([[0.1, 0.5, 0.6, 0.6, 0.6]] * 2000, [1, 2, 4, 8, 16], rng=0))
    'plateau from k = 4 [4, 4]: at most 1.0 points per doubling; 95% interval; none in 0% of the replicates'
    """
    check_confidence(confidence_level)
    table, ks = np.asarray(values, dtype=np.float64), budgets(k)
    if table.ndim != 2 or table.shape[1] != len(ks) or not np.array_equal(ks, doublings(int(ks[-1]))):
        raise InvalidInputError(
            f"A plateau needs values of shape (P, K) at the budgets 1, 2, 4, ...; got shape {table.shape} at k = "
            f"{ks.tolist()}."
        )
    if tolerance < 0 or not np.isfinite(table).all():
        raise InvalidInputError(
            f"A plateau needs finite values and a tolerance of at least 0, not {tolerance}."
        )
    found = _first_flat(redrawn_curves(table, n_resamples, np.random.default_rng(rng)), tolerance)
    tail = (1 - confidence_level) / 2
    low, high = np.quantile(found, [tail, 1 - tail], method="closest_observation").astype(np.int64)
    return Plateau(
        k=_budget(ks, int(_first_flat(table.mean(axis=0, keepdims=True), tolerance)[0])),
        low=_budget(ks, int(low)),
        high=_budget(ks, int(high)),
        unreached=float((found == len(ks) - 1).mean()),
        tolerance=tolerance,
        k_max=int(ks[-1]),
        confidence_level=confidence_level,
    )


def _first_flat(curves: FloatArray, tolerance: float) -> IntArray:
    """Return the position from which on each curve (R, K) is flat; K−1 where its last doubling still moves it."""
    if curves.shape[1] < 2:
        return np.zeros(len(curves), dtype=np.int64)
    moves = np.abs(np.diff(curves, axis=1)) > tolerance * (1 + 1e-9) + 1e-12  # (R, K-1)
    last = moves.shape[1] - np.argmax(moves[:, ::-1], axis=1)
    position: IntArray = np.where(moves.any(axis=1), last, 0)
    return position


def _budget(k: IntArray, position: int) -> int | None:
    """Return the budget at a position; the last one has no doubling that would show a plateau."""
    return int(k[position]) if position < len(k) - 1 else None
