"""What is said of selected accuracy beyond the samples, against populations whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest

from ttscale.analysis.budget.arms import Arm, ArmSamples, VerifierColumns
from ttscale.analysis.budget.pricing import Pricing
from ttscale.analysis.budget.questions import Inference
from ttscale.analysis.budget.view import BudgetSettings, view_of_arms
from ttscale.showing.numbers import percent
from ttscale.stats.selectors.voting import maj_at_k

ASKED = {"selectors": ("majority",), "pricing": Pricing(cost="samples")}


def voting_arm(answers: np.ndarray) -> Arm:
    """Return an arm whose samples (P, n) gave these answers; 0 is correct."""
    n_problems, n = answers.shape
    correct = answers.ravel() == 0
    return Arm(
        label="votes",
        model="m",
        problem_ids=tuple(map(str, range(n_problems))),
        n=np.full(n_problems, n),
        c=(answers == 0).sum(axis=1),
        samples=ArmSamples(
            problem=np.repeat(np.arange(n_problems), n),
            correct=correct,
            answer_class=answers.ravel().astype(np.int64),
            completion_tokens=np.full(answers.size, 9),
            truncated=np.zeros(answers.size, dtype=bool),
        ),
    )


def drawn(chances: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw n answers of each problem from its chances (P, A)."""
    return np.stack([rng.choice(len(row), size=n, p=row) for row in chances])


def answer(arm: Arm, target: float, **inference):
    asked = BudgetSettings(**ASKED, targets=(target,), inference=Inference(**inference))
    return view_of_arms([arm], asked).targets[0]


def test_a_vote_that_has_settled_is_said_to_stay_where_it_really_stays():
    rng = np.random.default_rng(0)
    right = rng.random(200) < 0.6  # the correct answer leads by far, or a wrong one does
    chances = np.where(right[:, None], [0.7, 0.2, 0.1], [0.15, 0.75, 0.1])
    one = answer(voting_arm(drawn(chances, 64, rng)), 0.8, largest=1000)
    assert (one.verdict, one.cost, one.at_least) == ("not reachable", None, None)
    stays = f"at {percent(right.mean())} ["  # the limit is the share of problems whose likeliest answer is correct
    assert "it plateaus from k = " in one.why_not
    assert stays in one.why_not


def test_a_vote_that_still_rises_is_unknown_and_takes_no_less_than_coverage():
    rng = np.random.default_rng(1)
    lead = rng.uniform(0.01, 0.1, size=100)  # narrow: a vote needs hundreds of samples to see it
    chances = np.stack([0.4 + lead, 0.4 - lead, np.full(100, 0.2)], axis=1)
    pool = drawn(chances, 4096, rng)
    one = answer(voting_arm(pool[:, :16]), 0.9, largest=1000)
    assert one.verdict == "unknown"
    assert one.cost is None
    assert "doubling from 8 to 16 samples moved it by +" in one.why_not
    assert "not extrapolated, draw more; coverage, which no selector beats, takes" in one.why_not
    arm = voting_arm(pool)
    ks = np.array([16, 64, 256, 1024])
    truth = maj_at_k(arm.samples.problem, arm.samples.answer_class, arm.samples.correct, ks).mean(axis=0)
    assert truth[0] < 0.9 < truth[-1]  # a plateau would have been wrong
    assert 1 <= one.at_least <= 1024


def test_what_coverage_cannot_reach_no_selector_can():
    rng = np.random.default_rng(2)
    chances = np.where(np.arange(60)[:, None] < 30, [0.0, 1.0], [0.6, 0.4])
    one = answer(voting_arm(drawn(chances, 100, rng)), 0.99, largest=500)
    assert one.verdict == "not reachable"
    assert "coverage, which no selector beats, does not reach 99% by 500 samples" in one.why_not


def test_a_target_within_the_samples_is_found_closely_and_costs_what_it_takes():
    rng = np.random.default_rng(3)
    lead = rng.uniform(0.02, 0.3, size=60)
    arm = voting_arm(drawn(np.stack([0.5 + lead / 2, 0.5 - lead / 2], axis=1), 60, rng))
    samples = arm.samples
    ks = np.arange(1, 61)
    curve = maj_at_k(samples.problem, samples.answer_class, samples.correct, ks).mean(axis=0)
    truth = int(ks[np.flatnonzero(curve >= 0.75)[0]])
    assert 10 < truth < 50
    one = answer(arm, 0.75)
    assert one.verdict == "reached"
    assert one.reached.k == pytest.approx(truth, rel=0.1)
    assert curve[one.reached.k - 1] >= 0.75
    assert one.cost == one.reached.k * 60


def test_problems_of_which_nothing_was_accepted_yet_do_not_lower_the_ceiling():
    """A verifier that never errs, and accepts one sample of half of the problems: only coverage can forbid a target."""
    rng = np.random.default_rng(4)
    arm = voting_arm(np.where(rng.random((40, 8)) < 0.1, 0, 1))
    right = arm.samples.correct
    columns = VerifierColumns(score=right.astype(float), accepted=right, seconds=None, sees_answer=True)
    arm = replace(arm, samples=replace(arm.samples, verifiers={"key": columns}))
    asked = BudgetSettings(
        selectors=("first",), verifiers=("key",), targets=(0.95,), pricing=Pricing(cost="samples")
    )
    found = view_of_arms([arm], asked)
    assert found.targets[0].verdict == "unknown"
    assert "false positives" not in found.targets[0].why_not
    assert any("'key' sees the answer key" in note for note in found.notes)
