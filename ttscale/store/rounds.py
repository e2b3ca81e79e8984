"""How a cell was sampled where the verdicts decided who got more: the record beside its samples.

``until/CELL.json`` holds the rule, the ladder and every round's decision. A round is written before its samples are
drawn, so that an interrupted run goes on with the same round, and an estimate knows what it has to allow for.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from ttscale.errors import StoreError
from ttscale.store.documents import read_document, write_document
from ttscale.store.inventory import gone
from ttscale.store.run import RunStore
from ttscale.store.segments import collect
from ttscale.store.verdicts import VerdictSet
from ttscale.types import Outcome

if TYPE_CHECKING:  # the statistics bring SciPy, which a look at a run must not wait for
    from ttscale.arrays import IntArray
    from ttscale.stats.adaptive.rounds import Climb, Rounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was known of the wanted quantity when a decision was made.

    Attributes:
        n_samples: Samples that the rounds had given, all problems together.
        value: The estimate; None while it could not be computed.
        low: Lower end of its interval.
        high: Upper end.
    """

    n_samples: int
    value: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def width(self) -> float | None:
        """Upper less lower end."""
        return None if self.low is None or self.high is None else self.high - self.low


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundsLog:
    """What was decided in a cell.

    Attributes:
        rule: The settings of ``sampling.until`` at the last decision.
        oracle: Label of the verdict set that the decisions rest on.
        ladder: Samples per problem at each rung.
        climbs: Who climbed, round by round.
        before: What was known before each round; same length as `climbs`.
        at_end: What was known when sampling stopped; None while it goes on.
        reason: Why it stopped, in a few words; None while it goes on.
    """

    rule: Mapping[str, Any]
    oracle: str
    ladder: tuple[int, ...]
    climbs: tuple["Climb", ...] = ()
    before: tuple[Measured, ...] = ()
    at_end: Measured | None = None
    reason: str | None = None

    @property
    def rounds(self) -> "Rounds":
        """The rounds as estimators take them."""
        from ttscale.stats.adaptive.rounds import Rounds

        return Rounds(self.ladder, self.climbs)

    @property
    def latest(self) -> Measured | None:
        """What was known last."""
        return self.at_end or (self.before[-1] if self.before else None)

    def with_round(self, climb: "Climb", known: Measured) -> "RoundsLog":
        """Return the log with one more round."""
        return replace(
            self, climbs=(*self.climbs, climb), before=(*self.before, known), at_end=None, reason=None
        )

    def ended(self, known: Measured, reason: str) -> "RoundsLog":
        """Return the log of a cell that is done."""
        return replace(self, at_end=known, reason=reason)


def rounds_path(store: RunStore, cell: str) -> Path:
    """Return where a cell's log lies."""
    return store.path / "until" / f"{cell}.json"


def read_rounds(store: RunStore, cell: str) -> RoundsLog | None:
    """Read a cell's log; None where its samples were drawn without looking at verdicts.

    Raises:
        StoreError: The log cannot be read.
    """
    path = rounds_path(store, cell)
    if not os.path.lexists(path):
        if path in gone(path.parent):
            raise StoreError(
                f"{path} was written and is gone. Without it nobody knows how the samples were chosen; restore it, or sample "
                "into a new directory with --out."
            )
        return None
    try:
        stored = read_document(path)
        return RoundsLog(
            rule=stored["rule"],
            oracle=stored["oracle"],
            ladder=tuple(stored["ladder"]),
            climbs=tuple(_climb(climb) for climb in stored["climbs"]),
            before=tuple(Measured(**known) for known in stored["before"]),
            at_end=Measured(**stored["at_end"]) if stored["at_end"] else None,
            reason=stored["reason"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path} cannot be read: {error}. Without it nobody knows how the samples were chosen; restore it, or "
            "sample into a new directory with --out."
        ) from error


def write_rounds(store: RunStore, cell: str, log: RoundsLog) -> None:
    """Write a cell's log, whole or not at all. For the holder of the lock."""
    write_document(rounds_path(store, cell), asdict(log))


def _climb(stored: Mapping[str, Sequence[Sequence[int]]]) -> "Climb":
    return {int(rung): tuple((low, high) for low, high in ranges) for rung, ranges in stored.items()}


# ---- where the problems stand -------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Drawn:
    """A cell's verdicts along its rounds.

    Attributes:
        problem_ids: Length P.
        rounds: The rounds; a single rung where all problems have equally many samples.
        rung: Where each problem stands, shape (P,).
        successes: Correct samples among the first of each rung, shape (P, R).
        verified: Samples with a verdict among the first of each rung, shape (P, R).
    """

    problem_ids: tuple[str, ...]
    rounds: "Rounds"
    rung: "IntArray"
    successes: "IntArray"
    verified: "IntArray"

    @property
    def c(self) -> "IntArray":
        """Correct samples of each problem, shape (P,)."""
        return np.asarray(self.successes[np.arange(len(self.rung)), self.rung])

    @property
    def n(self) -> "IntArray":
        """Samples with a verdict, shape (P,)."""
        return np.asarray(self.verified[np.arange(len(self.rung)), self.rung])


def read_drawn(
    store: RunStore, cell: str, verdicts: VerdictSet, problem_ids: Sequence[str], rounds: "Rounds"
) -> Drawn:
    """Read how many samples were correct at each rung, and follow the rounds.

    Samples that the oracle failed on count as not drawn.
    """
    frame = collect(
        verdicts.scan(cell)
        .filter(pl.col("outcome") != Outcome.ERROR)
        .select("problem_id", "sample_index", correct=pl.col("outcome") == Outcome.CORRECT),
        verdicts.folder,
    )
    verified, successes = counts_by_rung(frame, problem_ids, rounds.ladder)
    from ttscale.stats.adaptive.rounds import follow

    return Drawn(
        problem_ids=tuple(problem_ids),
        rounds=rounds,
        rung=follow(rounds, successes),
        successes=successes,
        verified=verified,
    )


def counts_by_rung(
    frame: pl.DataFrame, problem_ids: Sequence[str], ladder: Sequence[int]
) -> tuple["IntArray", "IntArray"]:
    """Count samples and correct samples among the first of each rung.

    Args:
        frame: Columns problem_id, sample_index and correct.
        problem_ids: The problems, in the order of the result; rows of others are left out.
        ladder: Samples at each rung, increasing.

    Returns:
        Two arrays of shape (P, R).
    """
    order = pl.DataFrame(
        {"problem_id": list(problem_ids), "row": np.arange(len(problem_ids))},
        schema={"problem_id": pl.String, "row": pl.Int64},
    )
    frame = frame.join(order, on="problem_id", how="inner")
    rung = np.searchsorted(ladder, frame["sample_index"].to_numpy(), side="right")
    size = len(ladder) + 1  # the last column is what lies above the ladder
    cell_of = frame["row"].to_numpy() * size + rung
    length = len(problem_ids) * size
    verified = np.bincount(cell_of, minlength=length)
    correct = np.bincount(cell_of[frame["correct"].to_numpy()], minlength=length)
    shape = (len(problem_ids), size)
    return (
        np.cumsum(verified.reshape(shape), axis=1)[:, :-1].astype(np.int64),
        np.cumsum(correct.reshape(shape), axis=1)[:, :-1].astype(np.int64),
    )
