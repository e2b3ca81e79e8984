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

_TEXT_BUDGET = 2_400_000
"""Characters of prompts, keys and answers in a page, so that it can still be sent around."""
_LONGEST = 4000
_MOST_ANSWERS, _FEW_ANSWERS = 10, 3
_WORTH_DROPPING = 40
"""Characters from which on it helps to leave a shared beginning out."""
_MOST_ROWS = 40_000
"""Rows of problems in a page, of all its cells together."""


@dataclass(frozen=True, slots=True)
class TextLimits:
    """How much of the texts a page keeps.

    Attributes:
        characters: Of one text.
        answers: Answers shown of a problem.
        problems: Rows of a cell's table.
    """

    characters: int
    answers: int
    problems: int

    def told(self, cell: CellResult) -> str:
        """Return what a cell's table leaves out, or an empty string."""
        parts = []
        if cell.problems.height > self.problems:
            parts.append(f"the first {self.problems:,} of {cell.problems.height:,} problems are listed")
        if _longest_text(cell) > self.characters:
            parts.append(f"texts are cut at {self.characters:,} characters")
        if not parts:
            return ""
        return f"To keep this page small, {', '.join(parts)}; all is in the run directory."


def _longest_text(cell: CellResult) -> int:
    longest = pl.concat([cell.problems["prompt"], cell.problems["answer"]]).str.len_chars().max()
    return longest if isinstance(longest, int) else 0


def text_limits(cells: Sequence[CellResult]) -> TextLimits:
    """Return limits under which all texts stay within the page's budget."""
    rows = _MOST_ROWS // max(len(cells), 1)
    n_problems = sum(min(cell.problems.height, rows) for cell in cells) or 1
    characters = min(_LONGEST, _TEXT_BUDGET // n_problems)
    return TextLimits(characters, _MOST_ANSWERS if n_problems <= 3000 else _FEW_ANSWERS, rows)


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


def problem_table(cell: CellResult, limits: TextLimits, pool: TextPool) -> dict[str, Any]:
    """Return a cell's table of problems for the page, texts as places in the pool.

    Returns:
        shared: How all prompts begin, -1 where they do not; rows: of [id, n, c, rest of the prompt, key, answers], an
        answer being [text, count, correct].
    """
    problems = cell.problems.head(limits.problems)
    shared = shared_beginning(problems["prompt"].to_list())
    rows = [_problem_row(row, len(shared), limits, pool) for row in problems.iter_rows(named=True)]
    return {"shared": pool.place(visible_text(shared) if shared else None), "rows": rows}


def shared_beginning(prompts: Sequence[str | None]) -> str:
    r"""Return how all prompts begin, up to the end of a word: instructions and examples, which tell no problem apart.

    >>> shared_beginning(["Solve the problem, and think step by step.\n\n" + end for end in ("1 + 1 =", "1 + 2 =")])
    'Solve the problem, and think step by step.\n\n'
    """
    if len(prompts) < 2 or None in prompts:
        return ""
    texts = [prompt for prompt in prompts if prompt is not None]
    first, last = min(texts), max(texts)  # what these two share, all between them share
    start = first[
        : next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    ]
    line = max(start.rfind("\n"), start.rfind(" ") if "\n" not in start else -1) + 1
    return start[:line] if line >= _WORTH_DROPPING else ""


def _problem_row(row: dict[str, Any], dropped: int, limits: TextLimits, pool: TextPool) -> list[Any]:
    def text(value: Any) -> int:
        return pool.place(None if value is None else visible_text(excerpt(str(value), limits.characters)))

    return [
        visible_text(str(row["problem_id"])),
        int(row["n"]),
        int(row["c"]),
        text(row["prompt"][dropped:] if row["prompt"] else row["prompt"]),
        text(row["answer"]),
        [[text(a["answer"]), a["count"], a["correct"]] for a in (row["answers"] or ())[: limits.answers]],
    ]


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
