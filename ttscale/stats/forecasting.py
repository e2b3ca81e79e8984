"""Forecast the coverage that the same problems will show with more samples, with a predictive interval.

What was observed is kept: a solved problem stays solved, and a problem with k or more samples keeps its
pass@k. Only the problems that are unsolved so far and get new samples are uncertain. Given a law of
success rates, such a problem is solved by k samples in all with chance
``1 - E[(1-p)^k] / E[(1-p)^n]``, where the expectations are over the law.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binom

from ttscale.errors import InvalidInputError
from ttscale.stats.counts import budgets, counts
from ttscale.stats.curve import Curve, FloatArray
from ttscale.stats.fitting import fit_law
from ttscale.stats.pass_at_k import pass_at_k


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Forecast:
    """Coverage to come.

    Attributes:
        curve: Forecast coverage with its predictive interval for these same problems.
        method: The method that made it.
        extrapolates: Which budgets lie beyond the samples of some problem, shape (K,).
        n_max: Most samples of any problem.
        backtest: How every method forecast the later samples from the earlier ones: rows of
            `ttscale.stats.backtesting.Backtest`, or empty where it was not asked for.
    """

    curve: Curve
    method: str
    extrapolates: np.ndarray
    n_max: int
    backtest: tuple[dict[str, Any], ...] = ()

    def to_rows(self) -> Iterator[dict[str, Any]]:
        """Yield one plain dictionary per budget."""
        for row, beyond in zip(self.curve.to_rows(), self.extrapolates, strict=True):
            yield {**row, "extrapolates": bool(beyond)}

    def __str__(self) -> str:
        """Return a short table for a person."""
        return f"{self.curve}\n  drawn so far: up to {self.n_max} samples per problem; beyond them this extrapolates"


def forecast(
    n: ArrayLike,
    c: ArrayLike,
    k: ArrayLike,
    *,
    method: str = "auto",
    confidence_level: float = 0.9,
    rng: np.random.Generator | int | None = None,
) -> Forecast:
    """Forecast coverage at k samples per problem, of the same problems.

    Args:
        n: Samples drawn per problem, shape (P,), or one number for all.
        c: Samples correct per problem, shape (P,).
        k: Budgets, shape (K,).
        method: "auto", or the name of one method.
        confidence_level: Of the predictive interval.
        rng: Source of randomness.

    Returns:
        The forecast.

    Raises:
        InvalidInputError: Impossible counts or budgets.
    """
    data, ks = counts(n, c), np.unique(budgets(k))
    law = "beta-binomial" if method == "auto" else method
    fit = fit_law(law, data.n, data.c)
    known = np.where(
        data.n[:, None] >= ks,
        np.nan_to_num(pass_at_k(data.n, data.c, ks, too_few="nan")),
        data.c[:, None] > 0,
    )  # (P, K)
    open_ = (data.c[:, None] == 0) & (data.n[:, None] < ks)
    chance = open_ * (1.0 - _ratio(fit, data.n, ks))
    value = (known + chance).mean(axis=0)
    n_open = open_.sum(axis=0)
    mean_chance = chance.sum(axis=0) / np.maximum(n_open, 1)
    tail = (1.0 - confidence_level) / 2.0
    base = known.mean(axis=0)
    low = base + binom.ppf(tail, n_open, mean_chance) / len(data)
    high = base + binom.ppf(1.0 - tail, n_open, mean_chance) / len(data)
    curve = Curve(
        metric="coverage",
        k=ks,
        value=value,
        low=np.minimum(low, value),
        high=np.maximum(high, value),
        confidence_level=confidence_level,
        over="samples",
        method=law,
        n_problems=len(data),
    )
    return Forecast(curve=curve, method=law, extrapolates=ks > data.n.min(), n_max=int(data.n.max()))


def _ratio(fit: Any, n: np.ndarray, k: np.ndarray) -> FloatArray:
    """Return E[(1-p)^k] / E[(1-p)^n], shape (P, K)."""
    sizes, inverse = np.unique(n, return_inverse=True)
    before = 1.0 - fit.predict(np.maximum(sizes, 1)).value
    after = 1.0 - fit.predict(k).value
    if not np.isfinite(after).all():
        raise InvalidInputError(f"'{fit.law}' could not be fitted: {fit.status}.")
    ratio = after[None, :] / before[inverse][:, None]
    return np.asarray(np.minimum(ratio, 1.0))
