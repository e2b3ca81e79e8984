"""Values at a cost that is itself a mean over problems: what is uncertain about both, in one number per problem.

Notation: k attempts at problem i cost C_i(k) and are worth V_i(k). A budget b per problem buys the k(b) at which the mean cost is
b, and is worth the mean of V_i(k(b)). On other problems the mean cost of k attempts would be another, and b would buy
another number of them: where hard problems cost more, that is no small part of what is uncertain. To first order in 1/P
it is in the pseudo-values

    u_i(b) = V_i(k(b)) − λ(b) (C_i(k(b)) − b),    λ = dV̄/dC̄ at b,

whose mean is the value at b and whose spread over problems is that of value and cost resampled together (the influence
function of a mean at the point where another mean is reached). So every method for means over problems serves: paired
differences of u keep what two ways share, of difficulty and of cost.

References:
    Hampel 1974, https://doi.org/10.1080/01621459.1974.10482962 (influence functions)
"""

import numpy as np

from ttscale.arrays import ArrayLike, FloatArray
from ttscale.errors import InvalidInputError
from ttscale.stats.decide.best_buy import values_at
from ttscale.stats.intervals.unseen import Span


def values_at_cost(cost: ArrayLike, values: ArrayLike, budget: ArrayLike) -> FloatArray:
    """Return the pseudo-values u of each problem at each budget, by the interpolation of `values_at`.

    Args:
        cost: Of each problem at each number of attempts, shape (P, K); its mean over problems increases from above 0.
        values: Of each problem there, shape (P, K).
        budget: Cost per problem, shape (M,). Beyond the last point values stay, whatever the cost.

    Returns:
        Shape (P, M); may lie outside [0, 1] for a problem, never on average.

    Raises:
        InvalidInputError: Shapes that differ, or mean costs that do not increase from above 0.

    >>> values_at_cost([[10, 20], [30, 60]], [[1.0, 1.0], [0.0, 1.0]], [20.0]).round(3).tolist()
    [[1.25], [-0.25]]
    """
    table, worth = (np.asarray(part, dtype=np.float64) for part in (cost, values))
    if table.shape != worth.shape or table.ndim != 2:
        raise InvalidInputError(
            f"Costs {table.shape} and values {worth.shape} must be one per problem and point."
        )
    at, mean = np.asarray(budget, dtype=np.float64), table.mean(axis=0)
    reached = values_at(mean, worth, at)
    excess = values_at(mean, table, at) - at  # beyond the last point λ is 0
    return reached - _slope(mean, worth.mean(axis=0), at) * excess


def spans(*tables: FloatArray) -> tuple[Span, Span]:
    """Return spans of a problem's pseudo-values and of their differences, no smaller than those of shares.

    >>> spans(np.array([[1.25], [-0.25]]), np.array([[0.5], [0.5]]))
    ((-0.25, 1.25), (-1.0, 1.0))
    """
    low, high = min(0.0, *(float(t.min()) for t in tables)), max(1.0, *(float(t.max()) for t in tables))
    widest = max(float(np.abs(tables[0] - table).max()) for table in tables)
    return (low, high), (-max(1.0, widest), max(1.0, widest))


def _slope(cost: FloatArray, value: FloatArray, at: FloatArray) -> FloatArray:
    """Return the slope of the mean value per unit of mean cost at each budget, 0 beyond the last point."""
    x, y = np.concatenate([[0.0], cost]), np.concatenate([[0.0], value])
    steps = np.append(np.diff(y) / np.diff(x), 0.0)
    return np.asarray(steps[np.searchsorted(x, at, side="left") - 1])
