"""Samples with the scores of every verifier to compare, and one decision about what an error counts as."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ttscale.analysis.reading.adaptive import only_undecided
from ttscale.analysis.reading.choices import choose_oracle, stored_config
from ttscale.analysis.reading.tables import ABSTAINS
from ttscale.errors import InvalidInputError, StoreError, did_you_mean
from ttscale.exchange.scores import ScoreTable, read_score_table
from ttscale.store.run import RunStore
from ttscale.store.segments import collect
from ttscale.store.verdicts import VerdictSet
from ttscale.types import Outcome

ErrorPolicy = Literal["stop", "drop", "wrong"]
"""What a sample counts as on which a verifier failed: nothing (stop and say so), left out for every verifier, or
rejected with the lowest score (by the oracle: wrong)."""

_PARTS = ("outcome", "score", "seconds", "prompt_tokens", "completion_tokens")
_KEY = ["problem_id", "sample_index"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class VerifierScores:
    """What one verifier says of the samples compared.

    Attributes:
        name: As given.
        score: Higher is better, finite, shape (S,).
        failed: Where it failed and is counted as rejecting, shape (S,).
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


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ScoredSamples:
    """The samples compared, the same ones for every verifier: S samples of P problems.

    Attributes:
        label: The cell or file.
        oracle: Name of what defines *correct*.
        problem: Problem number of each sample, shape (S,), 0..P-1.
        correct: Shape (S,).
        answer_class: Class of each answer as the oracle sees it, -1 abstains; shape (S,).
        verifiers: In the order given.
        notes: What was left out or counted as wrong, for a person.
    """

    label: str
    oracle: str
    problem: NDArray[np.int64]
    correct: NDArray[np.bool_]
    answer_class: NDArray[np.int64]
    verifiers: tuple[VerifierScores, ...]
    notes: tuple[str, ...]


def read_scored(
    source: Path,
    verifiers: Sequence[str] | None,
    *,
    oracle: str | None = None,
    answers: str | None = None,
) -> list[ScoreTable]:
    """Read what is to be compared from a run directory (one table per cell) or a file of scores.

    Args:
        source: A run directory, or a table; see `read_score_table`.
        verifiers: Names of verifiers whose verdicts are stored (or labels of verdict sets), or columns. None: every
            stored verifier that does not see the answer key.
        oracle: What defines *correct*; by default the run's own oracle, or the column with the obvious name.
        answers: The column of answers in a file.

    Raises:
        InvalidInputError: The table cannot be used, or no column is named.
        StoreError: The folder is no run, or holds no verdicts of such a verifier.
    """
    if not source.is_dir():
        if verifiers is None:
            raise InvalidInputError(f"Name the columns of {source} to compare with --verifiers.")
        return [read_score_table(source, verifiers, oracle=oracle, answers=answers)]
    store = RunStore(source)
    sets = store.verdict_sets()
    config = stored_config(store)
    if verifiers is None:
        verifiers = list(dict.fromkeys(each.info.verifier for each in sets if not each.info.sees_answer))
    chosen = {name: _choose(sets, name, source) for name in verifiers}
    judges = {
        cell: _choose(sets, oracle, source) if oracle else choose_oracle(sets, config, cell)
        for cell in store.cells()
    }
    return [_read_cell(store, cell, judge, chosen) for cell, judge in judges.items()]


def settle(
    table: ScoreTable, errors: ErrorPolicy = "stop", thresholds: Mapping[str, float] | None = None
) -> ScoredSamples:
    """Decide what errors count as, and turn the table into arrays.

    Args:
        table: From `read_scored`.
        errors: See `ErrorPolicy`. Samples that a verifier was never asked about are no errors: they can only be left
            out.
        thresholds: Verifier -> the score from which on it accepts, instead of its own verdict.

    Raises:
        InvalidInputError: A verifier failed on a sample, or was never asked, and `errors` is "stop".
    """
    frame, names = table.frame, (table.oracle, *table.verifiers)
    trouble = {name: _trouble(frame[f"outcome:{name}"]) for name in names}
    if errors == "stop":
        _refuse_trouble(trouble, frame.height)
    asked = [pl.col(f"outcome:{name}").is_not_null() for name in names]
    if errors == "wrong":
        _refuse_trouble({name: (0, missing) for name, (_, missing) in trouble.items()}, frame.height)
    else:
        asked += [pl.col(f"outcome:{name}") != Outcome.ERROR for name in names]
    kept = frame.filter(pl.all_horizontal(asked))
    if not kept.height:
        raise InvalidInputError(f"No sample of {table.label} has a verdict of every verifier compared.")
    problem_ids = kept["problem_id"].unique(maintain_order=True)
    number = {name: i for i, name in enumerate(problem_ids)}
    return ScoredSamples(
        label=table.label,
        oracle=table.oracle,
        problem=kept["problem_id"].replace_strict(number, return_dtype=pl.Int64).to_numpy(),
        correct=_correct(kept, table.oracle, (thresholds or {}).get(table.oracle)),
        answer_class=_class_numbers(kept["answer_class"]),
        verifiers=tuple(
            _settled(name, frame, kept, (thresholds or {}).get(name)) for name in table.verifiers
        ),
        notes=tuple(_notes(trouble, frame, kept, errors)),
    )


def _choose(sets: Sequence[VerdictSet], name: str, source: Path) -> VerdictSet:
    """Return the newest verdict set of a verifier, or the one with that label."""
    found = [each for each in sets if name in (each.info.verifier, each.info.label)]
    if not found:
        known = sorted({each.info.verifier for each in sets})
        raise StoreError(
            f"{source} holds no verdicts of '{name}'.{did_you_mean(name, known)} Stored: {', '.join(known) or 'none'}. "
            f"Run: ttscale verify {source} --verifier {name}"
        )
    return max(found, key=lambda each: (each.folder / "verifier.json").stat().st_mtime)


def _read_cell(
    store: RunStore, cell: str, oracle: VerdictSet, verifiers: Mapping[str, VerdictSet]
) -> ScoreTable:
    order = [problem.problem_id for problem in store.problems(cell)]
    position = pl.LazyFrame({"problem_id": order}, schema={"problem_id": pl.String}).with_row_index("order")
    rows = store.samples(cell).select(_KEY)
    named = {oracle.info.verifier: oracle, **verifiers}
    for name, verdicts in named.items():
        columns = [pl.col(part).alias(f"{part}:{name}") for part in _PARTS]
        columns.append(pl.col("answer_class").alias(f"class:{name}"))
        rows = rows.join(verdicts.scan(cell).select(*_KEY, *columns), on=_KEY, how="left")
    frame = collect(
        rows.join(position, on="problem_id", how="inner").sort("order", "sample_index"),
        store.samples_folder(cell),
    )
    frame = only_undecided(store, cell, frame)
    frame = frame.with_columns(answer_class=pl.col(f"class:{oracle.info.verifier}"))
    return ScoreTable(label=cell, oracle=oracle.info.verifier, verifiers=tuple(verifiers), frame=frame)


def _trouble(outcome: pl.Series) -> tuple[int, int]:
    """Return (errors, samples never asked about)."""
    return int((outcome == Outcome.ERROR).sum()), int(outcome.is_null().sum())


def _refuse_trouble(trouble: Mapping[str, tuple[int, int]], n_samples: int) -> None:
    failed = [f"'{name}' failed on {count:,}" for name, (count, _) in trouble.items() if count]
    unasked = [f"'{name}' lacks {count:,}" for name, (_, count) in trouble.items() if count]
    if unasked:
        raise InvalidInputError(
            f"Verdicts are missing: {', '.join(unasked)} of {n_samples:,} samples. Run `ttscale verify`, or compare "
            "what all have judged with --errors drop."
        )
    if failed:
        raise InvalidInputError(
            f"Verifiers failed: {', '.join(failed)} of {n_samples:,} samples. An error is no wrong answer; choose what "
            "it counts as: --errors drop leaves those samples out for all verifiers, --errors wrong counts them "
            "as rejected."
        )


def _correct(kept: pl.DataFrame, oracle: str, threshold: float | None) -> NDArray[np.bool_]:
    """Return what the oracle calls correct; a column of scores needs a threshold to be one."""
    outcome = kept[f"outcome:{oracle}"]
    if threshold is not None:
        reached = kept[f"score:{oracle}"] >= threshold
        return (reached.fill_null(value=False) & (outcome != Outcome.ERROR)).to_numpy()
    if (outcome == Outcome.SCORED).any():
        raise InvalidInputError(
            f"'{oracle}' only scores, and does not say what is correct. Say from which score on: "
            f"--threshold {oracle}=0.5, or name another oracle."
        )
    return (outcome == Outcome.CORRECT).to_numpy()


def _settled(name: str, frame: pl.DataFrame, kept: pl.DataFrame, threshold: float | None) -> VerifierScores:
    outcome = kept[f"outcome:{name}"]
    failed = (outcome == Outcome.ERROR).to_numpy()
    accepts = (outcome == Outcome.CORRECT).to_numpy()
    own = kept[f"score:{name}"].fill_nan(None)
    unscored = own.is_null().to_numpy() & ~failed
    score = np.where(unscored, accepts.astype(np.float64), own.fill_null(0.0).to_numpy())
    if unscored.any() and not unscored[~failed].all():
        score = _lowest_where(unscored, score)  # no answer, no score: below every answer that has one
    score = _lowest_where(failed, score)
    if threshold is not None:
        accepted: NDArray[np.bool_] | None = (score >= threshold) & ~failed
    else:
        accepted = None if (outcome == Outcome.SCORED).any() else accepts
    outcomes = frame[f"outcome:{name}"].fill_null("missing").value_counts().rows()
    return VerifierScores(
        name=name,
        score=score,
        failed=failed,
        accepted=accepted,
        answer_class=_class_numbers(kept[f"class:{name}"]),
        outcomes=dict(sorted(outcomes)),
        seconds_per_sample=_mean(frame, f"seconds:{name}"),
        tokens_per_sample=_mean_tokens(frame, name),
    )


def _mean(frame: pl.DataFrame, column: str) -> float | None:
    """Return the mean of what is known, None where nothing is."""
    mean = frame[column].cast(pl.Float64).mean() if column in frame.columns else None
    return float(mean) if isinstance(mean, float) else None


def _mean_tokens(frame: pl.DataFrame, name: str) -> tuple[float, float] | None:
    asked, written = _mean(frame, f"prompt_tokens:{name}"), _mean(frame, f"completion_tokens:{name}")
    return None if asked is None and written is None else (asked or 0.0, written or 0.0)


def _class_numbers(answer_class: pl.Series) -> NDArray[np.int64]:
    """Number the answer classes; null abstains."""
    return (answer_class.rank("dense").cast(pl.Int64) - 1).fill_null(ABSTAINS).to_numpy()


def _lowest_where(which: NDArray[np.bool_], score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put some samples at the lowest score of the others: the worst, but on the others' scale."""
    if not which.any() or which.all():
        return score
    low, high = score[~which].min(), score[~which].max()
    if low == high:  # all others alike: these are worse
        low = 0.0 if high > 0 else high - 1
    return np.where(which, low, score)


def _notes(
    trouble: Mapping[str, tuple[int, int]], frame: pl.DataFrame, kept: pl.DataFrame, errors: ErrorPolicy
) -> list[str]:
    notes = []
    count = "counted as rejected" if errors == "wrong" else "left out for all verifiers"
    for name, (failed, missing) in trouble.items():
        if failed:
            notes.append(f"'{name}' failed on {failed:,} of {frame.height:,} samples; they are {count}.")
        if missing:
            notes.append(
                f"'{name}' has no verdict on {missing:,} samples; they are left out for all verifiers."
            )
    lost = frame["problem_id"].n_unique() - kept["problem_id"].n_unique()
    if lost:
        notes.append(f"{lost:,} problems have no sample left and are not in the comparison.")
    return notes
