"""Samples with the scores of every verifier to compare, and one decision about what an error counts as."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ttscale.analysis.reading.cell import RunReader
from ttscale.analysis.reading.verified import VerifierScores, class_numbers, verifier_scores
from ttscale.errors import InvalidInputError
from ttscale.exchange.scores import ScoreTable, read_score_tables
from ttscale.store.run import RunStore
from ttscale.types import Outcome

ErrorPolicy = Literal["stop", "drop", "wrong"]
"""What a sample counts as on which a verifier failed: nothing (stop and say so), left out for every verifier, or
rejected with the lowest score (by the oracle: wrong)."""


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
        source: A run directory, or a table; see `read_score_tables`.
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
        return read_score_tables(source, verifiers, oracle=oracle, answers=answers)
    reader = RunReader(RunStore(source))
    names = reader.deployable() if verifiers is None else verifiers
    cells = [reader.cell(cell, oracle=oracle, verifiers=names) for cell in reader.store.cells()]
    return [cell.score_table(cell.undecided_rows()) for cell in cells]


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
        answer_class=class_numbers(kept["answer_class"]),
        verifiers=tuple(
            verifier_scores(kept, name, threshold=(thresholds or {}).get(name), drawn=frame)
            for name in table.verifiers
        ),
        notes=tuple(_notes(trouble, frame, kept, errors)),
    )


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
