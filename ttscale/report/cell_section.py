"""What the page says of one cell."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ttscale.analysis.run.results import CellResult, RunResult
from ttscale.report import payload
from ttscale.report.ahead import ahead_of
from ttscale.report.cells import PageCell
from ttscale.report.embed import Drawings, embedded_json
from ttscale.report.laws import law_formula, law_parameters, usable_law
from ttscale.report.samples import PackedSamples
from ttscale.report.series import measured_k, measured_series
from ttscale.report.summary import (
    headline,
    interval_phrase,
    law_words,
    method_notes,
    never_solved,
    sample_span,
    verdict_rows,
)
from ttscale.report.visible import visible_text
from ttscale.showing.numbers import DASH, amount, duration
from ttscale.store.run import Session

_STATIC_ROWS = 400
"""Rows of problems in a page for readers without scripts, of all its cells together."""


@dataclass(frozen=True, slots=True)
class CellTexts:
    """What people and models wrote, as far as the page holds it.

    Attributes:
        limits: How much of it.
        pool: Where texts stand.
        samples: The cell's samples.
    """

    limits: payload.TextLimits
    pool: payload.TextPool
    samples: PackedSamples


def cell_context(
    cell: PageCell,
    runs: Sequence[RunResult],
    drawings: Drawings | None,
    texts: CellTexts,
    n_cells: int,
) -> dict[str, Any]:
    """Return the variables of ``cell.html.j2``."""
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
        "table": embedded_json(payload.problem_table(result, texts.limits, texts.pool)),
        "rows": list(result.problems.head(max(20, _STATIC_ROWS // n_cells)).iter_rows(named=True)),
        "samples": embedded_json({"verifiers": texts.samples.verifiers, "packed": texts.samples.packed}),
        "shared": len(payload.shared_beginning(result.problems["prompt"].to_list())),
        "left_out": [told for told in (texts.limits.told(result), texts.samples.told) if told],
        "sessions": [_session_row(session) for session in result.sessions],
    }


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
