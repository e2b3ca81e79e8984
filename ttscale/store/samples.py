"""Samples of one cell as rows: made of objects and back, read lazily, and the gaps that a resume must fill."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ttscale.errors import StoreError
from ttscale.store.segments import collect, scan, segments
from ttscale.store.top_logprobs import TOP_LOGPROBS_DTYPE, top_logprobs_arrays, top_logprobs_column
from ttscale.types import Sample

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

_SURROGATE = re.compile("[\ud800-\udfff]")


def samples_frame(samples: Sequence[Sample], cell: str) -> pl.DataFrame:
    """Return samples as a frame of `SAMPLE_SCHEMA`, one row each; without `top_logprobs` where none has them."""
    columns: dict[str, Any] = {
        name: [getattr(sample, name) for sample in samples]
        for name in SAMPLE_FIELDS
        if name != "top_logprobs"
    }
    columns |= {"cell": [cell] * len(samples), "completion": _storable(columns["completion"])}
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


def missing_ranges(folder: Path, wanted: Mapping[str, int]) -> dict[str, list[range]]:
    """Return the index ranges in [0, n) that each problem still lacks; complete problems are left out.

    Args:
        folder: The cell's folder of segments.
        wanted: problem_id -> n.

    Raises:
        StoreError: A key is stored twice: the directory was merged or edited by hand.
    """
    keys = collect(scan_samples(folder).select(SAMPLE_KEY), folder)
    have = {
        str(problem_id[0]): np.sort(group["sample_index"].to_numpy())
        for problem_id, group in keys.group_by("problem_id")
    }
    missing: dict[str, list[range]] = {}
    for problem_id, n in wanted.items():
        gaps = list(_gaps(have.get(problem_id, np.empty(0, np.int64)), n, f"{folder}: problem {problem_id}"))
        if gaps:
            missing[problem_id] = gaps
    return missing


def _gaps(indices: np.ndarray[tuple[int], np.dtype[np.int64]], n: int, where: str) -> Iterator[range]:
    """Yield the ranges of [0, n) between sorted, distinct indices."""
    if indices.size and (np.diff(indices) == 0).any():
        twice = int(indices[:-1][np.diff(indices) == 0][0])
        raise StoreError(
            f"{where} has sample {twice} twice. Remove one of the segments that hold it, then run again."
        )
    edges = np.concatenate([[-1], indices[indices < n], [n]])
    for left, right in pairwise(edges.tolist()):
        if right - left > 1:
            yield range(left + 1, right)


def _storable(texts: list[str]) -> pl.Series:
    """Return texts as a column; lone surrogates, which no UTF-8 file can hold, become U+FFFD."""
    try:
        return pl.Series(texts, dtype=pl.String)
    except UnicodeEncodeError:
        return pl.Series([_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text) for text in texts])
