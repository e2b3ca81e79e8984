"""The journal of a cell: every call and judgement of every attempt, in the order they were answered."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import polars as pl

from ttscale.store.samples import SAMPLE_KEY, SAMPLE_SCHEMA, storable
from ttscale.store.segments import collect, scan, segments
from ttscale.store.writer import SegmentWriter

CALL_SCHEMA: Mapping[str, type[pl.DataType] | pl.DataType] = {
    "cell": pl.String,
    "problem_id": pl.String,
    "sample_index": pl.Int64,
    "path": pl.String,
    "kind": pl.String,
    "role": pl.String,
    "parents": pl.List(pl.String),
    "model": pl.String,
    "seed": pl.Int64,
    "prefix": pl.String,
    "text": pl.String,
    "tokens": pl.List(pl.Int32),
    "logprobs": pl.List(pl.Float64),
    "finish_reason": pl.String,
    "prompt_tokens": pl.Int32,
    "cached_tokens": pl.Int32,
    "completion_tokens": pl.Int32,
    "cumulative_logprob": pl.Float64,
    "outcome": pl.String,
    "score": pl.Float64,
    "answer": pl.String,
    "answer_class": pl.String,
    "seconds": pl.Float64,
    "detail": pl.String,
}
"""The columns of a journal segment; the key is (cell, problem_id, sample_index, path). `CallRecord` says what they mean."""

_FLUSH_S = 2.0
"""Of calls, most seconds between segments."""
_TEXTS = ("prefix", "text", "answer", "answer_class", "detail")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One answered ask of an attempt, or the attempt's end.

    Attributes:
        problem_id: The problem.
        sample_index: The attempt.
        path: Names the call inside its attempt: "2.3" is the fourth of the third step. Empty for the end.
        kind: "generate", "judge" or "end".
        role: What it was for, in the strategy's words.
        parents: Paths of the calls that it was made of or went on from.
        model: Name of another model of the strategy; None: the run's.
        seed: The seed that draws it again.
        prefix: The text that it went on from.
        text: What was generated, or judged by its own text. At the end the path that won, where there is one.
        tokens: Generated token ids, where the strategy asked for them.
        logprobs: Their log-probabilities (nats), where it asked for them.
        finish_reason: As `Completion.finish_reason`.
        prompt_tokens: Of prompt and prefix; for a judgement what the judge read.
        cached_tokens: Those found in the prefix cache.
        completion_tokens: Generated; for a judgement what the judge wrote.
        cumulative_logprob: Sum of log-probabilities.
        outcome: Of a judgement.
        score: Of a judgement.
        answer: That it read.
        answer_class: That it put it in.
        seconds: Of a judgement.
        detail: Of a judgement; at the end the attempt's notes, as JSON.
    """

    problem_id: str
    sample_index: int
    path: str
    kind: str
    role: str
    parents: tuple[str, ...] = ()
    model: str | None = None
    seed: int | None = None
    prefix: str = ""
    text: str = ""
    tokens: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None
    cumulative_logprob: float | None = None
    outcome: str | None = None
    score: float | None = None
    answer: str | None = None
    answer_class: str | None = None
    seconds: float | None = None
    detail: str | None = None

    def notes(self) -> dict[str, float]:
        """Return the numbers that an attempt's end carries."""
        return dict(json.loads(self.detail)) if self.kind == "end" and self.detail else {}


_FIELDS = tuple(name for name in CALL_SCHEMA if name != "cell")


class Journal(Protocol):
    """Where a strategy's calls are recorded, and what is recorded of attempts that were interrupted.

    Attributes:
        n_stored: Records that will survive anything, from the first on.
    """

    n_stored: int

    def add(self, records: Sequence[CallRecord]) -> None:
        """Take records."""

    def flush(self) -> None:
        """Make sure of all of them."""

    def recorded(self, problem_id: str, sample_index: int) -> Sequence[CallRecord]:
        """Return what there is of an attempt."""


def calls_frame(records: Sequence[CallRecord], cell: str) -> pl.DataFrame:
    """Return records as a frame of `CALL_SCHEMA`, one row each."""
    columns: dict[str, object] = {name: [getattr(record, name) for record in records] for name in _FIELDS}
    columns |= {name: storable(columns[name]) for name in _TEXTS}  # type: ignore[arg-type]
    return pl.DataFrame({"cell": [cell] * len(records), **columns}, schema=CALL_SCHEMA)


def call_size(record: CallRecord) -> int:
    """Return about how many bytes a record takes in memory."""
    return len(record.text) + len(record.prefix) + 32 * (len(record.tokens) + len(record.logprobs))


def call_writer(folder: Path, cell: str, session: str) -> SegmentWriter[CallRecord]:
    """Return a writer of new segments for a journal; a kill loses about two seconds of calls."""
    return SegmentWriter(folder, cell, session, calls_frame, call_size, flush_s=_FLUSH_S)


def scan_calls(folder: Path) -> pl.LazyFrame:
    """Scan a cell's journal lazily, columns of `CALL_SCHEMA`."""
    return scan(segments(folder), CALL_SCHEMA)


def unfinished_calls(calls_folder: Path, samples_folder: Path) -> dict[tuple[str, int], list[CallRecord]]:
    """Return what is recorded of attempts whose sample is not stored, by (problem_id, sample_index)."""
    if not segments(calls_folder):
        return {}
    done = scan(segments(samples_folder), SAMPLE_SCHEMA).select(SAMPLE_KEY)
    rows = collect(scan_calls(calls_folder).join(done, on=SAMPLE_KEY, how="anti"), calls_folder)
    unfinished: dict[tuple[str, int], list[CallRecord]] = {}
    for record in _records(rows):
        unfinished.setdefault((record.problem_id, record.sample_index), []).append(record)
    return unfinished


def finished_journal(folder: Path, *columns: str) -> pl.DataFrame:
    """Return the rows of every attempt that is done, in the order they were answered: the columns asked for, or all."""
    rows = scan_calls(folder)
    done = rows.filter(kind="end").select(SAMPLE_KEY)
    kept = rows.join(done, on=SAMPLE_KEY, how="semi", maintain_order="left")
    wanted = kept.select(*dict.fromkeys((*SAMPLE_KEY, "path", "kind", *columns))) if columns else kept
    return collect(wanted, folder).unique([*SAMPLE_KEY, "path", "kind"], keep="first", maintain_order=True)


def finished_calls(folder: Path) -> dict[tuple[str, int], list[CallRecord]]:
    """Return the calls of every attempt that is done, without token ids, by (problem_id, sample_index)."""
    rows = finished_journal(folder, *(name for name in _FIELDS if name not in ("tokens", "logprobs")))
    attempts: dict[tuple[str, int], list[CallRecord]] = {}
    for record in _records(rows.with_columns(tokens=None, logprobs=None)):
        attempts.setdefault((record.problem_id, record.sample_index), []).append(record)
    return attempts


def n_calls(folder: Path) -> int | None:
    """Return the calls of a strategy's attempts, those under way too; None where there is no journal."""
    if not segments(folder):
        return None
    return int(collect(scan_calls(folder).filter(kind="generate").select(pl.len()), folder).item())


def attempt_sums(folder: Path, samples: pl.DataFrame) -> pl.DataFrame | None:
    """Return what attempts took in all their calls, as sums in float columns; None where no attempt made several.

    Args:
        folder: The cell's journal.
        samples: Its samples: their key and completion_tokens. One without a journal was a single call.

    Returns:
        A row per sample, in their order: their key, calls, first_tokens (of the first call), squared_tokens (of all calls),
        later_prompt_tokens, later_cached_tokens, crossed_tokens (prompt times generated), attended_read and attended_whole of the later ones
        (see `ttscale.costs.contract.LaterCalls`), all of the run's own model; judged, judge_read, judge_wrote; other_calls, other_read and
        other_wrote of a strategy's second model.
    """
    if not segments(folder):
        return None
    own = samples.select(*SAMPLE_KEY, written=pl.col("completion_tokens").cast(pl.Float64))
    sums = _journal_sums(folder)
    joined = own.join(sums, on=SAMPLE_KEY, how="left", maintain_order="left")
    single = {"calls": 1.0, "first_tokens": pl.col("written"), "squared_tokens": pl.col("written") ** 2}
    return joined.with_columns(
        pl.col(name).fill_null(single.get(name, 0.0)) for name in sums.columns if name not in SAMPLE_KEY
    )


def _journal_sums(folder: Path) -> pl.DataFrame:
    other = (pl.col("kind") == "generate") & pl.col("model").is_not_null()
    called = (pl.col("kind") == "generate") & ~other
    later = called & (pl.col("path") != "0")
    prompt, cached, written = (
        pl.col(name).fill_null(0).cast(pl.Float64)
        for name in ("prompt_tokens", "cached_tokens", "completion_tokens")
    )
    read = prompt - cached
    sums = {
        "calls": called,
        "first_tokens": (called & ~later) * written,
        "squared_tokens": called * written**2,
        "later_prompt_tokens": later * prompt,
        "later_cached_tokens": later * cached,
        "crossed_tokens": later * prompt * written,
        "attended_read": later * read * (prompt - (read - 1) / 2),
        "attended_whole": later * prompt * (prompt + 1) / 2,
        "judged": pl.col("kind") == "judge",
        "judge_read": (pl.col("kind") == "judge") * prompt,
        "judge_wrote": (pl.col("kind") == "judge") * written,
        "other_calls": other,
        "other_read": other * read,
        "other_wrote": other * written,
    }
    rows = scan_calls(folder).select(
        *SAMPLE_KEY, "path", "kind", "model", "prompt_tokens", "cached_tokens", "completion_tokens"
    )
    once = rows.filter(pl.col("kind") != "end").unique([*SAMPLE_KEY, "path"], keep="first")
    grouped = once.group_by(SAMPLE_KEY).agg(
        **{name: each.cast(pl.Float64).sum() for name, each in sums.items()}
    )
    return collect(grouped, folder)


def problem_calls(folder: Path, problem_id: str) -> dict[tuple[int, str], CallRecord]:
    """Return every completion that is recorded of a problem's attempts, by (sample_index, path)."""
    own = collect(scan_calls(folder).filter(problem_id=problem_id, kind="generate"), folder)
    once = own.unique(["sample_index", "path"], keep="first", maintain_order=True)
    return {(record.sample_index, record.path): record for record in _records(once)}


def trace(folder: Path, problem_id: str, sample_index: int) -> list[CallRecord]:
    """Return the calls of one attempt, in the order they were answered."""
    own = scan_calls(folder).filter(problem_id=problem_id, sample_index=sample_index)
    return list(_records(collect(own, folder).unique(["path", "kind"], keep="first", maintain_order=True)))


def _records(rows: pl.DataFrame) -> Iterator[CallRecord]:
    for row in rows.select(_FIELDS).iter_rows(named=True):
        lists = {name: tuple(row[name] or ()) for name in ("parents", "tokens", "logprobs")}
        yield CallRecord(**{**row, **lists, "prefix": row["prefix"] or "", "text": row["text"] or ""})
