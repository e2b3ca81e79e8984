"""What the page's scripts read: chart data and per-problem details, as plain JSON values.

Every text has gone through `visible_text`, every number is finite or None.
"""

import math
from collections.abc import Iterable
from typing import Any

from ttscale.analysis.results import CellResult, RunResult
from ttscale.plots.distribution import BINS_PER_DECADE, rate_histogram
from ttscale.report.series import Series, cell_series, measured_k, overlay_series
from ttscale.report.visible import excerpt, visible_text

_TEXT_BUDGET = 1_500_000
"""Characters of prompts and completions in a page, so that it can still be sent around."""
_LONGEST, _SHORTEST = 4000, 240


def curves_chart(cell: CellResult) -> dict[str, Any]:
    """Return the curves of one cell for the interactive chart."""
    return {
        "kind": "curves",
        "measuredK": measured_k(cell),
        "lines": [_line(item, cell) for item in cell_series(cell)],
    }


def overlay_chart(result: RunResult) -> dict[str, Any]:
    """Return the coverage of every cell for the interactive chart."""
    pairs = zip(overlay_series(result.cells), result.cells, strict=True)
    return {"kind": "curves", "measuredK": None, "lines": [_line(item, cell) for item, cell in pairs]}


def rates_chart(cell: CellResult) -> dict[str, Any]:
    """Return the distribution of success rates for the interactive chart."""
    histogram = rate_histogram(cell.problems["n"].to_numpy(), cell.problems["c"].to_numpy())
    edges = [f"{100 * edge:.2g}%" if edge < 1 else "100%" for edge in histogram.edges]
    bars = [
        {"label": f"{low} to {high}", "count": int(size)}
        for low, high, size in zip(edges[:-1], edges[1:], histogram.counts, strict=True)
    ]
    return {
        "kind": "bars",
        "never": histogram.never_solved,
        "bars": bars,
        "edges": edges,
        "perDecade": BINS_PER_DECADE,
        "nProblems": histogram.n_problems,
    }


def problem_details(cell: CellResult, limit: int) -> list[dict[str, Any]]:
    """Return each problem's texts, in the order of the table, cut to `limit` characters each."""
    return [_details(row, limit) for row in cell.problems.iter_rows(named=True)]


def text_limit(cells: Iterable[CellResult]) -> int:
    """Return how long one text may be so that all of them stay within the page's budget."""
    texts = 0
    for cell in cells:
        texts += cell.problems.height + int(cell.problems["examples"].list.len().sum())
    return max(_SHORTEST, min(_LONGEST, _TEXT_BUDGET // max(texts, 1)))


def _details(row: dict[str, Any], limit: int) -> dict[str, Any]:
    def text(value: Any) -> str | None:
        return None if value is None else visible_text(excerpt(str(value), limit))

    return {
        "prompt": text(row["prompt"]),
        "key": text(row["answer"]),
        "answers": [[text(a["answer"]), a["count"], a["correct"]] for a in row["answers"] or ()],
        "examples": [
            [e["sample_index"], text(e["outcome"]), text(e["finish_reason"]), text(e["completion"])]
            for e in row["examples"] or ()
        ],
    }


def _line(item: Series, cell: CellResult) -> dict[str, Any]:
    curve, totals = item.curve, cell.totals
    return {
        "label": item.label,
        "color": item.color,
        "law": item.is_law,
        "k": [int(k) for k in curve.k],
        "value": _numbers(curve.value),
        "low": _numbers(curve.low),
        "high": _numbers(curve.high),
        # What a budget of k costs: the prompt once, then k completions of mean length.
        "promptTokens": totals.prompt_tokens / cell.problems.height,
        "tokensPerSample": totals.completion_tokens / max(totals.n_samples, 1),
    }


def _numbers(values: Iterable[float]) -> list[float | None]:
    # Six digits are beyond any interval, and half the bytes.
    return [float(f"{value:.6g}") if math.isfinite(value) else None for value in values]
