"""Verify stored samples: each distinct candidate once, in batches that survive a kill."""

import math
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import polars as pl

from ttscale.errors import MissingExtraError, StoreError, VerifierError
from ttscale.pipeline.building import NamedVerifier
from ttscale.pipeline.progress import Progress
from ttscale.store.run import RunStore, new_session_name
from ttscale.store.segments import collect
from ttscale.store.verdicts import VERDICT_SCHEMA
from ttscale.types import Outcome, Problem, Sample, Verdict
from ttscale.verifiers.contract import Candidate, Verifier
from ttscale.verifiers.isolation import BatchFailed

_BLOCK_ROWS = 200_000
"""Samples in memory at a time."""
_FLUSH_S = 5.0
"""Verdicts are stored about this often: what a kill may lose."""
_FIRST_BATCH, _LARGEST_BATCH = 64, 8192
_PARTS = 16
"""Parts that a failed batch is cut into."""

_CANDIDATE = ["problem_id", "completion", "finish_reason"]
"""Samples that agree in these are one candidate to a deterministic verifier."""
_SAMPLE_COLUMNS = [
    "problem_id",
    "sample_index",
    "completion",
    "finish_reason",
    "prompt_tokens",
    "completion_tokens",
    "cumulative_logprob",
    "token_logprobs",
    "seed",
]


def verify_cell(store: RunStore, cell: str, verifier: NamedVerifier, progress: Progress) -> int:
    """Verify every sample of a cell that this verifier has not seen; return how many those were.

    Raises:
        VerifierError: The verifier as a whole cannot run.
        StoreError: Verdicts cannot be written.
    """
    verdicts = store.verdict_set(verifier.info)
    samples_folder = store.samples_folder(cell)
    total = sum(store.counts(cell).values())
    done = verdicts.count(cell)
    if done >= total:
        return 0
    problems = problems_for(verifier.verifier, store.problems(cell))
    pending = collect(
        verdicts.pending(cell, samples_folder).select("problem_id", "sample_index"), samples_folder
    )
    progress.begin(f"verify {verifier.info.verifier}", total=total, done=done)
    try:
        session, sequence = new_session_name(), 0
        for block in pending.iter_slices(_BLOCK_ROWS):
            rows = collect(_rows_of(store, cell, block), samples_folder)
            for verified in verify_in_batches(verifier.verifier, problems, rows):
                verdicts.write(cell, verified.with_columns(cell=pl.lit(cell)), f"{session}-{sequence:06d}")
                sequence += 1
                progress.advance(verified.height)
    finally:
        progress.end()
    return pending.height


def problems_for(verifier: Verifier, problems: Sequence[Problem]) -> dict[str, Problem]:
    """Return the problems by id as this verifier may see them: without key and tests unless it is an oracle."""
    if not verifier.sees_answer:
        problems = [replace(problem, answer=None, hidden={}) for problem in problems]
    return {problem.problem_id: problem for problem in problems}


def verify_in_batches(
    verifier: Verifier, problems: Mapping[str, Problem], rows: pl.DataFrame
) -> Iterator[pl.DataFrame]:
    """Yield verdict rows for sample rows, a few seconds of work at a time.

    Args:
        verifier: Judges each distinct candidate once if it is deterministic.
        problems: By id, as the verifier may see them.
        rows: Sample rows; every one gets exactly one verdict row.
    """
    unknown = set(rows["problem_id"].unique()) - problems.keys()
    if unknown:
        raise StoreError(
            f"Samples of unknown problems are stored: {', '.join(sorted(unknown)[:5])}. "
            "The problems file does not belong to these samples."
        )
    identity = _CANDIDATE if verifier.deterministic else ["problem_id", "sample_index"]
    distinct = rows.unique(identity, keep="first", maintain_order=True)
    smallest = getattr(verifier, "min_batch", 1)
    start, size = 0, max(_FIRST_BATCH, smallest)
    gathered: list[pl.DataFrame] = []
    since = time.monotonic()
    while start < distinct.height:
        batch = distinct.slice(start, size)
        began = time.monotonic()
        verdicts = _verdict_frame(judge(verifier, candidates(batch, problems)))
        gathered.append(pl.concat([batch.select(identity), verdicts], how="horizontal"))
        start += batch.height
        size = max(_next_size(size, time.monotonic() - began), smallest)
        if time.monotonic() - since >= _FLUSH_S or start >= distinct.height:
            yield (
                rows.select("problem_id", "sample_index", "completion", "finish_reason")
                .join(pl.concat(gathered), on=identity, how="inner", maintain_order="left")
                .drop("completion", "finish_reason")
            )
            gathered, since = [], time.monotonic()


def judge(verifier: Verifier, batch: Sequence[Candidate]) -> list[Verdict]:
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
            return [_checked(verdict) for verdict in verdicts]
        reason = f"The verifier returned {len(verdicts)} verdicts for {len(batch)} candidates."
    if len(batch) == 1:
        return [Verdict(outcome=Outcome.ERROR, detail=reason)]
    size = -(-len(batch) // _PARTS)
    parts = [batch[start : start + size] for start in range(0, len(batch), size)]
    return [verdict for part in parts for verdict in judge(verifier, part)]


def _checked(verdict: Verdict) -> Verdict:
    """Refuse what is not a number: a NaN score would win or lose every comparison at random."""
    if verdict.score is not None and math.isnan(verdict.score):
        return Verdict(outcome=Outcome.ERROR, answer=verdict.answer, detail="the verifier's score is NaN")
    return verdict


def _next_size(size: int, seconds: float) -> int:
    """Steer towards batches of about a second: large for cheap verifiers, small for slow ones."""
    if seconds < 0.5:
        return min(2 * size, _LARGEST_BATCH)
    return max(size // 2, 1) if seconds > 2.0 else size


def _rows_of(store: RunStore, cell: str, keys: pl.DataFrame) -> pl.LazyFrame:
    return (
        store.samples(cell)
        .select(_SAMPLE_COLUMNS)
        .join(keys.lazy(), on=["problem_id", "sample_index"], how="semi")
    )


def candidates(rows: pl.DataFrame, problems: Mapping[str, Problem]) -> list[Candidate]:
    """Return sample rows with their problems, as a verifier takes them."""
    names = _SAMPLE_COLUMNS
    return [
        Candidate(problems[row[0]], Sample(**dict(zip(names, row, strict=True))))
        for row in rows.select(names).iter_rows()
    ]


def _verdict_frame(verdicts: Sequence[Verdict]) -> pl.DataFrame:
    columns = ("outcome", "score", "answer", "answer_class", "seconds", "detail")
    return pl.DataFrame(
        {name: [getattr(verdict, name) for verdict in verdicts] for name in columns},
        schema={name: VERDICT_SCHEMA[name] for name in columns},
    )
