"""Rows of a data set: their columns, their cells as text, and templates filled from them."""

import json
import math
import re
from collections.abc import Sequence
from typing import Any

from ttscale.errors import TaskError, did_you_mean, listed

Row = dict[str, Any]


def require_columns(rows: Sequence[Row], names: Sequence[str], path: str) -> None:
    """Refuse rows that lack a column.

    Raises:
        TaskError: It says which column, in which row, and which columns there are.
    """
    for name in names:
        missing = next((number for number, row in enumerate(rows) if name not in row), None)
        if missing is not None:
            where = "" if all(name not in row for row in rows) else f" in row {missing}"
            columns = rows[missing].keys()
            raise TaskError(
                f"'{path}' has no column '{name}'{where}.{did_you_mean(name, columns)} "
                f"Columns there: {listed(columns)}."
            )


def require_valid_text(text: str | None, where: str) -> None:
    """Refuse a text that no file or tokenizer can hold.

    Raises:
        TaskError: It has half a surrogate pair, as broken JSON escapes leave behind.
    """
    try:
        (text or "").encode()
    except UnicodeEncodeError as error:
        raise TaskError(
            f"{where} is not valid Unicode: half a surrogate pair at character {error.start}. Correct the data."
        ) from error


def as_text(value: Any) -> str | None:
    """Write a cell as text: strings as they are, other values as in JSON; null and NaN are None.

    >>> as_text(3), as_text("3"), as_text([1, 2])
    ('3', '3', '[1, 2]')
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and math.isnan(value):  # NaN is null in tables that went through a data frame
        return None
    return json.dumps(value, ensure_ascii=False, default=str)


_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]+)\}")


def placeholders(template: str) -> list[str]:
    r"""Return the names that a template asks for, in order.

    >>> placeholders(r"Solve {q} with \boxed{} and {{q}}.")
    ['q']
    """
    return [match.group(1) for match in _PLACEHOLDER.finditer(template) if match.group(1)]


def fill(template: str, row: Row) -> str:
    """Put a row's cells into a template; braces inside the data are left alone.

    >>> fill("Solve {q} with {{}}.", {"q": "{x}"})
    'Solve {x} with {}.'
    """

    def replacement(match: re.Match[str]) -> str:
        name = match.group(1)
        return match.group()[0] if name is None else as_text(row[name]) or ""

    return _PLACEHOLDER.sub(replacement, template)
