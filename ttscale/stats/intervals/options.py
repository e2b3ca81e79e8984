"""How an interval of a curve is computed: the one set of options that every curve takes."""

from dataclasses import dataclass
from typing import TypedDict

from ttscale.stats.counts.curve import Over
from ttscale.stats.intervals.intervals import IntervalMethod, Rng, check_confidence, check_options
from ttscale.types import CONFIDENCE_LEVEL


class IntervalKeywords(TypedDict, total=False):
    """The fields of `IntervalOptions` as keyword arguments."""

    confidence_level: float
    over: Over
    method: IntervalMethod
    simultaneous: bool
    n_resamples: int
    rng: Rng


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalOptions:
    """How the interval of a curve is computed.

    Attributes:
        confidence_level: Such as 0.95.
        over: "problems" for all problems of this kind, "samples" for these problems with other draws, "both"; see
            `ttscale.stats.intervals.intervals` for what each target is and why "both" equals "problems". "samples" costs a
            vote about ten times as much.
        method: "analytic", or "bootstrap", which misses its nominal level more often; for votes and scores over problems only.
        simultaneous: Whether the band shall hold at all k together; analytic over problems only.
        n_resamples: Replicates of whatever is simulated.
        rng: Generator or seed, for whatever is simulated.
    """

    confidence_level: float = CONFIDENCE_LEVEL
    over: Over = "problems"
    method: IntervalMethod = "analytic"
    simultaneous: bool = False
    n_resamples: int = 2000
    rng: Rng = None

    def check(self) -> None:
        """Refuse an option that does not exist.

        Raises:
            InvalidInputError: Naming those that do.
        """
        check_confidence(self.confidence_level)
        check_options(self.over, self.method, self.simultaneous)
