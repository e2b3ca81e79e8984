"""Compare verifiers that do not see the key against one that does, on the same samples.

Two names are not verdicts stored anywhere but computed here. `vote` is agreement with a problem's other samples:
it depends on the whole pool, so a stored verdict would be stale as soon as a run is extended, and at a budget of
k only the k samples may vote; its accuracy is therefore the exact maj@k, and only its AUROC, precision, recall and
calibration use the agreement within the whole pool. `ensemble` is learnt from the oracle's labels, which no
verifier may see: a logistic regression of the other verifiers' scores, cross-fitted over folds of problems.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ttscale.analysis.comparison.results import Comparison, Selection, VerifierReport
from ttscale.analysis.reading.choices import table_budgets
from ttscale.analysis.reading.scored_samples import (
    ErrorPolicy,
    ScoredSamples,
    VerifierScores,
    read_scored,
    settle,
)
from ttscale.analysis.reading.tables import ABSTAINS
from ttscale.errors import InvalidInputError
from ttscale.stats.counts.curve import Curve, FloatArray, IntArray, budget_grid
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.counts.pools import Pools, pools
from ttscale.stats.coverage.plateau import TOLERANCE, doublings, plateau
from ttscale.stats.decide.deciding import best_decision
from ttscale.stats.intervals.estimate import Estimate, mean_over_problems, ratio_of_means, ratio_of_sums
from ttscale.stats.intervals.multiple import PairedDifferences, paired_differences
from ttscale.stats.selectors.accepting import first_accepted, utility
from ttscale.stats.selectors.agreement import agreement
from ttscale.stats.selectors.averaging import IntervalOptions, averaged_curve
from ttscale.stats.selectors.ensemble import cross_fit
from ttscale.stats.selectors.selection import best_of_k
from ttscale.stats.selectors.voting import maj_at_k, vote_weights, weighted_maj_at_k
from ttscale.stats.verifiers import calibration
from ttscale.stats.verifiers.discrimination import acceptance_rates, auroc, within_problem_auroc

VOTE, ENSEMBLE = "vote", "ensemble"
BEST = "best of k"
DERIVED = (VOTE, ENSEMBLE)
"""Names that are computed from the other samples or verifiers."""

_MOST_DECISIONS = 512
"""Budgets up to here are all looked at for the best one; beyond, a grid of this many."""

_VOTE_ERROR = 1e-3
"""Monte Carlo error of weighted votes, far below the intervals over problems."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonSettings:
    """How to compare.

    Attributes:
        k: Budgets of the tables; by default powers of ten and the smallest n.
        errors: What a verifier's error counts as; see `ErrorPolicy`.
        thresholds: Verifier -> the score from which on it accepts.
        value_correct: V, what a correct answer is worth.
        cost_wrong: C, what a wrong answer costs.
        cost_per_draw: Price of drawing and verifying one sample.
        tolerance: Most that accuracy may move per doubling of k on a plateau.
        confidence_level: Of every interval; of the differences, all together.
        n_resamples: Bootstrap replicates.
        n_folds: Folds of problems for the ensemble.
        seed: Of everything that is simulated or dealt at random.
    """

    k: tuple[int, ...] | None = None
    errors: ErrorPolicy = "stop"
    thresholds: Mapping[str, float] | None = None
    value_correct: float = 1.0
    cost_wrong: float = 1.0
    cost_per_draw: float = 0.0
    tolerance: float = TOLERANCE
    confidence_level: float = 0.95
    n_resamples: int = 2000
    n_folds: int = 5
    seed: int = 0


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
        source: A run directory, or a table of scores; see `read_score_table`.
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
    results = []
    for table in tables:
        names = tuple(verifiers) if verifiers is not None else (*table.verifiers, VOTE)
        results.append(compare_samples(settle(table, how.errors, how.thresholds), names, how))
    return results


def compare_samples(samples: ScoredSamples, names: Sequence[str], settings: ComparisonSettings) -> Comparison:
    """Compare the named verifiers on samples in memory; see `compare_verifiers`."""
    frame = _Frame.of(samples, settings)
    judges = [_judge(frame, name) for name in names]
    reports = tuple(_report(frame, judge) for judge in judges)
    differences, where = _differences(frame, judges)
    return Comparison(
        label=samples.label,
        oracle=samples.oracle,
        coverage=frame.curve("coverage", frame.coverage),
        table_k=frame.table_k,
        verifiers=reports,
        differences=differences,
        differences_at=where,
        worth=(settings.value_correct, settings.cost_wrong, settings.cost_per_draw),
        n_samples=len(samples.problem),
        notes=samples.notes,
    )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Frame:
    """What all verifiers share.

    Attributes:
        samples: The samples.
        settings: How to compare.
        table: The samples by problem.
        table_k: Budgets of the tables.
        k: Budgets of the curves, shape (K,): those of the tables and the doublings. Votes are too costly for more.
        coverage: pass@k, shape (P, K).
        success: Success rate of each problem, shape (P,).
    """

    samples: ScoredSamples
    settings: ComparisonSettings
    table: Pools
    table_k: tuple[int, ...]
    k: IntArray
    coverage: FloatArray
    success: FloatArray

    @classmethod
    def of(cls, samples: ScoredSamples, settings: ComparisonSettings) -> "_Frame":
        """Choose the budgets and compute coverage."""
        table = pools(samples.problem)
        k_max = int(table.n.min())
        too_large = [k for k in settings.k or () if k > k_max]
        if too_large:
            raise InvalidInputError(
                f"k = {max(too_large)} is asked for, but the smallest problem has {k_max} samples. "
                f"Draw more samples, or ask for k <= {k_max}."
            )
        table_k = table_budgets(settings.k, k_max)
        k = np.union1d(doublings(k_max), np.array(table_k, dtype=np.int64))
        c = table.totals(samples.correct.astype(np.int64))
        return cls(
            samples=samples,
            settings=settings,
            table=table,
            table_k=table_k,
            k=k,
            coverage=pass_at_k(table.n, c, k),
            success=c / table.n,
        )

    def curve(self, metric: str, values: FloatArray, error: FloatArray | None = None) -> Curve:
        """Average the values (P, K) of all problems."""
        options = IntervalOptions(confidence_level=self.settings.confidence_level)
        how = "exact mean over subsets" if error is None else "mean over random orders"
        return averaged_curve(
            metric, self.table, self.k, _unused, options, how=how, standard_error=error, values=values
        )

    def at(self, k: int) -> int:
        """Return the position of a budget in `k`."""
        return int(np.searchsorted(self.k, k))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Judge:
    """One verifier made ready.

    Attributes:
        scores: Its scores and verdicts.
        picks: Way of picking -> per-problem accuracy (P, K) and its Monte Carlo error (K,) or None; the first stands
            for the verifier.
        resamples: Whether its verdict on a sample needs no other sample, so that one may draw until it accepts.
        detail: See `VerifierReport`.
    """

    scores: VerifierScores
    picks: Mapping[str, tuple[FloatArray, FloatArray | None]]
    resamples: bool
    detail: Mapping[str, float]


def _judge(frame: _Frame, name: str) -> _Judge:
    if name == VOTE:
        return _vote(frame)
    if name == ENSEMBLE:
        return _ensemble(frame)
    scores = next(one for one in frame.samples.verifiers if one.name == name)
    return _Judge(
        scores=scores, picks=_picks(frame, scores), resamples=scores.accepted is not None, detail={}
    )


def _picks(frame: _Frame, scores: VerifierScores) -> dict[str, tuple[FloatArray, FloatArray | None]]:
    """Return what every way of picking with these scores collects."""
    samples, k = frame.samples, frame.k
    picks: dict[str, tuple[FloatArray, FloatArray | None]] = {
        BEST: (best_of_k(samples.problem, scores.score, samples.correct, k), None)
    }
    for name, answer in (
        ("weighted vote", samples.answer_class),
        ("weighted vote, own classes", scores.answer_class),  # such as programs that pass the same tests
    ):
        if (answer >= 0).any():
            picks[name] = _weighted_vote(frame, answer, _weights(samples, scores))
            break
    if scores.accepted is not None:
        A, T = _accepted_counts(frame, scores.accepted)
        picks["first accepted"] = (first_accepted(frame.table.n, A, T, k), None)
    return picks


def _weighted_vote(
    frame: _Frame, answer: IntArray, weight: FloatArray
) -> tuple[FloatArray, FloatArray | None]:
    """Return the accuracy of a vote with these weights (P, K), and its Monte Carlo error (K,) where it has one."""
    samples, k = frame.samples, frame.k
    if np.isin(weight, (0.0, 1.0)).all():  # a plurality of the accepted, which is known exactly
        accepted = np.where(weight > 0, answer, ABSTAINS)
        return maj_at_k(samples.problem, accepted, samples.correct, k), None
    estimate = weighted_maj_at_k(
        samples.problem,
        answer,
        weight,
        samples.correct,
        k,
        max_standard_error=_VOTE_ERROR,
        rng=frame.settings.seed,
    )
    error = np.sqrt((estimate.standard_error**2).sum(axis=0)) / len(frame.table)
    return estimate.value, error if error.any() else None


def _weights(samples: ScoredSamples, scores: VerifierScores) -> FloatArray:
    """Return weights of at least 0: the scores themselves, or their sigmoid where some are negative."""
    scheme: Any = "as is" if scores.score.min() >= 0 else "sigmoid"
    return np.where(scores.failed, 0.0, vote_weights(scores.score, samples.problem, scheme))


def _vote(frame: _Frame) -> _Judge:
    samples = frame.samples
    if (samples.answer_class < 0).all():
        raise InvalidInputError(
            f"'{VOTE}' needs answers, but the oracle '{samples.oracle}' gives none of {samples.label} an answer class. "
            "Name the column of answers with --answers, or an oracle that extracts them."
        )
    share = agreement(samples.problem, samples.answer_class)
    majority = maj_at_k(samples.problem, samples.answer_class, samples.correct, frame.k)
    scores = VerifierScores(
        name=VOTE,
        score=share,
        failed=np.zeros(len(share), dtype=bool),
        accepted=share >= _threshold(frame, VOTE),
        answer_class=samples.answer_class,
        outcomes={},
        seconds_per_sample=None,
    )
    return _Judge(scores=scores, picks={"majority vote": (majority, None)}, resamples=False, detail={})


def _ensemble(frame: _Frame) -> _Judge:
    samples = frame.samples
    if not samples.verifiers:
        raise InvalidInputError(
            f"'{ENSEMBLE}' combines other verifiers: name some beside it, such as --verifiers a,b,{ENSEMBLE}."
        )
    features = np.column_stack([one.score for one in samples.verifiers])  # (S, F)
    fitted = cross_fit(
        samples.problem, features, samples.correct, n_folds=frame.settings.n_folds, rng=frame.settings.seed
    )
    scores = VerifierScores(
        name=ENSEMBLE,
        score=fitted.probability,
        failed=np.zeros(len(features), dtype=bool),
        accepted=fitted.probability >= _threshold(frame, ENSEMBLE),
        answer_class=samples.answer_class,
        outcomes={},
        seconds_per_sample=_total_seconds(samples.verifiers),
        tokens_per_sample=_total_tokens(samples.verifiers),
    )
    mean = np.mean([fit.coefficient for fit in fitted.fits], axis=0)
    detail = {
        f"log-odds per standard deviation of {one.name}": float(value)
        for one, value in zip(samples.verifiers, mean, strict=True)
    }
    return _Judge(scores=scores, picks=_picks(frame, scores), resamples=True, detail=detail)


def _threshold(frame: _Frame, name: str) -> float:
    """Return from which probability on a derived verifier accepts: more likely right than wrong, unless told otherwise."""
    return (frame.settings.thresholds or {}).get(name, 0.5)


def _total_seconds(verifiers: Sequence[VerifierScores]) -> float | None:
    """Return what all of them take together, None where one was not measured."""
    seconds = [one.seconds_per_sample for one in verifiers]
    known = [one for one in seconds if one is not None]
    return sum(known) if len(known) == len(seconds) else None


def _total_tokens(verifiers: Sequence[VerifierScores]) -> tuple[float, float] | None:
    """Return what all of them spend together, None where none asks a model."""
    known = [one.tokens_per_sample for one in verifiers if one.tokens_per_sample is not None]
    return (sum(asked for asked, _ in known), sum(written for _, written in known)) if known else None


def _report(frame: _Frame, judge: _Judge) -> VerifierReport:
    scores, settings = judge.scores, frame.settings
    samples, level = frame.samples, settings.confidence_level
    pair = (samples.problem, scores.score, samples.correct)
    judgement = [auroc(*pair, confidence_level=level), within_problem_auroc(*pair, confidence_level=level)]
    if scores.accepted is not None:
        judgement += acceptance_rates(
            samples.problem, scores.accepted, samples.correct, confidence_level=level
        )
    scale = calibration.probability_scale(scores.score)
    selections = tuple(_selection(frame, name, *picked) for name, picked in judge.picks.items())
    policy, gain = _utility(frame, judge)
    verdicts = scores.accepted if judge.resamples else None
    return VerifierReport(
        name=scores.name,
        selections=selections,
        judgement=tuple(judgement),
        calibration=_calibration(frame, scores, scale),
        reliability=_reliability(frame, scores, scale),
        scale=scale,
        claimed=None if verdicts is None else _claimed(frame, verdicts),
        ceiling=None if verdicts is None else _ceiling(frame, verdicts),
        decision=best_decision(
            gain[1], gain[0], confidence_level=level, n_resamples=settings.n_resamples, rng=settings.seed
        ),
        policy=policy,
        outcomes=scores.outcomes,
        seconds_per_sample=scores.seconds_per_sample,
        tokens_per_sample=scores.tokens_per_sample,
        detail=judge.detail,
    )


def _selection(frame: _Frame, name: str, values: FloatArray, error: FloatArray | None) -> Selection:
    settings = frame.settings
    double = doublings(int(frame.k[-1]))
    return Selection(
        name=name,
        curve=frame.curve(name, values, error),
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


def _coverage_share(frame: _Frame, values: FloatArray, k: int) -> Estimate:
    j = frame.at(k)
    covered = frame.coverage[:, j]
    collected = np.minimum(values[:, j], covered)  # equal but for rounding and Monte Carlo error
    return ratio_of_sums(
        "coverage share", collected, covered, confidence_level=frame.settings.confidence_level
    )


def _gain_share(frame: _Frame, values: FloatArray, k: int) -> Estimate:
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
    frame: _Frame, scores: VerifierScores, scale: calibration.ProbabilityScale | None
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
    frame: _Frame, scores: VerifierScores, scale: calibration.ProbabilityScale | None
) -> calibration.ReliabilityCurve | None:
    if scale is None:
        return None
    return calibration.reliability_curve(
        frame.samples.problem,
        calibration.probabilities(scores.score, scale),
        frame.samples.correct,
        confidence_level=frame.settings.confidence_level,
    )


def _accepted_counts(frame: _Frame, accepted: NDArray[np.bool_]) -> tuple[IntArray, IntArray]:
    """Return A and T of each problem, shapes (P,)."""
    return (
        frame.table.totals(accepted.astype(np.int64)),
        frame.table.totals((accepted & frame.samples.correct).astype(np.int64)),
    )


def _claimed(frame: _Frame, accepted: NDArray[np.bool_]) -> Curve:
    """Return the coverage that the verifier believes in: any of k accepted."""
    A, _ = _accepted_counts(frame, accepted)
    return frame.curve("claimed coverage", pass_at_k(frame.table.n, A, frame.k))


def _ceiling(frame: _Frame, accepted: NDArray[np.bool_]) -> Estimate:
    """Return the accuracy of drawing without bound until a sample is accepted: the mean of T/A, 0 where A = 0."""
    A, T = _accepted_counts(frame, accepted)
    return mean_over_problems(
        "ceiling", T / np.maximum(A, 1), confidence_level=frame.settings.confidence_level
    )


def _utility(frame: _Frame, judge: _Judge) -> tuple[str, tuple[IntArray, FloatArray]]:
    """Return how answers are picked, the budgets, and each problem's utility at them (P, K)."""
    settings, accepted = frame.settings, judge.scores.accepted
    worth = {
        "value_correct": settings.value_correct,
        "cost_wrong": settings.cost_wrong,
        "cost_per_draw": settings.cost_per_draw,
    }
    k = budget_grid(int(frame.k[-1]), points=_MOST_DECISIONS)
    if judge.resamples and accepted is not None:
        A, T = _accepted_counts(frame, accepted)
        return "first accepted", (k, utility(frame.table.n, A, T, k, **worth))
    policy, (values, _) = next(iter(judge.picks.items()))
    if policy == BEST:
        values = best_of_k(frame.samples.problem, judge.scores.score, frame.samples.correct, k)
    else:
        k = frame.k
    gain = settings.value_correct * values - settings.cost_wrong * (1 - values)
    return policy, (k, gain - settings.cost_per_draw * k)


def _differences(
    frame: _Frame, judges: Sequence[_Judge]
) -> tuple[PairedDifferences | None, tuple[tuple[str, str, int], ...]]:
    """Compare the accuracy of every two verifiers at every budget above 1: one family."""
    names = [judge.scores.name for judge in judges]
    table_k = [k for k in frame.table_k if k > 1]  # at k = 1 there is nothing to choose
    if len(judges) < 2 or not table_k:
        return None, ()
    columns = [next(iter(judge.picks.values()))[0][:, frame.at(k)] for k in table_k for judge in judges]
    pairs, where = [], []
    for i, k in enumerate(table_k):
        for first in range(len(judges)):
            for second in range(first + 1, len(judges)):
                pairs.append((i * len(judges) + first, i * len(judges) + second))
                where.append((names[first], names[second], k))
    differences = paired_differences(
        np.column_stack(columns),
        pairs=tuple(pairs),
        confidence_level=frame.settings.confidence_level,
        rng=frame.settings.seed,
    )
    return differences, tuple(where)


def _unused(rows: IntArray, k: IntArray) -> FloatArray:
    """Stand in for the recomputation that only intervals over samples need."""
    raise NotImplementedError
