"""Strategies on the page: what each solves at which cost, and attempts as trees that unfold."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ttscale.analysis.reading.cell import RunReader
from ttscale.analysis.run.results import RunResult
from ttscale.analysis.strategies.compare import compare_strategies
from ttscale.analysis.strategies.results import StrategyComparison
from ttscale.analysis.strategies.trace import AttemptTrace, attempt_trace, head_of
from ttscale.costs.amounts import unit_name
from ttscale.errors import StoreError, TtscaleError
from ttscale.report.figures import ReportFigure
from ttscale.report.visible import visible_text
from ttscale.showing.numbers import amount
from ttscale.showing.tables import Row
from ttscale.store.calls import CallRecord
from ttscale.store.run import RunStore

_MOST_CALLS = 60
"""Calls of a tree; of a larger attempt the first ones."""
_MOST_CHARACTERS = 1500
"""Of a call's text; the rest is in the run (`ttscale trace --full`)."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A call in a tree: what it was, its text, and what was made of it."""

    head: str
    text: str
    won: bool
    branches: tuple["Branch", ...]


@dataclass(frozen=True, slots=True)
class AttemptTree:
    """An attempt of a cell, with whether the oracle calls it right, and how many of its calls are left out."""

    cell: str
    problem: str
    index: int
    correct: bool
    branches: tuple[Branch, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class ComparedPart:
    """One metric's comparison: the id of its figure, what it says in words, and its tables."""

    id: str
    metric: str
    unit: str
    words: tuple[str, ...]
    tables: tuple[tuple[str, Sequence[Row]], ...]


@dataclass(frozen=True, slots=True)
class StrategySection:
    """What the page says of a run's strategies."""

    run: str
    comparisons: tuple[StrategyComparison, ...]
    parts: tuple[ComparedPart, ...]
    attempts: tuple[AttemptTree, ...]
    note: str


def strategy_sections(runs: Sequence[RunResult]) -> list[StrategySection]:
    """Return a section for every run whose cells have strategies."""
    return [
        _section(run, number)
        for number, run in enumerate(runs)
        if any("strategy.name" in identity for identity in run.manifest.get("cells", {}).values())
    ]


def strategy_figures(sections: Sequence[StrategySection]) -> dict[str, ReportFigure]:
    """Draw what strategies solve against cost, by the ids of their parts."""
    return {
        part.id: ReportFigure(
            part.id,
            one.plot(),
            one.curve_rows(),
            f"{part.metric} against {part.unit} per problem on a log axis: "
            f"{', '.join(visible_text(way.label) for way in one.ways)}. Tables follow.",
        )
        for section in sections
        for part, one in zip(section.parts, section.comparisons, strict=True)
    }


def _section(run: RunResult, number: int) -> StrategySection:
    store = RunStore(Path(run.path))
    comparisons, note = [], ""
    try:
        comparisons = compare_strategies(store.path)
    except (
        TtscaleError
    ) as error:  # a run under way, or without a second cell: its trees are shown all the same
        note = f"Strategies are not compared: {error}"
    parts = tuple(_part(one, f"strategies-{number}-{m}") for m, one in enumerate(comparisons))
    return StrategySection(run.name, tuple(comparisons), parts, tuple(_attempts(store)), note)


def _part(one: StrategyComparison, name: str) -> ComparedPart:
    view = one.view()
    return ComparedPart(
        id=name,
        metric=one.metric.capitalize(),
        unit=unit_name(one.unit),
        words=tuple(view.notes),
        tables=tuple(view.more),
    )


def _attempts(store: RunStore) -> Iterator[AttemptTree]:
    """Yield a right and a wrong attempt of every cell whose attempts make several calls."""
    reader = RunReader(store)
    for cell in store.cells():
        if not store.calls_folder(cell).exists():
            continue
        try:
            judged = reader.cell(cell).verified()
        except StoreError:  # not verified yet
            continue
        for wanted in (True, False):
            for row in (judged.correct == wanted).nonzero()[0][:1]:
                problem = judged.problem_ids[int(judged.problem[row])]
                trace = attempt_trace(store, problem, int(judged.frame["sample_index"][int(row)]), cell=cell)
                if trace.calls:
                    yield _tree(trace, correct=wanted)


def _tree(trace: AttemptTrace, *, correct: bool) -> AttemptTree:
    shown = trace.calls[:_MOST_CALLS]
    cut = AttemptTrace(
        cell=trace.cell,
        problem_id=trace.problem_id,
        sample_index=trace.sample_index,
        completion=trace.completion,
        calls=shown,
        notes=trace.notes,
        won=trace.won,
    )
    return AttemptTree(
        cell=trace.cell,
        problem=trace.problem_id,
        index=trace.sample_index,
        correct=correct,
        branches=_branches(cut, None),
        left_out=len(trace.calls) - len(shown),
    )


def _branches(trace: AttemptTrace, path: str | None) -> tuple[Branch, ...]:
    return tuple(
        Branch(
            head=head_of(call, ""),
            text=_text(call),
            won=call.kind == "generate" and call.path == trace.won,
            branches=_branches(trace, call.path),
        )
        for call in trace.children(path)
    )


def _text(call: CallRecord) -> str:
    whole = call.text if call.kind == "generate" else call.detail or ""
    left = len(whole) - _MOST_CHARACTERS
    return whole if left <= 0 else f"{whole[:_MOST_CHARACTERS]} … {amount(left)} characters more"
