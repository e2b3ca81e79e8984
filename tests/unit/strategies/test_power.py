"""Moves that are accepted and moves that are not, by hand."""

import pytest
from driven import driven, said

from ttscale.strategies.contract import Tokens

DRAFT = said("ab", tokens=(1, 2), logprobs=(-1.0, -1.0))


@pytest.mark.parametrize("seed", range(8))
def test_a_rest_that_is_likelier_is_always_taken_and_goes_on_from_what_was_kept(seed: int) -> None:
    better = said("c", before="a", tokens=(3,), logprobs=(-0.5,))
    attempt, asked = driven(
        "power", [DRAFT, better], seed=seed, alpha=4.0, moves=1, positions=2, max_tokens=8
    )
    kept = asked[1].prefix
    assert kept in ((), (Tokens((1,)),))
    assert (asked[1].max_tokens, asked[1].temperature) == (8 - len(kept), 1.0)
    assert (attempt.text, attempt.notes) == ("ac", {"accepted": 1.0})


def test_a_rest_that_is_far_less_likely_is_not() -> None:
    worse = said("z", tokens=(9,), logprobs=(-500.0,))
    attempt, _ = driven("power", [DRAFT, worse], alpha=2.0, moves=1, positions=1, max_tokens=8)
    assert (attempt.text, attempt.notes) == ("ab", {"accepted": 0.0})


def test_alpha_one_takes_every_move() -> None:
    worse = said("z", tokens=(9,), logprobs=(-500.0,))
    attempt, _ = driven("power", [DRAFT, worse], alpha=1.0, moves=1, positions=1, max_tokens=8)
    assert (attempt.text, attempt.notes) == ("z", {"accepted": 1.0})


def test_a_cut_behind_the_end_costs_nothing_and_counts_as_taken() -> None:
    empty = said("", logprobs=())
    attempt, asked = driven("power", [empty], moves=5, positions=4, max_tokens=8)
    assert (attempt.text, attempt.notes, len(asked)) == ("", {"accepted": 1.0}, 1)


@pytest.mark.parametrize("seed", range(5))
def test_as_published_a_new_rest_is_no_longer_than_the_old_one(seed: int) -> None:
    rest = said("c", tokens=(3,), logprobs=(-0.5,))
    _, asked = driven(
        "power", [DRAFT, rest], seed=seed, moves=1, positions=64, max_tokens=8, proposal="published"
    )
    assert asked[1].max_tokens == 2 - sum(len(kept.ids) for kept in asked[1].prefix)
