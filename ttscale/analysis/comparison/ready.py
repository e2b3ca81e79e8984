"""Verifiers made ready to compare: their scores, and what every way of picking with them collects.

Two names are not verdicts stored anywhere but computed here. `vote` is agreement with a problem's other samples:
it depends on the whole pool, so a stored verdict would be stale as soon as a run is extended, and at a budget of
k only the k samples may vote; its accuracy is therefore the exact maj@k, and only its AUROC, precision, recall and
calibration use the agreement within the whole pool. `ensemble` is learnt from the oracle's labels, which no
verifier may see: a logistic regression of the other verifiers' scores, cross-fitted over folds of problems.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ttscale.analysis.comparison.frame import Frame
from ttscale.analysis.reading.verified import VerifierScores
from ttscale.arrays import IntArray
from ttscale.errors import InvalidInputError
from ttscale.stats.selectors.accepting import FirstAccepted
from ttscale.stats.selectors.agreement import agreement
from ttscale.stats.selectors.contract import Picked, SamplePools, Selector, goes_by_verifier
from ttscale.stats.selectors.ensemble import cross_fit
from ttscale.stats.selectors.selection import BestOfK
from ttscale.stats.selectors.voting import MajorityVote, WeightedVote

VOTE, ENSEMBLE = "vote", "ensemble"
DERIVED = (VOTE, ENSEMBLE)
"""Names that are computed from the other samples or verifiers."""

SELECTORS: tuple[Selector, ...] = (BestOfK(), WeightedVote(), FirstAccepted())
"""The ways of picking with a verifier, where it has what they go by; the first stands for it."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Pick:
    """One way of picking with a verifier.

    Attributes:
        name: What tables call it.
        selector: The way.
        view: What it picks from.
        picked: What it collects at the budgets of the frame.
    """

    name: str
    selector: Selector
    view: SamplePools
    picked: Picked


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ReadyVerifier:
    """One verifier made ready.

    Attributes:
        scores: Its scores and verdicts.
        picks: The ways of picking with it; the first stands for the verifier.
        resamples: Whether its verdict on a sample needs no other sample, so that one may draw until it accepts.
        detail: See `VerifierReport`.
    """

    scores: VerifierScores
    picks: tuple[Pick, ...]
    resamples: bool
    detail: Mapping[str, float]

    def acceptance(self) -> tuple[IntArray, IntArray, IntArray] | None:
        """Return n, A and T of each problem, shapes (P,), where one may draw until it accepts."""
        can = self.resamples and self.scores.accepted is not None
        return self.picks[0].view.acceptance() if can else None


def made_ready(frame: Frame, name: str) -> ReadyVerifier:
    """Make a verifier ready, or derive it."""
    if name == VOTE:
        return _vote(frame)
    if name == ENSEMBLE:
        return _ensemble(frame)
    scores = next(one for one in frame.samples.verifiers if one.name == name)
    return ReadyVerifier(
        scores=scores,
        picks=_picks(frame, scores),
        resamples=scores.accepted is not None,
        detail={},
    )


def _picks(frame: Frame, scores: VerifierScores) -> tuple[Pick, ...]:
    """Return what every way of picking with these scores collects."""
    view, own_classes = frame.view(scores)
    selectors = [*SELECTORS, *filter(goes_by_verifier, frame.more)]
    return tuple(_picks_from(frame, view, selectors, ", own classes" if own_classes else ""))


def _picks_from(
    frame: Frame, view: SamplePools, selectors: Sequence[Selector], of_answers: str = ""
) -> Iterator[Pick]:
    """Yield what each selector collects that finds what it needs; one that is named twice, once."""
    for selector in {one.label(): one for one in selectors}.values():
        if all(view.has(need) for need in selector.needs):
            name = selector.label() + (of_answers if "answers" in selector.needs else "")
            picked = selector.values(view, frame.k, rng=frame.settings.seed)
            yield Pick(name=name, selector=selector, view=view, picked=picked)


def _vote(frame: Frame) -> ReadyVerifier:
    samples = frame.samples
    if not frame.pools.has("answers"):
        raise InvalidInputError(
            f"'{VOTE}' needs answers, but the oracle '{samples.oracle}' gives none of {samples.label} an answer class. "
            "Name the column of answers with --answers, or an oracle that extracts them."
        )
    others = [one for one in frame.more if not goes_by_verifier(one)]
    share = agreement(samples.problem, samples.answer_class)
    scores = VerifierScores(
        name=VOTE,
        score=share,
        failed=np.zeros(len(share), dtype=bool),
        accepted=share >= _threshold(frame, VOTE),
        answer_class=samples.answer_class,
        outcomes={},
        seconds_per_sample=None,
    )
    return ReadyVerifier(
        scores=scores,
        picks=tuple(_picks_from(frame, frame.pools, [MajorityVote(), *others])),
        resamples=False,
        detail={},
    )


def _ensemble(frame: Frame) -> ReadyVerifier:
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
    return ReadyVerifier(scores=scores, picks=_picks(frame, scores), resamples=True, detail=detail)


def _threshold(frame: Frame, name: str) -> float:
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
