"""Stored samples and verdicts as the arrays that estimators take."""

from collections.abc import Sequence
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


def read_judged(store: RunStore, cell: str, oracle: VerdictSet, problem_ids: Sequence[str]) -> JudgedSamples:
    """Join a cell's samples with the oracle's verdicts; samples it erred on are left out.

    Args:
        store: The run.
        cell: The cell.
        oracle: The verdict set that defines *correct*.
        problem_ids: The task's order.
    """
    verdicts = oracle.scan(cell).filter(pl.col("outcome") != Outcome.ERROR).drop("cell", "seconds", "detail")
    order = pl.LazyFrame({"problem_id": list(problem_ids)}, schema={"problem_id": pl.String}).with_row_index(
        "order"
    )
    frame = collect(
        store.samples(cell)
        .select("problem_id", "sample_index", "finish_reason", "completion_tokens", "cumulative_logprob")
        .join(verdicts, on=["problem_id", "sample_index"], how="inner")
        .join(order, on="problem_id", how="inner")
        .sort("order", "sample_index"),
        store.samples_folder(cell),
    )
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
    """Return another verifier's score of each judged sample, shape (S,); NaN where it has none.

    A verifier that only accepts or rejects scores 1 and 0.
    """
    score = pl.coalesce(
        pl.col("score"),
        pl.when(pl.col("outcome") != Outcome.ERROR).then(
            (pl.col("outcome") == Outcome.CORRECT).cast(pl.Float64)
        ),
    )
    other = verifier.scan(cell).select("problem_id", "sample_index", score.alias("other_score"))
    joined = collect(
        judged.frame.lazy()
        .select("problem_id", "sample_index")
        .join(other, on=["problem_id", "sample_index"], how="left", maintain_order="left"),
        store.path,
    )
    return joined["other_score"].cast(pl.Float64).fill_null(float("nan")).to_numpy()


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
