"""Answer everything the report shows about a run, from its stored samples and verdicts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ttscale.analysis.problems import problems_frame
from ttscale.analysis.results import CellResult, RunResult, SamplingTotals
from ttscale.analysis.tables import JudgedSamples, read_judged, read_scores
from ttscale.config.cells import cells
from ttscale.config.loading import parse_config
from ttscale.config.models import AnalysisSettings, RunConfig
from ttscale.errors import InvalidInputError, StoreError
from ttscale.stats.coverage import coverage_curve
from ttscale.stats.curve import Curve, IntArray, budget_grid
from ttscale.stats.fitting import LawFit, fit_law
from ttscale.stats.selection import best_of_k_curve
from ttscale.stats.voting import majority_curve
from ttscale.store.run import RunStore
from ttscale.store.segments import collect
from ttscale.store.verdicts import VerdictSet
from ttscale.types import Outcome

LAW = "exponentiated-power-law"


def analyze_run(run: RunStore | Path | str, config: RunConfig | None = None) -> RunResult:
    """Analyze a run.

    Args:
        run: The run, or its directory.
        config: Instead of the stored configuration, to try other analysis settings.

    Raises:
        StoreError: No run is here, or nothing is sampled or verified yet.
    """
    store = run if isinstance(run, RunStore) else RunStore(Path(run))
    config = config or stored_config(store)
    results = tuple(analyze_cell(store, cell, config) for cell in store.cells())
    k_max = min(int(result.coverage.k[-1]) for result in results)
    return RunResult(
        name=config.name,
        path=store.path,
        config_yaml=store.config_yaml(),
        manifest=store.manifest() | {"sessions": [session.engine for session in store.sessions()]},
        table_k=table_budgets(config.analysis.k, k_max),
        cells=results,
    )


def stored_config(store: RunStore) -> RunConfig:
    """Return the configuration stored with a run."""
    return parse_config(store.config_yaml(), out=store.path)


def analyze_cell(store: RunStore, cell: str, config: RunConfig) -> CellResult:
    """Analyze one cell; see `analyze_run`."""
    settings = config.analysis
    sets = store.verdict_sets()
    oracle = choose_oracle(sets, config, cell)
    settings_of = store.manifest()["cells"][cell]
    problems = store.problems(cell)
    judged = read_judged(store, cell, oracle, [problem.problem_id for problem in problems])
    if not judged.problem_ids:
        raise StoreError(
            f"Cell '{cell}' of {store.path} has no verified samples yet. Run: ttscale run CONFIG, or "
            f"ttscale verify {store.path}"
        )
    outcomes = {verdicts.info.label: _outcomes(verdicts, cell) for verdicts in sets}
    k = curve_budgets(judged, settings)
    coverage = coverage_curve(
        judged.n,
        judged.c,
        k,
        confidence_level=settings.confidence_level,
        n_resamples=settings.n_resamples,
        rng=settings.seed,
    )
    return CellResult(
        cell=cell,
        model=str(settings_of.get("model.path", config.model.path)),
        task=str(settings_of.get("task.name", config.task.name)),
        oracle=oracle.info.verifier,
        problems=problems_frame(store, cell, problems, judged),
        coverage=coverage,
        selectors=_selectors(store, cell, judged, k, settings, [s for s in sets if not s.info.sees_answer]),
        law=_law(judged, settings),
        outcomes=_short_labels(outcomes),
        totals=_totals(store, cell, judged),
        warnings=tuple(_caveats(store, cell, judged, len(problems), outcomes[oracle.info.label])),
    )


def choose_oracle(sets: Sequence[VerdictSet], config: RunConfig, cell: str) -> VerdictSet:
    """Return the verdict set that defines *correct* in a cell.

    That is the configured oracle's, else that of the first verifier listed for the cell that sees the key, else
    (a cell whose verifiers its task recommends, or an imported one) the oldest set of one that does.

    Raises:
        StoreError: There is none; the message lists what is stored.
    """
    listed = [one.name for own in cells(config) if own.name == cell for one in own.verifiers]
    wanted = [config.analysis.oracle] if config.analysis.oracle else listed
    here = sorted((one for one in sets if any((one.folder / cell).glob("*.parquet"))), key=_age)
    candidates = [
        verdicts
        for name in wanted
        for verdicts in here
        if verdicts.info.verifier == name and (config.analysis.oracle or verdicts.info.sees_answer)
    ]
    if not config.analysis.oracle:
        candidates += [verdicts for verdicts in here if verdicts.info.sees_answer]
    if not candidates:
        stored = ", ".join(verdicts.info.label for verdicts in here) or "none"
        raise StoreError(
            f"No verdicts of an oracle ({' or '.join(wanted) or 'any'}) are stored for cell '{cell}'; verdict sets "
            f"there: {stored}. Run `ttscale verify` with a verifier that sees the answer key."
        )
    return candidates[0]


def table_budgets(wanted: tuple[int, ...] | None, k_max: int) -> tuple[int, ...]:
    """Return the budgets shown in tables: those asked for, or powers of ten and the largest k."""
    if wanted is None:
        powers = [10**e for e in range(12) if 10**e < k_max]
        return (*powers, k_max)
    return tuple(k for k in wanted if k <= k_max) or (k_max,)


def curve_budgets(judged: JudgedSamples, settings: AnalysisSettings) -> IntArray:
    """Return the budgets of the curves: a log grid up to the smallest n, with the table's budgets in it.

    Raises:
        InvalidInputError: A budget was asked for that some problem has too few samples for.
    """
    k_max = int(judged.n.min())
    too_large = [k for k in settings.k or () if k > k_max]
    if too_large:
        raise InvalidInputError(
            f"analysis.k asks for k = {max(too_large)}, but the smallest problem has {k_max} verified samples. "
            f"Draw more samples, or ask for k <= {k_max}."
        )
    return np.union1d(budget_grid(k_max), np.array(table_budgets(settings.k, k_max), dtype=np.int64))


def _selectors(
    store: RunStore,
    cell: str,
    judged: JudgedSamples,
    k: IntArray,
    settings: AnalysisSettings,
    deployable: Sequence[VerdictSet],
) -> dict[str, Curve]:
    """Return the accuracy@k curve of every way to pick an answer without the key."""
    options: dict[str, Any] = {
        "confidence_level": settings.confidence_level,
        "n_resamples": settings.n_resamples,
        "rng": settings.seed,
    }
    curves: dict[str, Curve] = {}
    if (judged.answer_class >= 0).any():
        curves["majority vote"] = majority_curve(
            judged.problem, judged.answer_class, judged.correct, k, **options
        )
    scores = {"best by logprob": judged.logprob}
    for verdicts in deployable:
        scores[f"best by {verdicts.info.verifier}"] = read_scores(store, cell, judged, verdicts)
    for label, score in scores.items():
        if not np.isnan(score).any():  # a curve over part of the samples would not be comparable
            curves[label] = best_of_k_curve(judged.problem, score, judged.correct, k, **options)
    return curves


def _law(judged: JudgedSamples, settings: AnalysisSettings) -> LawFit | None:
    """Fit the exponentiated power law, where there is a curve to fit."""
    if not judged.c.any() or judged.n.min() < 3:
        return None
    return fit_law(LAW, judged.n, judged.c, confidence_level=settings.confidence_level)


def _caveats(
    store: RunStore, cell: str, judged: JudgedSamples, n_problems: int, oracle_outcomes: Mapping[str, int]
) -> list[str]:
    """Say what limits the numbers."""
    caveats = []
    n_drawn = sum(store.counts(cell).values())
    n_judged = sum(oracle_outcomes.values())
    errors = oracle_outcomes.get(Outcome.ERROR, 0)
    if len(judged.problem_ids) < n_problems:
        caveats.append(
            f"Only {len(judged.problem_ids)} of {n_problems} problems have verified samples; "
            "the others are left out."
        )
    if n_judged < n_drawn:
        caveats.append(
            f"{n_drawn - n_judged:,} of {n_drawn:,} samples are not verified yet and are left out."
        )
    if errors:
        caveats.append(f"The oracle failed on {errors:,} samples; they are left out, not counted as wrong.")
    if judged.n.min() != judged.n.max():
        caveats.append(
            f"Problems have between {judged.n.min():,} and {judged.n.max():,} samples; "
            f"curves end at k = {judged.n.min():,}."
        )
    truncated = int((judged.frame["finish_reason"] == "length").sum())
    if truncated:
        share = truncated / judged.frame.height
        caveats.append(f"{truncated:,} samples ({share:.1%}) were cut off at the token limit.")
    return caveats


def _totals(store: RunStore, cell: str, judged: JudgedSamples) -> SamplingTotals:
    sums = collect(
        store.samples(cell).select(
            n=pl.len(),
            truncated=(pl.col("finish_reason") == "length").sum(),
            completion=pl.col("completion_tokens").cast(pl.Int64).sum(),
        ),
        store.samples_folder(cell),
    ).row(0, named=True)
    prompts = collect(
        store.samples(cell).group_by("problem_id").agg(pl.col("prompt_tokens").first().cast(pl.Int64)),
        store.samples_folder(cell),
    )
    seconds = sum(session.seconds for session in store.sessions() if session.cell == cell)
    return SamplingTotals(
        n_samples=sums["n"],
        n_truncated=sums["truncated"],
        prompt_tokens=int(prompts["prompt_tokens"].sum()),
        completion_tokens=int(sums["completion"]),
        seconds=seconds or None,
    )


def _outcomes(verdicts: VerdictSet, cell: str) -> dict[str, int]:
    counts = collect(verdicts.scan(cell).group_by("outcome").len().sort("outcome"), verdicts.folder)
    return dict(counts.iter_rows())


def _short_labels(by_label: Mapping[str, Mapping[str, int]]) -> dict[str, Mapping[str, int]]:
    """Name verdict sets by their verifier where that is unambiguous."""
    names = [label.rpartition("-")[0] for label in by_label]
    return {
        (name if names.count(name) == 1 else label): counts
        for name, (label, counts) in zip(names, by_label.items(), strict=True)
    }


def _age(verdicts: VerdictSet) -> float:
    """Sort the newest set first, so that changed options take over."""
    return -(verdicts.folder / "verifier.json").stat().st_mtime
