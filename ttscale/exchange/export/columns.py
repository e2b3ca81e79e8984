"""A cell's samples beside all their verdicts: the columns of every export.

``correct`` is what the oracle says (null: not judged, or it failed). Each verifier has columns of its own:
``verdict:NAME`` is the outcome of one that sees the answer key, ``accept:NAME`` of one that does not, and
``score:NAME``, ``answer:NAME`` and ``class:NAME`` (which answers are the same one) are there where it gave any.
``settings`` holds as JSON what else decides a cell's samples.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from ttscale.store.run import RunStore
from ttscale.store.samples import SAMPLE_KEY
from ttscale.store.segments import collect
from ttscale.store.verdicts import VerdictSet
from ttscale.types import Outcome

_NAMED_APART = ("model.path", "task.name", "model.engine")
_OF_A_SAMPLE = (
    "completion",
    "finish_reason",
    "prompt_tokens",
    "completion_tokens",
    "cumulative_logprob",
    "seed",
)


def export_frame(store: RunStore, cell: str, oracle: VerdictSet | None) -> pl.LazyFrame:
    """Return one row per sample of a cell, lazily.

    Args:
        store: The run.
        cell: The cell.
        oracle: The verdict set that defines *correct*, None where nothing does.

    Returns:
        cell, model, task, problem_id, sample_index, the sample's own columns, correct, and the verifiers' columns,
        the oracle's first.
    """
    identity = store.manifest()["cells"][cell]
    rows = store.samples(cell).select(
        pl.lit(cell).alias("cell"),
        pl.lit(str(identity.get("model.path", ""))).alias("model"),
        pl.lit(str(identity.get("task.name", ""))).alias("task"),
        pl.lit(_settings(identity)).alias("settings"),
        *SAMPLE_KEY,
        *_OF_A_SAMPLE,
    )
    sets = verdicts_of(store, cell)
    if oracle is not None:
        sets = [one for one in sets if one.info.label == oracle.info.label] + [
            one for one in sets if one.info.label != oracle.info.label
        ]
    for name, one in _named(sets).items():
        rows = rows.join(
            _verifier_columns(one, cell, name), on=list(SAMPLE_KEY), how="left", maintain_order="left"
        )
    if oracle is None:
        return rows
    first = f"verdict:{next(iter(_named(sets)))}" if sets else None
    outcome = pl.col(first) if first else pl.lit(None, pl.String)
    correct = pl.when(outcome.is_not_null() & (outcome != Outcome.ERROR)).then(outcome == Outcome.CORRECT)
    return rows.with_columns(correct.alias("correct"))


def verdicts_of(store: RunStore, cell: str) -> list[VerdictSet]:
    """Return the verdict sets that judged samples of a cell."""
    return [one for one in store.verdict_sets() if any((one.folder / cell).glob("*.parquet"))]


def _settings(identity: Mapping[str, Any]) -> str:
    others = {key: value for key, value in identity.items() if key not in _NAMED_APART}
    return json.dumps(others, sort_keys=True, ensure_ascii=False)


def _named(sets: Sequence[VerdictSet]) -> dict[str, VerdictSet]:
    """Name sets by their verifier where that is unambiguous, by their label elsewhere."""
    count = Counter(one.info.verifier for one in sets)
    return {(one.info.verifier if count[one.info.verifier] == 1 else one.info.label): one for one in sets}


def _verifier_columns(one: VerdictSet, cell: str, name: str) -> pl.LazyFrame:
    frame = one.scan(cell)
    given = pl.col("score", "answer").is_not_null().any()
    own_class = pl.col("answer_class").ne_missing(pl.col("answer")).any().alias("class")
    there = collect(frame.select(given, own_class), one.folder).row(0, named=True)
    kind = "verdict" if one.info.sees_answer else "accept"
    columns = [pl.col("outcome").alias(f"{kind}:{name}")]
    parts = {"score": "score", "answer": "answer", "class": "answer_class"}
    columns += [pl.col(column).alias(f"{part}:{name}") for part, column in parts.items() if there[part]]
    return frame.select(*SAMPLE_KEY, *columns)
