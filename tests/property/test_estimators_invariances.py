"""What holds for every estimator whatever the data: bounds, monotonicity, invariance to order and names."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_hypergeom

from ttscale.stats.counts.pass_at_k import pass_at_k, pass_hat_k
from ttscale.stats.coverage.coverage import coverage_curve
from ttscale.stats.selectors.plurality import chance_of_correct, vote_pool
from ttscale.stats.selectors.selection import best_of_k, rank_weights
from ttscale.stats.selectors.voting import maj_at_k, vote_weights, weighted_maj_at_k

pairs = st.lists(st.integers(1, 300).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), min_size=1)


@given(pairs)
def test_pass_at_k_rises_and_pass_hat_k_falls_with_k(table):
    n, c = np.array(table).T
    k = np.arange(1, n.min() + 1)
    up, down = pass_at_k(n, c, k), pass_hat_k(n, c, k)
    assert (np.diff(up, axis=1) >= -1e-13).all()
    assert (np.diff(down, axis=1) <= 1e-13).all()
    assert up[:, 0] == pytest.approx(c / n, rel=1e-13)
    assert ((up >= 0) & (up <= 1) & (down >= 0) & (down <= up + 1e-13)).all()


@given(pairs, st.randoms(use_true_random=False))
def test_coverage_does_not_depend_on_the_order_of_problems(table, random):
    shuffled = list(table)
    random.shuffle(shuffled)
    k = [1, min(n for n, _ in table)]
    first, second = (coverage_curve(*np.array(t).T, k) for t in (table, shuffled))
    assert first.value == pytest.approx(second.value, rel=1e-12)
    assert first.low == pytest.approx(second.low, abs=1e-9)


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.booleans()), min_size=6, max_size=40),
    st.data(),
)
@settings(deadline=None, max_examples=50)
def test_sample_level_estimators_ignore_order_and_names_of_classes(samples, data):
    samples += [(p, 0, True) for p in range(3)]  # every problem has a sample
    order = data.draw(st.permutations(range(len(samples))))
    problem, answer, correct = map(np.array, zip(*samples, strict=True))
    n = np.bincount(problem).min()
    k = np.unique([1, n])
    first = maj_at_k(problem, answer, correct, k)
    second = maj_at_k(problem[order], 7 - answer[order], correct[order], k)
    assert first == pytest.approx(second, abs=1e-12)
    one = best_of_k(problem, answer, correct, k)
    two = best_of_k(problem[order], np.exp(answer[order]), correct[order], k)  # only ranks matter
    assert one == pytest.approx(two, abs=1e-12)


@pytest.mark.parametrize("n", [1, 2, 50, 10_000])
def test_rank_weights_sum_to_one(n):
    k = np.unique(np.geomspace(1, n, 10).astype(int))
    assert rank_weights(n, k).sum(axis=0) == pytest.approx(np.ones(len(k)), rel=1e-11)


@pytest.mark.parametrize(
    ("n", "k"), [(2_000, 11), (2_000, 400), (10_000, 57), (10_000, 5_000), (10_000, 9_999)]
)
def test_two_rivals_in_a_large_pool_equal_the_hypergeometric_sum(n, k):
    a, b = int(0.31 * n), int(0.30 * n)
    answer = np.repeat([0, 1, -1], [a, b, n - a - b])
    found = chance_of_correct(vote_pool(answer, (answer == 0).astype(int)), np.array([k]))[0]
    x = np.arange(max(0, int(0.31 * k) - 400), min(a, int(0.31 * k) + 400) + 1)
    first, second = np.meshgrid(x, x, indexing="ij")
    inside = (first + second <= k) & (k - first - second <= n - a - b) & (second <= b)
    first, second = first[inside], second[inside]
    draws = np.stack([first, second, k - first - second], axis=-1)
    chance = multivariate_hypergeom.pmf(draws, m=[a, b, n - a - b], n=k)
    exact = chance[first > second].sum() + chance[(first == second) & (first > 0)].sum() / 2
    assert found == pytest.approx(exact, abs=2e-8)


def test_majority_of_the_whole_pool_is_its_plurality():
    rng = np.random.default_rng(5)
    answer = np.minimum(rng.zipf(1.3, 10_000), 10**9)
    pool = vote_pool(answer, (answer == 1).astype(int))
    assert chance_of_correct(pool, np.array([10_000]))[0] == 1.0
    assert chance_of_correct(pool, np.array([1]))[0] == pytest.approx((answer == 1).mean(), abs=1e-10)


def test_many_way_ties_are_shared():
    answer = np.arange(60)  # all answers differ: a vote of k is a draw of one
    pool = vote_pool(answer, (answer < 12).astype(int))
    assert chance_of_correct(pool, np.array([1, 7, 40, 60])) == pytest.approx([0.2] * 4, abs=1e-12)


def test_equal_weights_are_a_plain_vote_within_the_stated_error():
    rng = np.random.default_rng(8)
    problem = np.repeat(np.arange(6), 40)
    answer = rng.integers(-1, 6, 240)
    correct = answer == 2
    k = [1, 5, 20, 40]
    exact = maj_at_k(problem, answer, correct, k).mean(axis=0)
    found = weighted_maj_at_k(problem, answer, np.ones(240), correct, k, max_standard_error=4e-3, rng=1)
    error = np.sqrt((found.standard_error**2).sum(axis=0)) / 6
    assert (error <= 4e-3).all()
    assert error[-1] == 0
    # 4 standard errors: fails by chance once in 15,000 for each of three budgets
    assert np.abs(found.value.mean(axis=0) - exact) == pytest.approx(np.zeros(4), abs=1e-12 + 4 * error.max())


@pytest.mark.parametrize("scheme", ["sigmoid", "softmax", "rank"])
def test_vote_weights_keep_the_order_of_scores_and_are_not_negative(scheme):
    score = np.array([-3.0, 0.0, 2.0, 1.0])
    weight = vote_weights(score, [0, 0, 0, 0], scheme)
    assert (weight >= 0).all()
    assert (np.argsort(weight) == np.argsort(score)).all()


@pytest.mark.parametrize("scheme", ["sigmoid", "softmax"])
@pytest.mark.parametrize("shift", [-1e300, -800.0, 0.0, 800.0])
def test_a_vote_counts_however_low_its_score(scheme, shift):
    # three samples say 0, two say 1; weights this alike decide as plain votes do
    weight = vote_weights(np.array([0.0, 0.01, 0.02, 0.03, 0.04]) + shift, [0] * 5, scheme)
    assert (weight > 0).all()
    voted = weighted_maj_at_k([0] * 5, [0, 0, 0, 1, 1], weight, [1, 1, 1, 0, 0], [1, 5]).value
    assert voted[0].tolist() == pytest.approx([0.6, 1.0])


@pytest.mark.parametrize("scheme", ["sigmoid", "softmax"])
def test_a_vote_beside_a_far_better_one_still_wins_without_it(scheme):
    weight = vote_weights([0.0, -800.0, -2000.0], [0, 0, 0], scheme)
    # 2 of 3: the first wins where it is drawn; without it the others tie or the higher wins, never nobody
    found = weighted_maj_at_k([0] * 3, [0, 1, 2], weight, [0, 1, 1], [2]).value[0, 0]
    assert found == pytest.approx(1 / 3)


@pytest.mark.parametrize("scale", [1e-320, 1e-300, 1.0, 1.7e308])
def test_weighted_votes_do_not_depend_on_the_scale_of_the_weights(scale):
    voted = weighted_maj_at_k([0] * 4, [0, 0, 0, 1], np.ones(4) * scale, [1, 1, 1, 0], [1, 3, 4]).value
    assert voted[0].tolist() == pytest.approx([0.75, 1.0, 1.0])
