"""The one reader of a cell: which verdict sets count for it, and its samples beside their verdicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from ttscale.analysis.reading.adaptive import only_undecided
from ttscale.analysis.reading.choosing import (
    choose_oracle,
    deployable_verdicts,
    find_verdicts,
    has_verdicts,
    stored_config,
)
from ttscale.analysis.reading.judged import JudgedSamples, judged_samples
from ttscale.config.models import RunConfig
from ttscale.errors import StoreError
from ttscale.exchange.scores import ScoreTable
from ttscale.store.run import RunStore
from ttscale.store.samples import SAMPLE_KEY
from ttscale.store.segments import collect
from ttscale.store.verdicts import VerdictSet

_SAMPLE_COLUMNS = ("finish_reason", "prompt_tokens", "completion_tokens", "cumulative_logprob")
_ORACLE_COLUMNS = ("outcome", "score", "answer", "answer_class", "seconds")
_PARTS = ("outcome", "score", "seconds", "prompt_tokens", "completion_tokens")
"""Columns of a verifier, under the name ``PART:NAME``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellReader:
    """A cell with the verdict sets that count for it; see `read_run`.

    Attributes:
        store: The run.
        name: The cell.
        oracle: The verdict set that defines *correct*.
        verifiers: Name -> the verdict set that counts for it.
    """

    store: RunStore
    name: str
    oracle: VerdictSet
    verifiers: Mapping[str, VerdictSet] = field(default_factory=dict)

    @property
    def oracle_name(self) -> str:
        """Return what the oracle is called beside the verifiers: by its label where another set has its name."""
        name = self.oracle.info.verifier
        other = self.verifiers.get(name)
        return name if other is None or other.info == self.oracle.info else self.oracle.info.label

    def rows(self, problem_ids: Sequence[str] | None = None) -> pl.DataFrame:
        """Read the cell's samples beside all their verdicts in one pass, without texts of completions.

        Args:
            problem_ids: The task's order, where it is known already.

        Returns:
            One row per stored sample in the task's order: problem_id, sample_index, order, finish_reason, prompt_tokens,
            completion_tokens, cumulative_logprob; of the oracle outcome, score, answer, answer_class and seconds, null
            where it has not judged yet; of each other verifier ``outcome:NAME``, ``score:NAME``, ``seconds:NAME``,
            ``prompt_tokens:NAME``, ``completion_tokens:NAME`` and ``class:NAME``, its answer classes as numbers.
        """
        if problem_ids is None:
            problem_ids = [problem.problem_id for problem in self.store.problems(self.name)]
        schema = {"problem_id": pl.String}
        order = pl.LazyFrame({"problem_id": list(problem_ids)}, schema=schema).with_row_index("order")
        rows = self.store.samples(self.name).select(*SAMPLE_KEY, *_SAMPLE_COLUMNS)
        rows = rows.join(order, on="problem_id", how="inner")
        judged = self.oracle.scan(self.name).select(*SAMPLE_KEY, *_ORACLE_COLUMNS)
        rows = rows.join(judged, on=SAMPLE_KEY, how="left")
        for name, verdicts in self.verifiers.items():
            own = [pl.col(part).alias(f"{part}:{name}") for part in _PARTS]
            own.append(pl.col("answer_class").rank("dense").alias(f"class:{name}"))
            rows = rows.join(verdicts.scan(self.name).select(*SAMPLE_KEY, *own), on=SAMPLE_KEY, how="left")
        return collect(rows.sort("order", "sample_index"), self.store.samples_folder(self.name))

    def undecided_rows(self) -> pl.DataFrame:
        """Read the rows of the samples that were drawn before any verdict decided who gets more."""
        return only_undecided(self.store, self.name, self.rows())

    def judged(self) -> JudgedSamples:
        """Read what the oracle judged; samples it erred on are left out."""
        return judged_samples(self.rows())

    def nothing_verified(self) -> StoreError:
        """Return the error of a cell without a single verified sample."""
        path = self.store.path
        return StoreError(
            f"Cell '{self.name}' of {path} has no verified samples yet. Run: ttscale run CONFIG, or ttscale verify {path}"
        )

    def score_table(self, rows: pl.DataFrame) -> ScoreTable:
        """Return rows of the cell as a table in which the oracle has a name, too."""
        named = {part: f"{part}:{self.oracle_name}" for part in ("outcome", "score", "seconds")}
        named["answer_class"] = f"class:{self.oracle_name}"
        frame = rows.with_columns(pl.col(part).alias(name) for part, name in named.items())
        return ScoreTable(
            label=self.name, oracle=self.oracle_name, verifiers=tuple(self.verifiers), frame=frame
        )


class RunReader:
    """The cells of a run, each by the verdict sets that count for it.

    Args:
        store: The run.
        config: Instead of the stored configuration.
    """

    def __init__(self, store: RunStore, config: RunConfig | None = None) -> None:
        self.store = store
        self.config = config or stored_config(store)
        self._sets = store.verdict_sets()

    def deployable(self) -> list[str]:
        """Return the verifiers of the whole run that do not see the key, by label of their sets."""
        return list(dict.fromkeys(one.info.verifier for one in self._sets if not one.info.sees_answer))

    def cell(
        self, name: str, *, oracle: str | None = None, verifiers: Sequence[str] | None = ()
    ) -> CellReader:
        """Choose the verdict sets that count for a cell: of each verifier the newest that has verdicts there.

        Args:
            name: The cell.
            oracle: What defines *correct*; by default the run's own oracle.
            verifiers: Names of verifiers or labels of sets; None: all that do not see the key and have verdicts there.

        Raises:
            StoreError: No verdicts of an oracle, or of such a verifier, are stored for the cell.
        """
        chosen = self.oracle(name, oracle)
        return CellReader(
            store=self.store, name=name, oracle=chosen, verifiers=self.verifiers(name, verifiers)
        )

    def oracle(self, cell: str, wanted: str | None = None) -> VerdictSet:
        """Return what defines *correct* in a cell; see `cell`."""
        if wanted:
            return find_verdicts(self._sets, wanted, self.store.path, cell)
        return choose_oracle(self._sets, self.config, cell)

    def verifiers(self, cell: str, names: Sequence[str] | None) -> dict[str, VerdictSet]:
        """Return the verdict set of each verifier in a cell; see `cell`."""
        if names is None:
            return deployable_verdicts(self._sets, cell)
        return {each: find_verdicts(self._sets, each, self.store.path, cell) for each in names}

    def stored(self, cell: str) -> list[VerdictSet]:
        """Return every verdict set that has verdicts of a cell, by label."""
        return [one for one in self._sets if has_verdicts(one, cell)]
