"""Compare verifiers that do not see the key against one that does, on the same samples."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ttscale.analysis.comparison.frame import ComparisonSettings, Frame
from ttscale.analysis.comparison.ready import DERIVED, ENSEMBLE, VOTE, Pick, ReadyVerifier, made_ready
from ttscale.analysis.comparison.results import Comparison, Selection, VerifierReport
from ttscale.analysis.reading.settling import ScoredSamples, read_scored, settle
from ttscale.analysis.reading.verified import VerifierScores
from ttscale.analysis.selecting import named_selector
from ttscale.arrays import FloatArray, IntArray
from ttscale.stats.counts.curve import Curve, budget_grid
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.coverage.plateau import doublings, plateau
from ttscale.stats.decide.deciding import MOST_DECISIONS, best_decision
from ttscale.stats.intervals.estimate import Estimate, mean_over_problems, ratio_of_means, ratio_of_sums
from ttscale.stats.intervals.multiple import PairedDifferences, paired_differences
from ttscale.stats.selectors.accepting import utility
from ttscale.stats.selectors.contract import Picked
from ttscale.stats.verifiers import calibration
from ttscale.stats.verifiers.discrimination import acceptance_rates, auroc, within_problem_auroc

__all__ = ["DERIVED", "ENSEMBLE", "VOTE", "ComparisonSettings", "compare_samples", "compare_verifiers"]


def compare_verifiers(
    source: Path | str,
    verifiers: Sequence[str] | None = None,
    *,
    oracle: str | None = None,
    answers: str | None = None,
    settings: ComparisonSettings | None = None,
) -> list[Comparison]:
    """Compare verifiers on stored samples, cell by cell.

    Args:
        source: A run directory, or a table of scores; see `read_score_tables`.
        verifiers: Names, `vote` and `ensemble` among them; by default every stored deployable verifier, and the vote.
        oracle: What defines *correct*; by default the run's own oracle.
        answers: The column of answers in a file.
        settings: How to compare.

    Raises:
        InvalidInputError: A verifier failed and `errors` is "stop"; a budget beyond the samples; no column.
        StoreError: No run, or no such verdicts.
    """
    stored = None if verifiers is None else [name for name in verifiers if name not in DERIVED]
    tables = read_scored(Path(source), stored, oracle=oracle, answers=answers)
    how = settings or ComparisonSettings()
    selectors = [named_selector(one) for one in how.selectors]
    results = []
    for table in tables:
        names = tuple(verifiers) if verifiers is not None else (*table.verifiers, VOTE)
        if ENSEMBLE not in names and any("features" in one.needs for one in selectors):
            names = (*names, ENSEMBLE)
        results.append(compare_samples(settle(table, how.errors, how.thresholds), names, how))
    return results


def compare_samples(samples: ScoredSamples, names: Sequence[str], settings: ComparisonSettings) -> Comparison:
    """Compare the named verifiers on samples in memory; see `compare_verifiers`."""
    frame = Frame.of(samples, settings)
    ready = [made_ready(frame, name) for name in names]
    reports = tuple(_report(frame, one) for one in ready)
    differences, where = _differences(frame, ready)
    return Comparison(
        label=samples.label,
        oracle=samples.oracle,
        coverage=frame.curve("coverage", Picked(frame.coverage)),
        table_k=frame.table_k,
        verifiers=reports,
        differences=differences,
        differences_at=where,
        worth=(settings.value_correct, settings.cost_wrong, settings.cost_per_draw),
        n_samples=len(samples.problem),
        notes=samples.notes,
    )


def _report(frame: Frame, one: ReadyVerifier) -> VerifierReport:
    scores, settings = one.scores, frame.settings
    samples, level = frame.samples, settings.confidence_level
    pair = (samples.problem, scores.score, samples.correct)
    judgement = [auroc(*pair, confidence_level=level), within_problem_auroc(*pair, confidence_level=level)]
    if scores.accepted is not None:
        judgement += acceptance_rates(
            samples.problem, scores.accepted, samples.correct, confidence_level=level
        )
    scale = calibration.probability_scale(scores.score)
    policy, gain = _utility(frame, one)
    acceptance = one.acceptance()
    return VerifierReport(
        name=scores.name,
        selections=tuple(_selection(frame, pick) for pick in one.picks),
        judgement=tuple(judgement),
        calibration=_calibration(frame, scores, scale),
        reliability=_reliability(frame, scores, scale),
        scale=scale,
        claimed=None if acceptance is None else _claimed(frame, acceptance[1]),
        ceiling=None if acceptance is None else _ceiling(frame, *acceptance[1:]),
        decision=best_decision(
            gain[1],
            gain[0],
            span=(-settings.cost_wrong - settings.cost_per_draw * int(gain[0][-1]), settings.value_correct),
            confidence_level=level,
            n_resamples=settings.n_resamples,
            rng=settings.seed,
        ),
        policy=policy,
        outcomes=scores.outcomes,
        seconds_per_sample=scores.seconds_per_sample,
        tokens_per_sample=scores.tokens_per_sample,
        detail=one.detail,
    )


def _selection(frame: Frame, pick: Pick) -> Selection:
    settings, values = frame.settings, pick.picked.value
    double = doublings(int(frame.k[-1]))
    return Selection(
        name=pick.name,
        curve=frame.curve(pick.name, pick.picked),
        coverage_share={k: _coverage_share(frame, values, k) for k in frame.table_k},
        gain_share={k: _gain_share(frame, values, k) for k in frame.table_k},
        plateau=plateau(
            values[:, np.searchsorted(frame.k, double)],
            double,
            tolerance=settings.tolerance,
            confidence_level=settings.confidence_level,
            n_resamples=settings.n_resamples,
            rng=settings.seed,
        ),
    )


def _coverage_share(frame: Frame, values: FloatArray, k: int) -> Estimate:
    j = frame.at(k)
    covered = frame.coverage[:, j]
    collected = np.minimum(values[:, j], covered)  # equal but for rounding and Monte Carlo error
    return ratio_of_sums(
        "coverage share", collected, covered, confidence_level=frame.settings.confidence_level
    )


def _gain_share(frame: Frame, values: FloatArray, k: int) -> Estimate:
    j = frame.at(k)
    return ratio_of_means(
        "gain share",
        values[:, j] - frame.success,
        frame.coverage[:, j] - frame.success,
        confidence_level=frame.settings.confidence_level,
        n_resamples=frame.settings.n_resamples,
        rng=frame.settings.seed,
    )


def _calibration(
    frame: Frame, scores: VerifierScores, scale: calibration.ProbabilityScale | None
) -> tuple[Estimate, ...]:
    if scale is None:
        return ()
    claimed = calibration.probabilities(scores.score, scale)
    options: dict[str, Any] = {
        "confidence_level": frame.settings.confidence_level,
        "n_resamples": frame.settings.n_resamples,
        "rng": frame.settings.seed,
    }
    columns = (frame.samples.problem, claimed, frame.samples.correct)
    return (
        calibration.expected_calibration_error(*columns, **options),
        calibration.problem_calibration_error(*columns, **options),
    )


def _reliability(
    frame: Frame, scores: VerifierScores, scale: calibration.ProbabilityScale | None
) -> calibration.ReliabilityCurve | None:
    if scale is None:
        return None
    return calibration.reliability_curve(
        frame.samples.problem,
        calibration.probabilities(scores.score, scale),
        frame.samples.correct,
        confidence_level=frame.settings.confidence_level,
    )


def _claimed(frame: Frame, accepted: IntArray) -> Curve:
    """Return the coverage that the verifier believes in: any of k accepted."""
    return frame.curve("claimed coverage", Picked(pass_at_k(frame.pools.n, accepted, frame.k)))


def _ceiling(frame: Frame, accepted: IntArray, right: IntArray) -> Estimate:
    """Return the accuracy of drawing without bound until a sample is accepted: the mean of T/A, 0 where A = 0."""
    return mean_over_problems(
        "ceiling", right / np.maximum(accepted, 1), confidence_level=frame.settings.confidence_level
    )


def _utility(frame: Frame, one: ReadyVerifier) -> tuple[str, tuple[IntArray, FloatArray]]:
    """Return how answers are picked, the budgets, and each problem's utility at them (P, K)."""
    settings, acceptance = frame.settings, one.acceptance()
    worth = {
        "value_correct": settings.value_correct,
        "cost_wrong": settings.cost_wrong,
        "cost_per_draw": settings.cost_per_draw,
    }
    k = budget_grid(int(frame.k[-1]), points=MOST_DECISIONS)
    if acceptance is not None:
        return "first accepted", (k, utility(*acceptance, k, **worth))
    pick = one.picks[0]
    if pick.selector.effort == "votes":
        k, values = frame.k, pick.picked.value
    else:
        values = pick.selector.values(pick.view, k, rng=settings.seed).value
    gain = settings.value_correct * values - settings.cost_wrong * (1 - values)
    return pick.name, (k, gain - settings.cost_per_draw * k)


def _differences(
    frame: Frame, ready: Sequence[ReadyVerifier]
) -> tuple[PairedDifferences | None, tuple[tuple[str, str, int], ...]]:
    """Compare the accuracy of every two verifiers at every budget above 1: one family."""
    names = [one.scores.name for one in ready]
    table_k = [k for k in frame.table_k if k > 1]  # at k = 1 there is nothing to choose
    if len(ready) < 2 or not table_k:
        return None, ()
    columns = [one.picks[0].picked.value[:, frame.at(k)] for k in table_k for one in ready]
    pairs, where = [], []
    for i, k in enumerate(table_k):
        for first in range(len(ready)):
            for second in range(first + 1, len(ready)):
                pairs.append((i * len(ready) + first, i * len(ready) + second))
                where.append((names[first], names[second], k))
    differences = paired_differences(
        np.column_stack(columns),
        pairs=tuple(pairs),
        confidence_level=frame.settings.confidence_level,
        rng=frame.settings.seed,
    )
    return differences, tuple(where)
