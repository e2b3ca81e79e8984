"""How samples come from a replica into the store: written by the one, given their place by the other.

A replica that sees the run directory writes a segment there under a temporary name, unique to the attempt. Only the
driver, which holds the run's lock, renames it to what readers see. A replica that does not see the directory returns
the rows, and the driver writes them.
"""

import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ttscale.errors import StoreError
from ttscale.store.files import TEMPORARY_PREFIX, storage_errors
from ttscale.store.inventory import note
from ttscale.store.samples import samples_frame
from ttscale.store.segments import write_segment
from ttscale.types import Sample


@dataclass(frozen=True, slots=True)
class Handover:
    """Samples on their way: a written file, or the rows themselves; neither if there are none."""

    path: Path | None = None
    frame: pl.DataFrame | None = None


def hand_over(samples: Sequence[Sample], cell: str, session: str, folder: Path | None) -> Handover:
    """Write samples as a segment that no reader looks at yet, or pack them up. Called in a replica.

    Args:
        samples: Of one cell.
        cell: Its name.
        session: Written into the segment's metadata.
        folder: The cell's folder of segments; None where it cannot be seen from here.

    Raises:
        StoreError: The disk is full or the folder cannot be written.
    """
    if not samples:
        return Handover()
    frame = samples_frame(samples, cell)
    if folder is None:
        return Handover(frame=frame)
    path = folder / f"{TEMPORARY_PREFIX}replica-{uuid.uuid4().hex}.parquet"
    write_segment(path, frame, metadata={"session": session})
    return Handover(path=path)


def take_over(handover: Handover, target: Path, session: str) -> None:
    """Make a replica's samples part of the run, whole and durable. Only for the holder of the run's lock.

    Raises:
        StoreError: The file is not there, or the disk is full.
    """
    if handover.frame is not None:
        write_segment(target, handover.frame, metadata={"session": session})
    elif handover.path is not None:
        with storage_errors(target):
            _rename(handover.path, target)


def _rename(path: Path, target: Path) -> None:
    try:
        path.replace(target)
    except FileNotFoundError:
        raise StoreError(
            f"A replica wrote {path}, but it is not there for the driver: the machines do not see the same folder. "
            "Set execution.shared: false, and samples are sent to the driver instead."
        ) from None
    descriptor = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)  # the rename itself must reach the disk
    finally:
        os.close(descriptor)
    note(target)
