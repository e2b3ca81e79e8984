"""Whether a cell knows enough: decided by hand-worked rounds."""

import numpy as np
import pytest

from ttscale.errors import InvalidInputError
from ttscale.pipeline.stopping import Decision, Reference, decide
from ttscale.samplers.until import UntilSettings
from ttscale.stats.adaptive.rounds import Rounds
from ttscale.store.rounds import Drawn

LADDER = (4, 8, 16)


def drawn(c: list[int], rung: int = 0) -> Drawn:
    """All problems stand on one rung, to which everybody climbed."""
    n = np.tile(LADDER, (len(c), 1))
    climbs = tuple({step: ((0, LADDER[step] + 1),)} for step in range(rung))
    return Drawn(
        problem_ids=tuple(map(str, range(len(c)))),
        rounds=Rounds(LADDER, climbs),
        rung=np.full(len(c), rung),
        successes=np.minimum(np.array(c)[:, None], n),
        verified=n,
    )


def decided(c: list[int], rung: int = 0, **rule: object) -> Decision:
    return decide(UntilSettings.model_validate(rule), drawn(c, rung))


COVERAGE = {"quantity": "coverage", "k": 2, "width": 0.2}


def test_problems_climb_until_they_have_their_successes() -> None:
    decision = decided([0, 1, 3], successes=2)
    assert decision.reason is None
    assert decision.climb == {0: ((0, 2),)}
    assert decision.known.n_samples == 12


def test_nobody_climbs_where_all_have_their_successes_or_all_samples() -> None:
    decision = decided([2, 0], rung=2, successes=2)
    assert decision.climb == {}
    assert decision.reason == "1 of 2 problems have their successes, the others all n samples"


def test_an_interval_that_is_narrow_enough_ends_it() -> None:
    narrow, wide = (decided([4] * 6, quantity="coverage", k=2, width=width) for width in (0.01, 0.9))
    assert (wide.climb, wide.reason) == ({}, "the interval is narrower than 90.0 points")
    assert wide.known.value == narrow.known.value == 1.0
    assert narrow.climb  # all right is not all known: 4 samples of each


def test_an_uncertain_one_goes_on_and_says_what_is_known() -> None:
    decision = decided([1, 1, 1], **COVERAGE)
    assert decision.reason is None
    assert decision.climb
    # pass@2 of 1 correct among 4 is 1 - C(3, 2) / C(4, 2) = 1/2
    assert decision.known.value == pytest.approx(0.5)
    assert decision.known.low < 0.5 < decision.known.high


def test_at_the_top_of_the_ladder_nobody_is_left() -> None:
    decision = decided([3, 5], rung=2, quantity="coverage", k=2, width=0.01)
    assert (decision.climb, decision.reason) == ({}, "every problem has sampling.n samples")


def test_a_budget_beyond_the_samples_is_not_known_and_more_are_drawn() -> None:
    decision = decided([0, 2], quantity="coverage", k=8, width=0.2)
    assert decision.known.value is None
    assert decision.known.n_samples == 8
    assert decision.climb


def test_uniform_allocation_lets_everybody_climb() -> None:
    decision = decided([0, 2], allocation="uniform", **COVERAGE)
    assert decision.climb == {0: ((0, 5),)}


def test_what_other_problems_would_differ_by_cannot_be_sampled_away() -> None:
    decision = decided([0, 16] * 4, rung=2, quantity="coverage", k=1, width=0.05, over="problems")
    assert decision.climb == {}
    assert "only more problems narrow it" in str(decision.reason)
    assert decision.known.value == pytest.approx(0.5)


def test_a_difference_is_taken_problem_by_problem() -> None:
    other = Reference(values=np.array([0.0, 0.5]), standard_error=0.0)
    rule = UntilSettings(quantity="difference", k=1, width=0.05, to="b")
    decision = decide(rule, drawn([4, 2]), other)
    # (1 - 0 + 1/2 - 1/2) / 2
    assert decision.known.value == pytest.approx(0.5)
    assert decision.reason is None


def test_a_reference_that_is_too_noisy_ends_it() -> None:
    other = Reference(values=np.array([0.5, 0.5]), standard_error=0.2)
    rule = UntilSettings(quantity="difference", k=1, width=0.05, to="b")
    decision = decide(rule, drawn([2, 2]), other)
    assert decision.climb == {}
    assert "the samples of 'b' leave more than that" in str(decision.reason)


def test_a_difference_needs_the_other_cell() -> None:
    with pytest.raises(InvalidInputError, match="needs the other cell's coverage"):
        decide(UntilSettings(quantity="difference", k=1, width=0.05, to="b"), drawn([2, 2]))


def test_the_same_verdicts_give_the_same_decision() -> None:
    first, second = (decided([0, 1, 3, 2], **COVERAGE) for _ in range(2))
    assert (first.known, first.climb, first.reason) == (second.known, second.climb, second.reason)
