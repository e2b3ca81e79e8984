"""One attempt as a tree: its calls under what they were made of, and what was thought of them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from ttscale.errors import InvalidInputError, did_you_mean, listed
from ttscale.store.calls import CallRecord, trace
from ttscale.store.run import RunStore
from ttscale.types import TRUNCATED


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptTrace:
    """One attempt with everything that was recorded of it.

    Attributes:
        cell: Its cell.
        problem_id: The problem.
        sample_index: The attempt.
        completion: What it came to; None where it is not done.
        calls: Calls and judgements in the order they were answered; none where it was one call, whose text is the completion.
        notes: Numbers that the strategy left: calls, judgements, and its own.
        won: Path of the call that the attempt ends with, where there is one.
    """

    cell: str
    problem_id: str
    sample_index: int
    completion: str | None
    calls: tuple[CallRecord, ...]
    notes: dict[str, float]
    won: str

    def children(self, path: str | None) -> list[CallRecord]:
        """Return what was made of a call (its first parent counts), or what had no parent."""
        known = {call.path for call in self.calls}
        return [
            call
            for call in self.calls
            if (next((parent for parent in call.parents if parent in known), None) == path)
        ]

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per call, for programs."""
        return [{"cell": self.cell, **asdict(call), "won": call.path == self.won} for call in self.calls]


def head_of(call: CallRecord, won: str) -> str:
    """Say in a line what a call or judgement was, without its text; a star marks what the attempt ends with."""
    if call.kind == "judge":
        score = "" if call.score is None else f" {call.score:g}"
        answer = "" if call.answer_class is None else f", answer {call.answer_class}"
        return f"{call.path} {call.role}: {call.outcome}{score}{answer}"
    by = f" of {call.model}" if call.model else ""
    tokens = "" if call.completion_tokens is None else f", {call.completion_tokens} tokens"
    cut = ", cut" if call.finish_reason in TRUNCATED else ""
    others = f", with {', '.join(call.parents[1:])}" if len(call.parents) > 1 else ""
    return f"{'* ' if call.path == won else ''}{call.path} {call.role}{by}{tokens}{cut}{others}"


def attempt_trace(
    store: RunStore, problem_id: str, sample_index: int = 0, *, cell: str | None = None
) -> AttemptTrace:
    """Read one attempt of a run.

    Args:
        store: The run.
        problem_id: The problem.
        sample_index: The attempt.
        cell: Its cell; None: the run's only one.

    Raises:
        InvalidInputError: There is no such cell, problem or attempt; the message says which there are.
    """
    cell = _chosen(store, cell)
    problems = [problem.problem_id for problem in store.problems(cell)]
    if problem_id not in problems:
        raise InvalidInputError(
            f"Cell '{cell}' has no problem '{problem_id}'.{did_you_mean(problem_id, problems)} It has {listed(problems)}."
        )
    records = trace(store.calls_folder(cell), problem_id, sample_index)
    own = store.samples(cell).filter(pl.col("problem_id") == problem_id)
    completion = own.filter(pl.col("sample_index") == sample_index).select("completion").collect()
    if not records and not completion.height:
        n = own.select(pl.len()).collect().item()
        raise InvalidInputError(
            f"Problem '{problem_id}' of cell '{cell}' has no attempt {sample_index}; it has {n}, numbered from 0."
        )
    end = next((record for record in records if record.kind == "end"), None)
    return AttemptTrace(
        cell=cell,
        problem_id=problem_id,
        sample_index=sample_index,
        completion=completion.item() if completion.height else None,
        calls=tuple(_in_order(record for record in records if record.kind != "end")),
        notes=end.notes() if end is not None else {},
        won=end.text if end is not None else "",
    )


def _chosen(store: RunStore, cell: str | None) -> str:
    cells = store.cells()
    if cell is None and len(cells) == 1:
        return cells[0]
    if cell in cells:
        return str(cell)
    if cell is None:
        raise InvalidInputError(
            f"{store.path} has {len(cells)} cells. Name one with --cell: {listed(cells)}."
        )
    raise InvalidInputError(
        f"{store.path} has no cell '{cell}'.{did_you_mean(cell, cells)} It has {listed(cells)}."
    )


def _in_order(records: Any) -> Sequence[CallRecord]:
    """Sort by step, then by the number within it: the order asked, whatever came first."""
    return sorted(records, key=lambda record: tuple(int(part) for part in record.path.split(".")))
