"""What can be said of a target that a selector does not reach within its samples.

No law is trusted to extrapolate selected accuracy: votes settle, drift or fall, and verifiers are fooled more often the
more they see. Three things are known all the same. A verifier's false positives set a ceiling. No selector beats the
coverage of its samples, so that what coverage needs, a selector needs at least. And where doubling the samples at
hand moves accuracy by less than a point for certain, it has settled. Else the answer is unknown: draw more.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ttscale.analysis.budget.choices import Choice
from ttscale.showing.numbers import counts, exact_percent, percent, points, share
from ttscale.stats.coverage.plateau import TOLERANCE, doublings, plateau
from ttscale.stats.forecast.reaching import Reached
from ttscale.stats.intervals.intervals import interval_over_problems
from ttscale.types import CONFIDENCE_LEVEL

TargetVerdict = Literal["reached", "forecast", "not reachable", "unknown"]
"""Within the samples; beyond them by forecast; ruled out; beyond the samples, where nothing is known."""


_MOST_MOVED = 0.5
"""What a problem like none seen may gain by a doubling: a single best sample is in half of the draws before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastDoubling:
    """What doubling the samples did, the last time that the samples at hand show.

    Attributes:
        begin: Samples per problem before.
        end: And after, as many as every problem has.
        gain: Of accuracy.
        low: Lower end of its interval, paired over problems.
        high: Upper end.
        value: Accuracy at `end`.
        value_low: Lower end of its interval over problems.
        value_high: Upper end.
        settled_from: First budget from which on no doubling moved it by more than a point; None where one did.
    """

    begin: int
    end: int
    gain: float
    low: float
    high: float
    value: float
    value_low: float
    value_high: float
    settled_from: int | None

    @property
    def has_settled(self) -> bool:
        """Tell whether doubling moved accuracy by less than the tolerance, for certain."""
        return self.low > -TOLERANCE and self.high < TOLERANCE

    def __str__(self) -> str:
        """Return a clause."""
        moved = points(self.gain, self.low, self.high)
        return f"doubling from {self.begin:,} to {self.end:,} samples moved it by {moved} points"


def last_doubling(
    choice: Choice, *, confidence_level: float = CONFIDENCE_LEVEL, seed: int = 0
) -> LastDoubling | None:
    """Measure what the last doubling of a choice's samples did; None where no problem has two samples."""
    end = choice.n_min
    if end < 2:
        return None
    begin = end // 2
    values = choice.values(np.array([begin, end]))  # (P, 2)
    moves = values[:, 1:] - values[:, :1]
    most = max(_MOST_MOVED, float(np.abs(moves).max()))
    paired = interval_over_problems(moves, confidence_level, span=(-most, most))
    there = interval_over_problems(values[:, 1:], confidence_level)
    ks = doublings(end)
    flat = plateau(choice.values(ks), ks, confidence_level=confidence_level, rng=seed)
    return LastDoubling(
        begin=begin,
        end=end,
        gain=float(np.diff(values.mean(axis=0))[0]),
        low=float(paired.low[0]),
        high=float(paired.high[0]),
        value=float(values[:, 1].mean()),
        value_low=float(there.low[0]),
        value_high=float(there.high[0]),
        settled_from=flat.k,
    )


def beyond_the_samples(
    choice: Choice,
    reached: Reached,
    coverage: Reached,
    *,
    confidence_level: float = CONFIDENCE_LEVEL,
    seed: int = 0,
) -> tuple[TargetVerdict, str, int | None]:
    """Say what is known of a target that a selector does not reach within its samples.

    Args:
        choice: A choice that selects one answer.
        reached: Its answer, without a `k`.
        coverage: The same arm's answer for coverage.
        confidence_level: Of intervals.
        seed: Of the bootstrap.

    Returns:
        "not reachable" or "unknown", why in words, and the samples per problem that it takes at least, None where that is
        not known or where no number of them is enough.
    """
    target, best = reached.target, percent(reached.best)
    if coverage.k is None and coverage.low is None:
        words = f"coverage, which no selector beats, does not reach {exact_percent(target)} by {coverage.largest:,} samples"
        return "not reachable", f"{words}; it reaches {best}", None
    precision, ceiling = _precision_and_ceiling(choice)
    if ceiling < target:
        words = (
            f"false positives: of what '{choice.way.verifiers[0]}' accepts of a problem, {percent(precision)} is correct on average, "
            f"so that the ceiling is {percent(ceiling)} however many samples are drawn"
        )
        return "not reachable", words, None
    at_least = f"; coverage, which no selector beats, takes {_samples(coverage)}"
    last = last_doubling(choice, confidence_level=confidence_level, seed=seed)
    if last is None:
        return "unknown", f"one sample per problem shows no trend: draw more{at_least}", coverage.low
    if last.has_settled:
        since = f" from k = {last.settled_from:,} on" if last.settled_from else ""
        stays = share(last.value, last.value_low, last.value_high, sign="%")
        words = f"it plateaus{since} at {stays}: {last}; the most is {best}"
        if last.value_high >= target:
            return "unknown", f"{words}. More problems would tell, more samples would not", coverage.low
        return "not reachable", words, None
    words = f"it reaches {best} with the {choice.n_min:,} samples at hand, and {last}"
    return "unknown", f"{words}: not extrapolated, draw more{at_least}", coverage.low


def _precision_and_ceiling(choice: Choice) -> tuple[float, float]:
    """Return the share of accepted samples that are correct, and what the first accepted one can reach at most.

    A problem of which nothing was accepted may still be solved; where the choice is no "first", nothing is known.
    """
    if not choice.way.is_first_accepted:
        return 1.0, 1.0
    _, accepted, right = choice.pools.acceptance()
    share = right / np.maximum(accepted, 1)
    some = accepted > 0
    return float(share[some].mean()) if some.any() else 1.0, float(np.where(some, share, 1.0).mean())


def _samples(coverage: Reached) -> str:
    if coverage.k is None:
        return f"at least {coverage.low:,}" if coverage.low is not None else "more"
    return str(counts(coverage.k, coverage.low, coverage.high, most=coverage.largest))
