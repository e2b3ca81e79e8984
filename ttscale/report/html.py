"""The report: one self-contained HTML page, its figures, and the data behind each figure."""

import io
import json
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

import ttscale
from ttscale.analysis.results import CellResult, RunResult
from ttscale.errors import StoreError
from ttscale.plots import save_figure
from ttscale.report import numbers, payload
from ttscale.report.embed import content_security_policy, embedded_json, svg_data_uri
from ttscale.report.figures import (
    ReportFigure,
    csv_bytes,
    curves_figure,
    figure_prefixes,
    overlay_figure,
    success_rates_figure,
)
from ttscale.report.laws import law_formula, law_parameters, usable_law
from ttscale.report.series import measured_k, measured_series
from ttscale.report.summary import (
    headline,
    interval_phrase,
    method_notes,
    never_solved,
    sample_span,
    verdict_rows,
)
from ttscale.report.visible import excerpt_line, visible_text

_SCRIPTS = ("chart.js", "problems.js", "page.js")
_ESTIMATE = re.compile(r"(-?[\d.]+%?) (\[[\d., e+-]+\])")
_LINE_LENGTH = 90
"""Of a prompt or an answer in the table of problems; the rest is one click away."""


@dataclass(frozen=True, slots=True)
class ReportPaths:
    """What `write_report` wrote.

    Attributes:
        page: report.html.
        figures: Every figure, PNG and SVG.
        data: The CSV table beside each figure.
    """

    page: Path
    figures: tuple[Path, ...]
    data: tuple[Path, ...]


def write_report(result: RunResult, out: Path) -> ReportPaths:
    """Write a result as ``report.html`` with ``figures/*.png``, ``*.svg`` and ``*.csv``.

    The page needs nothing beside it and no network: it can be sent as one file. Each file appears whole or not at
    all, the page last; an earlier report in the same folder is replaced.

    Args:
        result: What was measured.
        out: A folder, made if absent.

    Returns:
        The files written.

    Raises:
        StoreError: The folder cannot be written.
    """
    report = _draw(result)
    figures, data = [], []
    with _writing_to(out):
        folder = out / "figures"
        folder.mkdir(parents=True, exist_ok=True)
        for drawn in report.figures:
            for suffix, content in ((".png", drawn.png), (".svg", drawn.svg)):
                figures.append(_replace(folder / f"{drawn.source.name}{suffix}", content))
            data.append(_replace(folder / f"{drawn.source.name}.csv", csv_bytes(drawn.source.rows)))
        page = _replace(out / "report.html", _render(result, report).encode())
    return ReportPaths(page, tuple(figures), tuple(data))


def render_html(result: RunResult) -> str:
    """Return the page alone."""
    return _render(result, _draw(result))


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """A figure as files."""

    source: ReportFigure
    png: bytes
    svg: bytes

    @property
    def image(self) -> str:
        return svg_data_uri(self.svg)


@dataclass(frozen=True, slots=True, eq=False)
class _DrawnReport:
    """All figures: of the cells, in their order, and of the run where it has several cells."""

    curves: list[_Drawn]
    rates: list[_Drawn]
    overlay: _Drawn | None

    @property
    def figures(self) -> list[_Drawn]:
        return [*([self.overlay] if self.overlay else []), *self.curves, *self.rates]


def _draw(result: RunResult) -> _DrawnReport:
    pairs = list(zip(result.cells, figure_prefixes(result), strict=True))
    return _DrawnReport(
        curves=[_as_files(curves_figure(cell, prefix)) for cell, prefix in pairs],
        rates=[_as_files(success_rates_figure(cell, prefix)) for cell, prefix in pairs],
        overlay=_as_files(overlay_figure(result)) if len(pairs) > 1 else None,
    )


def _as_files(figure: ReportFigure) -> _Drawn:
    png, svg = io.BytesIO(), io.BytesIO()
    save_figure(figure.figure, png, suffix=".png")
    save_figure(figure.figure, svg, suffix=".svg")
    return _Drawn(figure, png.getvalue(), svg.getvalue())


def _render(result: RunResult, report: _DrawnReport) -> str:
    script = "\n".join(_source(name) for name in _SCRIPTS)
    style = _source("report.css")
    several = report.overlay is not None
    limit = payload.text_limit(result.cells)
    cells = [
        _cell_context(cell, number, curves, rates, limit)
        for number, (cell, curves, rates) in enumerate(
            zip(result.cells, report.curves, report.rates, strict=True)
        )
    ]
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            result=result,
            cells=cells,
            overlay=report.overlay,
            overlay_chart=embedded_json(payload.overlay_chart(result)) if several else None,
            manifest=json.dumps(result.manifest, indent=2, sort_keys=True, default=str, ensure_ascii=False),
            version=ttscale.__version__,
            policy=content_security_policy(script=script, style=style),
            script=Markup(script),  # our own files, covered by the policy's digests
            style=Markup(style),
        )
    )


def _cell_context(cell: CellResult, number: int, curves: _Drawn, rates: _Drawn, limit: int) -> dict[str, Any]:
    law = usable_law(cell)
    return {
        "id": f"cell-{number}",
        "cell": cell,
        "headline": headline(cell),
        "span": sample_span(cell),
        "interval": interval_phrase(cell),
        "n_max": measured_k(cell),
        "never": never_solved(cell),
        "series": measured_series(cell),
        "verdicts": verdict_rows(cell),
        "methods": method_notes(measured_series(cell)),
        "law": law,
        "law_formula": law_formula(law) if law else None,
        "law_parameters": law_parameters(law) if law else [],
        "curves": curves,
        "rates": rates,
        "charts": {
            "curves": embedded_json(payload.curves_chart(cell)),
            "rates": embedded_json(payload.rates_chart(cell)),
        },
        "details": embedded_json(payload.problem_details(cell, limit)),
        "rows": list(cell.problems.iter_rows(named=True)),
    }


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("ttscale.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "visible": lambda text: visible_text(str(text)),
        "excerpted": lambda text: excerpt_line(text, _LINE_LENGTH),
        "emphasized": emphasized,
        "percent": numbers.percent,
        "count": numbers.count,
        "duration": numbers.duration,
        "at_k": numbers.at_k,
    }
    return environment


def emphasized(sentence: str) -> Markup:
    """Set the estimates of a sentence in bold and their intervals in grey, everything else as text.

    >>> str(emphasized("<b> 7.7% [5.3, 11.2]"))
    '&lt;b&gt; <strong>7.7%</strong> <span class="interval">[5.3, 11.2]</span>'
    """
    # After escaping; what is matched are digits and brackets only, so nothing foreign becomes markup.
    marked = _ESTIMATE.sub(r'<strong>\1</strong> <span class="interval">\2</span>', str(escape(sentence)))
    return Markup(marked)


def _source(name: str) -> str:
    return files("ttscale.report").joinpath("templates", name).read_text(encoding="utf-8")


def _replace(path: Path, content: bytes) -> Path:
    """Write a file whole: under a temporary name first, then renamed over the old one."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


@contextmanager
def _writing_to(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"The report cannot be written to {out}: {error.strerror or error}. "
            "Give a folder that you may write to, with space left."
        ) from error
