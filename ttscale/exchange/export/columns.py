"""A cell's samples beside all their verdicts: the columns of every export.

``correct`` is what the oracle says (null: not judged, or it failed). Each verifier has columns of its own:
``verdict:NAME`` is the outcome of one that sees the answer key, ``accept:NAME`` of one that does not, and
``score:NAME``, ``answer:NAME`` and ``class:NAME`` (which answers are the same one) are there where it gave any.
``settings`` holds as JSON what else decides a cell's samples.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from ttscale.store.run import RunStore
from ttscale.store.samples import SAMPLE_KEY
from ttscale.store.segments import collect
from ttscale.store.verdicts import VerdictSet
from ttscale.types import Outcome

_NAMED_APART = ("model.path", "task.name", "model.engine")
_BLOCK_SAMPLES = 100_000
"""Held at a time, with their texts."""
_OF_A_SAMPLE = (
    "completion", "finish_reason", "prompt_tokens", "completion_tokens", "cumulative_logprob", "seed",
)  # fmt: skip


class CellExport:
    """A cell's samples with all their verdicts, some problems at a time.

    Args:
        store: The run.
        cell: The cell.
        oracle: The verdict set that defines *correct*, None where nothing does.

    Attributes:
        outcome: The oracle's column, such as ``verdict:exact``; ``accept:NAME`` where it does not see the key.
    """

    def __init__(self, store: RunStore, cell: str, oracle: VerdictSet | None) -> None:
        self._store = store
        self._cell = cell
        self._identity = store.manifest()["cells"][cell]
        named = _named(_oracle_first(verdicts_of(store, cell), oracle))
        self._verdicts = [_verifier_columns(one, cell, name) for name, one in named.items()]
        self.outcome = _outcome_column(*next(iter(named.items()))) if oracle is not None else None

    def blocks(self) -> list[list[str]]:
        """Cut the problems, in the task's order, into blocks whose samples fit into memory; those without are left out."""
        counts = self._store.counts(self._cell)
        ids = [
            problem.problem_id for problem in self._store.problems(self._cell) if problem.problem_id in counts
        ]
        blocks: list[list[str]] = [[]]
        held = 0
        for problem_id in ids:
            if blocks[-1] and held + counts[problem_id] > _BLOCK_SAMPLES:
                blocks.append([])
                held = 0
            blocks[-1].append(problem_id)
            held += counts[problem_id]
        return blocks

    def rows(self, problem_ids: Sequence[str]) -> pl.DataFrame:
        """Return one row per sample of some problems, in their order.

        Args:
            problem_ids: One of `blocks`.

        Returns:
            cell, model, task, settings, problem_id, sample_index, the sample's own columns, the verifiers' columns, the
            oracle's first, and correct where there is an oracle.
        """
        block = pl.LazyFrame({"problem_id": problem_ids}, schema={"problem_id": pl.String}).with_row_index(
            "order"
        )
        rows = (
            _of_block(self._store.samples(self._cell), problem_ids)
            .join(block, on="problem_id", how="inner")
            .sort("order", "sample_index")
            .select(*self._named_columns(), *SAMPLE_KEY, *_OF_A_SAMPLE)
        )
        for verdicts in self._verdicts:
            own = _of_block(verdicts, problem_ids)
            rows = rows.join(own, on=list(SAMPLE_KEY), how="left", maintain_order="left")
        if self.outcome is not None:
            outcome = pl.col(self.outcome)
            judged = outcome.is_not_null() & (outcome != Outcome.ERROR)
            rows = rows.with_columns(pl.when(judged).then(outcome == Outcome.CORRECT).alias("correct"))
        return collect(rows, self._store.path)

    def all_rows(self) -> Iterator[pl.DataFrame]:
        """Yield the rows block by block."""
        for problem_ids in self.blocks():
            yield self.rows(problem_ids)

    def _named_columns(self) -> list[pl.Expr]:
        names = {
            "cell": self._cell,
            "model": str(self._identity.get("model.path", "")),
            "task": str(self._identity.get("task.name", "")),
            "settings": _settings(self._identity),
        }
        return [pl.lit(value).alias(name) for name, value in names.items()]


def _of_block(rows: pl.LazyFrame, problem_ids: Sequence[str]) -> pl.LazyFrame:
    return rows.filter(pl.col("problem_id").is_in(list(problem_ids)))


def _oracle_first(sets: list[VerdictSet], oracle: VerdictSet | None) -> list[VerdictSet]:
    return sorted(sets, key=lambda one: oracle is None or one.info.label != oracle.info.label)


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


def _outcome_column(name: str, one: VerdictSet) -> str:
    return f"{'verdict' if one.info.sees_answer else 'accept'}:{name}"


def _verifier_columns(one: VerdictSet, cell: str, name: str) -> pl.LazyFrame:
    frame = one.scan(cell)
    given = pl.col("score", "answer").is_not_null().any()
    own_class = pl.col("answer_class").ne_missing(pl.col("answer")).any().alias("class")
    there = collect(frame.select(given, own_class), one.folder).row(0, named=True)
    columns = [pl.col("outcome").alias(_outcome_column(name, one))]
    parts = {"score": "score", "answer": "answer", "class": "answer_class"}
    columns += [pl.col(column).alias(f"{part}:{name}") for part, column in parts.items() if there[part]]
    return frame.select(*SAMPLE_KEY, *columns)
