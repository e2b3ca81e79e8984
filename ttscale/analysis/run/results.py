"""What an analysis answers: frozen results that the report, the tables and the notebooks read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from ttscale.analysis.comparison.results import Comparison
from ttscale.result import Result
from ttscale.showing.numbers import amount, at_k, rests_on
from ttscale.showing.view import View
from ttscale.stats.counts.curve import Curve, shown_curve
from ttscale.stats.forecast.backtesting import Backtest
from ttscale.stats.forecast.forecasting import Forecast
from ttscale.stats.forecast.reaching import Reached
from ttscale.stats.laws.fitting import LawFit
from ttscale.store.run import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingTotals:
    """What was drawn and what it took.

    Attributes:
        n_samples: Samples stored.
        n_truncated: Samples that ended at `max_tokens`.
        prompt_tokens: Tokens of the prompts, each problem's prompt counted once; None where one is unknown.
        completion_tokens: Tokens generated; None where those of a sample are unknown.
        seconds: Engine time over all sessions of the run, None where unknown.
        calls: Calls of a strategy's attempts; None where a sample is one call.
    """

    n_samples: int
    n_truncated: int
    prompt_tokens: int | None
    completion_tokens: int | None
    seconds: float | None
    calls: int | None = None

    @property
    def per_attempt(self) -> str | None:
        """What an attempt of a strategy takes on average, in words; None where a sample is one call."""
        if not self.calls or not self.n_samples:
            return None
        tokens = (
            ""
            if self.completion_tokens is None
            else f" and {amount(self.completion_tokens / self.n_samples)} tokens"
        )
        return f"An attempt takes {amount(self.calls / self.n_samples)} calls{tokens} on average."

    @property
    def tokens_per_s(self) -> float | None:
        """Completion tokens per second of engine time."""
        return self.completion_tokens / self.seconds if self.completion_tokens and self.seconds else None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LookAhead:
    """Beyond the samples at hand.

    Attributes:
        laws: Fitted laws.
        forecast: Coverage to come, with its predictive interval.
        needed: How many samples the next round target needs, as ``ttscale budget`` says it.
        backtest: How forecasting methods fared on prefixes of these samples.
        notes: What could not be computed, and why.
    """

    laws: tuple[LawFit, ...] = ()
    forecast: Forecast | None = None
    needed: Reached | None = None
    backtest: Backtest | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False, kw_only=True, repr=False)
class CellResult(Result):
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
        selectors: Selector label ("majority vote", "best by logprob", "best by last-digit", ...) -> its curve;
            its budgets are those of coverage or fewer.
        law: The fitted exponentiated power law, None where it could not be fitted.
        outcomes: Verifier -> outcome -> how many samples.
        totals: Tokens and time.
        warnings: Caveats in plain sentences; they belong beside every number.
        identity: What decides a sample, as flat ``section.key`` -> value, defaults left out.
        verifier_seconds: Verifier -> seconds spent on its verdicts, where measured.
        sessions: The starts of an engine on this cell.
        outlook: Laws, forecast and backtest; None where they were not asked for.
        comparison: The verifiers compared on a part of the samples; None where not asked for or not possible.
        skipped: What was left out for time, in plain sentences.
        drawn_in_rounds: Whether verdicts decided which problem got how many samples.
        samples: All samples with their texts, equal ones once (`ttscale.analysis.run.samples.sample_groups`); None where
            they were not asked for.
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
    identity: Mapping[str, Any] = field(default_factory=dict)
    verifier_seconds: Mapping[str, float] = field(default_factory=dict)
    sessions: tuple[Session, ...] = ()
    outlook: LookAhead | None = None
    comparison: Comparison | None = None
    skipped: tuple[str, ...] = ()
    drawn_in_rounds: bool = False
    samples: pl.DataFrame | None = None

    @property
    def curves(self) -> dict[str, Curve]:
        """Coverage and every selector, by label."""
        return {"coverage": self.coverage, **self.selectors}

    def to_rows(self) -> Iterator[dict[str, Any]]:
        """Yield one row per curve and budget."""
        head = {"cell": self.cell, "model": self.model, "task": self.task, "oracle": self.oracle}
        for label, curve in self.curves.items():
            for row in curve.to_rows():
                yield {**head, "curve": label, **row}

    def view(self) -> View:
        """Return the curves, their table and the caveats."""
        rests = rests_on(self.coverage.n_problems, self.coverage.confidence_level, self.coverage.over)
        return View(
            title=f"{self.cell}: {self.model} on {self.task}",
            about=f"percent solved of {rests}; correct is what {self.oracle} accepts",
            rows=[
                {"k": k, **{label: at_k(curve, k, sign="") for label, curve in self.curves.items()}}
                for k in self.coverage.k.tolist()
                if all(curve.at(k) for curve in self.curves.values())
            ],
            curves=[shown_curve(curve, label) for label, curve in self.curves.items()],
            notes=(*self.warnings, *self.skipped),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmeasuredCell:
    """A cell that has no numbers yet.

    Attributes:
        cell: The cell's name.
        reason: Why, and what to do about it.
        n_samples: Samples stored.
    """

    cell: str
    reason: str
    n_samples: int


@dataclass(frozen=True, slots=True, eq=False, kw_only=True, repr=False)
class RunResult(Result):
    """Everything measured in one run directory.

    Attributes:
        name: The run's name.
        path: The run directory.
        config_yaml: The resolved configuration as stored with the run.
        manifest: Schema version, fingerprint, versions, engine sessions.
        table_k: The budgets shown in tables.
        cells: One result per cell that has verified samples.
        unmeasured: The other cells.
    """

    name: str
    path: Path
    config_yaml: str
    manifest: Mapping[str, Any]
    table_k: tuple[int, ...]
    cells: tuple[CellResult, ...]
    unmeasured: tuple[UnmeasuredCell, ...] = ()

    def to_rows(self) -> Iterator[dict[str, Any]]:
        """Yield one row per cell, curve and budget."""
        for cell in self.cells:
            for row in cell.to_rows():
                yield {"run": self.name, **row}

    def view(self) -> View:
        """Return the coverage of all cells side by side."""
        return View(
            title=f"{self.name}: coverage in {len(self.cells)} cells",
            about=str(self.path),
            curves=[shown_curve(cell.coverage, cell.cell) for cell in self.cells],
            notes=[f"{cell.cell}: {cell.reason}" for cell in self.unmeasured],
        )

    def __str__(self) -> str:
        """Return every cell's curves."""
        return "\n\n".join([f"{self.name} ({self.path})", *map(str, self.cells)])

    def _repr_html_(self) -> str:
        """Return the cells for a notebook: coverage side by side, then each one."""
        if len(self.cells) == 1:
            return self.cells[0]._repr_html_()
        return f"<div>{self.view().to_html()}{''.join(cell._repr_html_() for cell in self.cells)}</div>"
