"""Whether what a function gave is what a reference gave."""

from __future__ import annotations

import math
from typing import Any


def agrees(output: Any, expected: Any, atol: float) -> bool:
    """Compare as EvalPlus does: equal, or floats within ``atol + 1e-7 |expected|`` (1e-6 where atol is 0)."""
    output, expected = _listed(output), _listed(expected)
    if output == expected:
        return True
    many = isinstance(expected, (list, tuple))
    if atol == 0:
        floats = (
            bool(expected) and all(type(item) is float for item in expected)
            if many
            else type(expected) is float
        )
        if not floats:
            return False
        atol = 1e-6
    if type(output) is not type(expected):
        return False
    if many:
        return len(output) == len(expected) and all(map(_close, output, expected, [atol] * len(expected)))
    return _close(output, expected, atol)


def _listed(value: Any) -> Any:
    """Return an array as lists: by itself it says of every item alone whether it is equal."""
    is_array = type(value).__module__ == "numpy" and hasattr(value, "tolist")
    return value.tolist() if is_array else value


def _close(output: Any, expected: Any, atol: float) -> bool:
    if not isinstance(output, (int, float)) or not isinstance(expected, (int, float)):
        return bool(output == expected)
    if math.isnan(expected) or math.isnan(output):
        return math.isnan(expected) and math.isnan(output)
    return output == expected or abs(output - expected) <= atol + 1e-7 * abs(expected)
