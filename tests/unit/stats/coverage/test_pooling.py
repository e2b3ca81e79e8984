"""Samples pooled from several arms: against enumeration of every draw."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from ttscale.errors import InvalidInputError
from ttscale.stats.adaptive.rounds import Rounds, pass_at_k_in_rounds
from ttscale.stats.coverage.coverage import coverage_curve
from ttscale.stats.coverage.pooling import counted_arm, pooled_curve, pooled_pass_at_k, split_of
from ttscale.stats.decide.allocation import coverage_of_allocation

ARMS = {"first": ([4, 3], [1, 0]), "second": ([2, 3], [1, 2]), "third": ([3, 2], [0, 1])}


def by_enumeration(split: tuple[int, ...], problem: int) -> float:
    """Average over all ways to draw k_a of each arm's samples."""
    pools = [[1] * c[problem] + [0] * (n[problem] - c[problem]) for n, c in ARMS.values()]
    draws = [list(itertools.combinations(pool, k)) for pool, k in zip(pools, split, strict=True)]
    hits = [any(any(one) for one in draw) for draw in itertools.product(*draws)]
    return float(Fraction(sum(hits), len(hits)))


def test_a_split_equals_the_average_over_every_draw() -> None:
    arms = [counted_arm(n, c) for n, c in ARMS.values()]
    splits = np.array([(0, 0, 1), (1, 1, 1), (2, 0, 2), (3, 2, 2)])
    found = pooled_pass_at_k(arms, splits)
    exact = [[by_enumeration(tuple(split), problem) for split in splits.tolist()] for problem in (0, 1)]
    assert found == pytest.approx(np.array(exact), abs=1e-14)
    n, c = (np.array(table).T for table in zip(*ARMS.values(), strict=True))
    one_by_one = [coverage_of_allocation(n, c, split) for split in splits]
    assert found == pytest.approx(np.array(one_by_one).T, abs=1e-14)


def test_a_single_arm_is_its_own_curve() -> None:
    n, c = [9, 12, 9], [1, 4, 0]
    pooled, alone = pooled_curve([counted_arm(n, c)], [1, 4, 9]), coverage_curve(n, c, [1, 4, 9])
    for end in ("value", "low", "high"):
        assert getattr(pooled, end) == pytest.approx(getattr(alone, end), abs=1e-14)


def test_an_arm_may_have_been_drawn_in_rounds() -> None:
    """Unbiased in all: the mean over every order of verdicts is 1 − (1−p)^2 (1−q)^3."""
    p, q = 0.3, 0.2
    rounds = Rounds((1, 3), ({0: ((0, 1),)},))
    total = 0.0
    for ours in itertools.product((0, 1), repeat=3):
        rung, c = (0, 1) if ours[0] else (1, sum(ours))
        chance = np.prod([q if hit else 1 - q for hit in ours])
        for theirs in range(3):
            weight = (1, 2, 1)[theirs] * p**theirs * (1 - p) ** (2 - theirs)
            arms = [
                counted_arm([2], [theirs]),
                lambda k, r=rung, c=c: pass_at_k_in_rounds(rounds, [r], [c], k),
            ]
            total += chance * weight * pooled_pass_at_k(arms, np.array([[2, 3]]))[0, 0]
    assert total == pytest.approx(1 - (1 - p) ** 2 * (1 - q) ** 3, abs=1e-12)


def test_splits_follow_the_shares_and_never_take_back() -> None:
    k = np.arange(1, 200)
    split = split_of(k, [0.5, 0.3, 0.2])
    assert (split.sum(axis=1) == k).all()
    assert (np.diff(split, axis=0) >= 0).all()
    assert np.abs(split - k[:, None] * [0.5, 0.3, 0.2]).max() < 1.0
    assert split_of(7, [1, 1]).tolist() == [[4, 3]]


def test_what_cannot_be_pooled_is_refused() -> None:
    one, other = counted_arm([4], [1]), counted_arm([4, 4], [1, 1])
    with pytest.raises(InvalidInputError, match="same problems"):
        pooled_curve([one, other], 2)
    with pytest.raises(InvalidInputError, match="above 0"):
        pooled_curve([one, one], 2, shares=[1, 0])
    with pytest.raises(InvalidInputError, match="2 arms need as many shares"):
        pooled_curve([one, one], 2, shares=[1])
    with pytest.raises(InvalidInputError, match="pass@5 needs"):
        pooled_curve([one, one], 9)
