"""The cheapest next samples: on which problems, and how many, to narrow a forecast.

What a forecast does not know is which unsolved problems fall later, and under which law. Samples of unsolved problems tell
both; samples of solved ones hardly anything. A plan takes some unsolved problems, the least sampled first, up to a
number of samples each, and stops each at its first success. Few problems sampled far tell how the curve goes on, so the
others need not be; many sampled less far find the easy ones. Which is cheaper is computed from the posterior: outcomes of
a plan are drawn, draws of the law are weighed again by each, and what the coverage to come would still vary follows.

Kazdan et al. 2025 (arXiv 2510.05197) sample the problems with the fewest successes, all alike: here the plan of all
unsolved problems.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import logsumexp
from threadpoolctl import threadpool_limits

from ttscale.arrays import ArrayLike, FloatArray, IntArray
from ttscale.errors import InvalidInputError
from ttscale.result import Result
from ttscale.showing.numbers import exact_percent, width
from ttscale.showing.view import View
from ttscale.stats.counts.counts import Counts, counts, one_budget
from ttscale.stats.forecast.forecasting import forecast
from ttscale.stats.forecast.likeness import Earlier, earlier, models_like
from ttscale.stats.forecast.model_averaging import PosteriorDraws, posterior_of
from ttscale.stats.forecast.prior import PriorModel, Tail
from ttscale.stats.intervals.intervals import check_confidence
from ttscale.types import PREDICTIVE_LEVEL

_LAWS, _OUTCOMES = 400, 64
"""Draws of the law that stand for the posterior, and outcomes drawn of each plan."""
_STAGES = 6
"""Steps, equal on a log scale, in which it is noted when a problem fell."""
_FEWEST = 3
"""Unsolved problems that a plan has at least."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True, repr=False)
class NextSamples(Result):
    """Which problems to sample next, and what that is expected to do.

    Attributes:
        problems: Positions of the problems, the least sampled first, shape (G,); empty where no more are needed.
        up_to: Samples per problem in all at which to give up; each stops at its first success.
        expected_samples: Further samples in all, on average.
        k: Budget of the forecast.
        width: Of its interval now.
        expected_width: Of its interval afterwards, on average.
        confidence_level: Of the interval.
        n_problems: Problems.
    """

    problems: IntArray
    up_to: int
    expected_samples: float
    k: int
    width: float
    expected_width: float
    confidence_level: float
    n_problems: int

    def to_rows(self) -> Iterator[dict[str, Any]]:
        """Yield one plain dictionary."""
        row = {name: getattr(self, name) for name in self.__slots__}
        yield row | {"problems": self.problems.tolist()}

    @property
    def advice(self) -> str:
        """The plan in one sentence."""
        if not len(self.problems):
            return f"the interval at k={self.k:,} is {width(self.width)} wide; no plan of more samples narrows it"
        return (
            f"about {_rounded(self.expected_samples):,} more samples on {len(self.problems)} unsolved problems (each up to "
            f"{self.up_to:,}, until solved) would narrow the interval at k={self.k:,} from {width(self.width)} to about "
            f"{width(self.expected_width)}"
        )

    def view(self) -> View:
        """Return the plan in one sentence."""
        level = exact_percent(self.confidence_level)
        return View(title=self.advice, about=f"{self.n_problems} problems, {level} predictive interval")


def _rounded(samples: float) -> int:
    """Return a number of samples to two digits: the second is uncertain already."""
    unit = int(10 ** max(int(np.log10(max(samples, 1.0))) - 1, 0))
    return int(np.ceil(samples / unit) * unit)


@dataclass(frozen=True, slots=True)
class _Plan:
    n_problems: int
    up_to: int
    samples: float
    spread: float


def next_samples(
    n: ArrayLike,
    c: ArrayLike,
    k: int,
    *,
    shrink: float = 0.5,
    tail: Tail = "auto",
    like: Earlier = (),
    confidence_level: float = PREDICTIVE_LEVEL,
    rng: int = 0,
) -> NextSamples:
    """Find the cheapest further samples that narrow the forecast of coverage at k to a share of its width.

    Args:
        n: Samples drawn per problem, shape (P,), or one number for all.
        c: Samples correct per problem, shape (P,).
        k: Budget of the forecast, beyond the samples at hand.
        shrink: Width wanted over the present one, in (0, 1).
        tail: As in `ttscale.stats.forecast.forecasting.forecast`.
        like: Likewise.
        confidence_level: Of the interval.
        rng: Seed.

    Returns:
        The plan with the fewest expected samples among those that are expected to reach the width; where none is, the one
        that comes nearest.

    Raises:
        InvalidInputError: Impossible counts, a budget that is not beyond the samples, or a share outside (0, 1).

    >>> plan = next_samples(20, [0] * 12 + [1, 2, 5, 9, 20, 0], 1000)
    >>> bool(plan.expected_width < 0.6 * plan.width), bool(plan.expected_samples < 13 * 980)
    (True, True)
    """
    check_confidence(confidence_level)
    data, k = counts(n, c), one_budget(k, "k")
    unsolved = np.flatnonzero(data.c == 0)
    _refuse_no_question(data, k, shrink)
    curve = forecast(
        data.n, data.c, k, tail=tail, like=like, confidence_level=confidence_level, rng=rng
    ).curve
    width = float(curve.high[0] - curve.low[0])
    order = unsolved[np.argsort(data.n[unsolved], kind="stable")]
    order = order[data.n[order] < k]
    models = models_like(earlier(like, data), tail)
    plan, now = _cheapest(data, order, k, shrink, models, rng) if len(order) and width else (None, 1.0)
    chosen = plan or _Plan(0, int(data.n.max()), 0.0, now)
    return NextSamples(
        problems=order[: chosen.n_problems],
        up_to=chosen.up_to,
        expected_samples=chosen.samples,
        k=k,
        width=width,
        expected_width=width * chosen.spread / now,
        confidence_level=confidence_level,
        n_problems=len(data),
    )


def _refuse_no_question(data: Counts, k: int, shrink: float) -> None:
    if not 0.0 < shrink < 1.0:
        raise InvalidInputError(f"shrink is the width wanted over the present one, in (0, 1), not {shrink}.")
    if k <= data.n.min():
        raise InvalidInputError(
            f"Coverage at {k} is measured: every problem has {data.n.min()} samples or more. Give a larger budget."
        )


def _cheapest(
    data: Counts, order: IntArray, k: int, shrink: float, models: tuple[PriorModel, ...], seed: int
) -> tuple[_Plan, float]:
    """Return the cheapest plan that is good enough, or the best; and the present standard deviation, in problems."""
    draws = posterior_of(data.unique(), k=k, rng=seed, models=models)
    rng = np.random.default_rng(seed)
    laws = _some(draws, rng)
    with threadpool_limits(1, user_api="blas"):
        belief = _Belief(laws, data.n[order], k)
        plans = [
            belief.after(size, up_to, rng)
            for size in _sizes(len(order))
            for up_to in _depths(int(data.n[order].max()), k)
        ]
    enough = [plan for plan in plans if plan.spread <= shrink * belief.now]
    best = min(enough, key=lambda p: p.samples) if enough else min(plans, key=lambda p: p.spread)
    return best, belief.now


def _some(draws: PosteriorDraws, rng: np.random.Generator) -> PosteriorDraws:
    """Return equally likely draws that stand for the posterior."""
    at = np.searchsorted(np.cumsum(draws.weight), (np.arange(_LAWS) + rng.random()) / _LAWS)
    at = np.minimum(at, len(draws.weight) - 1)
    even = np.full(_LAWS, 1.0 / _LAWS)
    return replace(draws, mass=draws.mass[at], zero=draws.zero[at], weight=even)


def _sizes(n_open: int) -> IntArray:
    """Return numbers of problems that plans may have: all, a half, a quarter and so on."""
    halves = np.ceil(n_open / 2.0 ** np.arange(6)).astype(np.int64)
    return np.unique(np.clip(halves, min(_FEWEST, n_open), n_open))


def _depths(n: int, k: int) -> IntArray:
    """Return numbers of samples up to which a plan may go, to k at most."""
    return np.unique(np.geomspace(max(n, 1), k, 13).round().astype(np.int64))[1:]


class _Belief:
    """What equally likely laws say of the unsolved problems, the least sampled first."""

    def __init__(self, laws: PosteriorDraws, n: IntArray, k: int) -> None:
        self.laws = laws
        self.n = n
        at_n = laws.failure(n.astype(float))  # (S, U)
        self.failing = np.maximum(at_n, 1e-300)
        self.at_k = laws.failure(np.array([float(k)]))  # (S, 1)
        self.falls = np.clip(1.0 - self.at_k / self.failing, 0.0, 1.0)  # (S, U)
        self.now = float(np.sqrt(_variance(self.falls)))

    def after(self, size: int, up_to: int, rng: np.random.Generator) -> _Plan:
        """Return what sampling the first `size` problems up to so many samples costs, and leaves unknown."""
        n = np.minimum(self.n[:size], up_to)
        stages = np.geomspace(max(float(n.mean()), 1.0), up_to, _STAGES + 1)
        survival = np.minimum(self.laws.failure(stages) / self.laws.failure(stages[:1]), 1.0)  # (S, B+1)
        steps = np.diff(stages)
        samples = size * float(((survival[:, 1:] + survival[:, :-1]) / 2.0 @ steps).mean())
        chance = np.maximum(np.column_stack([-np.diff(survival, axis=1), survival[:, -1]]), 1e-12)  # (S, B+1)
        true = rng.integers(len(chance), size=_OUTCOMES)
        seen = rng.multinomial(size, chance[true] / chance[true].sum(axis=1, keepdims=True))  # (R, B+1)
        log_weight = np.log(chance) @ seen.T  # (S, R)
        weight = np.exp(log_weight - logsumexp(log_weight, axis=0))
        left = seen[:, -1]  # still unsolved
        later = np.clip(1.0 - self.at_k / self.laws.failure(np.array([float(up_to)])), 0.0, 1.0)  # (S, 1)
        others = self.falls[:, size:].sum(axis=1, keepdims=True)  # (S, 1)
        chancy = (self.falls[:, size:] * (1.0 - self.falls[:, size:])).sum(axis=1, keepdims=True)
        mean = left * later + others  # (S, R)
        by_chance = left * later * (1.0 - later) + chancy
        expected = np.sum(weight * mean, axis=0)
        variance = np.sum(weight * (by_chance + (mean - expected) ** 2), axis=0)
        return _Plan(size, up_to, samples, float(np.sqrt(variance).mean()))


def _variance(falls: FloatArray) -> float:
    """Return the variance of the number of problems that fall, given equally likely laws (S, U) of their chances."""
    return float((falls * (1.0 - falls)).sum(axis=1).mean() + falls.sum(axis=1).var())
