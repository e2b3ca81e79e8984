"""Verifiers made ready: what is derived from other samples or verifiers, counted by hand."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from ttscale.analysis.comparison.frame import ComparisonSettings, Frame
from ttscale.analysis.comparison.ready import made_ready
from ttscale.analysis.reading.settling import ScoredSamples
from ttscale.analysis.reading.verified import VerifierScores
from ttscale.errors import InvalidInputError

P, N = 24, 6
RNG = np.random.default_rng(7)
PROBLEM = np.repeat(np.arange(P), N)
CORRECT = RNG.random(P * N) < np.resize([0.1, 0.5, 0.9], P)[PROBLEM]
ANSWER = np.where(CORRECT, 0, RNG.integers(-1, 4, P * N))


def said(
    name: str, *, seconds: float | None = None, tokens: tuple[float, float] | None = None
) -> VerifierScores:
    score = RNG.normal(CORRECT, 1.0)
    return VerifierScores(
        name=name,
        score=score,
        failed=np.zeros(P * N, dtype=bool),
        accepted=score > 0.5,
        answer_class=ANSWER,
        outcomes={},
        seconds_per_sample=seconds,
        tokens_per_sample=tokens,
    )


def frame(*verifiers: VerifierScores, answers: np.ndarray = ANSWER, **settings: Any) -> Frame:
    samples = ScoredSamples(
        label="table",
        oracle="truth",
        problem=PROBLEM,
        correct=CORRECT,
        answer_class=answers,
        verifiers=verifiers,
        notes=(),
    )
    return Frame.of(samples, ComparisonSettings(**settings))


def shares() -> list[float]:
    """Of each sample, the share of its problem's other samples that give its answer; none for one that abstains."""
    votes = Counter(zip(PROBLEM.tolist(), ANSWER.tolist(), strict=True))
    pairs = zip(PROBLEM.tolist(), ANSWER.tolist(), strict=True)
    return [(votes[pair] - 1) / (N - 1) if pair[1] >= 0 else 0.0 for pair in pairs]


@pytest.mark.parametrize("threshold", [None, 0.3, 0.99])
def test_a_vote_scores_by_agreement_and_accepts_from_its_threshold_on(threshold: float | None) -> None:
    told = {} if threshold is None else {"thresholds": {"vote": threshold}}
    ready = made_ready(frame(**told), "vote")
    assert ready.scores.score == pytest.approx(shares())
    assert ready.scores.accepted is not None
    assert ready.scores.accepted.tolist() == [one >= (threshold or 0.5) for one in shares()]
    assert ready.acceptance() is None  # another sample changes what it says of this one


def test_a_vote_without_answers_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="'vote' needs answers, but the oracle 'truth' gives none"):
        made_ready(frame(answers=np.full(P * N, -1)), "vote")


def test_a_verifier_may_be_drawn_from_until_it_accepts() -> None:
    one = said("check")
    ready = made_ready(frame(one), "check")
    found = ready.acceptance()
    assert found is not None and one.accepted is not None
    n, accepted, right = found
    assert n.tolist() == [N] * P
    for p in range(P):
        here = p == PROBLEM
        assert accepted[p] == one.accepted[here].sum()
        assert right[p] == (one.accepted & CORRECT)[here].sum()


def test_a_selector_that_is_named_again_is_there_once() -> None:
    usual = [pick.name for pick in made_ready(frame(said("check")), "check").picks]
    again = [
        pick.name for pick in made_ready(frame(said("check"), selectors=("best", "first")), "check").picks
    ]
    assert usual == again and len(set(usual)) == len(usual)


@pytest.mark.parametrize(
    ("seconds", "tokens", "in_all"),
    [
        ((0.5, 2.0), ((10.0, 1.0), (30.0, 4.0)), (2.5, (40.0, 5.0))),
        (
            (0.5, None),
            ((10.0, 1.0), None),
            (None, (10.0, 1.0)),
        ),  # time of one is unknown, and only one asks a model
        ((None, None), (None, None), (None, None)),
    ],
)
def test_an_ensemble_costs_what_all_of_its_verifiers_cost(
    seconds: tuple[Any, Any], tokens: tuple[Any, Any], in_all: tuple[Any, Any]
) -> None:
    one, two = (
        said(name, seconds=time, tokens=asked)
        for name, time, asked in zip(("a", "b"), seconds, tokens, strict=True)
    )
    ready = made_ready(frame(one, two, thresholds={"ensemble": 0.7}), "ensemble")
    assert (ready.scores.seconds_per_sample, ready.scores.tokens_per_sample) == in_all
    assert ready.scores.accepted is not None
    assert ready.scores.accepted.tolist() == (ready.scores.score >= 0.7).tolist()
    weights = ready.detail
    assert [name.rpartition(" ")[2] for name in weights] == ["a", "b"]
    assert all(weight > 0 for weight in weights.values())  # both know something of the truth


def test_an_ensemble_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="--verifiers a,b,ensemble"):
        made_ready(frame(), "ensemble")
