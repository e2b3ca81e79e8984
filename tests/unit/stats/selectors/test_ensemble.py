"""Logistic regression against SciPy's minimizer, and cross-fitting against leaks."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from ttscale.errors import InvalidInputError
from ttscale.stats.selectors.contract import sample_pools
from ttscale.stats.selectors.ensemble import Ensemble, cross_fit, fit_logistic
from ttscale.stats.selectors.selection import BestOfK
from ttscale.stats.verifiers.discrimination import auroc


def simulated(rng: np.random.Generator, n_problems: int = 60, n: int = 10, n_noise: int = 0):
    problem = np.repeat(np.arange(n_problems), n)
    correct = rng.random(len(problem)) < np.repeat(rng.beta(1, 2, n_problems), n)
    score = np.column_stack(
        [rng.normal(1.5 * correct, 1.0), 100 + 20 * rng.normal(0.5 * correct, 1.0)]
        + [rng.normal(size=len(problem)) for _ in range(n_noise)]
    )
    return problem, score, correct


def test_the_fit_is_the_minimum_of_the_penalized_loss() -> None:
    rng = np.random.default_rng(1)
    _, score, correct = simulated(rng)
    weight = rng.random(len(correct)) + 0.5
    fit = fit_logistic(score, correct, weight=weight, ridge=2.0)
    standard = (score - fit.center) / fit.scale

    def loss(beta: np.ndarray) -> float:
        eta = beta[0] + standard @ beta[1:]
        return float(weight @ (np.logaddexp(0, eta) - correct * eta) + (beta[1:] ** 2).sum())

    found = minimize(loss, np.zeros(3), method="BFGS", options={"gtol": 1e-8}).x
    assert [fit.intercept, *fit.coefficient] == pytest.approx(found, abs=1e-4)
    assert fit.converged


@pytest.mark.parametrize("weight", [1.0, 1e4, 1e6, 1e8])
def test_the_fit_settles_and_is_the_same_however_many_samples_each_row_stands_for(weight: float) -> None:
    """The loss of many samples rounds by more than the last steps gain."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        score = rng.normal(size=(200, 2))
        correct = rng.random(200) < expit(score @ [1.0, 2.0])
        fit = fit_logistic(score, correct, weight=np.full(200, weight), ridge=weight)
        alone = fit_logistic(score, correct)
        assert fit.converged
        assert fit.coefficient == pytest.approx(alone.coefficient, rel=1e-9)


def test_the_fit_recovers_a_known_law() -> None:
    rng = np.random.default_rng(2)
    score = rng.normal(size=(50_000, 2))
    correct = rng.random(50_000) < 1 / (1 + np.exp(-(0.3 + 1.0 * score[:, 0] - 0.5 * score[:, 1])))
    fit = fit_logistic(score, correct)
    slopes = fit.coefficient / fit.scale
    assert slopes == pytest.approx([1.0, -0.5], abs=0.05)  # four standard errors


def test_perfect_separation_stays_finite() -> None:
    fit = fit_logistic([[0.0], [0.1], [0.9], [1.0]], [0, 0, 1, 1], ridge=1.0)
    assert fit.converged
    assert 0 < fit.coefficient[0] < 10


def test_a_constant_score_and_a_scale_change_nothing() -> None:
    rng = np.random.default_rng(3)
    _, score, correct = simulated(rng)
    plain = fit_logistic(score, correct)
    more = fit_logistic(np.column_stack([1e3 * score - 7, np.full(len(score), 5.0)]), correct)
    assert more.coefficient == pytest.approx([*plain.coefficient, 0.0], abs=1e-6)


def test_an_ensemble_beats_its_best_member_on_problems_it_never_saw() -> None:
    rng = np.random.default_rng(4)
    problem = np.repeat(np.arange(400), 10)
    correct = rng.random(4000) < 0.4
    score = rng.normal(correct[:, None] * [1.0, 1.0, 1.0], 1.0, (4000, 3))
    joint = auroc(problem, cross_fit(problem, score, correct, rng=0).probability, correct)
    # three equal independent scores add up to d' = sqrt(3): AUROC = Phi(sqrt(3/2))
    assert joint.low < 0.8897 < joint.high
    assert joint.low > auroc(problem, score[:, 0], correct).high


def test_noise_learns_nothing_although_it_fits_its_own_problems() -> None:
    """40 noise scores on 50 problems: in-sample they look like a verifier, out of fold they do not."""
    rng = np.random.default_rng(5)
    problem = np.repeat(np.arange(50), 4)
    correct = rng.random(200) < 0.5
    noise = rng.normal(size=(200, 40))
    fooled = auroc(problem, fit_logistic(noise, correct).probability(noise), correct).value
    honest = auroc(problem, cross_fit(problem, noise, correct, rng=0).probability, correct)
    assert fooled > 0.75
    assert honest.low < 0.5


def test_a_problems_own_labels_never_reach_its_scores() -> None:
    rng = np.random.default_rng(6)
    problem, score, correct = simulated(rng)
    before = cross_fit(problem, score, correct, rng=0)
    flipped = np.where(problem == 7, ~correct, correct)
    after = cross_fit(problem, score, flipped, rng=0)
    same_fold = before.fold[problem] == before.fold[7]
    assert np.array_equal(before.probability[same_fold], after.probability[same_fold])
    assert not np.array_equal(before.probability[~same_fold], after.probability[~same_fold])


def test_samples_of_a_problem_share_a_fold_and_problems_weigh_the_same() -> None:
    rng = np.random.default_rng(7)
    problem, score, correct = simulated(rng)
    once = cross_fit(problem, score, correct, rng=0)
    many = np.concatenate([np.arange(600), np.repeat(np.flatnonzero(problem == 0), 9)])
    ragged = cross_fit(problem[many], score[many], correct[many], rng=0)
    outside = once.fold[problem] != once.fold[0]
    # the ridge is counted in samples, of which there are more now; but for that nothing moves
    assert ragged.probability[:600][outside] == pytest.approx(once.probability[outside], abs=0.01)


def test_what_cannot_be_learnt_from_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="all 2 it was given are correct"):
        fit_logistic([[0.0], [1.0]], [1, 1])
    with pytest.raises(InvalidInputError, match="finite scores"):
        fit_logistic([[np.nan]], [1])
    with pytest.raises(InvalidInputError, match="ridge"):
        fit_logistic([[0.0], [1.0]], [0, 1], ridge=0)
    with pytest.raises(InvalidInputError, match="shape"):
        cross_fit([0, 1], [[0.0]], [0, 1])


def test_an_ensemble_of_one_good_verifier_picks_as_that_verifier_does() -> None:
    problem, score, correct = simulated(np.random.default_rng(8))
    pools = replace(sample_pools(problem, correct, score=score[:, 0]), features=score[:, :1])
    k = np.array([1, 2, 5, 10])
    assert Ensemble().values(pools, k, rng=0).value == pytest.approx(BestOfK().values(pools, k).value)


def test_a_verifier_that_is_wrong_the_other_way_round_is_as_good_in_an_ensemble() -> None:
    problem, score, correct = simulated(np.random.default_rng(9))
    pools = sample_pools(problem, correct)
    k = np.array([1, 4])
    as_it_is, reversed_too = (
        Ensemble().values(replace(pools, features=score * sign), k, rng=0).value for sign in ([1, 1], [1, -1])
    )
    assert reversed_too == pytest.approx(as_it_is)
    assert as_it_is.mean(axis=0)[1] > as_it_is.mean(axis=0)[0] + 0.1


def test_an_ensemble_stays_with_its_samples_in_whatever_order_they_come() -> None:
    problem, score, correct = simulated(np.random.default_rng(10))
    order = np.random.default_rng(11).permutation(len(problem))
    plain, mixed = (
        Ensemble().values(
            replace(sample_pools(problem[rows], correct[rows]), features=score[rows]), np.array([3]), rng=0
        )
        for rows in (np.arange(len(problem)), order)
    )
    assert mixed.value == pytest.approx(plain.value)


def test_a_fold_without_both_kinds_of_samples_to_learn_from_tells_its_samples_not_apart() -> None:
    problem, correct = np.repeat([0, 1], 2), np.array([True, False, False, False])
    found = cross_fit(problem, [[3.0], [1.0], [2.0], [0.0]], correct, rng=0)
    assert found.probability[:2].tolist() == [0.5, 0.5]  # learnt from problem 1, which is never solved
    assert found.probability[2] > found.probability[3]
    with pytest.raises(InvalidInputError, match="all 4 it was given are wrong"):
        cross_fit(problem, [[3.0], [1.0], [2.0], [0.0]], np.zeros(4, dtype=bool), rng=0)


def test_where_all_samples_are_alike_any_of_them_is_picked() -> None:
    for right in (True, False):
        pools = replace(sample_pools([0, 0, 1, 1], [right] * 4), features=np.arange(4.0)[:, None])
        assert Ensemble().values(pools, np.array([1, 2]), rng=0).value.tolist() == [[float(right)] * 2] * 2
