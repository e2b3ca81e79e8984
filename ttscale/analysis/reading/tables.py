"""Stored samples and verdicts as the arrays that estimators take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ttscale.store.run import RunStore
from ttscale.store.segments import collect
from ttscale.store.verdicts import VerdictSet
from ttscale.types import Outcome

ABSTAINS = -1
"""The answer class of a sample without an answer."""

_KEY = ["problem_id", "sample_index"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class JudgedSamples:
    """A cell's samples that the oracle judged, flat and ragged: S samples of P problems.

    Attributes:
        problem_ids: The problems that have judged samples, in the task's order, length P.
        problem: Index into `problem_ids` of each sample, ascending, shape (S,).
        correct: Whether the oracle calls it correct, shape (S,).
        answer_class: Class of its answer, numbered within the cell; -1 abstains, shape (S,).
        logprob: Summed log-probability, NaN where unknown, shape (S,).
        n: Judged samples per problem, shape (P,).
        c: Correct ones, shape (P,).
        frame: The joined rows themselves, in the same order.
    """

    problem_ids: tuple[str, ...]
    problem: NDArray[np.int64]
    correct: NDArray[np.bool_]
    answer_class: NDArray[np.int64]
    logprob: NDArray[np.float64]
    n: NDArray[np.int64]
    c: NDArray[np.int64]
    frame: pl.DataFrame


def read_cell(
    store: RunStore,
    cell: str,
    oracle: VerdictSet,
    problem_ids: Sequence[str],
    others: Mapping[str, VerdictSet] | None = None,
) -> pl.DataFrame:
    """Read a cell's samples beside all their verdicts in one pass, without texts of completions.

    Args:
        store: The run.
        cell: The cell.
        oracle: The verdict set that defines *correct*.
        problem_ids: The task's order.
        others: More verifiers by name.

    Returns:
        One row per stored sample in the task's order: problem_id, sample_index, order, finish_reason, prompt_tokens,
        completion_tokens, cumulative_logprob; of the oracle outcome, score, answer, answer_class and seconds, null
        where it has not judged yet; of each other verifier ``outcome:NAME``, ``score:NAME``, ``seconds:NAME`` and
        ``class:NAME``, its answer classes as numbers.
    """
    order = pl.LazyFrame({"problem_id": list(problem_ids)}, schema={"problem_id": pl.String}).with_row_index(
        "order"
    )
    columns = ("finish_reason", "prompt_tokens", "completion_tokens", "cumulative_logprob")
    rows = store.samples(cell).select(*_KEY, *columns).join(order, on="problem_id", how="inner")
    judged = oracle.scan(cell).select(*_KEY, "outcome", "score", "answer", "answer_class", "seconds")
    rows = rows.join(judged, on=_KEY, how="left")
    for name, verdicts in (others or {}).items():
        own = [pl.col(part).alias(f"{part}:{name}") for part in ("outcome", "score", "seconds")]
        number = pl.col("answer_class").rank("dense").alias(f"class:{name}")
        rows = rows.join(verdicts.scan(cell).select(*_KEY, *own, number), on=_KEY, how="left")
    return collect(rows.sort("order", "sample_index"), store.samples_folder(cell))


def read_judged(store: RunStore, cell: str, oracle: VerdictSet, problem_ids: Sequence[str]) -> JudgedSamples:
    """Join a cell's samples with the oracle's verdicts; samples it erred on are left out.

    Args:
        store: The run.
        cell: The cell.
        oracle: The verdict set that defines *correct*.
        problem_ids: The task's order.
    """
    return judged_samples(read_cell(store, cell, oracle, problem_ids))


def judged_samples(rows: pl.DataFrame) -> JudgedSamples:
    """Return what the oracle judged, of the rows of `read_cell`; samples it erred on are left out."""
    frame = rows.filter(pl.col("outcome").is_not_null() & (pl.col("outcome") != Outcome.ERROR))
    problem, n = _run_lengths(frame["order"].to_numpy())
    correct = (frame["outcome"] == Outcome.CORRECT).to_numpy()
    present = frame["problem_id"].unique(maintain_order=True).to_list()
    return JudgedSamples(
        problem_ids=tuple(present),
        problem=problem,
        correct=correct,
        answer_class=_class_numbers(frame["answer_class"]),
        logprob=frame["cumulative_logprob"].cast(pl.Float64).fill_null(float("nan")).to_numpy(),
        n=n,
        c=np.bincount(problem, weights=correct, minlength=n.size).astype(np.int64),
        frame=frame,
    )


def read_scores(
    store: RunStore, cell: str, judged: JudgedSamples, verifier: VerdictSet
) -> NDArray[np.float64]:
    """Return the score of each judged sample by a verifier that `read_cell` was not asked for; see `scores_of`."""
    own = verifier.scan(cell).select(
        *_KEY, pl.col("outcome").alias("outcome:it"), pl.col("score").alias("score:it")
    )
    keys = judged.frame.lazy().select(_KEY)
    frame = collect(keys.join(own, on=_KEY, how="left", maintain_order="left"), store.path)
    return _score(frame, "it")


def scores_of(judged: JudgedSamples, verifier: str) -> NDArray[np.float64]:
    """Return another verifier's score of each judged sample, shape (S,); NaN where it has none.

    A verifier that only accepts or rejects scores 1 and 0.
    """
    return _score(judged.frame, verifier)


def _score(frame: pl.DataFrame, verifier: str) -> NDArray[np.float64]:
    outcome, score = pl.col(f"outcome:{verifier}"), pl.col(f"score:{verifier}")
    if frame[f"score:{verifier}"].is_not_null().any():
        otherwise = score.min()  # no answer, no score: as bad as the worst, whatever the scale is
    else:
        otherwise = (outcome == Outcome.CORRECT).cast(pl.Float64)
    known = pl.when(outcome != Outcome.ERROR).then(otherwise)
    chosen = frame.select(pl.coalesce(score, known).cast(pl.Float64)).to_series()
    return chosen.fill_null(float("nan")).to_numpy()


def _run_lengths(
    order: NDArray[np.uint32],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Renumber sorted group labels as 0..P-1 and count each."""
    _, problem, n = np.unique(order, return_inverse=True, return_counts=True)
    return problem.astype(np.int64), n.astype(np.int64)


def _class_numbers(answer_class: pl.Series) -> NDArray[np.int64]:
    """Number the answer classes of a cell; null becomes `ABSTAINS`."""
    ranks = answer_class.rank("dense").cast(pl.Int64) - 1
    return ranks.fill_null(ABSTAINS).to_numpy()
