"""What the page's scripts read: chart data and per-problem details, as plain JSON values.

Every text has gone through `visible_text`, every number is finite or None.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from ttscale.analysis.run.results import CellResult
from ttscale.plots.distribution import BINS_PER_DECADE, rate_histogram
from ttscale.report.cells import PageCell
from ttscale.report.series import Series, cell_series, measured_k
from ttscale.report.visible import excerpt, visible_text
from ttscale.showing.numbers import percent
from ttscale.types import TRUNCATED

_TEXT_BUDGET = 2_400_000
"""Characters of prompts and completions in a page, so that it can still be sent around."""
_LONGEST, _SHORTEST = 4000, 160
_MOST_EXAMPLES, _MOST_ANSWERS, _FEW_ANSWERS = 6, 10, 3
_MOST_ROWS = 40_000
"""Rows of problems in a page, of all its cells together."""


@dataclass(frozen=True, slots=True)
class TextLimits:
    """How much of the texts a page keeps.

    Attributes:
        characters: Of one text.
        examples: Samples shown of a problem.
        answers: Answers shown of a problem.
        problems: Rows of a cell's table.
    """

    characters: int
    examples: int
    answers: int
    problems: int

    def told(self, cell: CellResult) -> str:
        """Return what a cell's table leaves out, or an empty string."""
        parts = []
        if cell.problems.height > self.problems:
            parts.append(f"the first {self.problems:,} of {cell.problems.height:,} problems are listed")
        if self.examples < _MOST_EXAMPLES:
            parts.append(f"{self.examples or 'no'} sample texts are kept of each problem")
        if _longest_text(cell) > self.characters:
            parts.append(f"texts are cut at {self.characters:,} characters")
        if not parts:
            return ""
        return f"To keep this page small, {', '.join(parts)}; all samples are in the run directory."


def _longest_text(cell: CellResult) -> int:
    texts = pl.concat(
        [
            cell.problems["prompt"],
            cell.problems["answer"],
            cell.problems["examples"].explode().struct.field("completion"),
        ]
    )
    longest = texts.str.len_chars().max()
    return longest if isinstance(longest, int) else 0


def text_limits(cells: Sequence[CellResult]) -> TextLimits:
    """Return limits under which all texts stay within the page's budget: shorter texts first, then fewer."""
    rows = _MOST_ROWS // max(len(cells), 1)
    n_problems = sum(min(cell.problems.height, rows) for cell in cells) or 1
    for examples in range(_MOST_EXAMPLES, -1, -1):
        texts = n_problems * (1 + examples)
        if texts * _SHORTEST <= _TEXT_BUDGET:
            break
    characters = min(_LONGEST, _TEXT_BUDGET // texts)
    answers = _MOST_ANSWERS if n_problems <= 3000 else _FEW_ANSWERS
    return TextLimits(characters, examples, answers, rows)


def curves_chart(cell: PageCell) -> dict[str, Any]:
    """Return the curves of one cell for the interactive chart."""
    return {
        "kind": "curves",
        "measuredK": measured_k(cell.result),
        "cells": [],
        "lines": [_line(item, cell.result, item.label) for item in cell_series(cell.result)],
    }


def overlay_chart(cells: Sequence[PageCell]) -> dict[str, Any]:
    """Return every curve of every cell for the interactive chart; it starts with coverage alone."""
    return {
        "kind": "curves",
        "measuredK": None,
        "cells": [{"label": cell.label, "color": cell.color, "dash": cell.dash} for cell in cells],
        "lines": [
            _line(item, cell.result, item.label) | {"cell": number, "color": cell.color, "dash": cell.dash}
            for number, cell in enumerate(cells)
            for item in cell_series(cell.result)
        ],
    }


def rates_chart(cell: CellResult) -> dict[str, Any]:
    """Return the distribution of success rates for the interactive chart."""
    histogram = rate_histogram(cell.problems["n"].to_numpy(), cell.problems["c"].to_numpy())
    edges = [percent(edge) for edge in histogram.edges.tolist()]
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


class TextPool:
    """Texts of a page, each once: the cells of a sweep share their prompts and many answers."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}

    def place(self, text: str | None) -> int:
        """Return where a text stands, -1 for none."""
        return -1 if text is None else self._places.setdefault(text, len(self._places))

    def texts(self) -> list[str]:
        """Return all texts by place."""
        return list(self._places)


def problem_table(cell: CellResult, limits: TextLimits, pool: TextPool) -> list[list[Any]]:
    """Return one row per problem for the page's table, its texts as places in the pool.

    Returns:
        Rows of [id, n, c, prompt, key, answers, examples]; an answer is [text, count, correct], an example
        [sample index, outcome, finish reason, completion].
    """
    return [
        _problem_row(row, limits, pool) for row in cell.problems.head(limits.problems).iter_rows(named=True)
    ]


def _problem_row(row: dict[str, Any], limits: TextLimits, pool: TextPool) -> list[Any]:
    def text(value: Any, length: int = limits.characters) -> int:
        return pool.place(None if value is None else visible_text(excerpt(str(value), length)))

    return [
        visible_text(str(row["problem_id"])),
        int(row["n"]),
        int(row["c"]),
        text(row["prompt"]),
        text(row["answer"]),
        [[text(a["answer"]), a["count"], a["correct"]] for a in (row["answers"] or ())[: limits.answers]],
        [
            [e["sample_index"], text(e["outcome"]), text(_told(e["finish_reason"])), text(e["completion"])]
            for e in _mixed(row["examples"] or (), limits.examples)
        ],
    ]


def _told(finish_reason: str | None) -> str | None:
    """Name every way of being cut off "length": the page knows no server's own words for it."""
    return "length" if finish_reason in TRUNCATED else finish_reason


def _mixed(examples: Sequence[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """Keep a few examples, correct and other ones by turns, in their own order."""
    if len(examples) <= most:
        return list(examples)
    right = [e for e in examples if e["outcome"] == "correct"]
    other = [e for e in examples if e["outcome"] != "correct"]
    n_right = min(len(right), max((most + 1) // 2, most - len(other)))
    kept = right[:n_right] + other[: most - n_right]
    return sorted(kept, key=lambda example: int(example["sample_index"]))


def costs(cell: CellResult) -> dict[str, list[float]]:
    """Return what a budget of k costs per problem, in each unit known: name -> [fixed, for each sample].

    Tokens are those of the prompt once and of k completions of mean length; seconds are the engine's, as measured in
    this run with all its samples in flight.
    """
    totals = cell.totals
    n_samples = max(totals.n_samples, 1)
    known = {}
    if totals.completion_tokens and totals.prompt_tokens is not None:
        known["tokens"] = [
            totals.prompt_tokens / cell.problems.height,
            totals.completion_tokens / n_samples,
        ]
    elif totals.completion_tokens:
        known["generated tokens"] = [0.0, totals.completion_tokens / n_samples]
    if totals.seconds:
        known["engine seconds"] = [0.0, totals.seconds / n_samples]
    return known


def _line(item: Series, cell: CellResult, kind: str) -> dict[str, Any]:
    curve = item.curve
    return {
        "label": item.label,
        "curve": kind,
        "cell": -1,
        "color": item.color,
        "dash": item.dash,
        "style": item.kind,
        "measuredK": measured_k(cell),
        "k": [int(k) for k in curve.k],
        "value": numbers(curve.value),
        "low": numbers(curve.low),
        "high": numbers(curve.high),
        "costs": costs(cell),
    }


def numbers(values: Iterable[float]) -> list[float | None]:
    """Return numbers for JSON; six digits are beyond any interval, and half the bytes."""
    return [float(f"{value:.6g}") if math.isfinite(value) else None for value in values]
