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
from ttscale.analysis.run.results import RunResult
from ttscale.report import payload
from ttscale.report.budget import budget_sections
from ttscale.report.cell_section import CellTexts, cell_context
from ttscale.report.cells import PageCell
from ttscale.report.embed import Drawings, content_security_policy, embedded_json
from ttscale.report.models import models_sections
from ttscale.report.opening import answer, overview_of, question, shared_k
from ttscale.report.samples import live_samples, packed_samples
from ttscale.report.strategies import StrategySection
from ttscale.report.terms import TERMS, explained
from ttscale.report.visible import excerpt_line, visible_text
from ttscale.showing.numbers import Prose, at_k, count, duration, percent, shown

_SCRIPTS = (
    "numbers.js",
    "address.js",
    "download.js",
    "chart.js",
    "samples.js",
    "problems.js",
    "page.js",
)
"""What runs in the page, in this order; "page.js" starts what the others define."""
_LIVE_SCRIPTS = (*_SCRIPTS, "live.js")
_STYLES = (
    "report.css",
    "chart.css",
    "problems.css",
    "models.css",
    "strategies.css",
    "narrow.css",
    "print.css",
)
"""Later ones win: a section's own style stands before the last two."""
_LINE_LENGTH = 90
"""Of a prompt or an answer in the table of problems; the rest is one click away."""
_OPEN_CELLS = 3
"""Up to so many cells are unfolded from the start."""


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
    strategies: Sequence[StrategySection] = (),
    live: LiveState | None = None,
) -> str:
    """Return the page.

    Args:
        runs: What was measured.
        cells: Their cells, arranged.
        drawings: Figures for print and for readers without scripts; None leaves them out.
        budget: What the cells cost.
        strategies: What is said of the runs' strategies.
        live: Makes it a page that asks its server for news.
    """
    script = _sources(_LIVE_SCRIPTS if live else _SCRIPTS)
    style = _sources(_STYLES)
    limits = payload.text_limits([cell.result for cell in cells])
    pool = payload.TextPool()
    results = [cell.result for cell in cells]
    shelves = [live_samples(one) for one in results] if live else packed_samples(results, limits.problems)
    contexts = [
        cell_context(cell, runs, drawings, CellTexts(limits, pool, shelf), len(cells))
        for cell, shelf in zip(cells, shelves, strict=True)
    ]
    models, models_notes = models_sections(cells)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            title=_title(runs),
            question=question(cells),
            answer=answer(cells, shared_k(cells)) if cells else None,
            terms=embedded_json(TERMS),
            runs=[_run_context(run) for run in runs],
            cells=contexts,
            several=len(cells) > 1,
            unmeasured=[(run, cell) for run in runs for cell in run.unmeasured],
            budgets=_budgets(budget or RunsBudget(), cells, drawings),
            budget_notes=budget.notes if budget else (),
            strategies=strategies,
            drawn_strategies=drawings.strategies if drawings else None,
            overlay=drawings.overlay if drawings else None,
            overlay_chart=embedded_json(payload.overlay_chart(cells)) if len(cells) > 1 else None,
            overview=overview_of(cells) if len(cells) > 1 else None,
            models=models,
            models_notes=models_notes,
            texts=embedded_json(pool.texts()),
            open_cells=len(cells) <= _OPEN_CELLS,
            live=live,
            version=ttscale.__version__,
            policy=content_security_policy(script=script, style=style, connects=live is not None),
            script=Markup(script),  # our own files, covered by the policy's digests
            style=Markup(style),
        )
    )


def _budgets(
    budget: RunsBudget, cells: Sequence[PageCell], drawings: Drawings | None
) -> list[tuple[Any, ...]]:
    """Return the sections on costs, each with its chart and its figure."""
    return [
        (section, embedded_json(section.chart), drawings.costs[section.id] if drawings else None)
        for section in budget_sections(budget, cells)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRow:
    """A run in a list of runs.

    Attributes:
        href: Where its report is; empty where there is none.
        name: The run.
        words: What was found, or how far it is.
        about: Models and tasks.
    """

    href: str
    name: str
    words: str | Prose
    about: str = ""


def render_index(title: str, rows: Sequence[IndexRow]) -> str:
    """Return the page that lists runs; no script runs in it."""
    style = _sources(_STYLES)
    template = _environment().get_template("index.html.j2")
    policy = content_security_policy(script="", style=style)
    return template.render(
        title=title, rows=rows, version=ttscale.__version__, policy=policy, style=Markup(style)
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
        "is_imported": any(cell.identity.get("model.engine") == "imported" for cell in run.cells),
    }


def _known(number: int | None) -> str:
    """Return a number with its thousands apart, or that it is unknown."""
    return "unknown" if number is None else f"{number:,}"


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
        "explained": explained,
        "percent": percent,
        "shown": shown,
        "count": count,
        "duration": duration,
        "known": _known,
        "at_k": at_k,
    }
    return environment


def _sources(names: Sequence[str]) -> str:
    folder = files("ttscale.report").joinpath("templates")
    return "\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names)
