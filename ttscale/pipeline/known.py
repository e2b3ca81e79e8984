"""Verdicts of candidates judged before: equal candidates of a problem are verified once.

Samples that agree in problem, completion and finish reason are one candidate to a deterministic verifier. They are
told apart by 128 bits of hash under keys drawn for each object, so that memory does not hold their texts. The
memory is bounded; beyond the bound the oldest verdicts are forgotten, and what comes back then is verified again.
"""

import secrets

import polars as pl

from ttscale.types import Outcome

FINGERPRINT = ("candidate_high", "candidate_low")
"""Columns that tell candidates apart."""

_CANDIDATE = ("problem_id", "completion", "finish_reason")
_LARGEST_BYTES = 256 << 20


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

    def add(self, judged: pl.DataFrame) -> None:
        """Remember verdicts by fingerprint; an error may have passed by the next time and is forgotten."""
        self._frames.append(judged.filter(pl.col("outcome") != Outcome.ERROR))
        while len(self._frames) > 1 and sum(f.estimated_size() for f in self._frames) > self._largest_bytes:
            self._frames.pop(0)


def with_verdicts(keys: pl.DataFrame, judged: pl.DataFrame) -> pl.DataFrame:
    """Give samples the verdicts of their candidates; those without one are left out."""
    return keys.join(judged, on=FINGERPRINT, how="inner", maintain_order="left").drop(FINGERPRINT)
