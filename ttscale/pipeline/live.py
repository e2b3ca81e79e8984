"""Coverage while sampling goes on: the oracle verifies each segment as it is written, if it is cheap."""

import time
from contextlib import closing
from pathlib import Path

import polars as pl

from ttscale.errors import MissingExtraError, VerifierError
from ttscale.pipeline.building import NamedVerifier
from ttscale.pipeline.contract import CellWork
from ttscale.pipeline.verifying import candidates, problems_for, verify_batch, verify_in_batches
from ttscale.store.run import new_session_name
from ttscale.types import Outcome

_LARGEST_SHARE = 0.02
"""Live verification stops once it has taken this share of the sampling time (and a second)."""
_TRIAL = 8
"""Samples verified to see how slow the oracle is."""


class LiveCoverage:
    """Verifies fresh segments with the oracle and tells how many problems are solved by now.

    The verdicts are stored, so nothing is verified twice. A slow oracle is left to the verify stage.
    """

    def __init__(self, work: CellWork, oracle: NamedVerifier) -> None:
        self._cell = work.cell.name
        self._oracle = oracle
        self._problems = problems_for(oracle.verifier, work.problems)
        self._progress = work.progress
        self._verdicts = work.store.verdict_set(oracle.info)
        self._session = new_session_name()
        self._sequence = 0
        self._counts = self._stored_counts()
        self._began = time.monotonic()
        self._spent = 0.0
        self._gave_up = False

    def segment_written(self, path: Path) -> None:
        """Verify a new segment, if verifying has been cheap so far."""
        began = time.monotonic()
        if self._gave_up or self._spent > max(1.0, _LARGEST_SHARE * (began - self._began)):
            return
        rows = pl.read_parquet(path)
        try:
            if self._would_take(rows) > max(1.0, _LARGEST_SHARE * (began - self._began)):
                self._gave_up = True
                return
            self._verify(rows)
        except (
            VerifierError,
            MissingExtraError,
        ) as error:  # sampling goes on; the verify stage will say it again
            self._gave_up = True
            self._progress.note(f"No coverage while sampling: {error}")
            return
        self._spent += time.monotonic() - began
        self._report()

    def _would_take(self, rows: pl.DataFrame) -> float:
        """Return the seconds that verifying these rows will take, from a trial of a few: sampling must not wait."""
        trial = candidates(rows.head(_TRIAL + 1), self._problems)
        verify_batch(
            self._oracle.verifier, trial[:1]
        )  # whatever is set up at the first use is no cost of a sample
        began = time.monotonic()
        verify_batch(self._oracle.verifier, trial[1:])
        return (time.monotonic() - began) * rows.height / _TRIAL

    def _verify(self, rows: pl.DataFrame) -> None:
        with closing(verify_in_batches(self._oracle.verifier, self._problems, rows)) as batches:
            for verified in batches:
                name = f"{self._session}-{self._sequence:06d}"
                self._verdicts.write(self._cell, verified.with_columns(cell=pl.lit(self._cell)), name)
                self._sequence += 1
                self._counts = pl.concat([self._counts, _tally(verified.lazy())]).group_by("problem_id").sum()

    def _stored_counts(self) -> pl.DataFrame:
        return _tally(self._verdicts.scan(self._cell))

    def _report(self) -> None:
        verified = self._counts.filter(pl.col("n") > 0)
        n_solved = int((verified["c"] > 0).sum())
        success_rate = float((verified["c"] / verified["n"]).sum() / max(verified.height, 1))
        self._progress.solved(n_solved, len(self._problems), success_rate)


def _tally(verdicts: pl.LazyFrame) -> pl.DataFrame:
    """Count samples and correct samples per problem, errors left out."""
    return (
        verdicts.filter(pl.col("outcome") != Outcome.ERROR)
        .group_by("problem_id")
        .agg(n=pl.len().cast(pl.Int64), c=(pl.col("outcome") == Outcome.CORRECT).sum().cast(pl.Int64))
        .collect()
    )
