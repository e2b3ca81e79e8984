"""Rows as tables for a terminal: numbers never fold, constants stand above, and what is too wide turns over.

A row is a mapping of column to value; a value is plain, or a number with its interval as `ttscale.showing.numbers`
writes it.
"""

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

from ttscale.errors import printable
from ttscale.showing.numbers import Shown, shown

Row = Mapping[str, Any]

_LEAST_TEXT = 12
"""A column of words may become as narrow as this before rows are turned into blocks."""


def columns(rows: Sequence[Row]) -> list[str]:
    """Return all column names, in order of first appearance."""
    return list(dict.fromkeys(name for row in rows for name in row))


def text_table(rows: Sequence[Row]) -> str:
    """Return rows as aligned lines of plain text.

    >>> print(text_table([{"k": 1, "who": "a"}, {"k": 100, "who": None}]))
      k  who
      1  a
    100  –
    """
    if not rows:
        return ""
    names = columns(rows)
    cells = [names, *([shown(row.get(name)) for name in names] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
    right = [_is_number(rows, name) for name in names]
    lines = (
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        )
        for line in cells
    )
    return "\n".join(line.rstrip() for line in lines)


def split_constants(rows: Sequence[Row]) -> tuple[dict[str, Any], list[Row]]:
    """Return what is the same in every row, and the rows without it.

    The first column heads the rows and stays; so do numbers with intervals, which are what one came for, and a
    column that is empty all the way down is in neither.

    >>> split_constants([{"k": 1, "over": "problems"}, {"k": 2, "over": "problems"}])
    ({'over': 'problems'}, [{'k': 1}, {'k': 2}])
    """
    names = [name for name in columns(rows) if any(row.get(name) is not None for row in rows)]
    same = {name: rows[0].get(name) for name in names[1:] if len(rows) > 1 and _is_constant(rows, name)}
    varying = [name for name in names if name not in same]
    return same, [{name: row.get(name) for name in varying} for row in rows]


def terminal_table(rows: Sequence[Row], *, title: str | None = None, width: int | None = None) -> Any:
    """Return rows as something that rich prints.

    Args:
        rows: One mapping per row.
        title: Stands above, not wrapped to the table's width.
        width: Columns of the terminal; None for no bound, as in a pipe.
    """
    from rich.console import Group
    from rich.text import Text

    rows = [
        {name: printable(value) if isinstance(value, str) else value for name, value in row.items()}
        for row in rows
    ]
    constants, rest = split_constants(rows)
    same = ", ".join(f"{_head(name)} {shown(value)}" for name, value in constants.items())
    above = [Text(line, style=style) for line, style in ((title, "bold"), (same, "dim")) if line]
    return Group(*above, _body(rest, width))


def _body(rows: Sequence[Row], width: int | None) -> Any:
    """Return the table that fits: intervals beside their numbers, else below them, else a block for each row."""
    from rich.text import Text

    for between in (" ", "\n"):
        if width is None or _least_width(rows, between) <= width:
            return _rich_table(rows, between)
    return Text("\n".join(_blocks(rows)))


def _rich_table(rows: Sequence[Row], between: str) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns(rows):
        is_number = _is_number(rows, name)
        head = wrap(_head(name), _least_column(rows, name, between)) if is_number else [_head(name)]
        table.add_column(
            Text("\n".join(head)),
            justify="right" if is_number else "left",
            overflow="fold",
            no_wrap=is_number,  # where room is short, words give way
        )
    for row in rows:
        table.add_row(*(Text(_cell(row.get(name), between)) for name in columns(rows)))
    return table


def _blocks(rows: Sequence[Row]) -> list[str]:
    """Return each row as lines "column  value", a blank line between rows."""
    names = columns(rows)
    longest = max((len(_head(name)) for name in names), default=0)
    lines = []
    for row in rows:
        lines += [f"{_head(name):<{longest}}  {_cell(row.get(name), ' ')}" for name in names]
        lines.append("")
    return lines[:-1]


def _least_width(rows: Sequence[Row], between: str) -> int:
    names = columns(rows)
    gaps = 3 * max(len(names) - 1, 0) + 2  # rules between columns, and the frame's two edges
    return gaps + sum(
        _least_column(rows, name, between)
        if _is_number(rows, name)
        else min(_least_column(rows, name, between), _LEAST_TEXT)
        for name in names
    )


def _least_column(rows: Sequence[Row], name: str, between: str) -> int:
    lines = [line for row in rows for line in _cell(row.get(name), between).splitlines()]
    longest_word = max((len(word) for word in _head(name).split()), default=0)
    return max(longest_word, *(len(line) for line in lines), 1)


def _cell(value: Any, between: str) -> str:
    return value.apart(between) if isinstance(value, Shown) else shown(value)


def _head(name: str) -> str:
    return name.replace("_", " ") if name.isidentifier() else name


def _is_number(rows: Sequence[Row], name: str) -> bool:
    return all(isinstance(row.get(name), int | float | Shown | None) for row in rows)


def _is_constant(rows: Sequence[Row], name: str) -> bool:
    values = [row.get(name) for row in rows]
    return all(value == values[0] for value in values) and not isinstance(values[0], Shown | bool)
