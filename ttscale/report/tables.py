"""Results in the terminal, and as plain rows for ``--json`` and ``--csv``."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from ttscale.analysis.run.results import CellResult, RunResult
from ttscale.report.laws import law_sentence, usable_law
from ttscale.report.series import measured_series
from ttscale.report.summary import sample_span
from ttscale.report.visible import visible_text
from ttscale.showing.numbers import at_k, rests_on
from ttscale.showing.tables import terminal_table, text_table

_PLAIN_WIDTH = 160
"""Off a terminal nothing wraps: one budget is one line for grep."""


def render_table(result: RunResult, console: Console, *, report_path: Path | None = None) -> None:
    """Print a result: one table and law per cell, caveats, and where the report is.

    Off a terminal the output is plain: no colour, no frames, no wrapped lines.

    Args:
        result: What was measured.
        console: Where to print.
        report_path: The report's page, if one was written.
    """
    with _wide_where_plain(console):
        _print_cells(result, console)
        if report_path is not None:
            _print(console, Text.assemble(("Report: ", "bold"), str(report_path)))


def _print_cells(result: RunResult, console: Console) -> None:
    for cell in result.cells:
        name = cell.cell if len(result.cells) > 1 else f"{cell.model} on {cell.task}"
        title = f"{visible_text(name)}: {sample_span(cell)}"
        curve = cell.coverage
        rests = rests_on(curve.n_problems, curve.confidence_level, curve.over)
        _print(console, _table(_rows(cell, result.table_k), title, console))
        _print(console, Text(f"percent solved of {rests}"))
        law = usable_law(cell)
        if law is not None:
            _print(console, Text(law_sentence(law)))
        if cell.totals.per_attempt:
            _print(console, Text(cell.totals.per_attempt))
        for warning in cell.warnings:
            _print(console, Text.assemble(("Note: ", "yellow"), visible_text(warning)))
        _print(console, Text())


def _rows(cell: CellResult, table_k: tuple[int, ...]) -> list[dict[str, Any]]:
    series = measured_series(cell)
    known = set(cell.coverage.k.tolist())
    return [
        {"k": k, **{item.label: at_k(item.curve, k, sign="") for item in series}}
        for k in table_k
        if k in known
    ]


def _table(rows: list[dict[str, Any]], title: str, console: Console) -> Any:
    """Return a table that fits the terminal; elsewhere plain lines, one budget to a line."""
    if console.is_terminal:
        return terminal_table(rows, title=title, width=console.width)
    return Text(f"{title}\n{text_table(rows)}")


@contextmanager
def _wide_where_plain(console: Console) -> Iterator[None]:
    """Off a terminal, lift the width of 80 that rich assumes there."""
    width = console.width
    if not console.is_terminal:
        console.width = _PLAIN_WIDTH
    try:
        yield
    finally:
        console.width = width


def _print(console: Console, item: Any) -> None:
    console.print(item, highlight=False, soft_wrap=isinstance(item, Text) and not console.is_terminal)


def result_rows(result: RunResult) -> list[dict[str, Any]]:
    """Return the tables as tidy rows: one per cell, curve and budget of `table_k`.

    Returns:
        Rows with run, cell, model, task, oracle and curve, then the keys of `Curve.to_rows`.
    """
    return [
        {
            "run": result.name,
            "cell": cell.cell,
            "model": cell.model,
            "task": cell.task,
            "oracle": cell.oracle,
            "curve": item.label,
            **row,
        }
        for cell in result.cells
        for item in measured_series(cell)
        for row in item.curve.to_rows()
        if row["k"] in result.table_k
    ]
