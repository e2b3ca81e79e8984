"""Verify stored samples: each distinct candidate once, in batches that survive a kill."""

import gc
import math
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ttscale.errors import MissingExtraError, StoreError, VerifierError
from ttscale.pipeline.building import NamedVerifier
from ttscale.pipeline.known import FINGERPRINT, KnownVerdicts, with_verdicts
from ttscale.pipeline.progress import Progress
from ttscale.store.pending import blocks_without
from ttscale.store.run import RunStore, new_session_name
from ttscale.store.samples import SAMPLE_FIELDS, SAMPLE_KEY, samples_columns
from ttscale.store.verdicts import VERDICT_COLUMNS, VERDICT_SCHEMA
from ttscale.types import Outcome, Problem, Sample, Verdict
from ttscale.verifiers.contract import Candidate, Verifier
from ttscale.verifiers.isolation import BatchFailed

T = TypeVar("T")

_FLUSH_S = 5.0
"""Verdicts are stored about this often: what a kill may lose."""
_FIRST_BATCH, _LARGEST_BATCH = 64, 8192
_PARTS = 16
"""Parts that a failed batch is cut into."""
_MOST_REASONS, _LONGEST_REASON = 1000, 300
_RECALL_S = 2e-6
"""Time per stored sample that it takes to recall what was said of equal ones; a quicker verifier is asked again."""


def verify_cell(
    store: RunStore,
    cell: str,
    verifier: NamedVerifier,
    progress: Progress,
    *,
    retry_errors: bool = False,
) -> int:
    """Verify every sample of a cell that this verifier has not seen; return how many those were.

    Args:
        store: The run, held for writing.
        cell: The cell.
        verifier: The verifier.
        progress: Told what happens.
        retry_errors: Verify samples again whose verdict is an error; the new verdict counts.

    Raises:
        VerifierError: The verifier as a whole cannot run.
        StoreError: Verdicts cannot be written.
    """
    verdicts = store.verdict_set(verifier.info)
    total = sum(store.counts(cell).values())
    if n_verdicts := verdicts.count(cell):
        verdicts.create()  # anew, where a damaged description was set aside
    if not retry_errors and n_verdicts >= total:
        return 0
    settled = verdicts.verified(cell, errors=not retry_errors)
    if len(settled) >= total:
        return 0
    problems = problems_for(verifier.verifier, store.problems(cell))
    known = KnownVerdicts()
    session, sequence, n_verified = new_session_name(), 0, 0
    blocks = blocks_without(store.samples_folder(cell), settled, _columns(verifier.verifier))
    may_recall = len(settled) > 0 and _asks_once(verifier.verifier)
    began = time.monotonic()
    failures = _Failures()
    progress.begin(f"verify {verifier.info.verifier}", total=total, done=len(settled))
    try:
        for number, rows in enumerate(_after_a_trial(blocks) if may_recall else blocks):
            if may_recall and number == 1:
                expected_s = (time.monotonic() - began) / _FIRST_BATCH * (total - len(settled))
                if expected_s > len(settled) * _RECALL_S:
                    known.recall(store, cell, verdicts, settled)
            with closing(verify_in_batches(verifier.verifier, problems, rows, known)) as batches:
                for verified in batches:
                    of_cell = verified.with_columns(cell=pl.lit(cell))
                    verdicts.write(cell, of_cell, f"{session}-{sequence:06d}", again=retry_errors)
                    sequence += 1
                    n_verified += verified.height
                    failures.add(verified)
                    progress.advance(verified.height)
    finally:
        progress.end()
    if failures:
        progress.note(f"'{verifier.info.verifier}' {failures.told(n_verified, store.path)}")
    return n_verified


class _Failures:
    """Counts the samples on which a verifier failed, by reason."""

    def __init__(self) -> None:
        self._by_reason: Counter[str] = Counter()

    def __bool__(self) -> bool:
        return bool(self._by_reason)

    def add(self, verified: pl.DataFrame) -> None:
        """Count the errors of some verdict rows."""
        details = verified.filter(pl.col("outcome") == Outcome.ERROR)["detail"].fill_null("no reason given")
        for detail, count in details.value_counts().iter_rows():
            reason = detail.strip().rpartition("\n")[2].strip()  # of a traceback what was raised
            known = reason in self._by_reason or len(self._by_reason) < _MOST_REASONS
            self._by_reason[reason if known else "other reasons"] += count

    def told(self, n_verified: int, run: Path) -> str:
        """Say how many there were, the most frequent reason, and what to do."""
        ((reason, count),) = self._by_reason.most_common(1)
        return (
            f"failed on {self._by_reason.total():,} of {n_verified:,} samples; they count as errors, not as wrong. Most often "
            f"({count:,}): {_printable(reason)}. Once that is mended, verify them again: ttscale verify {run} "
            "--retry-errors, with the same --verifier."
        )


def _printable(text: str) -> str:
    """Shorten a foreign text, and show what a terminal would obey."""
    shown = "".join(each if each.isprintable() else repr(each)[1:-1] for each in text[:_LONGEST_REASON])
    return shown.rstrip(". ")


def _columns(verifier: Verifier) -> list[str]:
    """Return the columns that a verifier is given; the largest only if it asks for them."""
    reads_top = getattr(verifier, "reads_top_logprobs", False)
    return [name for name in SAMPLE_FIELDS if name != "top_logprobs" or reads_top]


def _asks_once(verifier: Verifier) -> bool:
    """Say whether equal candidates get equal verdicts, whenever and beside whomever they are verified."""
    return verifier.deterministic and not getattr(verifier, "by_problem", False)


def _after_a_trial(blocks: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Yield blocks of rows, of the first one a few rows before the others: they show how slow the verifier is."""
    first = next(blocks, None)
    if first is not None:
        yield first.head(_FIRST_BATCH)
        if first.height > _FIRST_BATCH:
            yield first.slice(_FIRST_BATCH)
    yield from blocks


def problems_for(verifier: Verifier, problems: Sequence[Problem]) -> dict[str, Problem]:
    """Return the problems by id as this verifier may see them: without key and tests unless it is an oracle."""
    if not verifier.sees_answer:
        problems = [replace(problem, answer=None, hidden={}) for problem in problems]
    return {problem.problem_id: problem for problem in problems}


def verify_in_batches(
    verifier: Verifier,
    problems: Mapping[str, Problem],
    rows: pl.DataFrame,
    known: KnownVerdicts | None = None,
) -> Generator[pl.DataFrame, None, None]:
    """Yield verdict rows for sample rows, a few seconds of work at a time.

    Close it where it is not used up (`contextlib.closing`): an interrupt that comes while it is forgotten would be swallowed.

    Args:
        verifier: Verifies each distinct candidate once if it is deterministic.
        problems: By id, as the verifier may see them.
        rows: Sample rows; every one gets exactly one verdict row.
        known: Verdicts of candidates verified before, to be used and added to.
    """
    unknown = set(rows["problem_id"].unique()) - problems.keys()
    if unknown:
        raise StoreError(
            f"Samples of unknown problems are stored: {', '.join(sorted(unknown)[:5])}. "
            "The problems file does not belong to these samples."
        )
    if not verifier.deterministic:
        keys = rows.select(SAMPLE_KEY)
        with closing(_verified_in_order(verifier, problems, rows)) as parts:
            for start, verdicts in parts:
                yield pl.concat([keys.slice(start, verdicts.height), verdicts], how="horizontal")
        return
    known = known or KnownVerdicts()
    keyed = rows.with_columns(known.fingerprints())
    keys = keyed.select(*SAMPLE_KEY, *FINGERPRINT)
    seen = known.of(keys)
    if seen.height:
        yield seen
        keyed = keyed.join(seen.select(SAMPLE_KEY), on=SAMPLE_KEY, how="anti", maintain_order="left")
        keys = keyed.select(*SAMPLE_KEY, *FINGERPRINT)
    distinct = keyed.unique(FINGERPRINT, keep="first", maintain_order=True)
    if getattr(verifier, "by_problem", False):
        distinct = distinct.sort("problem_id", maintain_order=True)
    with closing(_verified_in_order(verifier, problems, distinct)) as parts:
        for start, verdicts in parts:
            prints = distinct.select(FINGERPRINT).slice(start, verdicts.height)
            verified = pl.concat([prints, verdicts], how="horizontal")
            known.add(verified)
            yield with_verdicts(keys, verified)


def _verified_in_order(
    verifier: Verifier, problems: Mapping[str, Problem], rows: pl.DataFrame
) -> Generator[tuple[int, pl.DataFrame], None, None]:
    """Yield the first row's number and the verdicts of some rows after another, about `_FLUSH_S` of work each."""
    smallest = getattr(verifier, "min_batch", 1)
    number = rows["problem_id"].rle_id().to_numpy() if getattr(verifier, "by_problem", False) else None
    at_once = getattr(verifier, "batches_at_once", 1)
    start = first = done = 0
    size = max(_FIRST_BATCH, smallest)
    verdicts: list[pl.DataFrame] = []
    since = time.monotonic()
    with _calls(at_once) as call:
        ahead: deque[Future[tuple[pl.DataFrame, float]]] = deque()
        while done < rows.height:
            while start < rows.height and len(ahead) < at_once:
                batch = rows.slice(start, size if number is None else _whole_problems(number, start, size))
                ahead.append(call(_timed_verdicts, verifier, batch, problems))
                start += batch.height
            frame, seconds = ahead.popleft().result()
            verdicts.append(frame)
            done += frame.height
            size = max(_next_size(size, seconds), smallest)
            if time.monotonic() - since >= _FLUSH_S or done >= rows.height:
                yield first, pl.concat(verdicts)
                first, verdicts, since = done, [], time.monotonic()


@contextmanager
def _calls(at_once: int) -> "Iterator[Callable[..., Future[Any]]]":
    """Yield a function that calls another one, beside this thread where several calls may run at once."""
    if at_once == 1:
        yield _called
        return
    threads = ThreadPoolExecutor(at_once, "ttscale-verify")
    try:
        yield threads.submit
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


def _called(function: Callable[..., Any], *arguments: Any) -> "Future[Any]":
    future: Future[Any] = Future()
    future.set_result(function(*arguments))
    return future


def _timed_verdicts(
    verifier: Verifier, batch: pl.DataFrame, problems: Mapping[str, Problem]
) -> tuple[pl.DataFrame, float]:
    began = time.monotonic()
    with _garbage_kept():
        frame = _verdict_frame(verify_batch(verifier, candidates(batch, problems)))
    return frame, time.monotonic() - began


def verify_batch(verifier: Verifier, batch: Sequence[Candidate]) -> list[Verdict]:
    """Verify a batch; a verifier's failure becomes ``Outcome.ERROR`` on the candidate that caused it.

    A batch that fails is cut into parts until that candidate stands alone: few levels, since each costs a whole
    time limit where a verifier hangs.
    """
    try:
        verdicts = list(verifier.verify(batch))
    except (VerifierError, MissingExtraError):
        raise
    except BatchFailed as failure:
        reason = str(failure)
    except Exception:  # a plugin may raise anything
        reason = traceback.format_exc(limit=-5)
    else:
        if len(verdicts) == len(batch):
            return [_checked(verdict, is_oracle=verifier.sees_answer) for verdict in verdicts]
        reason = f"The verifier returned {len(verdicts)} verdicts for {len(batch)} candidates."
    if len(batch) == 1:
        return [Verdict(outcome=Outcome.ERROR, detail=reason)]
    size = -(-len(batch) // _PARTS)
    parts = [batch[start : start + size] for start in range(0, len(batch), size)]
    return [verdict for part in parts for verdict in verify_batch(verifier, part)]


def _checked(verdict: Verdict, *, is_oracle: bool) -> Verdict:
    """Refuse what says nothing: a NaN score, which would win or lose every comparison at random, or no judgement."""
    if verdict.outcome is Outcome.SCORED and (is_oracle or verdict.score is None):
        reason = (
            "an oracle only scored the sample, but it defines what is correct"
            if is_oracle
            else "the verifier neither decided on nor scored the sample"
        )
        return replace(verdict, outcome=Outcome.ERROR, detail=reason)
    if verdict.score is not None and math.isnan(verdict.score):
        return Verdict(outcome=Outcome.ERROR, answer=verdict.answer, detail="the verifier's score is NaN")
    return verdict


def _next_size(size: int, seconds: float) -> int:
    """Steer towards batches of about a second: large for cheap verifiers, small for slow ones."""
    if seconds < 0.5:
        return min(2 * size, _LARGEST_BATCH)
    return max(size // 2, 1) if seconds > 2.0 else size


def candidates(rows: pl.DataFrame, problems: Mapping[str, Problem]) -> list[Candidate]:
    """Return sample rows with their problems, as a verifier takes them."""
    columns = samples_columns(rows)
    samples = _made(Sample, columns)
    of_problem = [problems[problem_id] for problem_id in columns["problem_id"]]
    return _made(Candidate, {"problem": of_problem, "sample": samples})


def _made(kind: type[T], columns: Mapping[str, list[Any]]) -> list[T]:
    """Make frozen, slotted objects with all their fields given, column by column.

    Their own constructor sets field by field in Python: more than half of a cheap verifier's time.
    """
    made = [kind.__new__(kind) for _ in next(iter(columns.values()))]
    for name, values in columns.items():
        deque(map(getattr(kind, name).__set__, made, values), maxlen=0)
    return made


def _whole_problems(number: NDArray[np.uint32], start: int, size: int) -> int:
    """Return how many rows from `start` on make whole problems of about `size` rows, within reason."""
    last = number[min(start + size, len(number)) - 1]
    end = int(np.searchsorted(number, last, side="right"))
    return min(end - start, size + _LARGEST_BATCH)


@contextmanager
def _garbage_kept() -> Iterator[None]:
    """Keep the cyclic garbage collector from searching thousands of fresh candidates: a fifth of a cheap verifier's time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _verdict_frame(verdicts: Sequence[Verdict]) -> pl.DataFrame:
    return pl.DataFrame(
        {name: list(map(attrgetter(name), verdicts)) for name in VERDICT_COLUMNS},
        schema={name: VERDICT_SCHEMA[name] for name in VERDICT_COLUMNS},
    )
