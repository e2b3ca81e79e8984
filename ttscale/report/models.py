"""The cells of a task beside each other: who is better, how sure that is, and who solves what."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

import numpy as np

from ttscale.analysis.budget.arms import Arm
from ttscale.analysis.budget.pricing import Pricing
from ttscale.analysis.models.compare import ModelComparisonSettings, compare_arms
from ttscale.analysis.models.results import Contrast, ModelComparison
from ttscale.errors import TtscaleError
from ttscale.report.cells import PageCell
from ttscale.report.visible import visible_text
from ttscale.result import Row
from ttscale.showing.numbers import Prose, count, exact_percent, p_value, percent, points, said, share

_MOST_CELLS = 12
"""Of one task; more are compared on the command line."""
_FEW_PAIRS = 3
"""Up to so many pairs it is said which problems one alone solves, of more how many."""
_SHOWN_PAIRS = 15
"""Beyond so many only those with the first of the ranks are shown."""
_GRID_ROWS = 200
_SHADES = 5


@dataclass(frozen=True, slots=True)
class GridEntry:
    """A cell's samples of a problem.

    Attributes:
        text: Correct of drawn.
        href: Where its outputs open on the page.
        shade: From 0, never solved, to 5, always.
    """

    text: str
    href: str
    shade: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsSection:
    """What the page says of the cells of one task beside each other.

    Attributes:
        task: The task.
        words: The findings.
        ranks: One row per cell, best first.
        rank_k: The budget that ranks go by.
        differences: One row per pair and budget.
        family: What holds of all differences together.
        alone: Who solves what the other does not: problems pair by pair, or of many cells how many.
        labels: Of the grid's columns.
        grid: (problem, its entries), problems that the cells disagree on first.
        n_problems: Of the task; the grid may show fewer.
        notes: Caveats.
    """

    task: str
    words: list[Prose]
    ranks: list[Row]
    rank_k: int
    differences: list[Row]
    family: str
    alone: list[Row]
    labels: tuple[str, ...]
    grid: list[tuple[str, list[GridEntry]]]
    n_problems: int
    notes: tuple[str, ...]


def models_sections(cells: Sequence[PageCell]) -> tuple[list[ModelsSection], list[str]]:
    """Return one section per task with several cells, and what could not be compared."""
    sections, notes = [], []
    for task in dict.fromkeys(cell.result.task for cell in cells):
        own = [cell for cell in cells if cell.result.task == task]
        even = [cell for cell in own if not cell.result.drawn_in_rounds]
        if len(own) < 2:
            continue
        if len(even) < 2 or len(even) > _MOST_CELLS:
            notes.append(
                f"{visible_text(task)}: compare its {len(own)} cells with ttscale compare-models RUN."
            )
            continue
        try:
            sections.append(_section(task, even))
        except TtscaleError as error:
            notes.append(f"The cells of {visible_text(task)} are not compared: {error}")
    return sections, notes


def _section(task: str, cells: Sequence[PageCell]) -> ModelsSection:
    arms = [_arm(cell) for cell in cells]
    first = cells[0].result.coverage
    how = ModelComparisonSettings(
        pricing=Pricing(cost="samples"),
        confidence_level=first.confidence_level,
    )
    found = compare_arms(arms, how)
    (way,) = found.ways
    shown = _shown(way.contrasts, int(way.ranking.rank.argmin()))
    return ModelsSection(
        task=visible_text(task),
        words=_words(found, shown),
        ranks=found.rank_table(way),
        rank_k=int(way.k[-1]),
        differences=_without_constant_k([_difference(found, one) for one in shown]),
        family=f"{exact_percent(way.confidence_level)} for all {len(way.contrasts)} together (max-t)"
        + (f", k = {int(way.k[-1]):,}" if len({one.k for one in shown}) == 1 else ""),
        alone=[_visible(row) for row in found.alone_table()]
        if len(found.pairs) <= _FEW_PAIRS
        else _matrix(found),
        labels=found.labels,
        grid=_grid(found, cells),
        n_problems=way.n_problems,
        notes=found.notes,
    )


def _arm(cell: PageCell) -> Arm:
    problems = cell.result.problems
    return Arm(
        label=cell.label,
        model=cell.result.model,
        problem_ids=tuple(problems["problem_id"]),
        n=problems["n"].to_numpy().astype(np.int64),
        c=problems["c"].to_numpy().astype(np.int64),
        task=cell.result.task,
    )


def _shown(contrasts: Sequence[Contrast], best: int) -> list[Contrast]:
    """Return the differences to show, of many those with the best; by size where each is of another pair."""
    if len({one.k for one in contrasts}) > 1:
        return list(contrasts)
    some = (
        contrasts if len(contrasts) <= _SHOWN_PAIRS else [c for c in contrasts if best in (c.first, c.second)]
    )
    return sorted(some, key=lambda one: -abs(one.value))


def _words(found: ModelComparison, shown: Sequence[Contrast]) -> list[Prose]:
    (way,) = found.ways
    k = int(way.k[-1])
    best = int(way.ranking.rank.argmin())
    told = share(*(float(part[best, -1]) for part in (way.value, way.low, way.high)), sign="%")
    rivals = int((way.ranking.low == 1).sum())
    lead = said(
        "With {} {} solves most: {} of the {} that all cells have.",
        count(k, "sample"),
        found.labels[best],
        told,
        count(way.n_problems, "problem"),
    )
    sure = (
        f" It is ahead of every other cell for certain, at {exact_percent(way.confidence_level)}."
        if rivals == 1
        else f" {rivals} of {len(found.labels)} cells may be the best."
    )
    settled = [one for one in way.contrasts if one.settling.is_settled]
    words = [lead + sure]
    if settled:
        one = max(settled, key=lambda each: abs(each.value))
        ahead, behind = (one.first, one.second) if one.value > 0 else (one.second, one.first)
        ends = (one.value, one.low, one.high) if one.value > 0 else (-one.value, -one.high, -one.low)
        words.append(
            said(
                "The largest difference that holds: {} solves {} points more than {} at k = {}.",
                found.labels[ahead],
                points(*ends),
                found.labels[behind],
                f"{one.k:,}",
            )
        )
    elif shown:
        least = min(one.settling.detectable for one in shown if one.k == k)
        words.append(
            Prose(
                f"No difference holds: {count(way.n_problems, 'problem')} show differences from "
                f"{percent(least).removesuffix('%')} points on."
            )
        )
    return words


def _matrix(found: ModelComparison) -> list[Row]:
    """Return how many problems the cell of a row solves that the cell of a column never does."""
    return [
        {"solved by": label}
        | {
            f"not by {other}": None if i == j else len(found.solved_by_one(i, j))
            for j, other in enumerate(found.labels)
        }
        for i, label in enumerate(found.labels)
    ]


def _difference(found: ModelComparison, one: Contrast) -> Row:
    need = one.settling
    return {
        "cell": found.labels[one.first],
        "versus": found.labels[one.second],
        "k": one.k,
        "points": points(one.value, one.low, one.high),
        "p (family)": p_value(one.p_value),
        "problems that would settle it": "settled" if need.is_settled else need.problems,
        "or samples of each": "settled" if need.is_settled else need.samples,
    }


def _without_constant_k(rows: list[Row]) -> list[Row]:
    if len({row["k"] for row in rows}) > 1:
        return rows
    return [{key: value for key, value in row.items() if key != "k"} for row in rows]


def _visible(row: Row) -> Row:
    return {key: visible_text(value) if isinstance(value, str) else value for key, value in row.items()}


def _grid(found: ModelComparison, cells: Sequence[PageCell]) -> list[tuple[str, list[GridEntry]]]:
    """Return the problems x cells, those first on which the cells differ most."""
    rate = found.c / np.maximum(found.n, 1)
    spread = rate.max(axis=1) - rate.min(axis=1)
    rows = np.lexsort((np.arange(len(rate)), -spread))[:_GRID_ROWS]
    return [
        (
            visible_text(found.problem_ids[i]),
            [
                GridEntry(
                    f"{found.c[i, j]}/{found.n[i, j]}",
                    f"#{cell.id}&{cell.id}.problem={quote(visible_text(found.problem_ids[i]), safe='')}",
                    int(np.ceil(_SHADES * rate[i, j])),
                )
                for j, cell in enumerate(cells)
            ],
        )
        for i in rows.tolist()
    ]
