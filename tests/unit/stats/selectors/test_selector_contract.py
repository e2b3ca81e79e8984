"""Every selector against all subsets of small pools, drawn by hand, and one curve for all of them."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from ttscale.arrays import IntArray
from ttscale.errors import InvalidInputError
from ttscale.stats.coverage.coverage import coverage_curve
from ttscale.stats.intervals.intervals import IntervalOptions
from ttscale.stats.selectors.accepting import FirstAccepted
from ttscale.stats.selectors.averaging import curve
from ttscale.stats.selectors.contract import (
    AnyCorrect,
    Picked,
    SamplePools,
    Selector,
    counted_pools,
    sample_pools,
)
from ttscale.stats.selectors.ensemble import Ensemble, cross_fit
from ttscale.stats.selectors.selection import BestOfK
from ttscale.stats.selectors.voting import MajorityVote, WeightedVote

RNG = np.random.default_rng(11)
SIZES = [4, 5, 6, 8, 8, 8]
PROBLEM = np.repeat(np.arange(len(SIZES)), SIZES)
ANSWER = RNG.integers(-1, 3, len(PROBLEM))
CORRECT = ANSWER == 1
SCORE = RNG.permutation(len(PROBLEM)) / 4.0
ACCEPTED = SCORE > 1.5
K = np.array([1, 2, 3, 4])
ALL: list[Selector] = [AnyCorrect(), MajorityVote(), WeightedVote(), BestOfK(), FirstAccepted(), Ensemble()]
FEATURES = np.column_stack([SCORE, RNG.normal(CORRECT, 0.5)])
PROBABILITY = cross_fit(PROBLEM, FEATURES, CORRECT, rng=0).probability


def everything() -> SamplePools:
    pools = sample_pools(PROBLEM, CORRECT, answer_class=ANSWER, score=SCORE, accepted=ACCEPTED)
    return replace(pools, features=FEATURES)


def chance(selector: Selector, rows: list[int]) -> float:
    """What the selector makes of exactly these samples."""
    right = CORRECT[rows]
    if isinstance(selector, AnyCorrect):
        return float(right.any())
    if isinstance(selector, BestOfK):
        return float(right[np.argmax(SCORE[rows])])
    if isinstance(selector, Ensemble):
        return float(right[np.argmax(PROBABILITY[rows])])
    if isinstance(selector, FirstAccepted):  # in every order, so any accepted one is as likely
        yes = ACCEPTED[rows]
        return float(right[yes].mean()) if yes.any() else 0.0
    weight = SCORE[rows] if isinstance(selector, WeightedVote) else np.ones(len(rows))
    votes = {a: weight[ANSWER[rows] == a].sum() for a in set(ANSWER[rows]) - {-1}}
    winners = [a for a, v in votes.items() if v > 0 and np.isclose(v, max(votes.values()))]
    return float(np.mean([a == 1 for a in winners])) if winners else 0.0


@pytest.mark.parametrize("selector", ALL, ids=lambda one: one.metric)
def test_values_are_means_over_all_subsets(selector: Selector) -> None:
    values = selector.values(everything(), K, rng=0).value
    for i, k in ((i, k) for i in range(len(SIZES)) for k in K):
        subsets = [list(rows) for rows in combinations(np.flatnonzero(i == PROBLEM), int(k))]
        expected = np.mean([chance(selector, rows) for rows in subsets])
        assert values[i, k - 1] == pytest.approx(expected, abs=1e-9), (i, k)


@pytest.mark.parametrize("selector", ALL, ids=lambda one: one.metric)
def test_a_selector_finds_what_it_needs_and_says_what_is_missing(selector: Selector) -> None:
    pools = everything()
    assert all(pools.has(need) for need in selector.needs)
    bare = counted_pools(pools.n, pools.c)
    if not selector.needs:
        assert np.array_equal(selector.values(bare, K, rng=0).value, selector.values(pools, K, rng=0).value)
        return
    with pytest.raises(InvalidInputError, match="which these pools lack"):
        selector.values(bare, K, rng=0)


@pytest.mark.parametrize("selector", ALL, ids=lambda one: one.metric)
def test_draws_are_k_unless_a_selector_stops_early(selector: Selector) -> None:
    draws = selector.draws(everything(), K)
    assert draws.shape == (len(SIZES), len(K))
    assert (draws <= K + 1e-12).all() and (draws >= 1 - 1e-12).all()
    assert selector.stops_early == bool((draws < K - 1e-9).any())


@pytest.mark.parametrize("selector", ALL, ids=lambda one: one.metric)
@pytest.mark.parametrize("over", ["problems", "samples", "both"])
def test_every_selector_has_a_curve_with_an_interval(selector: Selector, over: str) -> None:
    options = IntervalOptions(over=over, rng=3)  # type: ignore[arg-type]
    found = curve(selector, everything(), [4, 1, 2, 2], interval=options)
    assert found.k.tolist() == [1, 2, 4]
    assert found.metric == selector.metric
    assert (found.low <= found.value).all() and (found.value <= found.high).all()
    again = curve(selector, everything(), [1, 2, 4], interval=IntervalOptions(over=over, rng=3))  # type: ignore[arg-type]
    assert np.array_equal(found.low, again.low)


def test_the_curve_of_any_correct_is_coverage() -> None:
    pools = everything()
    ours, published = curve(AnyCorrect(), pools, K), coverage_curve(pools.n, pools.c, K)
    for name in ("value", "low", "high"):
        assert getattr(ours, name) == pytest.approx(getattr(published, name), abs=1e-12)


def test_a_failed_sample_has_no_vote() -> None:
    problem, answer, correct = [0, 0, 0], [0, 0, 1], [False, False, True]
    pools = sample_pools(problem, correct, answer_class=answer, score=[-3.0, -3.0, -1.0], failed=[1, 1, 0])
    assert WeightedVote().values(pools, np.array([3]), rng=0).value.tolist() == [[1.0]]


def test_too_large_a_budget_is_refused_before_a_selector_is_asked() -> None:
    class Careless(Selector):
        metric = "careless"
        needs = frozenset({"scores"})

        def label(self, verifier: str | None = None) -> str:
            return "careless"

        def values(self, pools: SamplePools, k: IntArray, *, rng: object = None) -> Picked:
            raise AssertionError("never asked")

    with pytest.raises(InvalidInputError, match="k = 5 needs at least 5 samples"):
        curve(Careless(), everything(), [5])
