"""What an analysis answers: frozen results that the report, the tables and the notebooks read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ttscale.stats.curve import Curve
from ttscale.stats.fitting import LawFit


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingTotals:
    """What was drawn and what it took.

    Attributes:
        n_samples: Samples stored.
        n_truncated: Samples that ended at `max_tokens`.
        prompt_tokens: Tokens of the prompts, each problem's prompt counted once.
        completion_tokens: Tokens generated.
        seconds: Engine time over all sessions of the run, None where unknown.
    """

    n_samples: int
    n_truncated: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float | None

    @property
    def tokens_per_s(self) -> float | None:
        """Completion tokens per second of engine time."""
        return self.completion_tokens / self.seconds if self.seconds else None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CellResult:
    """Everything measured in one cell.

    Attributes:
        cell: The cell's name.
        model: Model path as configured.
        task: Task name.
        oracle: The verifier that defines *correct*.
        problems: One row per problem: problem_id, prompt, answer, n, c, success_rate, answers (list of
            structs {answer, count, correct}, the most frequent first, at most 10), examples (list of structs
            {sample_index, completion, outcome, finish_reason}, at most 6).
        coverage: Coverage at each k, as drawn in figures (log grid from 1 to the smallest n).
        selectors: Selector label ("majority vote", "best by logprob", "best by last-digit", ...) -> its curve
            on the same grid.
        law: The fitted exponentiated power law, None where it could not be fitted.
        outcomes: Verifier -> outcome -> how many samples.
        totals: Tokens and time.
        warnings: Caveats in plain sentences; they belong beside every number.
    """

    cell: str
    model: str
    task: str
    oracle: str
    problems: pl.DataFrame
    coverage: Curve
    selectors: Mapping[str, Curve]
    law: LawFit | None
    outcomes: Mapping[str, Mapping[str, int]]
    totals: SamplingTotals
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class RunResult:
    """Everything measured in one run directory.

    Attributes:
        name: The run's name.
        path: The run directory.
        config_yaml: The resolved configuration as stored with the run.
        manifest: Schema version, fingerprint, versions, engine sessions.
        table_k: The budgets shown in tables.
        cells: One result per cell.
    """

    name: str
    path: Path
    config_yaml: str
    manifest: Mapping[str, Any]
    table_k: tuple[int, ...]
    cells: tuple[CellResult, ...]
