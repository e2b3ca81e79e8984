"""How large a pilot must be until a target's number of samples is known well enough.

A larger pilot is simulated before it is drawn: each problem's success rate is drawn from what the pilot at hand says of it
(the posterior of the laws that forecasts average over), the further samples are drawn from those rates, and the
question is asked of the larger pilot. More problems are problems of the same kind, drawn from the same posterior.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ttscale.arrays import ArrayLike, FloatArray
from ttscale.errors import InvalidInputError
from ttscale.result import Result
from ttscale.showing.numbers import exact_percent
from ttscale.showing.view import View
from ttscale.stats.counts.counts import Counts, counts
from ttscale.stats.forecast.model_averaging import posterior_of
from ttscale.stats.forecast.outlook import LARGEST, Generalises
from ttscale.stats.forecast.reaching import Reached, coverage_to_reach
from ttscale.stats.laws.likelihood import binomial_kernel, blunted
from ttscale.types import CONFIDENCE_LEVEL

SIZES = ((1, 2), (1, 4), (1, 8), (2, 1), (4, 1))
"""(times as many problems, times as many samples) of the pilots that are tried, cheapest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedPilot:
    """One size of a pilot.

    Attributes:
        n_problems: Problems.
        n_samples: Samples per problem.
        factor: How far the ends of the interval for the number of samples are from it, as the larger ratio; the median over
            simulations. Infinite where an end is open.
        simulated: False for the pilot at hand.
    """

    n_problems: int
    n_samples: int
    factor: float
    simulated: bool


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PilotPlan(Result):
    """How large a pilot must be.

    Attributes:
        target: Coverage wanted.
        within: The factor wanted.
        tried: The pilot at hand, then larger ones by the number of samples that they take in all.
        enough: Position in `tried` of the cheapest that is good enough; None where none is.
        confidence_level: Of the intervals.
        over: What they generalise over.
        n_simulations: Simulations per size.
    """

    target: float
    within: float
    tried: tuple[TriedPilot, ...]
    enough: int | None
    confidence_level: float
    over: str
    n_simulations: int

    def to_rows(self) -> Iterator[dict[str, Any]]:
        """Yield one row per pilot."""
        for position, one in enumerate(self.tried):
            yield {
                "target": self.target,
                "n_problems": one.n_problems,
                "n_samples": one.n_samples,
                "total_samples": one.n_problems * one.n_samples,
                "factor": one.factor,
                "wanted": self.within,
                "enough": one.factor <= self.within,
                "cheapest": position == self.enough,
                "confidence_level": self.confidence_level,
                "over": self.over,
                "method": f"median of {self.n_simulations} simulations" if one.simulated else "at hand",
            }

    def view(self) -> View:
        """Return the pilots tried, the cheapest good one named."""
        return View(
            title=f"Pilots for coverage {exact_percent(self.target)}, known within a factor of {self.within:g}",
            about=f"{exact_percent(self.confidence_level)} interval over {self.over}",
            rows=[
                {
                    "problems": row["n_problems"],
                    "samples": row["n_samples"],
                    "in all": row["total_samples"],
                    "factor": row["factor"],
                    "enough": row["enough"],
                    "how": row["method"],
                }
                for row in self.to_rows()
            ],
            notes=[] if self.enough is not None else ["None of the pilots tried is large enough."],
        )


def uncertainty(reached: Reached) -> float:
    """Return by what factor the ends of an interval differ from the number of samples; infinite where one is open."""
    if reached.k is None or reached.low is None or reached.high is None:
        return float("inf")
    return max(reached.high / reached.k, reached.k / reached.low)


def plan_pilot(
    n: ArrayLike,
    c: ArrayLike,
    target: float,
    within: float,
    *,
    over: Generalises = "problems",
    confidence_level: float = CONFIDENCE_LEVEL,
    sizes: Sequence[tuple[int, int]] = SIZES,
    n_simulations: int = 3,
    largest: int = LARGEST,
    rng: int = 0,
) -> PilotPlan:
    """Say how large a pilot must be until the interval for a target's number of samples is within a factor.

    Args:
        n: Samples drawn per problem in the pilot at hand, shape (P,), or one number for all.
        c: Correct ones, shape (P,).
        target: Coverage wanted.
        within: The factor wanted, above 1, such as 2: the ends of the interval are at most twice or half the answer.
        over: What the interval generalises over.
        confidence_level: Such as 0.95.
        sizes: (times as many problems, times as many samples) to try.
        n_simulations: Of each size; each takes a second or two.
        largest: Largest number of samples considered.
        rng: Seed.

    Raises:
        InvalidInputError: Impossible counts, a target outside (0, 1] or a factor of 1 or less.
    """
    if not within > 1:
        raise InvalidInputError(
            f"The factor between answer and interval is above 1, such as 2, not {within:g}."
        )
    data = counts(n, c)

    def asked(of: Counts) -> float:
        return uncertainty(
            coverage_to_reach(
                of.n, of.c, target, largest=largest, over=over, confidence_level=confidence_level, rng=rng
            )
        )

    now = TriedPilot(n_problems=len(data), n_samples=int(data.n.min()), factor=asked(data), simulated=False)
    tried = [now]
    if now.factor > within:
        tried += _larger(data, sizes, n_simulations, asked, within, _Belief.of(data, largest, rng))
    enough = next((i for i, one in enumerate(tried) if one.factor <= within), None)
    return PilotPlan(
        target=target,
        within=within,
        tried=tuple(tried),
        enough=enough,
        confidence_level=confidence_level,
        over=over,
        n_simulations=n_simulations,
    )


def _larger(
    data: Counts,
    sizes: Sequence[tuple[int, int]],
    n_simulations: int,
    asked: Callable[[Counts], float],
    within: float,
    belief: "_Belief",
) -> Iterator[TriedPilot]:
    """Try larger pilots, cheapest first, until one is good enough."""
    for problems, samples in sorted(sizes, key=lambda size: size[0] * size[1]):
        factors = [asked(belief.larger(data, problems, samples)) for _ in range(n_simulations)]
        one = TriedPilot(
            n_problems=problems * len(data),
            n_samples=samples * int(data.n.min()),
            factor=float(np.median(factors)),
            simulated=True,
        )
        yield one
        if one.factor <= within:
            return


@dataclass(frozen=True, slots=True, eq=False)
class _Belief:
    """What a pilot says of success rates.

    Attributes:
        rate: Success rates, 0 first, shape (G,).
        share: How common they are, shape (G,).
        posterior: Chance of each rate for each problem of the pilot, shape (P, G).
        rng: Source of the larger pilots.
    """

    rate: FloatArray
    share: FloatArray
    posterior: FloatArray
    rng: np.random.Generator

    @classmethod
    def of(cls, data: Counts, largest: int, seed: int) -> "_Belief":
        """Average the posterior's mixtures and weigh them by each problem's counts."""
        pairs = data.unique()
        draws = posterior_of(pairs, k=largest, rng=seed)
        share = np.concatenate([[draws.weight @ draws.zero], draws.weight @ draws.mass])
        share = share / share.sum()
        kernel = binomial_kernel(blunted(pairs), draws.x)  # (U, G-1)
        likelihood = np.concatenate([(pairs.c == 0)[:, None].astype(float), kernel], axis=1)
        joint = likelihood * share
        posterior = joint / joint.sum(axis=1, keepdims=True)
        rate = np.concatenate([[0.0], -np.expm1(-np.exp(draws.x))])
        return cls(
            rate=rate, share=share, posterior=posterior[pairs.inverse], rng=np.random.default_rng(seed)
        )

    def larger(self, data: Counts, problems: int, samples: int) -> Counts:
        """Simulate a pilot with so many times as many problems and samples, this one's samples among them."""
        rng = self.rng
        own = self.rate[_drawn(self.posterior, rng)]
        n = [samples * data.n]
        c = [data.c + rng.binomial((samples - 1) * data.n, own)]
        for _ in range(problems - 1):
            rate = rng.choice(self.rate, size=len(data), p=self.share)
            n.append(samples * data.n)
            c.append(rng.binomial(samples * data.n, rate))
        return Counts(np.concatenate(n), np.concatenate(c))


def _drawn(chance: FloatArray, rng: np.random.Generator) -> np.ndarray:
    """Draw one position from each row of chances (P, G)."""
    return np.asarray(
        (np.cumsum(chance, axis=1) < rng.random((len(chance), 1))).sum(axis=1).clip(max=chance.shape[1] - 1)
    )
