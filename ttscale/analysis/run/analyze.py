"""Answer everything the report shows about a run, from its stored samples and verdicts."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from ttscale.analysis.comparison.some import compare_some
from ttscale.analysis.reading.adaptive import CellInRounds, adaptive_caveat, first_samples, in_rounds
from ttscale.analysis.reading.cell import CellReader, RunReader, stored_cells, stored_config
from ttscale.analysis.reading.verified import (
    VerifiedSamples,
    logprob_scores,
    seen_by,
    verified_samples,
    verifier_scores,
)
from ttscale.analysis.run.ahead import look_ahead
from ttscale.analysis.run.problems import problems_frame
from ttscale.analysis.run.results import CellResult, LookAhead, RunResult, SamplingTotals, UnmeasuredCell
from ttscale.analysis.run.samples import sample_groups
from ttscale.analysis.run.truncation import truncation_caveats
from ttscale.analysis.selecting import Way, named_selector, ways_of
from ttscale.arrays import IntArray
from ttscale.config.models import AnalysisSettings, RunConfig
from ttscale.errors import InvalidInputError, StoreError
from ttscale.stats.counts.curve import Curve, budget_grid, check_budgets, table_budgets
from ttscale.stats.coverage.coverage import coverage_curve
from ttscale.stats.coverage.plateau import doublings
from ttscale.stats.intervals.intervals import IntervalOptions
from ttscale.stats.laws.fitting import LawFit, fit_law
from ttscale.stats.selectors.averaging import curve
from ttscale.stats.selectors.selection import BestOfK
from ttscale.stats.selectors.voting import MajorityVote
from ttscale.store.calls import n_calls
from ttscale.store.run import RunStore, Session
from ttscale.store.segments import collect
from ttscale.store.verdicts import VerdictSet
from ttscale.types import TRUNCATED, Outcome

LAW = "exponentiated-power-law"

Depth = Literal["glance", "curves", "full"]
"""How much to compute: "curves" is coverage, selectors and the law; "full" adds laws, forecast, backtest, the
comparison of verifiers and all samples; "glance" leaves votes over many samples out, for a view that is refreshed."""

_MANY_SAMPLES = 200_000
"""From here on exact majority votes at every budget of the grid take minutes: they are computed at fewer."""


def analyze_run(
    run: RunStore | Path | str,
    config: RunConfig | None = None,
    *,
    depth: Depth = "curves",
    allow_empty: bool = False,
    on_cell: Callable[[str], None] | None = None,
    also: Sequence[int] = (),
) -> RunResult:
    """Analyze a run.

    Args:
        run: The run, or its directory.
        config: Instead of the stored configuration, to try other analysis settings.
        depth: How much to compute; see `Depth`.
        allow_empty: Whether an unfinished run is fine: one in which no cell has verified samples gives a result that
            says so, and budgets of `analysis.k` that are not reached yet are left out.
        on_cell: Is told the name of every cell as its turn comes.
        also: More budgets of every curve, as far as its samples reach, so that runs can be compared at equal k: their `reach`.

    Returns:
        One result per cell that has verified samples; the others are in `RunResult.unmeasured` with the reason.

    Raises:
        StoreError: No run is here, or nothing is sampled or verified yet.
    """
    store = run if isinstance(run, RunStore) else RunStore(Path(run))
    config = config or stored_config(store)
    results, unmeasured = [], []
    reasons: list[StoreError] = []
    common = {*also, *(reach(store, config) if len(store.cells()) > 1 else ())}
    for cell in store.cells():
        if on_cell is not None:
            on_cell(cell)
        try:
            results.append(
                analyze_cell(store, cell, config, depth=depth, unfinished=allow_empty, also=tuple(common))
            )
        except StoreError as error:
            reasons.append(error)
            unmeasured.append(UnmeasuredCell(cell=cell, reason=str(error), n_samples=_n_samples(store, cell)))
    if not results and not allow_empty:
        raise reasons[0] if reasons else StoreError(f"{store.path} has no cells yet. Run: ttscale run CONFIG")
    reached = {int(result.coverage.k[-1]) for result in results} or {1}
    return RunResult(
        name=config.name,
        path=store.path,
        config_yaml=store.config_yaml(),
        manifest=store.manifest() | {"sessions": [session.engine for session in store.sessions()]},
        table_k=tuple(sorted({k for k_max in reached for k in table_budgets(config.analysis.k, k_max)})),
        cells=tuple(results),
        unmeasured=tuple(unmeasured),
    )


def reach(store: RunStore, config: RunConfig | None = None) -> tuple[int, ...]:
    """Return how many verified samples the problems of each cell have at least, of cells that have any."""
    reader, found = RunReader(store, config), set()
    for cell in store.cells():
        try:
            oracle = reader.oracle(cell)
        except StoreError:
            continue
        verified = oracle.scan(cell).filter(pl.col("outcome") != Outcome.ERROR).group_by("problem_id").len()
        fewest = collect(verified.select(pl.col("len").min()), oracle.folder).item()
        found |= {int(fewest)} if fewest else set()
    return tuple(sorted(found))


def analyze_cell(
    store: RunStore,
    cell: str,
    config: RunConfig,
    *,
    depth: Depth = "curves",
    unfinished: bool = False,
    also: Sequence[int] = (),
) -> CellResult:
    """Analyze one cell; see `analyze_run`, where `unfinished` is `allow_empty`."""
    settings = config.analysis
    reader = RunReader(store, config)
    source = reader.cell(cell, verifiers=None)
    problems = store.problems(cell)
    rows = source.rows([problem.problem_id for problem in problems])
    verified = verified_samples(rows)
    if not verified.problem_ids:
        raise source.nothing_verified()
    verdicts = {one.info.label: _outcomes(one, cell) for one in reader.stored(cell)}
    spent = {label: seconds for label, (_, seconds) in verdicts.items() if seconds is not None}
    rounds = in_rounds(store, cell, verified, source.oracle)
    if unfinished:
        settings = _reached(settings, int(verified.n.min()) if rounds is None else rounds.k_max)
    fixed_rows, fixed = (rows, verified) if rounds is None else first_samples(rows, rounds)
    coverage = (
        _coverage(verified, settings, also) if rounds is None else _coverage_in_rounds(rounds, settings, also)
    )
    budgets = coverage.k[coverage.k <= fixed.n.min()]
    selectors, skipped = _selectors(
        fixed, budgets, settings, tuple(source.verifiers), also=also, glance=depth == "glance"
    )
    comparison, left_out = (
        compare_some(fixed_rows, source, settings, {"coverage": coverage, **selectors})
        if depth == "full"
        else (None, ())
    )
    identity = stored_cells(store)[cell]
    sessions = tuple(session for session in store.sessions() if session.cell == cell)
    return CellResult(
        cell=cell,
        model=str(identity.get("model.path", config.model.path)),
        task=str(identity.get("task.name", config.task.name)),
        oracle=source.oracle.info.verifier,
        problems=problems_frame(store, cell, problems, verified),
        coverage=coverage,
        selectors=selectors,
        law=_law(verified, settings) if rounds is None else None,
        outcomes=_short_labels({label: counts for label, (counts, _) in verdicts.items()}),
        totals=_totals(rows, sessions, n_calls(store.calls_folder(cell))),
        warnings=_warnings(rows, verified, len(problems), source),
        identity=identity,
        verifier_seconds=_short_labels(spent),
        sessions=sessions,
        outlook=_outlook(verified, settings, None if rounds is None else fixed) if depth == "full" else None,
        comparison=comparison,
        skipped=(*skipped, *left_out),
        drawn_in_rounds=rounds is not None,
        samples=sample_groups(source) if depth == "full" else None,
    )


def _warnings(
    rows: pl.DataFrame, verified: VerifiedSamples, n_problems: int, source: CellReader
) -> tuple[str, ...]:
    adaptive = adaptive_caveat(source.store, source.name)
    return (*_caveats(rows, verified, n_problems, adaptive), *truncation_caveats(verified, source.oracle))


def _outlook(
    verified: VerifiedSamples, settings: AnalysisSettings, first: VerifiedSamples | None
) -> LookAhead:
    """Look beyond the samples; `first` are those that every problem has, where verdicts decided who got more."""
    return look_ahead(
        verified.n,
        verified.c,
        confidence_level=settings.confidence_level,
        seed=settings.seed,
        first=None if first is None else (first.n, first.c),
    )


def curve_budgets(
    verified: VerifiedSamples, settings: AnalysisSettings, also: Sequence[int] = ()
) -> IntArray:
    """Return the budgets of the curves: a log grid up to the smallest n, with the table's and other cells' in it.

    Raises:
        InvalidInputError: A budget was asked for that some problem has too few samples for.
    """
    k_max = int(verified.n.min())
    check_budgets(settings.k, k_max, "analysis.k asks for")
    return np.union1d(budget_grid(k_max), _tabled(settings, also, k_max))


def _tabled(settings: AnalysisSettings, also: Sequence[int], k_max: int) -> IntArray:
    """Return the budgets that tables show: the cell's own, and those at which it is compared with others."""
    return np.array([*table_budgets(settings.k, k_max), *(k for k in also if k <= k_max)], dtype=np.int64)


def _reached(settings: AnalysisSettings, k_max: int) -> AnalysisSettings:
    """Return the settings without the budgets that nothing is known of yet."""
    reached = tuple(k for k in settings.k or () if k <= k_max)
    return settings.model_copy(update={"k": reached or None})


def _coverage(verified: VerifiedSamples, settings: AnalysisSettings, also: Sequence[int]) -> Curve:
    budgets = curve_budgets(verified, settings, also)
    return coverage_curve(verified.n, verified.c, budgets, **_interval_options(settings))


def _coverage_in_rounds(rounds: CellInRounds, settings: AnalysisSettings, also: Sequence[int]) -> Curve:
    own = rounds.budgets(settings.k)
    budgets = np.union1d(own, np.array([k for k in also if k <= rounds.k_max], dtype=np.int64))
    return rounds.coverage(budgets, confidence_level=settings.confidence_level)


def _interval_options(settings: AnalysisSettings) -> dict[str, Any]:
    return {
        "confidence_level": settings.confidence_level,
        "n_resamples": settings.n_resamples,
        "rng": settings.seed,
    }


def _selectors(
    verified: VerifiedSamples,
    k: IntArray,
    settings: AnalysisSettings,
    deployable: Sequence[str],
    *,
    also: Sequence[int],
    glance: bool,
) -> tuple[dict[str, Curve], tuple[str, ...]]:
    """Return the accuracy@k curve of every way to pick an answer without the key, and what was left out."""
    interval = IntervalOptions(**_interval_options(settings))
    n_samples, every = verified.problem.size, [logprob_scores(verified)]
    every += [verifier_scores(verified.frame, name) for name in deployable]
    said = {scores.name: scores for scores in every if scores.n_failed < n_samples}
    pools, curves, skipped = verified.pools(), {}, []
    for way in _ways(settings, tuple(said)):
        scores = [said[name] for name in way.verifiers]
        view = seen_by(pools, scores)
        failed = max((one.n_failed for one in scores), default=0)
        if not all(view.has(need) for need in way.selector.needs):
            continue
        if failed:  # a curve over part of the samples would not be comparable
            skipped.append(f"'{way.label}' has no curve: {failed:,} of {n_samples:,} samples have no score.")
        elif way.selector.effort == "votes" and glance and verified.problem.size > _MANY_SAMPLES:
            skipped.append(
                f"The {way.label} is left out while the page is live: it takes long over so many samples."
            )
        else:
            budgets = _vote_budgets(verified, k, settings, also) if way.selector.effort == "votes" else k
            try:
                curves[way.label] = curve(way.selector, view, budgets, interval=interval)
            except (
                InvalidInputError
            ) as error:  # such as samples that are all correct, which an ensemble cannot learn from
                skipped.append(f"'{way.label}' has no curve: {error}")
    return curves, tuple(skipped)


def _ways(settings: AnalysisSettings, verifiers: Sequence[str]) -> list[Way]:
    """Return how answers are picked: the majority vote, the best by every score, and what the configuration adds."""
    selectors = (MajorityVote(), BestOfK(), *map(named_selector, settings.selectors))
    usual = [way for selector in selectors for way in ways_of(selector, verifiers)]
    return list({way.label: way for way in reversed(usual)}.values())[::-1]


def _vote_budgets(
    verified: VerifiedSamples, k: IntArray, settings: AnalysisSettings, also: Sequence[int]
) -> IntArray:
    """Return where a vote is computed: everywhere, or over many samples at the doublings only."""
    if verified.problem.size <= _MANY_SAMPLES:
        return k
    k_max = int(k[-1])
    return np.union1d(doublings(k_max), _tabled(settings, also, k_max))


def _law(verified: VerifiedSamples, settings: AnalysisSettings) -> LawFit | None:
    """Fit the exponentiated power law, where there is a curve to fit."""
    if not verified.c.any() or verified.n.min() < 3:
        return None
    return fit_law(LAW, verified.n, verified.c, confidence_level=settings.confidence_level)


def _caveats(
    rows: pl.DataFrame, verified: VerifiedSamples, n_problems: int, adaptive: str | None = None
) -> list[str]:
    """Say what limits the numbers."""
    caveats = [] if adaptive is None else [adaptive]
    n_drawn = rows.height
    n_verified = n_drawn - rows["outcome"].null_count()
    errors = int((rows["outcome"] == Outcome.ERROR).sum())
    if len(verified.problem_ids) < n_problems:
        caveats.append(
            f"Only {len(verified.problem_ids)} of {n_problems} problems have verified samples; "
            "the others are left out."
        )
    if n_verified < n_drawn:
        caveats.append(
            f"{n_drawn - n_verified:,} of {n_drawn:,} samples are not verified yet and are left out."
        )
    if errors:
        caveats.append(f"The oracle failed on {errors:,} samples; they are left out, not counted as wrong.")
    if adaptive is None and verified.n.min() != verified.n.max():
        caveats.append(
            f"Problems have between {verified.n.min():,} and {verified.n.max():,} samples; "
            f"curves end at k = {verified.n.min():,}."
        )
    return caveats


def _totals(rows: pl.DataFrame, sessions: Sequence[Session], calls: int | None) -> SamplingTotals:
    prompts = rows.group_by("order").agg(pl.col("prompt_tokens").first().cast(pl.Int64))
    return SamplingTotals(
        n_samples=rows.height,
        n_truncated=int(rows["finish_reason"].is_in(list(TRUNCATED)).sum()),
        prompt_tokens=_whole_sum(prompts["prompt_tokens"]),
        completion_tokens=_whole_sum(rows["completion_tokens"]),
        seconds=sum(session.seconds for session in sessions) or None,
        calls=calls,
    )


def _whole_sum(tokens: pl.Series) -> int | None:
    """Return a sum of counts, None where one of them is unknown: samples of other tools may lack them."""
    return None if tokens.null_count() else int(tokens.cast(pl.Int64).sum())


def _n_samples(store: RunStore, cell: str) -> int:
    return int(collect(store.samples(cell).select(pl.len()), store.samples_folder(cell)).item())


def _outcomes(verdicts: VerdictSet, cell: str) -> tuple[dict[str, int], float | None]:
    """Return outcome -> how many, and the seconds spent, None where not measured."""
    per_outcome = collect(
        verdicts.scan(cell)
        .group_by("outcome")
        .agg(pl.len(), pl.col("seconds").cast(pl.Float64).sum().alias("seconds"))
        .sort("outcome"),
        verdicts.folder,
    )
    seconds = float(per_outcome["seconds"].sum())
    return dict(per_outcome.select("outcome", "len").iter_rows()), seconds or None


def _short_labels(by_label: Mapping[str, Any]) -> dict[str, Any]:
    """Name verdict sets by their verifier where that is unambiguous."""
    names = [label.rpartition("-")[0] for label in by_label]
    return {
        (name if names.count(name) == 1 else label): counts
        for name, (label, counts) in zip(names, by_label.items(), strict=True)
    }
