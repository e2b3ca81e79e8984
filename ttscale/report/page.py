"""What the page says: the templates' variables, section by section."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import ttscale
from ttscale.analysis.budget.runs import RunsBudget
from ttscale.analysis.run.results import CellResult, RunResult
from ttscale.report import payload
from ttscale.report.ahead import ahead_of
from ttscale.report.budget import budget_sections
from ttscale.report.cells import PageCell
from ttscale.report.embed import content_security_policy, embedded_json
from ttscale.report.laws import law_formula, law_parameters, usable_law
from ttscale.report.series import measured_k, measured_series
from ttscale.report.summary import (
    headline,
    interval_phrase,
    law_words,
    method_notes,
    never_solved,
    overview_words,
    sample_span,
    verdict_rows,
)
from ttscale.report.visible import excerpt_line, visible_text
from ttscale.showing.numbers import DASH, Prose, amount, at_k, count, duration, percent, said, shown
from ttscale.store.run import Session

_SCRIPTS = ("numbers.js", "chart.js", "problems.js", "page.js")
_LIVE_SCRIPTS = (*_SCRIPTS, "live.js")
_LINE_LENGTH = 90
"""Of a prompt or an answer in the table of problems; the rest is one click away."""
_STATIC_ROWS = 400
"""Rows of problems in a page for readers without scripts, of all its cells together."""
_OPEN_CELLS = 3
"""Up to so many cells are unfolded from the start."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure as an image for the page.

    Attributes:
        image: Address with the data in it.
        alt: What it shows.
    """

    image: str
    alt: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Drawings:
    """The figures of a page: of each cell by its id, of all cells together, and of costs by their charts' ids."""

    curves: dict[str, Drawing]
    rates: dict[str, Drawing]
    overlay: Drawing | None
    costs: dict[str, Drawing]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveState:
    """What a live page says of itself.

    Attributes:
        token: Changes whenever the page does.
        words: How far the run is.
    """

    token: str
    words: str


def render_page(
    runs: Sequence[RunResult],
    cells: Sequence[PageCell],
    drawings: Drawings | None,
    *,
    budget: RunsBudget | None = None,
    live: LiveState | None = None,
) -> str:
    """Return the page.

    Args:
        runs: What was measured.
        cells: Their cells, arranged.
        drawings: Figures for print and for readers without scripts; None leaves them out.
        budget: What the cells cost.
        live: Makes it a page that asks its server for news.
    """
    script = "\n".join(_source(name) for name in (_LIVE_SCRIPTS if live else _SCRIPTS))
    style = _source("report.css")
    limits = payload.text_limits([cell.result for cell in cells])
    pool = payload.TextPool()
    contexts = [_cell_context(cell, runs, drawings, limits, pool, len(cells)) for cell in cells]
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            title=_title(runs),
            runs=[_run_context(run) for run in runs],
            cells=contexts,
            several=len(cells) > 1,
            unmeasured=[(run, cell) for run in runs for cell in run.unmeasured],
            budgets=[
                (section, embedded_json(section.chart), drawings.costs[section.id] if drawings else None)
                for section in budget_sections(budget or RunsBudget(), cells)
            ],
            budget_notes=budget.notes if budget else (),
            overlay=drawings.overlay if drawings else None,
            overlay_chart=embedded_json(payload.overlay_chart(cells)) if len(cells) > 1 else None,
            overview=_overview(cells) if len(cells) > 1 else None,
            texts=embedded_json(pool.texts()),
            open_cells=len(cells) <= _OPEN_CELLS,
            live=live,
            version=ttscale.__version__,
            policy=content_security_policy(script=script, style=style, connects=live is not None),
            script=Markup(script),  # our own files, covered by the policy's digests
            style=Markup(style),
        )
    )


def _title(runs: Sequence[RunResult]) -> str:
    names = [visible_text(run.name) for run in runs]
    return " · ".join(names) if len(names) <= 3 else f"{names[0]} and {len(names) - 1} other runs"


def _run_context(run: RunResult) -> dict[str, Any]:
    return {
        "name": run.name,
        "path": run.path,
        "config_yaml": run.config_yaml,
        "manifest": json.dumps(run.manifest, indent=2, sort_keys=True, default=str, ensure_ascii=False),
        "created_at": run.manifest.get("created_at"),
    }


def _overview(cells: Sequence[PageCell]) -> dict[str, Any]:
    """Return the table of all cells: coverage at the powers of ten, and the best selector where all can be compared."""
    common = set.intersection(*(set(cell.result.coverage.k.tolist()) for cell in cells))
    shared = max(common)
    furthest = max(measured_k(cell.result) for cell in cells)
    return {
        "shared": shared,
        "k": sorted({10**e for e in range(9) if 10**e <= furthest} | {shared}),
        "words": overview_words(cells, shared),
        "rows": [(cell, _best_at(cell.result, shared)) for cell in cells],
    }


def _best_at(cell: CellResult, k: int) -> Prose:
    """Return the selector that collects most at a budget, with its value there."""
    known = [(found[0], item) for item in measured_series(cell)[1:] if (found := item.curve.at(k))]
    if not known:
        return Prose(DASH)
    _, best = max(known, key=lambda pair: pair[0])
    return said("{}: {}", best.label, at_k(best.curve, k))


def _cell_context(
    cell: PageCell,
    runs: Sequence[RunResult],
    drawings: Drawings | None,
    limits: payload.TextLimits,
    pool: payload.TextPool,
    n_cells: int,
) -> dict[str, Any]:
    result = cell.result
    law = usable_law(result)
    return {
        "id": cell.id,
        "label": cell.label,
        "cell": result,
        "run": runs[cell.run],
        "table_k": _table_k(runs[cell.run], result),
        "headline": headline(result),
        "span": sample_span(result),
        "interval": interval_phrase(result),
        "n_max": measured_k(result),
        "never": never_solved(result),
        "series": measured_series(result),
        "verdicts": verdict_rows(result),
        "methods": method_notes(measured_series(result)),
        "law": law,
        "law_formula": law_formula(law) if law else None,
        "law_parameters": law_parameters(law) if law else [],
        "law_words": law_words(result),
        "ahead": ahead_of(result.outlook) if result.outlook else None,
        "curves": drawings.curves[cell.id] if drawings else None,
        "rates": drawings.rates[cell.id] if drawings else None,
        "charts": {
            "curves": embedded_json(payload.curves_chart(cell)),
            "rates": embedded_json(payload.rates_chart(result)),
        },
        "rates_table": payload.rates_chart(result),
        "table": embedded_json(payload.problem_table(result, limits, pool)),
        "rows": list(result.problems.head(max(20, _STATIC_ROWS // n_cells)).iter_rows(named=True)),
        "left_out": limits.told(result),
        "sessions": [_session_row(session) for session in result.sessions],
    }


def _known(number: int | None) -> str:
    """Return a number with its thousands apart, or that it is unknown."""
    return "unknown" if number is None else f"{number:,}"


def _table_k(run: RunResult, cell: CellResult) -> tuple[int, ...]:
    """Return the budgets of a cell's table: the run's, and up to the cell's own largest."""
    k_max = measured_k(cell)
    known = set(cell.coverage.k.tolist())
    return tuple(sorted({k for k in run.table_k if k in known} | {k_max}))


def _session_row(session: Session) -> dict[str, str]:
    engine = session.engine
    rate = session.completion_tokens / session.seconds if session.seconds else None
    return {
        "started (UTC)": session.started_at[:19].replace("T", " "),
        "engine": visible_text(
            " ".join(str(engine[key]) for key in ("engine", "version") if engine.get(key))
        ),
        "device": visible_text(str(engine.get("device") or "–")),
        "samples": f"{session.n_samples:,}",
        "tokens": f"{session.completion_tokens:,}" if session.completion_tokens else "–",
        "engine start": duration(session.start_s),
        "sampling": duration(session.seconds),
        "tokens/s": DASH if rate is None else amount(rate),
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
        "percent": percent,
        "shown": shown,
        "count": count,
        "duration": duration,
        "known": _known,
        "at_k": at_k,
    }
    return environment


def _source(name: str) -> str:
    return files("ttscale.report").joinpath("templates", name).read_text(encoding="utf-8")
