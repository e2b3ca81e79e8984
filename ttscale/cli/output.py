"""Rows to stdout, as a table for people or as JSON, JSONL or CSV for programs."""

import csv
import io
import json
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ttscale.showing import shown

Row = Mapping[str, Any]


def print_rows(rows: Sequence[Row], output: str | None, *, title: str | None = None) -> None:
    """Print rows in the asked form.

    Args:
        rows: One mapping per row; columns are those of the first row, later ones appended.
        output: "json", "jsonl", "csv", or None for a table.
        title: Heading of the table.
    """
    if output == "json":
        print(json.dumps([_finite(row) for row in rows], indent=2, ensure_ascii=False))
    elif output == "jsonl":
        for row in rows:
            print(json.dumps(_finite(row), ensure_ascii=False))
    elif output == "csv":
        sys.stdout.write(_csv(rows))
    else:
        print_table(rows, title=title)


def print_table(rows: Sequence[Row], *, title: str | None = None) -> None:
    """Print rows as a plain table: numbers to the right, no colour off a terminal."""
    if rows:
        print_lines(table_of(rows, title=title))


def table_of(rows: Sequence[Row], *, title: str | None = None) -> Any:
    """Return rows as a table of rich; columns in which nothing is known are left out."""
    from rich import box
    from rich.table import Table

    known = [name for name in columns(rows) if any(row.get(name) is not None for row in rows)]
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in known:
        numeric = all(isinstance(row.get(name), int | float | None) for row in rows)
        table.add_column(name.replace("_", " "), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(shown(row.get(name)) for name in known))
    return table


def print_lines(renderable: Any) -> None:
    """Print something of rich's on stdout: as wide as the terminal, or plain and unpadded elsewhere."""
    console = stdout_console()
    if sys.stdout.isatty():
        console.print(renderable)
        return
    with console.capture() as captured:
        console.print(renderable)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()).strip("\n"))


def stdout_console() -> Any:
    """Return a console on stdout that is wide and plain where stdout is no terminal."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else 160
    return Console(file=sys.stdout, width=width, highlight=False, markup=False)


def columns(rows: Sequence[Row]) -> list[str]:
    """Return all column names, in order of first appearance."""
    return list(dict.fromkeys(name for row in rows for name in row))


def _finite(value: Any) -> Any:
    """Replace what JSON has no word for (NaN, infinities) by null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _csv(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns(rows), lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
