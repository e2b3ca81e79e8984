"""Rows of samples and verdicts as the arrays that estimators take, and what a verifier says of each sample."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ttscale.stats.selectors.contract import SamplePools, sample_pools
from ttscale.types import Outcome

ABSTAINS = -1
"""The answer class of a sample without an answer."""

LOGPROB = "logprob"
"""The score that every run has: the summed log-probability of a sample."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class VerifiedSamples:
    """A cell's samples with a verdict of the oracle, flat and ragged: S samples of P problems.

    Attributes:
        problem_ids: The problems that have verified samples, in the task's order, length P.
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

    def pools(self) -> SamplePools:
        """Return what selectors pick from, before a verifier is asked."""
        return pools_of(self.problem, self.correct, self.answer_class)


def verified_samples(rows: pl.DataFrame) -> VerifiedSamples:
    """Return the verified samples of the rows of a cell; those that the oracle erred on are left out."""
    frame = rows.filter(pl.col("outcome").is_not_null() & (pl.col("outcome") != Outcome.ERROR))
    problem, n = _run_lengths(frame["order"].to_numpy())
    correct = (frame["outcome"] == Outcome.CORRECT).to_numpy()
    present = frame["problem_id"].unique(maintain_order=True).to_list()
    return VerifiedSamples(
        problem_ids=tuple(present),
        problem=problem,
        correct=correct,
        answer_class=class_numbers(frame["answer_class"]),
        logprob=frame["cumulative_logprob"].cast(pl.Float64).fill_null(float("nan")).to_numpy(),
        n=n,
        c=np.bincount(problem, weights=correct, minlength=n.size).astype(np.int64),
        frame=frame,
    )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class VerifierScores:
    """What one verifier says of S samples.

    Attributes:
        name: As given.
        score: Higher is better, finite, shape (S,).
        failed: Where it failed or was never asked; its score is then the lowest, and it accepts nothing; shape (S,).
        accepted: Its verdict, shape (S,); None for a verifier that only scores (`Outcome.SCORED`) and has no threshold.
        answer_class: Class of each sample's answer as this verifier sees it, -1 abstains; shape (S,).
        outcomes: Outcome -> samples of all that were drawn, errors included.
        seconds_per_sample: Mean verification time of the samples where it was measured, or None.
        tokens_per_sample: Mean tokens (prompt, completion) that a model was asked and wrote per sample, or None. Seconds and
            tokens are those of judging a sample by itself; equal samples are judged once.
    """

    name: str
    score: NDArray[np.float64]
    failed: NDArray[np.bool_]
    accepted: NDArray[np.bool_] | None
    answer_class: NDArray[np.int64]
    outcomes: Mapping[str, int]
    seconds_per_sample: float | None
    tokens_per_sample: tuple[float, float] | None = None

    @property
    def n_failed(self) -> int:
        """Return how many samples it failed on or was never asked about."""
        return int(self.failed.sum())


def verifier_scores(
    rows: pl.DataFrame, name: str, *, threshold: float | None = None, drawn: pl.DataFrame | None = None
) -> VerifierScores:
    """Read what a verifier says of each row; one that only accepts or rejects scores 1 and 0.

    Args:
        rows: With the columns ``outcome:NAME``, ``score:NAME``, ``class:NAME`` and the like.
        name: The verifier.
        threshold: The score from which on it accepts, instead of its own verdict.
        drawn: The rows that its times and outcomes are summed up over, where there are more.
    """
    outcome, everything = rows[f"outcome:{name}"], rows if drawn is None else drawn
    failed = (outcome.is_null() | (outcome == Outcome.ERROR).fill_null(value=False)).to_numpy()
    accepts = (outcome == Outcome.CORRECT).fill_null(value=False).to_numpy()
    own = rows[f"score:{name}"].fill_nan(None)
    unscored = own.is_null().to_numpy() & ~failed
    score = np.where(unscored, accepts.astype(np.float64), own.fill_null(0.0).to_numpy())
    if unscored.any() and not unscored[~failed].all():
        score = _lowest_where(unscored, score)  # no answer, no score: below every answer that has one
    score = _lowest_where(failed, score)
    if threshold is not None:
        accepted: NDArray[np.bool_] | None = (score >= threshold) & ~failed
    else:
        accepted = None if (outcome == Outcome.SCORED).any() else accepts
    return VerifierScores(
        name=name,
        score=score,
        failed=failed,
        accepted=accepted,
        answer_class=class_numbers(rows[f"class:{name}"]),
        outcomes=dict(sorted(everything[f"outcome:{name}"].fill_null("missing").value_counts().rows())),
        seconds_per_sample=mean_or_none(everything, f"seconds:{name}"),
        tokens_per_sample=_mean_tokens(everything, name),
    )


def logprob_scores(verified: VerifiedSamples) -> VerifierScores:
    """Return the samples' own log-probability as if a verifier had given it; it fails where it was not recorded."""
    failed = np.isnan(verified.logprob)
    return VerifierScores(
        name=LOGPROB,
        score=_lowest_where(failed, np.nan_to_num(verified.logprob)),
        failed=failed,
        accepted=None,
        answer_class=verified.answer_class,
        outcomes={},
        seconds_per_sample=None,
    )


def seen_by(pools: SamplePools, said: Sequence[VerifierScores]) -> SamplePools:
    """Return the samples as a selector sees them that goes by a verifier, or by several together."""
    if not said:
        return pools
    only = said[0]
    return replace(
        pools,
        score=only.score,
        accepted=None if only.accepted is None else only.accepted.astype(np.int64),
        failed=only.failed.astype(np.int64),
        features=np.column_stack([one.score for one in said]),
    )


def pools_of(
    problem: NDArray[np.int64], correct: NDArray[np.bool_], answer_class: NDArray[np.int64]
) -> SamplePools:
    """Return what selectors pick from; answers are there only where some sample has one."""
    return sample_pools(problem, correct, answer_class=voting(answer_class))


def voting(answer_class: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Return the answers, None where all abstain."""
    return answer_class if (answer_class >= 0).any() else None


def class_numbers(answer_class: pl.Series) -> NDArray[np.int64]:
    """Number the answer classes of a cell; null becomes `ABSTAINS`."""
    ranks = answer_class.to_frame().select(dense_rank(answer_class.name).cast(pl.Int64) - 1).to_series()
    return ranks.fill_null(ABSTAINS).to_numpy()


def dense_rank(column: str) -> pl.Expr:
    """Return the ranks 1, 2, ... of a column's values, null where they are; texts are sorted once each, not once a row."""

    def ranked(values: pl.Series) -> pl.Series:
        if values.dtype != pl.String:
            return values.rank("dense").cast(pl.UInt32)
        return values.cast(pl.Enum(values.drop_nulls().unique().sort())).to_physical().cast(pl.UInt32) + 1

    return pl.col(column).map_batches(ranked, return_dtype=pl.UInt32)


def mean_or_none(frame: pl.DataFrame, column: str) -> float | None:
    """Return the mean of what is known, None where nothing is."""
    mean = frame[column].cast(pl.Float64).mean() if column in frame.columns else None
    return float(mean) if isinstance(mean, float) else None


def _mean_tokens(frame: pl.DataFrame, name: str) -> tuple[float, float] | None:
    asked, written = (
        mean_or_none(frame, f"{part}:{name}") for part in ("prompt_tokens", "completion_tokens")
    )
    return None if asked is None and written is None else (asked or 0.0, written or 0.0)


def _lowest_where(which: NDArray[np.bool_], score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put some samples at the lowest score of the others: the worst, but on the others' scale."""
    if not which.any() or which.all():
        return score
    low, high = score[~which].min(), score[~which].max()
    if low == high:  # all others alike: these are worse
        low = 0.0 if high > 0 else high - 1
    return np.where(which, low, score)


def _run_lengths(
    order: NDArray[np.uint32],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Renumber sorted group labels as 0..P-1 and count each."""
    _, problem, n = np.unique(order, return_inverse=True, return_counts=True)
    return problem.astype(np.int64), n.astype(np.int64)
