"""How many problems and samples a wanted precision needs, judged from a pilot.

Notation: the pilot has counts (n_i, c_i); coverage at k is to be known within ± half_width.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from ttscale.arrays import ArrayLike, FloatArray, IntArray
from ttscale.errors import InvalidInputError
from ttscale.result import Result
from ttscale.showing.numbers import exact_percent, width
from ttscale.showing.view import View
from ttscale.stats.counts.counts import budgets, counts
from ttscale.stats.counts.mixing import mixing_distribution
from ttscale.stats.intervals.intervals import check_confidence
from ttscale.stats.intervals.sampling_error import pass_at_k_variance
from ttscale.types import CONFIDENCE_LEVEL


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Plan(Result):
    """Problems needed for each number of samples per problem.

    Attributes:
        k: Budget whose coverage is wanted.
        half_width: Wanted half width of the interval over problems.
        confidence_level: Such as 0.95.
        samples: Samples per problem, shape (M,), each at least k.
        problems: Problems needed, shape (M,).
        total: Samples in all, shape (M,); the cheapest row is `cheapest`.
        half_width_of_pilot: What the pilot's own problems and samples give at k, NaN where k exceeds them.
    """

    k: int
    half_width: float
    confidence_level: float
    samples: IntArray
    problems: IntArray
    total: IntArray
    half_width_of_pilot: float

    @property
    def cheapest(self) -> int:
        """Return the row with the fewest samples in all."""
        return int(np.argmin(self.total))

    def to_rows(self) -> Iterator[dict[str, Any]]:
        """Yield one row per number of samples per problem."""
        for samples, problems, total in zip(self.samples, self.problems, self.total, strict=True):
            yield {
                "k": self.k,
                "half_width": self.half_width,
                "samples": int(samples),
                "problems": int(problems),
                "total": int(total),
                "confidence_level": self.confidence_level,
            }

    def view(self) -> View:
        """Return the choices, with the cheapest named."""
        rows = [
            {
                "samples per problem": row["samples"],
                "problems": row["problems"],
                "samples in all": row["total"],
            }
            for row in self.to_rows()
        ]
        cheapest = rows[self.cheapest]
        return View(
            title=f"coverage@{self.k} within ±{width(self.half_width)}",
            about=f"{exact_percent(self.confidence_level)} interval over problems",
            rows=rows,
            notes=[
                f"fewest samples in all: {cheapest['problems']:,} problems × {cheapest['samples per problem']:,}"
            ],
        )


def plan_coverage(
    n: ArrayLike,
    c: ArrayLike,
    k: int,
    half_width: float,
    *,
    samples: ArrayLike | None = None,
    confidence_level: float = CONFIDENCE_LEVEL,
) -> Plan:
    """Say how many problems coverage at k needs, for several numbers of samples per problem.

    The variance of one problem's pass@k is that between problems, Var f(p) with f(p) = 1 − (1−p)^k, plus that
    of sampling, which more samples reduce; both follow from the distribution of success rates estimated from
    the pilot. With k far beyond the pilot's n that distribution is a guess near p = 0; the plan is then no
    more than a guess too.

    Args:
        n: Samples drawn per problem in the pilot, shape (P,), or one number for all.
        c: Samples correct per problem, shape (P,).
        k: Budget whose coverage is wanted.
        half_width: Wanted half width of the interval, between 0 and 0.5.
        samples: Samples per problem to consider, shape (M,), each at least k; by default 1, 2, 4, 8 and 16
            times k.
        confidence_level: Such as 0.95.

    Returns:
        The plan; a normal approximation, good to some per cent for 30 problems and more.

    Raises:
        InvalidInputError: Impossible counts, k > samples, or a width outside (0, 0.5).
    """
    data, budget = counts(n, c), int(budgets(k)[0])
    check_confidence(confidence_level)
    if not 0 < half_width < 0.5:
        raise InvalidInputError(f"half_width must lie between 0 and 0.5, but is {half_width}.")
    if data.n.min() < 1:
        raise InvalidInputError("Every problem of the pilot needs at least one sample.")
    sizes = np.unique(budget * 2 ** np.arange(5) if samples is None else budgets(samples))
    if sizes[0] < budget:
        raise InvalidInputError(
            f"coverage@{budget} needs at least {budget} samples per problem, not {sizes[0]}."
        )
    mixing = mixing_distribution(data.unique())
    variance = _variance(mixing.rate, mixing.share, sizes, budget)  # (M,)
    z = float(ndtri(0.5 + confidence_level / 2))
    problems = np.maximum(np.ceil(variance * (z / half_width) ** 2), 2).astype(np.int64)
    fewest = int(data.n.min())
    own = np.nan
    if fewest >= budget:
        own = z * float(
            np.sqrt(_variance(mixing.rate, mixing.share, np.array([fewest]), budget)[0] / len(data))
        )
    return Plan(budget, half_width, confidence_level, sizes, problems, problems * sizes, own)


def _variance(rate: FloatArray, share: FloatArray, n: IntArray, k: int) -> FloatArray:
    """Return the variance of one random problem's pass@k estimate from n samples, shape (M,)."""
    solved = -np.expm1(k * np.log1p(-np.minimum(rate, 1 - 1e-16)))
    between = share @ solved**2 - (share @ solved) ** 2
    within = pass_at_k_variance(rate, n[:, None], k) @ share
    total: FloatArray = between + within
    return total
