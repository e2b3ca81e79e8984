"""Verdicts on samples that are gone: a damaged segment was set aside, and its samples will be drawn again.

An engine without seeds draws others then, so the old verdicts must not speak for them.
"""

from pathlib import Path

import polars as pl

from ttscale.store.inventory import delete
from ttscale.store.samples import SAMPLE_KEY
from ttscale.store.segments import segments, write_segment
from ttscale.store.stored import StoredKeys


def drop_orphans(samples_folder: Path, verdicts_folder: Path) -> int:
    """Take verdicts without a stored sample out of a cell's verdict segments; return how many those were.

    For the holder of the lock. Each segment is replaced whole or not at all.
    """
    stored = StoredKeys(samples_folder)
    stored.refresh()
    dropped = 0
    for path in segments(verdicts_folder):
        verdicts = pl.read_parquet(path)
        has_sample = stored.contains(verdicts.select(SAMPLE_KEY))
        if has_sample.all():
            continue
        dropped += int((~has_sample).sum())
        if has_sample.any():
            write_segment(path, verdicts.filter(has_sample))
        else:
            delete([path])
    return dropped
