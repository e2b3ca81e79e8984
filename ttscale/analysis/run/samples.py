"""All samples of a cell to read: equal ones once, with what every verifier says of them."""

from collections.abc import Sequence

import polars as pl

from ttscale.analysis.reading.cell import CellReader
from ttscale.store.samples import SAMPLE_KEY
from ttscale.store.segments import collect

OUTCOME_OF = "outcome:"
"""Stands before a verifier's name in its column; the oracle's column is ``outcome``."""

_TEXTS = ("completion", "finish_reason", "completion_tokens")


def sample_groups(reader: CellReader, problem_ids: Sequence[str] | None = None) -> pl.DataFrame:
    """Read a cell's samples with their texts.

    Args:
        reader: The cell, with its verifiers.
        problem_ids: Only these problems; None for all.

    Returns:
        One row per problem and distinct sample, the earliest first: problem_id, completion, finish_reason,
        completion_tokens, the oracle's outcome and answer, ``outcome:NAME`` of each other verifier, and sample_indices,
        an ascending list.
    """
    rows = reader.store.samples(reader.name).select(*SAMPLE_KEY, *_TEXTS)
    if problem_ids is not None:
        rows = rows.filter(pl.col("problem_id").is_in(list(problem_ids)))
    verified = reader.oracle.scan(reader.name).select(*SAMPLE_KEY, "outcome", "answer")
    rows = rows.join(verified, on=SAMPLE_KEY, how="left")
    for name, verdicts in reader.verifiers.items():
        own = pl.col("outcome").alias(f"{OUTCOME_OF}{name}")
        rows = rows.join(verdicts.scan(reader.name).select(*SAMPLE_KEY, own), on=SAMPLE_KEY, how="left")
    alike = [
        "problem_id",
        *_TEXTS,
        "outcome",
        "answer",
        *(f"{OUTCOME_OF}{name}" for name in reader.verifiers),
    ]
    groups = rows.group_by(alike).agg(sample_indices=pl.col("sample_index").sort())
    return collect(
        groups.sort("problem_id", pl.col("sample_indices").list.first()),
        reader.store.samples_folder(reader.name),
    )
