"""The report's figures: which ones there are, drawn, and the data behind each."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from ttscale.analysis.run.results import CellResult
from ttscale.plots import Line, plot_curves, plot_success_rates
from ttscale.plots.style import Style
from ttscale.report.cells import PageCell
from ttscale.report.series import Series, cell_series, measured_k, overlay_series
from ttscale.report.summary import interval_phrase, sample_span
from ttscale.report.visible import visible_text

_OURS = r"((\d+-[a-z0-9.-]+-)?(curves|success-rates)|coverage-by-cell|cost-by-cell(-\d+)?|strategies-\d+-\d+)\.(png|svg|csv)"


@dataclass(frozen=True, slots=True, eq=False)
class ReportFigure:
    """One figure with the table that says the same in numbers.

    Attributes:
        name: File name without suffix.
        figure: Drawn.
        rows: Tidy data, at least one row.
        alt: What it shows, for those who do not see it.
    """

    name: str
    figure: Figure
    rows: list[dict[str, Any]]
    alt: str


def curves_figure(cell: CellResult, prefix: str = "", style: Style = "page") -> ReportFigure:
    """Draw coverage, selectors and the fitted law of one cell."""
    series = cell_series(cell)
    figure = plot_curves(
        [_line(item) for item in series],
        title=visible_text(cell.cell if prefix else f"{cell.model} on {cell.task}"),
        subtitle=f"{sample_span(cell)}, {interval_phrase(cell)}",
        measured_k=measured_k(cell),
        style=style,
    )
    labels = ", ".join(item.label for item in series)
    alt = f"Share of problems solved against samples per problem on a log axis: {labels}. The data table follows."
    return ReportFigure(f"{prefix}curves", figure, _curve_rows(cell, series), alt)


def overlay_figure(cells: Sequence[PageCell], title: str, style: Style = "page") -> ReportFigure:
    """Draw the coverage of every cell in one figure."""
    series = overlay_series(cells)
    figure = plot_curves(
        [_line(item) for item in series],
        title=f"Coverage in {len(series)} cells of {visible_text(title)}",
        subtitle=interval_phrase(cells[0].result),
        style=style,
    )
    rows = [row for cell, item in zip(cells, series, strict=True) for row in _curve_rows(cell.result, [item])]
    alt = "Coverage against samples per problem for every cell: " + ", ".join(item.label for item in series)
    return ReportFigure("coverage-by-cell", figure, rows, alt)


def success_rates_figure(cell: CellResult, prefix: str = "", style: Style = "page") -> ReportFigure:
    """Draw how the problems' success rates are distributed."""
    n, c = cell.problems["n"].to_numpy(), cell.problems["c"].to_numpy()
    figure = plot_success_rates(
        n,
        c,
        title="How often each problem is solved",
        subtitle=f"{visible_text(cell.cell)}, {sample_span(cell)}",
        style=style,
    )
    rows = cell.problems.select("problem_id", "n", "c", "success_rate").to_dicts()
    alt = "Number of problems by success rate on a log axis, never-solved problems in a bar of their own."
    return ReportFigure(f"{prefix}success-rates", figure, rows, alt)


def figure_prefixes(cells: Sequence[PageCell]) -> list[str]:
    """Return a file-name prefix per cell, empty where there is only one.

    Names of cells become plain file names; the number in front keeps them apart.
    """
    if len(cells) == 1:
        return [""]
    return [f"{number}-{_slug(cell.result.cell)}-" for number, cell in enumerate(cells, start=1)]


def is_ours(file_name: str) -> bool:
    """Tell whether a file in the folder of figures is one that a report writes, now or earlier.

    >>> is_ours("3-t-0.6-curves.svg"), is_ours("my-curves.svg"), is_ours("curves.pdf")
    (True, False, False)
    """
    return re.fullmatch(_OURS, file_name) is not None


def csv_bytes(rows: list[dict[str, Any]]) -> bytes:
    """Write tidy rows as CSV.

    Cells that a spreadsheet would run as a formula get an apostrophe in front: problem ids come from anywhere.
    """
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _harmless(value) for key, value in row.items()} for row in rows)
    return buffer.getvalue().encode()


def _harmless(value: Any) -> Any:
    if isinstance(value, str):
        text = visible_text(value)
        return "'" + text if text.startswith(("=", "+", "-", "@")) else text
    return value


def _line(item: Series) -> Line:
    curve = item.curve
    return Line(
        label=item.label,
        k=curve.k,
        value=curve.value,
        low=curve.low,
        high=curve.high,
        dashed=not item.is_measured,
        color=item.color,
        dash=1 if item.kind == "forecast" else item.dash,
    )


def _curve_rows(cell: CellResult, series: Iterable[Series]) -> list[dict[str, Any]]:
    measured = measured_k(cell)
    return [
        {
            "cell": cell.cell,
            "curve": item.label,
            **row,
            "standard_error": row.get("standard_error"),
            "extrapolated": row["k"] > measured,
        }
        for item in series
        for row in item.curve.to_rows()
    ]


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-.")[:60] or "cell"
