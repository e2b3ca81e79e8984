"""Rows to stdout, as a table for people or as JSON, JSONL or CSV for programs."""

import csv
import io
import json
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ttscale.result import Result
from ttscale.showing.tables import Row, columns, terminal_table

_UNBOUND = 1000
"""Columns off a terminal: nothing folds, a row is a line for grep."""


def print_rows(
    rows: Sequence[Row], output: str | None, *, title: str | None = None, table: Sequence[Row] | None = None
) -> None:
    """Print rows in the asked form.

    Args:
        rows: One mapping per row; columns are those of the first row, later ones appended.
        output: "json", "jsonl", "csv", or None for a table.
        title: Heading of the table.
        table: What the table shows instead of the rows: fewer columns, numbers joined with their intervals.
    """
    if output == "json":
        print(json.dumps([_finite(row) for row in rows], indent=2, ensure_ascii=False))
    elif output == "jsonl":
        for row in rows:
            print(json.dumps(_finite(row), ensure_ascii=False))
    elif output == "csv":
        sys.stdout.write(_csv(rows))
    else:
        print_table(rows if table is None else table, title=title)


def print_results(results: Sequence[Result], output: str | None) -> None:
    """Print the rows of results as programs read them, or without `output` each result as a person reads it."""
    if output is not None:
        print_rows([row for one in results for row in one.to_rows()], output)
        return
    for one in results:
        print(one)
        print()


def print_table(rows: Sequence[Row], *, title: str | None = None) -> None:
    """Print rows as a plain table: what is constant in a line above, numbers to the right, no colour off a terminal."""
    if rows:
        print_lines(table_of(rows, title=title))


def table_of(rows: Sequence[Row], *, title: str | None = None) -> Any:
    """Return rows as a table of rich that fits stdout."""
    return terminal_table(rows, title=title, width=stdout_console().width)


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
    """Return a console on stdout that is without bound and plain where stdout is no terminal."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _UNBOUND
    return Console(file=sys.stdout, width=width, highlight=False, markup=False)


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
