"""Verifier scores from any table: one row per sample, or one row per problem with lists of samples in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ttscale.errors import InvalidInputError, did_you_mean, listed, one_line
from ttscale.exchange.counts import FALSE, OUTCOME_NAMES, PROBLEM_NAMES, TRUE, find_column
from ttscale.exchange.grouping import grouping
from ttscale.exchange.whole_tables import read_table
from ttscale.types import Outcome

ANSWER_NAMES = ("answer_class", "pred", "prediction", "extracted_answer")
"""Column names looked for when none is given, the first found wins."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ScoreTable:
    """Samples with what an oracle and other verifiers say of them.

    Attributes:
        label: The cell or file.
        oracle: The name of what defines *correct*.
        verifiers: Names of the others, in order.
        frame: One row per sample, problems in order: problem_id, answer_class (null abstains), and for the oracle and
            each verifier ``outcome:NAME`` (a value of `Outcome`, null where it was never asked), ``score:NAME``
            (null without a score), ``class:NAME`` (its own answer classes, null abstains) and ``seconds:NAME``
            (null where not measured).
    """

    label: str
    oracle: str
    verifiers: tuple[str, ...]
    frame: pl.DataFrame


def read_score_tables(
    path: Path,
    verifiers: Sequence[str],
    *,
    oracle: str | None = None,
    answers: str | None = None,
) -> list[ScoreTable]:
    """Read a table with a column for the problem, one for *correct*, and one per verifier.

    A verifier's column holds scores, true/false, or outcomes such as "correct" and "error"; an empty cell or NaN
    is an error of that verifier. Where the columns hold lists, a row is a problem and each list its samples.

    Args:
        path: A .csv, .tsv, .parquet or .jsonl file.
        verifiers: The columns to compare.
        oracle: The column that says which samples are correct; found by the obvious names otherwise.
        answers: The column of answers, for votes; found by the obvious names otherwise, if there is one.

    Returns:
        One for each model, task or the like, where columns named so hold several.

    Raises:
        InvalidInputError: The file cannot be read, a column is missing, or it holds something else.
    """
    with one_line(str(path)):
        frame = read_table(path)
        return [
            _read_scores(part, path, label, verifiers, oracle, answers) for label, part in _apart(frame, path)
        ]


def _apart(frame: pl.DataFrame, path: Path) -> list[tuple[str, pl.DataFrame]]:
    """Return the parts of a table that columns such as model tell apart, each with its name."""
    by = grouping(frame, None, path, problem=find_column(frame, PROBLEM_NAMES), outcome=None)
    parts = frame.group_by(by, maintain_order=True) if by else [((), frame)]
    return [(", ".join([path.name, *map(str, values)]), part) for values, part in parts]


def _read_scores(
    frame: pl.DataFrame,
    path: Path,
    label: str,
    verifiers: Sequence[str],
    oracle: str | None,
    answers: str | None,
) -> ScoreTable:
    problem, correct = (
        find_column(frame, PROBLEM_NAMES) or find_column(frame, ("idx",)),
        oracle or find_column(frame, OUTCOME_NAMES),
    )
    for name in (correct, answers, *verifiers):
        if name is not None and name not in frame.columns:
            raise InvalidInputError(
                f"{path} has no column '{name}'.{did_you_mean(name, frame.columns)} "
                f"Columns: {listed(frame.columns)}."
            )
    if correct is None:
        raise InvalidInputError(f"Name the column of {path} that says what is correct with --oracle. "
                                f"Columns: {listed(frame.columns)}.")  # fmt: skip
    answer = answers or find_column(frame, ANSWER_NAMES)
    used = list(dict.fromkeys(name for name in (correct, answer, *verifiers) if name))
    samples = _one_row_per_sample(frame, problem, used, path)
    columns = {"problem_id": samples["problem_id"].cast(pl.String)}
    columns["answer_class"] = (
        samples[answer].cast(pl.String) if answer else pl.Series([None] * samples.height, dtype=pl.String)
    )
    for name in dict.fromkeys((correct, *verifiers)):
        columns |= _judged(samples[name], name, path)
    table = pl.DataFrame({name: column.alias(name) for name, column in columns.items()})
    return ScoreTable(
        label=label,
        oracle=correct,
        verifiers=tuple(verifiers),
        frame=table.with_columns(pl.col("answer_class").replace("", None)),
    )


def _one_row_per_sample(
    frame: pl.DataFrame, problem: str | None, used: Sequence[str], path: Path
) -> pl.DataFrame:
    """Return problem_id and the used columns, lists opened into rows."""
    lists = [name for name in used if isinstance(frame.schema[name], pl.List)]
    if problem is None and not lists:
        raise InvalidInputError(
            f"{path} has no problem column ({' or '.join(PROBLEM_NAMES)}). Columns: {listed(frame.columns)}."
        )
    identity = pl.col(problem).cast(pl.String) if problem else pl.int_range(pl.len()).cast(pl.String)
    table = frame.select(identity.alias("problem_id"), *used)
    if not lists:
        return table
    flat = [name for name in used if name not in lists]
    if flat:
        raise InvalidInputError(
            f"{path} holds lists in {', '.join(lists)} but not in {', '.join(flat)}. Give all as lists, one row "
            "per problem, or all as single values, one row per sample."
        )
    lengths = table.select(pl.concat_list([pl.col(name).list.len() for name in lists]).list.n_unique() > 1)
    if lengths.to_series().any():
        raise InvalidInputError(f"{path}: the lists of a problem differ in length ({', '.join(lists)}).")
    return table.explode(lists).with_columns(_single(name) for name in lists if _nested(table, name, path))


def _nested(table: pl.DataFrame, name: str, path: Path) -> bool:
    """Whether a column's lists hold lists; several step scores per sample are refused, since how to reduce them matters."""
    inner = table.schema[name].inner  # type: ignore[attr-defined]
    if not isinstance(inner, pl.List):
        return False
    if (table[name].explode().list.len() > 1).any():
        raise InvalidInputError(
            f"{path}: column '{name}' has several scores per sample. Reduce them to one (min, product, last or mean)."
        )
    return True


def _single(name: str) -> pl.Expr:
    return pl.col(name).list.first()


def _judged(column: pl.Series, name: str, path: Path) -> Mapping[str, pl.Series]:
    """Return a verifier's columns; a table knows neither classes of its own nor times."""
    if column.dtype == pl.String:
        outcome = _from_words(column, name, path)
        score = pl.Series([None] * len(column), dtype=pl.Float64)
    elif column.dtype == pl.Boolean or column.dtype.is_numeric():
        score = column.cast(pl.Float64).fill_nan(None)
        binary = bool(score.drop_nulls().is_in([0.0, 1.0]).all())
        accepted = (score == 1.0) if binary else pl.Series([True] * len(column))
        outcome = (
            pl.select(
                pl.when(score.is_null())
                .then(pl.lit(Outcome.ERROR.value))
                .when(accepted)
                .then(pl.lit((Outcome.CORRECT if binary else Outcome.SCORED).value))
                .otherwise(pl.lit(Outcome.INCORRECT.value))
            )
            .to_series()
            .cast(pl.String)
        )
    else:
        raise InvalidInputError(
            f"{path}: column '{name}' holds {column.dtype}, which is neither a score nor a verdict."
        )
    nothing = pl.Series([None] * len(column))
    return {
        f"outcome:{name}": outcome,
        f"score:{name}": score,
        f"class:{name}": nothing.cast(pl.String),
        f"seconds:{name}": nothing.cast(pl.Float64),
    }


def _from_words(column: pl.Series, name: str, path: Path) -> pl.Series:
    words = column.str.strip_chars().str.to_lowercase()
    kept = [outcome.value for outcome in Outcome]
    known = [*TRUE, *FALSE, *kept]
    if not words.drop_nulls().is_in(known).all():
        strange = column.filter(~words.is_in(known).fill_null(value=True)).unique().head(5).to_list()
        raise InvalidInputError(
            f"{path}: column '{name}' holds {', '.join(map(repr, strange))}, which is neither a score nor a verdict. "
            f"Known: {', '.join(dict.fromkeys(known))}."
        )
    mapping = dict.fromkeys(TRUE, Outcome.CORRECT.value) | dict.fromkeys(FALSE, Outcome.INCORRECT.value)
    return words.replace({word: mapping[word] for word in mapping if word not in kept}).fill_null(
        Outcome.ERROR.value
    )
