"""Samples of one cell as rows: made of objects and back, read lazily, counted."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from ttscale.store.segments import collect, scan, segments
from ttscale.store.top_logprobs import TOP_LOGPROBS_DTYPE, top_logprobs_arrays, top_logprobs_column
from ttscale.types import Sample
from ttscale.yaml_text import LONE_SURROGATE

SAMPLE_SCHEMA: Mapping[str, type[pl.DataType] | pl.DataType] = {
    "cell": pl.String,
    "problem_id": pl.String,
    "sample_index": pl.Int64,
    "completion": pl.String,
    "finish_reason": pl.String,
    "prompt_tokens": pl.Int32,
    "completion_tokens": pl.Int32,
    "cumulative_logprob": pl.Float32,
    "token_logprobs": pl.List(pl.Float32),
    "top_logprobs": TOP_LOGPROBS_DTYPE,
    "seed": pl.Int64,
}
"""The columns of a sample segment; the key is (cell, problem_id, sample_index). `Sample` says what they mean;
`top_logprobs` is there only where samples have them."""

SAMPLE_KEY = ("problem_id", "sample_index")
SAMPLE_FIELDS = tuple(name for name in SAMPLE_SCHEMA if name != "cell")
"""The columns that are fields of `Sample`."""


def samples_frame(samples: Sequence[Sample], cell: str) -> pl.DataFrame:
    """Return samples as a frame of `SAMPLE_SCHEMA`, one row each; without `top_logprobs` where none has them."""
    columns: dict[str, Any] = {
        name: [getattr(sample, name) for sample in samples]
        for name in SAMPLE_FIELDS
        if name != "top_logprobs"
    }
    columns |= {"cell": [cell] * len(samples), "completion": storable(columns["completion"])}
    if any(sample.top_logprobs is not None for sample in samples):
        columns["top_logprobs"] = top_logprobs_column([sample.top_logprobs for sample in samples])
    return pl.DataFrame(
        columns, schema={name: SAMPLE_SCHEMA[name] for name in SAMPLE_SCHEMA if name in columns}
    )


def samples_columns(rows: pl.DataFrame) -> dict[str, list[Any]]:
    """Return the fields of `Sample` as columns of their Python values; a column that is not there is all None.

    Args:
        rows: Of `SAMPLE_SCHEMA`, or some of its columns.
    """
    absent = pl.Series([None] * rows.height)
    own = {name: rows[name] if name in rows.columns else absent for name in SAMPLE_FIELDS}
    of_tokens = own.pop("token_logprobs").to_list()
    of_most_probable = top_logprobs_arrays(own.pop("top_logprobs"))
    return {name: column.to_list() for name, column in own.items()} | {
        "token_logprobs": [None if each is None else tuple(each) for each in of_tokens],
        "top_logprobs": of_most_probable,
    }


def scan_samples(folder: Path) -> pl.LazyFrame:
    """Scan every sample of a cell lazily, columns of `SAMPLE_SCHEMA`."""
    return scan(segments(folder), SAMPLE_SCHEMA)


def stored_counts(folder: Path) -> dict[str, int]:
    """Return how many samples each problem of a cell has."""
    frame = collect(scan_samples(folder).group_by("problem_id").agg(pl.len().alias("n")), folder)
    return dict(frame.iter_rows())


def mean_tokens(folder: Path) -> dict[str, float]:
    """Return the mean completion tokens of each problem of a cell, where any were counted."""
    means = scan_samples(folder).group_by("problem_id").agg(pl.col("completion_tokens").mean())
    return dict(collect(means.drop_nulls(), folder).iter_rows())


def storable(texts: Sequence[str | None]) -> pl.Series:
    """Return texts as a column; lone surrogates, which no UTF-8 file can hold, become U+FFFD."""
    try:
        return pl.Series(texts, dtype=pl.String)
    except UnicodeEncodeError:
        return pl.Series([text and LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text) for text in texts])
