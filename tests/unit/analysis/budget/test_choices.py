"""An arm with a way to pick an answer: its values, its costs and what it lacks."""

from dataclasses import replace

import numpy as np
import pytest

from ttscale.analysis.budget.arms import Arm, ArmSamples, VerifierColumns
from ttscale.analysis.budget.choices import Choice, priced_choices
from ttscale.analysis.selecting import ways
from ttscale.arrays import IntArray
from ttscale.costs.contract import ModelFacts, Usage
from ttscale.costs.counted import SampleCost, SecondsCost, TokenCost
from ttscale.costs.verification import VerifierTokens
from ttscale.errors import InvalidInputError
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.selectors.accepting import FirstAccepted
from ttscale.stats.selectors.contract import Picked, SamplePools
from ttscale.stats.selectors.selection import BestOfK

P, N = 4, 6
CORRECT = np.array([[1, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0], [0] * 6, [1] * 6], dtype=bool)
SCORE = np.arange(P * N, dtype=float) % 5
ACCEPTED = SCORE > 2


def arm(label: str = "a", **columns: object) -> Arm:
    problem = np.repeat(np.arange(P), N)
    own = VerifierColumns(score=SCORE, accepted=ACCEPTED, seconds=0.5)
    return Arm(
        label=label,
        model="m",
        problem_ids=tuple("wxyz"),
        n=np.full(P, N),
        c=CORRECT.sum(axis=1),
        usage=Usage(prompt_tokens=np.full(P, 10.0), completion_tokens=np.full(P * N, 3.0), problem=problem),
        facts=ModelFacts(seconds_per_token=0.1, verification_s=2.0),
        samples=ArmSamples(
            problem=problem,
            correct=CORRECT.ravel(),
            answer_class=np.where(CORRECT.ravel(), 0, 1),
            completion_tokens=np.full(P * N, 3),
            truncated=np.zeros(P * N, dtype=bool),
            verifiers={"v": replace(own, **columns)},  # type: ignore[arg-type]
        ),
    )


def choices(*selectors: str, arms: tuple[Arm, ...] = (), cost: str = "tokens") -> list[Choice]:
    model = {"tokens": TokenCost, "samples": SampleCost, "seconds": SecondsCost}[cost]
    verifiers = ["v"] if {"best", "first", "weighted", "ensemble"} & set(selectors) else []
    return priced_choices(arms or (arm(),), ways(selectors, verifiers), model(model.Options()), cost)


def test_a_choice_is_named_by_what_tells_it_from_the_others() -> None:
    assert [one.label for one in choices("coverage")] == ["a"]
    assert [one.label for one in choices("coverage", "majority")] == ["coverage", "majority vote"]
    two = (arm("a"), arm("b"))
    assert [one.label for one in choices("best", arms=two)] == ["a", "b"]
    assert [one.label for one in choices("coverage", "best", arms=two)] == [
        "a, coverage",
        "b, coverage",
        "a, best by v",
        "b, best by v",
    ]


def test_values_are_the_selectors_and_computed_once_for_each_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    (cover,) = choices("coverage")
    assert cover.values(np.array([1, 3, 6])) == pytest.approx(pass_at_k(N, CORRECT.sum(axis=1), [1, 3, 6]))
    (best,) = choices("best")
    asked: list[list[int]] = []
    real = BestOfK.values

    def counted(self: BestOfK, pools: SamplePools, k: IntArray, **more: object) -> Picked:
        asked.append(k.tolist())
        return real(self, pools, k, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(BestOfK, "values", counted)
    first = best.values(np.array([4, 1]))
    again = best.values(np.array([1, 2, 4]))
    assert asked == [[1, 4], [2]]
    assert again[:, [2, 0]] == pytest.approx(first)


def test_costs_are_a_prompt_and_as_many_samples_as_are_drawn() -> None:
    (every,) = choices("best")
    assert every.costs(np.array([1, 4])).tolist() == [10 + 3, 10 + 12]
    (first,) = choices("first")
    draws = FirstAccepted().draws(first.pools, np.array([1, 4]))
    assert first.costs(np.array([1, 4])) == pytest.approx((10 + 3 * draws).mean(axis=0))
    assert first.costs(np.array([4]))[0] < every.costs(np.array([4]))[0]


def test_verification_is_the_oracles_for_coverage_none_for_votes_and_its_own_for_a_verifier() -> None:
    found = {one.way.label: one for one in choices("coverage", "majority", "best", cost="seconds")}
    assert [one.verification_s for one in found.values()] == [2.0, None, 0.5]
    sampling = 3 * 0.1
    costs = [float(one.costs(np.array([1]))[0]) for one in found.values()]
    assert costs == pytest.approx([sampling + 2.0, sampling, sampling + 0.5])


def test_the_tokens_of_a_verifier_that_is_a_model_are_paid_with_every_sample() -> None:
    tokens = VerifierTokens(
        names=("v",), prompt_tokens=np.full(P * N, 100.0), completion_tokens=np.full(P * N, 7.0)
    )
    (best,) = choices("best", arms=(arm(tokens=tokens),))
    assert best.costs(np.array([1, 2])).tolist() == [10 + 110, 10 + 220]
    (cover,) = choices("coverage", arms=(arm(tokens=tokens),))
    assert cover.costs(np.array([1]))[0] == 13  # what picks nothing asks nobody
    (together,) = choices("ensemble", arms=(arm(tokens=tokens),))
    assert together.costs(np.array([1]))[0] == 10 + 110


def test_a_choice_by_an_oracle_says_that_nobody_has_one() -> None:
    (best,) = choices("best", arms=(arm(sees_answer=True),))
    assert "'v' sees the answer key" in best.notes[0]
    assert not any("answer key" in note for note in choices("best")[0].notes)


def test_coverage_and_what_is_picked_are_judged_apart() -> None:
    assert [one.metric for one in choices("coverage", "majority")] == ["coverage", "selected accuracy"]


@pytest.mark.parametrize(
    ("selector", "changed", "said"),
    [
        ("first", {"accepted": None}, "'v' rejects no sample of 'a'"),
        ("first", {"accepted": np.ones(P * N, bool)}, "so the first sample is always taken"),
    ],
)
def test_a_verifier_that_rejects_nothing_cannot_be_waited_for(
    selector: str, changed: dict, said: str
) -> None:
    with pytest.raises(InvalidInputError, match=said):
        choices(selector, arms=(arm(**changed),))


def test_what_an_arm_lacks_is_named() -> None:
    bare = replace(arm(), samples=None)
    with pytest.raises(InvalidInputError, match="'a' is a table of counts: only coverage can be asked of it"):
        choices("majority", arms=(bare,))
    whole = arm()
    assert whole.samples is not None
    unseen = replace(whole, samples=replace(whole.samples, verifiers={}))
    for selector in ("best", "ensemble"):
        with pytest.raises(InvalidInputError, match=r"has no verdicts of 'v'\. Run: ttscale verify"):
            choices(selector, arms=(unseen,), cost="samples")
    mute = replace(whole, samples=replace(whole.samples, answer_class=np.full(P * N, -1)))
    with pytest.raises(InvalidInputError, match="so there is nothing to vote on"):
        choices("majority", arms=(mute,))
