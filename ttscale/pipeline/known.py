"""Verdicts of candidates verified before: equal candidates of a problem are verified once.

Samples that agree in problem, completion and finish reason are one candidate to a deterministic verifier. They are
told apart by 128 bits of hash under keys drawn for each object, so that memory does not hold their texts. The
memory is bounded; beyond the bound the oldest verdicts are forgotten, and what comes back then is verified again.

What a verdict set holds already is recalled the same way (`recall`): one pass over the samples finds a sample for
every candidate, one pass over the verdicts finds what was said of it.
"""

import secrets
from collections.abc import Iterator

import polars as pl

from ttscale.store.pending import SampleKeys, blocks_without
from ttscale.store.run import RunStore
from ttscale.store.samples import SAMPLE_KEY
from ttscale.store.segments import collect, lots, scan, segments
from ttscale.store.verdicts import VERDICT_COLUMNS, VERDICT_SCHEMA, VerdictSet
from ttscale.types import Outcome

FINGERPRINT = ("candidate_high", "candidate_low")
"""Columns that tell candidates apart."""

_CANDIDATE = ("problem_id", "completion", "finish_reason")
_COLUMNS = ("sample_index", *_CANDIDATE)
_LARGEST_BYTES = 256 << 20
_MOST_RECALLED = 2_000_000
"""Candidates of one cell that are looked up in a verdict set, about 100 bytes each."""


class KnownVerdicts:
    """A bounded memory of verdicts by candidate.

    Args:
        largest_bytes: What it may hold.
    """

    def __init__(self, largest_bytes: int = _LARGEST_BYTES) -> None:
        self._seeds = [secrets.randbits(64) for _ in FINGERPRINT]
        self._largest_bytes = largest_bytes
        self._frames: list[pl.DataFrame] = []

    def fingerprints(self) -> list[pl.Expr]:
        """Return the expressions that add the columns of `FINGERPRINT` to sample rows."""
        return [
            pl.struct(_CANDIDATE).hash(seed).alias(name)
            for name, seed in zip(FINGERPRINT, self._seeds, strict=True)
        ]

    def recall(self, store: RunStore, cell: str, verdicts: VerdictSet, settled: SampleKeys) -> None:
        """Remember what a verdict set says of the candidates of a cell, errors left out.

        Args:
            store: The run.
            cell: The cell.
            verdicts: The verdict set.
            settled: The samples that have a verdict there.
        """
        examples = self._examples(blocks_without(store.samples_folder(cell), SampleKeys(), _COLUMNS), settled)
        if self._frames:  # what is known twice would be given twice
            known = pl.concat(self._frames).select(FINGERPRINT)
            examples = examples.join(known, on=FINGERPRINT, how="anti")
        folder = verdicts.folder / cell
        for lot in lots(segments(folder)):
            rows = scan(lot, VERDICT_SCHEMA).select(*SAMPLE_KEY, *VERDICT_COLUMNS)
            found = collect(rows, folder).join(examples, on=SAMPLE_KEY, how="inner")
            self.add(found.select(*FINGERPRINT, *VERDICT_COLUMNS))

    def _examples(self, blocks: Iterator[pl.DataFrame], settled: SampleKeys) -> pl.DataFrame:
        """Return the first settled sample of every candidate: fingerprint and key."""
        examples = pl.DataFrame()
        for rows in blocks:
            keyed = rows.filter(settled.contains(rows)).select(*SAMPLE_KEY, *self.fingerprints())
            examples = pl.concat([examples, keyed]).unique(FINGERPRINT, keep="first", maintain_order=True)
            if examples.height >= _MOST_RECALLED:
                break
        return examples

    def of(self, keys: pl.DataFrame) -> pl.DataFrame:
        """Return the known verdicts of samples.

        Args:
            keys: Sample keys with their fingerprints.

        Returns:
            Sample keys and verdicts of those that are known, in the given order.
        """
        if not self._frames:
            return keys.clear()
        return with_verdicts(keys, pl.concat(self._frames))

    def add(self, verified: pl.DataFrame) -> None:
        """Remember verdicts by fingerprint; an error may have passed by the next time and is forgotten."""
        self._frames.append(verified.filter(pl.col("outcome") != Outcome.ERROR))
        while len(self._frames) > 1 and sum(f.estimated_size() for f in self._frames) > self._largest_bytes:
            self._frames.pop(0)


def with_verdicts(keys: pl.DataFrame, verified: pl.DataFrame) -> pl.DataFrame:
    """Give samples the verdicts of their candidates; those without one are left out."""
    return keys.join(verified, on=FINGERPRINT, how="inner", maintain_order="left").drop(FINGERPRINT)
