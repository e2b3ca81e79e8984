"""Cells whose samples were drawn in rounds: estimates that allow for it, and the words that say so.

Coverage is estimated from all samples along the rounds (`ttscale.stats.adaptive.rounds`). What has no such estimator (votes,
best-of-k, comparisons of verifiers) uses the first samples of every problem, which were drawn before anything was
decided. Forecasts and laws fitted by likelihood take all counts: a stopping rule leaves the likelihood as it is.
"""

import warnings
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from ttscale.analysis.reading.verified import VerifiedSamples, verified_samples
from ttscale.arrays import IntArray
from ttscale.errors import DataWarning
from ttscale.samplers.until import UntilSettings
from ttscale.stats.adaptive.estimating import coverage_in_rounds
from ttscale.stats.adaptive.rounds import follow
from ttscale.stats.counts.curve import Curve, budget_grid, check_budgets
from ttscale.store.rounds import Drawn, RoundsLog, counts_by_rung, read_rounds
from ttscale.store.run import RunStore
from ttscale.store.segments import collect
from ttscale.store.verdicts import VerdictSet


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CellInRounds:
    """A cell's verified samples along its rounds.

    Attributes:
        log: What was decided.
        drawn: Where the problems stand; of an unfinished round nothing counts.
        by_other_oracle: Whether the decisions rest on another verifier than the one that judges here; then only
            the first rung is used.
    """

    log: RoundsLog
    drawn: Drawn
    by_other_oracle: bool

    def of_problems(self, rows: IntArray) -> "CellInRounds":
        """Return the same for some of the problems."""
        drawn = self.drawn
        return replace(
            self,
            drawn=replace(
                drawn,
                problem_ids=tuple(drawn.problem_ids[row] for row in rows),
                rung=drawn.rung[rows],
                successes=drawn.successes[rows],
                verified=drawn.verified[rows],
            ),
        )

    @property
    def first(self) -> int:
        """Samples of every problem that were drawn before anything was decided."""
        return self.log.ladder[0]

    @property
    def k_max(self) -> int:
        """Largest budget with an estimate: the fewest samples of a problem without a success."""
        unsolved = self.drawn.c == 0
        return int(self.drawn.n[unsolved].min()) if unsolved.any() else int(self.drawn.n.max())

    def coverage(self, k: IntArray, *, confidence_level: float, over: str = "problems") -> Curve:
        """Return coverage at the budgets, with its interval over problems or samples."""
        return coverage_in_rounds(
            self.drawn.rounds,
            self.drawn.rung,
            self.drawn.c,
            k,
            over="samples" if over == "samples" else "problems",
            confidence_level=confidence_level,
            verified=self.drawn.verified,
        )

    def budgets(self, wanted: tuple[int, ...] | None) -> IntArray:
        """Return a log grid up to the largest budget, with those of the first rung and the wanted ones in it.

        Raises:
            InvalidInputError: A budget was asked for that an unsolved problem has too few samples for.
        """
        check_budgets(wanted, self.k_max, "analysis.k asks for", "an unsolved problem")
        powers = [10**e for e in range(12) if 10**e <= self.k_max]
        grids = (budget_grid(self.k_max), budget_grid(min(self.first, self.k_max)), powers, wanted or ())
        return np.unique(np.concatenate([np.asarray(grid, dtype=np.int64) for grid in grids]))


def in_rounds(
    store: RunStore, cell: str, verified: VerifiedSamples, oracle: VerdictSet
) -> CellInRounds | None:
    """Return a cell's samples along its rounds.

    Args:
        store: The run.
        cell: The cell.
        verified: Its verified samples.
        oracle: The verdict set that judged them.

    Returns:
        None where verdicts did not decide who got samples (no rule, or equally many for all problems by now), or
        where not even the first round is verified.
    """
    log = read_rounds(store, cell)
    if log is None or not log.climbs or verified.n.min() == verified.n.max():
        return None
    frame = verified.frame.select("problem_id", "sample_index", correct=pl.col("outcome") == "correct")
    known, successes = counts_by_rung(frame, verified.problem_ids, log.ladder)
    seen = _seen_by_rung(oracle, cell, verified.problem_ids, log.ladder)
    by_other = log.oracle != oracle.info.label
    rounds = log.rounds
    while rounds.climbs:
        rung = follow(rounds, successes)
        rows = np.arange(len(rung))
        if not by_other and (seen[rows, rung] >= np.array(log.ladder)[rung]).all():
            break
        rounds = replace(rounds, climbs=rounds.climbs[:-1])
    drawn = Drawn(
        problem_ids=verified.problem_ids,
        rounds=rounds,
        rung=follow(rounds, successes),
        successes=successes,
        verified=known,
    )
    found = CellInRounds(log=log, drawn=drawn, by_other_oracle=by_other)
    return found if found.k_max else None


def first_samples(rows: pl.DataFrame, cell: CellInRounds) -> tuple[pl.DataFrame, VerifiedSamples]:
    """Return the rows of a cell, and those verified, of the samples drawn before any decision."""
    kept = rows.filter(pl.col("sample_index") < cell.first)
    return kept, verified_samples(kept)


def only_undecided(store: RunStore, cell: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of the samples that were drawn before verdicts decided anything, for what needs such samples.

    Args:
        store: The run.
        cell: The cell.
        rows: One per sample, with its sample_index.

    Returns:
        All rows where verdicts decided nothing. Otherwise a `DataWarning` says what was left out and why.
    """
    caveat, log = adaptive_caveat(store, cell), read_rounds(store, cell)
    if caveat is None or log is None:
        return rows
    warnings.warn(f"{cell}: {caveat}", DataWarning, stacklevel=3)
    return rows.filter(pl.col("sample_index") < log.ladder[0])


def adaptive_caveat(store: RunStore, cell: str) -> str | None:
    """Say in a sentence or two that a cell's samples were chosen by their verdicts; None where they were not.

    It belongs beside every number of the cell.
    """
    log = read_rounds(store, cell)
    if log is None or not log.climbs:
        return None
    counts = store.counts(cell).values()
    fewest, most = min(counts, default=0), max(counts, default=0)
    if fewest == most:
        return None
    rule = UntilSettings.model_validate(log.rule)
    stopped = f" It stopped because {log.reason}." if log.reason else " It has not stopped yet."
    return (
        f"Samples were drawn in rounds until {rule}: verdicts decided who got more, and problems have between "
        f"{fewest:,} and {most:,}.{stopped} Coverage allows for that; votes, scores and comparisons of verifiers use "
        f"the first {log.ladder[0]:,} samples of every problem."
    )


def _seen_by_rung(
    oracle: VerdictSet, cell: str, problem_ids: tuple[str, ...], ladder: tuple[int, ...]
) -> IntArray:
    """Count the samples with a verdict, errors too, among the first of each rung; shape (P, R)."""
    keys = oracle.scan(cell).select("problem_id", "sample_index", correct=pl.lit(False))
    return counts_by_rung(collect(keys, oracle.folder), problem_ids, ladder)[0]
