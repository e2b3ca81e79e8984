"""The one reader of a cell: which verdict sets count for it, and its samples beside their verdicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from ttscale.analysis.reading.adaptive import only_undecided
from ttscale.analysis.reading.verified import VerifiedSamples, dense_rank, verified_samples
from ttscale.config.cells import cells
from ttscale.config.loading import parse_config
from ttscale.config.models import RunConfig
from ttscale.errors import StoreError, did_you_mean, listed
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
        place = pl.Enum(problem_ids)
        rows = _keyed(self.store.samples(self.name).select(*SAMPLE_KEY, *_SAMPLE_COLUMNS), place)
        verified = self.oracle.scan(self.name).select(*SAMPLE_KEY, *_ORACLE_COLUMNS)
        rows = rows.join(_keyed(verified, place).drop(*SAMPLE_KEY, "order"), on="key", how="left")
        for name, verdicts in self.verifiers.items():
            own = [pl.col(part).alias(f"{part}:{name}") for part in _PARTS]
            own.append(dense_rank("answer_class").alias(f"class:{name}"))
            verified = _keyed(verdicts.scan(self.name).select(*SAMPLE_KEY, *own), place)
            rows = rows.join(verified.drop(*SAMPLE_KEY, "order"), on="key", how="left")
        return collect(rows.sort("key").drop("key"), self.store.samples_folder(self.name))

    def undecided_rows(self) -> pl.DataFrame:
        """Read the rows of the samples that were drawn before any verdict decided who gets more."""
        return only_undecided(self.store, self.name, self.rows())

    def verified(self) -> VerifiedSamples:
        """Read the verified samples; those that the oracle erred on are left out."""
        return verified_samples(self.rows())

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


def _keyed(rows: pl.LazyFrame, place: pl.Enum) -> pl.LazyFrame:
    """Add each problem's place as `order`, and with the sample index in one number as `key`: joined in a third of the time."""
    order = pl.col("problem_id").cast(place, strict=False).to_physical().cast(pl.UInt32)
    key = pl.col("order").cast(pl.UInt64) * 2**32 + pl.col("sample_index").cast(pl.UInt64)
    return rows.with_columns(order=order).filter(pl.col("order").is_not_null()).with_columns(key=key)


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
        """Return the verdict set that defines *correct* in a cell.

        That is the wanted one's, else the configured oracle's, else that of the first verifier listed for the cell that sees
        the key, else (a cell whose verifiers its task recommends, or an imported one) the newest set of one that does.

        Raises:
            StoreError: There is none; the message lists what is stored.
        """
        if wanted:
            return self._found(cell, wanted)
        configured, here = self.config.analysis.oracle, self._newest_first(cell)
        own = (each for each in cells(self.config) if each.name == cell)
        names = [configured] if configured else [one.name for each in own for one in each.verifiers]
        candidates = here if configured else [one for one in here if one.info.sees_answer]
        named = [one for name in names for one in candidates if name in (one.info.verifier, one.info.label)]
        if chosen := named or ([] if configured else candidates):
            return chosen[0]
        raise StoreError(
            f"No verdicts of an oracle ({' or '.join(names) or 'any'}) are stored for cell '{cell}'; verdict sets "
            f"there: {', '.join(one.info.label for one in here) or 'none'}. Run `ttscale verify` with a verifier that sees the "
            "answer key."
        )

    def verifiers(self, cell: str, names: Sequence[str] | None = None) -> dict[str, VerdictSet]:
        """Return the verdict set of each verifier in a cell; by default those that do not see the key, in order of name."""
        if names is not None:
            return {each: self._found(cell, each) for each in names}
        newest_last = [one for one in reversed(self._newest_first(cell)) if not one.info.sees_answer]
        return dict(sorted({one.info.verifier: one for one in newest_last}.items()))

    def stored(self, cell: str) -> list[VerdictSet]:
        """Return every verdict set that has verdicts of a cell, by label."""
        return [one for one in self._sets if any((one.folder / cell).glob("*.parquet"))]

    def _newest_first(self, cell: str) -> list[VerdictSet]:
        """Return the same by age, so that changed options take over."""
        return sorted(self.stored(cell), key=lambda one: (one.began, one.info.label), reverse=True)

    def _found(self, cell: str, name: str) -> VerdictSet:
        """Return the newest verdict set of a verifier in a cell, or the one with that label."""
        here, path = self._newest_first(cell), self.store.path
        for one in here:
            if name in (one.info.verifier, one.info.label):
                return one
        known = sorted({one.info.verifier for one in here})
        raise StoreError(
            f"{path} holds no verdicts of '{name}' for cell '{cell}'.{did_you_mean(name, known)} Stored there: "
            f"{listed(known) or 'none'}. Run: ttscale verify {path} --verifier {name}"
        )


def stored_config(store: RunStore, *, oracle: str | None = None) -> RunConfig:
    """Return the configuration stored with a run, with another oracle where one is named."""
    config = parse_config(store.config_yaml(), out=store.path)
    if oracle is None:
        return config
    return config.model_copy(update={"analysis": config.analysis.model_copy(update={"oracle": oracle})})


def stored_cells(store: RunStore) -> Mapping[str, Mapping[str, Any]]:
    """Return the run's cells: name -> what decides a sample, as flat ``section.key`` -> value, defaults left out."""
    cells: Mapping[str, Mapping[str, Any]] = store.manifest()["cells"]
    return cells
