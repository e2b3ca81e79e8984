"""One row per problem: how often it is solved, what the model answers, and samples to read."""

from collections.abc import Sequence

import polars as pl

from ttscale.analysis.reading.verified import VerifiedSamples
from ttscale.store.run import RunStore
from ttscale.store.segments import collect
from ttscale.types import Outcome, Problem

_MOST_ANSWERS = 10
_MOST_EXAMPLES = 6


def problems_frame(
    store: RunStore, cell: str, problems: Sequence[Problem], verified: VerifiedSamples
) -> pl.DataFrame:
    """Return the `CellResult.problems` table, in the task's order."""
    table = pl.DataFrame(
        {
            "problem_id": [problem.problem_id for problem in problems],
            "prompt": [_prompt_text(problem) for problem in problems],
            "answer": [problem.answer for problem in problems],
        },
        schema={"problem_id": pl.String, "prompt": pl.String, "answer": pl.String},
    )
    counts = pl.DataFrame({"problem_id": list(verified.problem_ids), "n": verified.n, "c": verified.c})
    return (
        table.join(counts, on="problem_id", how="inner", maintain_order="left")
        .with_columns(success_rate=pl.col("c") / pl.col("n"))
        .join(_answers(verified.frame), on="problem_id", how="left", maintain_order="left")
        .join(_examples(store, cell, verified.frame), on="problem_id", how="left", maintain_order="left")
    )


def _answers(frame: pl.DataFrame) -> pl.DataFrame:
    """Return problem_id -> its most frequent answers as structs {answer, count, correct}."""
    return (
        frame.lazy()
        .filter(pl.col("answer_class").is_not_null())
        .group_by("problem_id", "answer_class")
        .agg(
            answer=pl.col("answer").first(),
            count=pl.len(),
            correct=(pl.col("outcome") == Outcome.CORRECT).any(),
        )
        .sort("count", "answer_class", descending=[True, False])
        .group_by("problem_id", maintain_order=True)
        .agg(answers=pl.struct("answer", "count", "correct").head(_MOST_ANSWERS))
        .collect()
    )


def _examples(store: RunStore, cell: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Return problem_id -> a few samples to read: correct and other ones, the earliest of each."""
    half = _MOST_EXAMPLES // 2
    chosen = (
        frame.lazy()
        .with_columns(is_correct=pl.col("outcome") == Outcome.CORRECT)
        .sort("problem_id", "sample_index")
        .group_by("problem_id", "is_correct")
        .head(half)
        .select("problem_id", "sample_index", "outcome", "finish_reason")
    )
    texts = store.samples(cell).select("problem_id", "sample_index", "completion")
    return collect(
        chosen.join(texts, on=["problem_id", "sample_index"], how="inner")
        .sort("problem_id", "sample_index")
        .group_by("problem_id", maintain_order=True)
        .agg(examples=pl.struct("sample_index", "completion", "outcome", "finish_reason")),
        store.samples_folder(cell),
    )


def _prompt_text(problem: Problem) -> str:
    if problem.messages is None:
        return problem.prompt or ""
    return "\n\n".join(f"{message.role}: {message.content}" for message in problem.messages)
