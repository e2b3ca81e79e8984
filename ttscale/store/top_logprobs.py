"""The column `top_logprobs`: at every generated token, the log-probabilities of the most probable ones.

A list per sample of lists per token, the most probable first, as 16-bit floats. Measured with 6,555 tokens of a
135-million-parameter model, 20 values each, zstd level 3: 32.7 bytes per token, where 32-bit floats took 70.9; that the lists
are nested, and so explain themselves to any reader, costs 0.1. A 16-bit float is off by at most 0.05 % of a value.

Segments of samples without them do not have the column at all: readers that know no 16-bit floats open those.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

TOP_LOGPROBS_DTYPE = pl.List(pl.List(pl.Float16))


def top_logprobs_column(arrays: Sequence[NDArray[np.float32] | None]) -> pl.Series:
    """Return arrays of shape (T, k), with T and k of each its own, as a column; None becomes null."""
    present = [array for array in arrays if array is not None]
    if not present:
        return pl.Series([None] * len(arrays), dtype=TOP_LOGPROBS_DTYPE)
    tokens = _tokens(present)
    ends = np.cumsum([len(array) for array in present]).tolist()
    lists = iter(tokens.slice(end - len(array), len(array)) for end, array in zip(ends, present, strict=True))
    # Given its type, polars takes this list apart value by value: a thousand times slower.
    column = pl.Series([None if array is None else next(lists) for array in arrays])
    return column if column.dtype == TOP_LOGPROBS_DTYPE else column.cast(TOP_LOGPROBS_DTYPE)


def top_logprobs_arrays(column: pl.Series) -> list[NDArray[np.float32] | None]:
    """Return what `top_logprobs_column` was given, at the column's precision."""
    return [None if tokens is None else _array(tokens) for tokens in column]


def _tokens(arrays: Sequence[NDArray[np.float32]]) -> pl.Series:
    """Return the rows of all arrays as one series of lists."""
    widths = {array.shape[1] for array in arrays if array.size}
    if len(widths) > 1:
        return pl.concat([_tokens([array]) for array in arrays])
    values = np.concatenate([array.ravel() for array in arrays]).astype(np.float16)
    if not widths:
        return pl.Series([], dtype=TOP_LOGPROBS_DTYPE.inner)
    return pl.Series(values).reshape((-1, widths.pop())).cast(TOP_LOGPROBS_DTYPE.inner)


def _array(tokens: pl.Series) -> NDArray[np.float32]:
    if not len(tokens):
        return np.empty((0, 0), np.float32)
    values: NDArray[np.float32] = tokens.explode().to_numpy().astype(np.float32)
    return values.reshape(len(tokens), -1)
