"""Arrays, series and frames as plain data: bytes and lists, from which the other side makes its own, with its own NumPy and pandas.

A process has them only if its interpreter has the library, and both sides run the same interpreter. Nothing is imported before there
is something to be made. What has no plain form (categories, several levels of an index) is left to be a handle.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from typing import Any

_PLAIN_DTYPE = re.compile(r"[<>|=](?:[biufcSU]\d+|[mM]8\[[A-Za-z]+\])")
_STRINGS = ("str", "string")

Encode = Callable[[Any], Any]


def as_plain(value: Any, encode: Encode) -> dict[str, Any] | None:
    """Return an array, series or frame as JSON's types, or None where it is none or has no such form."""
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    kind = type(value)
    if numpy is not None and kind is vars(numpy).get("ndarray"):
        return _of_array(value, encode)
    if pandas is None:
        return None
    if kind is vars(pandas).get("Series"):
        parts = [_of_index(value.index, pandas, encode), _of_column(value, encode)]
        return None if None in parts else {"ps": [encode(value.name), *parts]}
    if kind is vars(pandas).get("DataFrame"):
        columns = [_of_column(value.iloc[:, at], encode) for at in range(value.shape[1])]
        axes = [_of_index(axis, pandas, encode) for axis in (value.index, value.columns)]
        return None if None in [*axes, *columns] else {"pf": [*axes, columns]}
    return None


def _of_array(value: Any, encode: Encode) -> dict[str, Any] | None:
    shape = [int(size) for size in value.shape]
    if _PLAIN_DTYPE.fullmatch(value.dtype.str):
        return {"nd": [value.dtype.str, shape, value.tobytes().hex()]}
    return {"no": [shape, [encode(item) for item in value.flat]]} if value.dtype.kind == "O" else None


def _of_column(value: Any, encode: Encode) -> Any:
    if str(value.dtype) in _STRINGS:
        return {"t": [str(value.dtype), encode([None if each != each else each for each in value.tolist()])]}  # noqa: PLR0124 - not a number
    values = value.to_numpy()
    return {"t": ["", _of_array(values, encode)]} if str(value.dtype) == str(values.dtype) else None


def _of_index(value: Any, pandas: Any, encode: Encode) -> Any:
    if type(value) is pandas.RangeIndex:
        return {"t": ["range", encode(range(value.start, value.stop, value.step)), encode(value.name)]}
    if type(value) not in (pandas.Index, pandas.DatetimeIndex) or value.nlevels != 1:
        return None
    column = _of_column(value, encode)
    return None if column is None else {"t": ["values", column, encode(value.name)]}


def array_of(body: Any) -> Any:
    """Make an array of its type, shape and bytes."""
    import numpy as np

    dtype, shape, data = body
    if not _PLAIN_DTYPE.fullmatch(dtype):
        raise ValueError(dtype)
    raw = np.frombuffer(bytes.fromhex(data), dtype=np.dtype(dtype))
    return raw.reshape(_checked(shape, raw.size)).copy()


def object_array_of(body: Any) -> Any:
    """Make an array of objects of its shape and items."""
    import numpy as np

    shape, items = body
    made = np.empty(len(items), dtype=object)
    for at, item in enumerate(items):
        made[at] = item
    return made.reshape(_checked(shape, len(items)))


def _checked(shape: Any, size: int) -> tuple[int, ...]:
    if math.prod(shape) != size or not all(type(each) is int and each >= 0 for each in shape):
        raise ValueError(shape)
    return tuple(shape)


def series_of(body: Any) -> Any:
    """Make a series of its name, index and values."""
    import pandas as pd

    name, index, column = body
    return pd.Series(_column(column), index=_index(index), name=name)


def frame_of(body: Any) -> Any:
    """Make a frame of its index, names of columns and values."""
    import pandas as pd

    index, names, columns = body
    made = pd.DataFrame({at: _column(column) for at, column in enumerate(columns)}, index=_index(index))
    made.columns = _index(names)
    return made


def _column(body: Any) -> Any:
    import pandas as pd

    kind, values = body
    return pd.array(values, dtype=kind) if kind in _STRINGS else values


def _index(body: Any) -> Any:
    import pandas as pd

    kind, values, name = body
    return pd.RangeIndex(values, name=name) if kind == "range" else pd.Index(_column(values), name=name)
