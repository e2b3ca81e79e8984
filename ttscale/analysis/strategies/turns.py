"""What more turns buy, read off one run: accuracy by turn, by attempts and by tokens, when turns stop paying, and whether they hurt."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ttscale.arrays import FloatArray
from ttscale.result import Result
from ttscale.showing.numbers import amount, counts, points, rests_on, share
from ttscale.showing.view import View
from ttscale.stats.decide.turns import (
    Saturation,
    VerifiedTurns,
    coverage_by_turn,
    later_against_earlier,
    saturation,
    slope,
)
from ttscale.stats.intervals.intervals import interval_over_problems
from ttscale.stats.intervals.multiple import PairedDifferences
from ttscale.types import CONFIDENCE_LEVEL

MOST_COMPARED = 12
"""Turns that are compared with each other, evenly spread where there are more."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TurnsResult(Result):
    """Attempts of one cell, had they stopped after each of T turns.

    Attributes:
        cell: The cell.
        k: Attempts at a problem, shape (K,).
        tokens: Mean tokens of an attempt by the end of each turn, shape (T,).
        value: Share of problems solved by one of k attempts, shape (T, K); accuracy at k = 1.
        low: Lower ends, over problems.
        high: Upper ends.
        slope: Gain of accuracy per turn, with its ends.
        saturation: Where more turns stop paying; None for a single turn.
        differences: Of every turn from every earlier one, one family; None for a single turn.
        confidence_level: Such as 0.95.
        n_problems: P.
        n_attempts: Of all problems.
        compared: The turns that `differences` are between.
    """

    cell: str
    k: tuple[int, ...]
    tokens: FloatArray
    value: FloatArray
    low: FloatArray
    high: FloatArray
    slope: tuple[float, float, float] | None
    saturation: Saturation | None
    differences: PairedDifferences | None
    confidence_level: float
    n_problems: int
    n_attempts: int
    compared: tuple[int, ...] = field(default=())

    def to_rows(self) -> Iterator[dict[str, Any]]:
        """Yield one row per turn and number of attempts."""
        for t, tokens in enumerate(self.tokens):
            for j, k in enumerate(self.k):
                yield {
                    "cell": self.cell,
                    "turn": t,
                    "k": k,
                    "tokens": float(tokens * k),
                    "value": float(self.value[t, j]),
                    "low": float(self.low[t, j]),
                    "high": float(self.high[t, j]),
                    "confidence_level": self.confidence_level,
                    "n_problems": self.n_problems,
                }

    def view(self) -> View:
        """Return a table with a row per turn, and in words when turns stop paying and whether they hurt."""
        rows = [
            {
                "turn": t,
                "tokens": amount(float(tokens)),
                **{
                    f"k={k}": share(*(float(part[t, j]) for part in (self.value, self.low, self.high)))
                    for j, k in enumerate(self.k)
                },
            }
            for t, tokens in enumerate(self.tokens)
        ]
        return View(
            title=f"{self.cell}: percent solved by k attempts that stop after a turn",
            about=f"{self.n_attempts:,} attempts at {rests_on(self.n_problems, self.confidence_level, 'problems')}",
            rows=rows,
            notes=tuple(self._notes()),
        )

    @property
    def fall(self) -> tuple[int, int] | None:
        """Return (earlier, later): the turns between which accuracy falls for certain, the clearest fall; None where none does."""
        if self.differences is None or not (self.differences.high < 0).any():
            return None
        later, earlier = self.differences.pairs[int(np.argmin(self.differences.high))]
        return self.compared[earlier], self.compared[later]

    def _notes(self) -> Iterator[str]:
        if self.slope is None or self.saturation is None:
            yield "One turn alone: nothing is said of more."
            return
        yield f"A turn adds {points(*self.slope)} points on average."
        one = self.saturation
        yield (
            f"Turns stop paying after {counts(one.turns, one.low, one.high)} (the next adds at most {share(one.gain, sign='%')} of the problems, if wrong answers are "
            f"mended with a constant chance and right ones stay; the fit is off by {share(one.error)} points)."
        )
        yield self._fall_told()

    def _fall_told(self) -> str:
        assert self.differences is not None
        if self.fall is None:
            return f"No turn is worse than an earlier one for certain (all {len(self.differences.pairs)} pairs, one family)."
        d = int(np.argmin(self.differences.high))
        told = points(
            *(
                float(part[d])
                for part in (self.differences.value, self.differences.low, self.differences.high)
            )
        )
        return f"More turns hurt: from turn {self.fall[0]} to turn {self.fall[1]} accuracy changes by {told} points."


def turns_result(
    cell: str,
    verified: VerifiedTurns,
    *,
    k: Sequence[int] = (),
    gain: float = 0.01,
    confidence_level: float = CONFIDENCE_LEVEL,
    seed: int = 0,
) -> TurnsResult:
    """Estimate what each turn is worth.

    Args:
        cell: Whose attempts.
        verified: As `ttscale.pipeline.strategy.turns.verified_turns` returns them.
        k: Numbers of attempts at a problem; by default 1 and as many as every problem has.
        gain: A turn that adds at most this share of the problems does not pay.
        confidence_level: Of every interval, and of all differences between turns together.
        seed: Of what is resampled.
    """
    fewest = int(np.bincount(verified.problem).min())
    ks = tuple(k) or tuple(dict.fromkeys((1, fewest)))
    value = coverage_by_turn(verified, ks)  # (P, T, K)
    P, T, K = value.shape
    ends = interval_over_problems(value.reshape(P, T * K), confidence_level)
    accuracy = verified.per_problem(verified.correct)
    compared = np.unique(np.linspace(0, T - 1, min(T, MOST_COMPARED)).round().astype(int))
    several = T > 1
    return TurnsResult(
        cell=cell,
        k=ks,
        tokens=verified.per_problem(verified.tokens).mean(axis=0),
        value=value.mean(axis=0),
        low=ends.low.reshape(T, K),
        high=ends.high.reshape(T, K),
        slope=slope(accuracy, confidence_level) if several else None,
        saturation=saturation(accuracy, gain=gain, confidence_level=confidence_level, rng=seed)
        if several
        else None,
        differences=later_against_earlier(accuracy[:, compared], confidence_level=confidence_level, rng=seed)
        if several
        else None,
        confidence_level=confidence_level,
        n_problems=P,
        n_attempts=len(verified.problem),
        compared=tuple(int(t) for t in compared),
    )
