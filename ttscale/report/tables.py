"""Results in the terminal, and as plain rows for ``--json`` and ``--csv``."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from ttscale.analysis.run.results import CellResult, RunResult
from ttscale.report.laws import law_sentence, usable_law
from ttscale.report.series import measured_series
from ttscale.report.summary import sample_span
from ttscale.report.visible import visible_text
from ttscale.showing.numbers import at_k, rests_on

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
        _print(console, _fitting_table(cell, name, result.table_k, console))
        law = usable_law(cell)
        if law is not None:
            _print(console, Text(law_sentence(law)))
        for warning in cell.warnings:
            _print(console, Text.assemble(("Note: ", "yellow"), visible_text(warning)))
        _print(console, Text())


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


def _print(console: Console, item: Table | Text) -> None:
    console.print(item, highlight=False, soft_wrap=isinstance(item, Text) and not console.is_terminal)


def _fitting_table(cell: CellResult, name: str, table_k: tuple[int, ...], console: Console) -> Table:
    """Return the table with intervals beside the values, or below them where the terminal is narrow."""
    if not console.is_terminal:
        return _cell_table(cell, name, table_k, framed=False, between=" ")
    wide = _cell_table(cell, name, table_k, framed=True, between=" ")
    fits = (
        Measurement.get(console, console.options.update(max_width=_PLAIN_WIDTH), wide).maximum
        <= console.width
    )
    return wide if fits else _cell_table(cell, name, table_k, framed=True, between="\n")


def _cell_table(
    cell: CellResult, name: str, table_k: tuple[int, ...], *, framed: bool, between: str
) -> Table:
    series = measured_series(cell)
    rests = rests_on(cell.coverage.n_problems, cell.coverage.confidence_level, cell.coverage.over)
    table = Table(
        title=Text(f"{visible_text(name)}: {sample_span(cell)}"),
        caption=Text(f"percent solved of {rests}"),
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD if framed else None,
        padding=(0, 0, 0, 1 if framed else 2),
        pad_edge=False,
    )
    table.add_column("k", justify="right", style="bold")
    for item in series:
        table.add_column(Text(item.label, overflow="fold"), justify="right", min_width=len("[00.0, 00.0]"))
    for k in table_k:
        table.add_row(f"{k:,}", *(Text(at_k(item.curve, k, sign="").apart(between)) for item in series))
    return table


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
