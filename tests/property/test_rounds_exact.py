"""Samples drawn in rounds: the estimate is unbiased for every rule, by enumeration of all verdicts."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ttscale.errors import InvalidInputError
from ttscale.stats.adaptive.estimating import coverage_in_rounds, sampling_variance
from ttscale.stats.adaptive.next_round import Standing, below, everyone, hardest, where_it_counts
from ttscale.stats.adaptive.rounds import Rounds, follow, geometric_ladder, pass_at_k_in_rounds
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.coverage.stopping import pass_at_k_until_successes

LADDERS = st.lists(st.integers(1, 8), min_size=1, max_size=4, unique=True).map(lambda b: tuple(sorted(b)))


@st.composite
def any_rounds(draw: st.DrawFn) -> Rounds:
    """Any ladder and any decisions, the strangest too: who climbs may depend on c in any way."""
    ladder = draw(LADDERS)
    rounds = Rounds(ladder)
    for _ in range(draw(st.integers(0, 5)) if len(ladder) > 1 else 0):
        climb = {}
        for rung in draw(st.sets(st.integers(0, len(ladder) - 2))):
            low = draw(st.integers(0, 4))
            climb[rung] = ((low, low + draw(st.integers(1, 4))),)
        rounds = rounds.followed_by(climb)
    return rounds


def every_end(rounds: Rounds) -> list[tuple[tuple[int, ...], int, int]]:
    """Return (verdicts, rung, c) of all orders of verdicts on the whole ladder."""
    orders = list(itertools.product((0, 1), repeat=rounds.ladder[-1]))
    successes = np.array([[sum(order[:n]) for n in rounds.ladder] for order in orders])
    rungs = follow(rounds, successes)
    return [(o, int(r), int(row[r])) for o, r, row in zip(orders, rungs, successes, strict=True)]


@given(any_rounds())
@settings(max_examples=60, deadline=None)
def test_the_estimate_is_the_share_of_orders_with_an_early_success(rounds: Rounds) -> None:
    found = every_end(rounds)
    open_at = [rounds.ladder[r] for _, r, c in found if c == 0]
    k = np.arange(1, min(open_at) + 1)
    by_end: dict[tuple[int, int], list[tuple[int, ...]]] = {}
    for order, rung, c in found:
        by_end.setdefault((rung, c), []).append(order)
    keys = list(by_end)
    estimates = pass_at_k_in_rounds(rounds, [r for r, _ in keys], [c for _, c in keys], k)
    for (rung, c), estimate in zip(keys, estimates, strict=True):
        orders = by_end[rung, c]
        exact = [float(Fraction(sum(any(o[:budget]) for o in orders), len(orders))) for budget in k]
        assert estimate == pytest.approx(exact, abs=1e-12), (rung, c)


@given(any_rounds(), st.sampled_from([0.03, 0.3, 0.8]))
@settings(max_examples=40, deadline=None)
def test_mean_and_variance_over_all_verdicts(rounds: Rounds, rate: float) -> None:
    found = every_end(rounds)
    k = np.arange(1, min(rounds.ladder[r] for _, r, c in found if c == 0) + 1)
    hits = np.array([sum(order) for order, _, _ in found])
    chance = rate**hits * (1 - rate) ** (rounds.ladder[-1] - hits)
    values = pass_at_k_in_rounds(rounds, [r for _, r, _ in found], [c for _, _, c in found], k)
    truth = 1 - (1 - rate) ** k
    assert chance @ values == pytest.approx(truth, abs=1e-12)
    variance = chance @ (values - truth) ** 2
    assert sampling_variance(rounds, np.array([rate]), k)[0] == pytest.approx(variance, abs=1e-10)


def test_without_decisions_it_is_the_usual_formula() -> None:
    k = np.arange(1, 13)
    right = np.arange(13)
    alone = pass_at_k_in_rounds(Rounds((12,)), np.zeros(13, int), right, k)
    ladder = Rounds((3, 7, 12), ({0: ((0, 4),)}, {1: ((0, 8),)}))
    climbed = pass_at_k_in_rounds(ladder, np.full(13, 2), right, k)
    assert alone == pytest.approx(pass_at_k(12, right, k), abs=1e-12)
    assert climbed == pytest.approx(pass_at_k(12, right, k), abs=1e-12)


@pytest.mark.parametrize("target", [1, 2, 3])
def test_one_sample_a_round_is_inverse_sampling(target: int) -> None:
    cap = 12
    rounds = Rounds(tuple(range(1, cap + 1)), tuple({j: ((0, target),)} for j in range(cap - 1)))
    ends = [(n, target) for n in range(target, cap + 1)] + [(cap, c) for c in range(target)]
    n, c = np.array(ends).T
    k = np.arange(1, cap + 1)
    expected = pass_at_k_until_successes(n, c, target, k)
    assert pass_at_k_in_rounds(rounds, n - 1, c, k) == pytest.approx(expected, abs=1e-12)


def test_large_samples_stay_within_one_and_keep_their_digits() -> None:
    """Against the closed form of a threshold: C(n−k,c)/C(n,c) times a ratio of hypergeometric chances."""
    from scipy.stats import hypergeom

    target, ladder = 3, geometric_ladder(16, 10_000, 1.5)
    rounds = Rounds(ladder, tuple({j: ((0, target),)} for j in range(len(ladder) - 1)))
    k = np.array([1, 10, 300, 3000])
    for rung, c in [(5, 3), (5, 9), (12, 4), (16, 0), (16, 2), (16, 40)]:
        n, before = ladder[rung], ladder[rung - 1]
        expected = []
        for budget in k:
            if budget > n:
                expected.append(1.0)
                continue
            usual = pass_at_k(n, [c], int(budget))[0, 0]
            legal = hypergeom.cdf(target - 1, n, c, before)
            legal_after = hypergeom.cdf(target - 1, n - budget, c, max(before - budget, 0)) if c else 1.0
            expected.append(1 - (1 - usual) * legal_after / legal)
        assert pass_at_k_in_rounds(rounds, [rung], [c], k)[0] == pytest.approx(expected, abs=1e-9)


def test_samples_without_a_verdict_count_as_not_drawn() -> None:
    rounds = Rounds((4, 8), ({0: ((0, 1),)},))
    shorter = Rounds((3, 6), ({0: ((0, 1),)},))
    found = pass_at_k_in_rounds(rounds, [1, 1], [2, 2], [1, 5], verified=[[3, 6], [4, 8]])
    assert found[0] == pytest.approx(pass_at_k_in_rounds(shorter, [1], [2], [1, 5])[0])
    assert found[1] == pytest.approx(pass_at_k_in_rounds(rounds, [1], [2], [1, 5])[0])


def test_what_cannot_be_is_refused() -> None:
    rounds = Rounds((4, 8), ({0: ((0, 1),)},))
    with pytest.raises(InvalidInputError, match="cannot end at 4 samples with 0 successes"):
        pass_at_k_in_rounds(rounds, [0], [0], 1)
    with pytest.raises(InvalidInputError, match=r"pass@9 needs at least 9 .* 1 of 2 .*k <= 8"):
        coverage_in_rounds(rounds, [0, 1], [1, 0], [1, 9])
    with pytest.raises(InvalidInputError, match="increasing"):
        Rounds((4, 2))


def test_who_climbs() -> None:
    standing = Standing(Rounds((4, 8, 16)), np.array([0, 0, 1, 2]), np.array([0, 2, 1, 0]))
    assert below(standing, 2) == {0: ((0, 2),), 1: ((0, 2),)}
    assert everyone(standing) == {0: ((0, 5),), 1: ((0, 9),)}
    assert hardest(standing, 1) == {0: ((0, 1),)}  # the one on the top rung cannot
    assert hardest(standing, 5) == {0: ((0, 2),), 1: ((0, 2),)}  # fewest successes, then fewest samples
    assert where_it_counts(standing, 8, shrink=0.5, at_least=1)[0][0][0] == 0  # hard problems always do
    top = Standing(Rounds((4,)), np.array([0]), np.array([0]))
    assert below(top, 2) == everyone(top) == hardest(top, 1) == {}
    assert where_it_counts(top, 2, shrink=0.5, at_least=1) == {}


def test_memory_is_bounded_by_blocks_that_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    ladder = geometric_ladder(16, 400, 1.5)
    rounds = Rounds(ladder, tuple({j: ((0, 9),)} for j in range(len(ladder) - 1)))
    rungs, right, k = np.array([3, 5, 8]), np.array([12, 9, 4]), np.array([1, 20, 200])
    whole = pass_at_k_in_rounds(rounds, rungs, right, k)
    monkeypatch.setattr("ttscale.stats.adaptive.rounds._LARGEST_BLOCK", 50)
    assert pass_at_k_in_rounds(rounds, rungs, right, k) == pytest.approx(whole, abs=1e-14)
