"""How far runs are: who writes them now, what is stored, and whether anything changed since the last look."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ttscale.pipeline.planning import status_rows
from ttscale.store.run import RunStore

Phase = Literal["going", "stopped", "done"]

_LOCKS = Path("/proc/locks")


@dataclass(frozen=True, slots=True)
class RunProgress:
    """How far runs are, all together.

    Attributes:
        phase: "going" while a process writes one of them; "done" when everything asked for is drawn and verified.
        samples: Samples stored.
        asked: Samples asked for, None where a configuration does not say.
        verified: Samples that every verifier has judged.
    """

    phase: Phase
    samples: int
    asked: int | None
    verified: int

    def __str__(self) -> str:
        """Return a sentence for the page."""
        of = f" of {self.asked:,}" if self.asked else ""
        drawn = f"{self.samples:,}{of} samples"
        if self.asked and self.samples < self.asked:
            drawn += f" ({self.samples / self.asked:.1%})"
        if self.phase == "done":
            return f"Done: {drawn}, all verified."
        if self.phase == "going":
            return f"Going on: {drawn}, {self.verified:,} verified."
        return f"Nobody is writing this run now: {drawn}, {self.verified:,} verified. `ttscale run` continues it."


def progress_of(stores: Sequence[RunStore]) -> RunProgress:
    """Look how far runs are.

    Raises:
        TtscaleError: A run cannot be read.
    """
    rows = [row for store in stores for row in status_rows(store)]
    samples = sum(row["samples"] for row in rows)
    asked = sum(row["asked"] for row in rows) if all(row["asked"] for row in rows) else None
    verified = sum(_verified(row) for row in rows)
    if any(is_written(store.path) for store in stores):
        phase: Phase = "going"
    else:
        phase = "done" if rows and all(map(_is_done, rows)) else "stopped"
    return RunProgress(phase, samples, asked, verified)


def _is_done(row: Mapping[str, Any]) -> bool:
    """Tell whether a cell has all that was asked for, or stopped by its own rule, and is verified."""
    drawn = row["asked"] is None or row["samples"] >= row["asked"]
    by_rule = row.get("stopped") is not None and row["done"] == "100.0%"
    return bool(row["samples"]) and (drawn or by_rule) and _verified(row) >= row["samples"]


def _verified(row: Mapping[str, Any]) -> int:
    """Return how many samples all verifiers of a cell have judged; verifiers of other cells have none here."""
    counts = [value for key, value in row.items() if key.startswith("verified_") and value]
    return min(counts, default=0)


def is_written(run: Path) -> bool:
    """Tell whether a process holds a run for writing.

    The kernel's list of locks is read, because trying the lock would keep a writer out for that moment.
    """
    try:
        held = (run / "run.lock").stat()
        lines = _LOCKS.read_text().splitlines()
    except OSError:
        return False
    # 1: FLOCK  ADVISORY  WRITE 4711 fe:01:131090 0 EOF
    own = f"{os.major(held.st_dev):02x}:{os.minor(held.st_dev):02x}:{held.st_ino}"
    return any(own in line.split() for line in lines)


def fingerprint(stores: Sequence[RunStore]) -> str:
    """Return what changes whenever anything that a report shows of the runs changes."""
    digest = hashlib.blake2b(digest_size=12)
    for store in stores:
        patterns = ("manifest.json", "config.yaml", "samples/*/*.parquet", "verdicts/*/*/*.parquet")
        for path in sorted(path for pattern in patterns for path in store.path.glob(pattern)):
            digest.update(f"{path}:{_size(path)};".encode())
    return digest.hexdigest()


def _size(path: Path) -> int:
    try:
        stat = path.stat()
    except OSError:  # set aside this very moment
        return -1
    return stat.st_size if path.suffix == ".parquet" else stat.st_mtime_ns


def first_error(error: Exception) -> str:
    """Return an error in one line for the page."""
    return f"Cannot be read just now, trying again: {error}"
