"""What is recorded of attempts under way, and what it means when they are begun again."""

import json
from collections.abc import Mapping, Sequence

from ttscale.store.calls import CallRecord
from ttscale.store.writer import SegmentWriter
from ttscale.strategies.contract import Completion, Generate, Judge
from ttscale.strategies.interleaving import Answer, Asked, AttemptKey, Finished
from ttscale.types import Outcome, Verdict, shared

_TOLD_AT_THE_END = ("calls", "judged", "judge_tokens", "later_prompt_tokens", "later_cached_tokens")
"""Of an attempt's totals, beside its notes."""


class StoredJournal:
    """Records calls in the run's store; see `ttscale.store.calls.Journal`.

    Args:
        writer: Of the cell's journal.
        unfinished: Records of attempts that were interrupted, by (problem_id, sample_index).
    """

    def __init__(
        self, writer: SegmentWriter[CallRecord], unfinished: Mapping[AttemptKey, Sequence[CallRecord]]
    ) -> None:
        self._writer = writer
        self._unfinished = unfinished
        self.n_stored = 0

    def add(self, records: Sequence[CallRecord]) -> None:
        """Take records; `n_stored` counts those that are on the disk, from the first on."""
        self.n_stored += sum(len(segment.rows) for segment in self._writer.add(records))

    def flush(self) -> None:
        """Put all of them on the disk."""
        self.n_stored += sum(len(segment.rows) for segment in self._writer.flush())

    def recorded(self, problem_id: str, sample_index: int) -> Sequence[CallRecord]:
        """Return what was recorded of an interrupted attempt."""
        return self._unfinished.get((problem_id, sample_index), ())


def recorded_call(asked: Asked, answer: Answer, seed: int | None) -> CallRecord:
    """Return an answered ask as a row of the journal."""
    if isinstance(answer, Verdict):
        return _judged(asked, answer)
    ask = asked.ask
    assert isinstance(ask, Generate)
    continued = tuple(
        piece.path for piece in ask.prefix if not isinstance(piece, str) and piece.path is not None
    )
    return CallRecord(
        problem_id=asked.problem.problem_id,
        sample_index=asked.index,
        kind="generate",
        role=ask.role,
        parents=(*ask.parents, *continued),
        model=ask.model,
        seed=seed,
        prefix=answer.before,
        **shared(answer, CallRecord) | {"path": asked.path},
    )


def recorded_end(finished: Finished) -> CallRecord:
    """Return the row that ends an attempt: what all its calls took, and its notes."""
    totals, attempt = finished.totals, finished.attempt
    notes = {name: getattr(totals, name) for name in _TOLD_AT_THE_END} | dict(attempt.notes)
    return CallRecord(
        problem_id=finished.problem_id,
        sample_index=finished.index,
        path="",
        kind="end",
        role="end",
        text="" if attempt.last is None else attempt.last.path,
        **shared(totals, CallRecord),
        detail=json.dumps({name: float(value) for name, value in notes.items()}),
    )


def answers_by_path(records: Sequence[CallRecord]) -> Mapping[str, Answer]:
    """Return what an interrupted attempt was answered already. A judgement that failed is asked again."""
    return {
        record.path: _verdict(record) if record.kind == "judge" else _completion(record)
        for record in records
        if record.kind == "generate" or (record.kind == "judge" and record.outcome != Outcome.ERROR)
    }


def _judged(asked: Asked, verdict: Verdict) -> CallRecord:
    ask = asked.ask
    assert isinstance(ask, Judge)
    return CallRecord(
        problem_id=asked.problem.problem_id,
        sample_index=asked.index,
        path=asked.path,
        kind="judge",
        role=ask.role,
        parents=() if ask.completion is None else (ask.completion.path,),
        model=ask.by,
        **shared(verdict, CallRecord) | {"outcome": str(verdict.outcome)},
    )


def _completion(record: CallRecord) -> Completion:
    own = {"before": record.prefix, "finish_reason": record.finish_reason or "stop"}
    return Completion(**shared(record, Completion) | own)


def _verdict(record: CallRecord) -> Verdict:
    return Verdict(**shared(record, Verdict) | {"outcome": Outcome(record.outcome or "error")})
