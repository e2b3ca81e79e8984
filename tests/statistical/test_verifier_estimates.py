"""Simulated verifiers of known quality: estimates find it, and intervals hold it about as often as they say.

Each interval at 95 % is tried on 120 data sets. A true level of 95 % gives fewer than 104 hits with chance 4e-4,
so a failure is no accident; levels below 86 % are found nearly always.
"""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import norm
from verifier_theory import population_utility

from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.coverage.plateau import doublings, plateau
from ttscale.stats.decide.deciding import best_decision
from ttscale.stats.intervals.estimate import Estimate, ratio_of_means, ratio_of_sums
from ttscale.stats.intervals.multiple import paired_differences
from ttscale.stats.selectors.accepting import utility
from ttscale.stats.selectors.selection import best_of_k
from ttscale.stats.verifiers.calibration import problem_calibration_error
from ttscale.stats.verifiers.discrimination import acceptance_rates, auroc, within_problem_auroc

DRAWS, FEWEST = 120, 104
P, N = 80, 16
ALPHA, BETA = 0.5, 1.0
"""Success rates of problems are beta distributed: a third solved on average, and many never or always."""


def draw(rng: np.random.Generator, n_problems: int = P) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return problem, correct, and the success rate of each problem."""
    rate = rng.beta(ALPHA, BETA, n_problems)
    problem = np.repeat(np.arange(n_problems), N)
    return problem, rng.random(n_problems * N) < rate[problem], rate


def scored(
    rng: np.random.Generator, problem: np.ndarray, correct: np.ndarray, rate: np.ndarray
) -> np.ndarray:
    """A score with d' = 1 within a problem, and a bias towards easy problems across them."""
    return rng.normal(1.0 * correct + 1.5 * rate[problem], 1.0)


def hits(truth: float, estimate: Callable[[np.random.Generator], Estimate]) -> int:
    rng = np.random.default_rng(11)
    return held(truth, [estimate(rng) for _ in range(DRAWS)])


def held(truth: float, found: list[Estimate]) -> int:
    spread = np.std([one.value for one in found])
    assert abs(np.mean([one.value for one in found]) - truth) < 0.5 * spread  # bias is small beside the error
    return sum(one.low <= truth <= one.high for one in found)


def test_within_problem_auroc_finds_the_separation() -> None:
    def estimate(rng: np.random.Generator) -> Estimate:
        problem, correct, rate = draw(rng)
        return within_problem_auroc(problem, scored(rng, problem, correct, rate), correct)

    assert hits(norm.cdf(1 / np.sqrt(2)), estimate) >= FEWEST


def test_pooled_auroc_interval_respects_the_clusters() -> None:
    rng = np.random.default_rng(0)
    problem, correct, rate = draw(rng, 60_000)
    truth = auroc(problem, scored(rng, problem, correct, rate), correct).value
    assert truth > norm.cdf(1 / np.sqrt(2)) + 0.05  # telling problems apart counts in the pool

    def estimate(rng: np.random.Generator) -> Estimate:
        problem, correct, rate = draw(rng)
        return auroc(problem, scored(rng, problem, correct, rate), correct)

    assert hits(truth, estimate) >= FEWEST


@pytest.mark.parametrize(("completeness", "soundness"), [(0.9, 0.8), (1.0, 0.95), (0.6, 0.99)])
def test_precision_recall_and_specificity_find_a_verifiers_error_rates(
    completeness: float, soundness: float
) -> None:
    solved = ALPHA / (ALPHA + BETA)
    accepted_right, accepted_wrong = completeness * solved, (1 - soundness) * (1 - solved)
    truths = {
        "precision": accepted_right / (accepted_right + accepted_wrong),
        "recall": completeness,
        "specificity": soundness,
        "acceptance": accepted_right + accepted_wrong,
    }

    def estimates(rng: np.random.Generator) -> dict[str, Estimate]:
        problem, correct, _ = draw(rng)
        unit = rng.random(len(correct))
        accepted = np.where(correct, unit < completeness, unit > soundness)
        found = acceptance_rates(problem, accepted, correct)
        return {one.metric: one for one in found if one.averaging == "pooled"}

    rng = np.random.default_rng(11)
    drawn = [estimates(rng) for _ in range(DRAWS)]
    for metric, truth in truths.items():
        if metric == "recall" and completeness == 1.0:
            problem, correct, _ = draw(np.random.default_rng(0))
            assert acceptance_rates(problem, correct, correct)[2].high == 1.0
        else:
            assert held(truth, [one[metric] for one in drawn]) >= FEWEST, metric


def test_problem_calibration_error_finds_a_known_gap() -> None:
    """The claim shrinks each problem's rate: 0.15 + 0.8·rate."""
    rate = np.random.default_rng(1).beta(ALPHA, BETA, 1_000_000)
    truth = float(np.sqrt(np.mean((0.15 - 0.2 * rate) ** 2)))

    def estimate(rng: np.random.Generator) -> Estimate:
        problem, correct, rate = draw(rng)
        claimed = (0.15 + 0.8 * rate)[problem]
        return problem_calibration_error(problem, claimed, correct, n_resamples=400, rng=rng)

    assert hits(truth, estimate) >= FEWEST


def test_shares_of_coverage_and_of_the_gain_hold_their_truth() -> None:
    def shares(rng: np.random.Generator, n_problems: int = P) -> tuple[np.ndarray, ...]:
        problem, correct, rate = draw(rng, n_problems)
        picked = best_of_k(problem, scored(rng, problem, correct, rate), correct, 8)[:, 0]
        c = np.bincount(problem, weights=correct, minlength=n_problems).astype(int)
        return picked, pass_at_k(N, c, 8)[:, 0], c / N

    picked, covered, alone = shares(np.random.default_rng(2), 40_000)
    assert picked.sum() < covered.sum()

    def collected(rng: np.random.Generator) -> Estimate:
        picked, covered, _ = shares(rng)
        return ratio_of_sums("coverage share", np.minimum(picked, covered), covered)

    def gained(rng: np.random.Generator) -> Estimate:
        picked, covered, alone = shares(rng)
        return ratio_of_means("gain share", picked - alone, covered - alone, n_resamples=400, rng=rng)

    assert hits(picked.sum() / covered.sum(), collected) >= FEWEST
    assert hits((picked - alone).sum() / (covered - alone).sum(), gained) >= FEWEST


def test_a_family_of_equal_verifiers_rarely_names_a_winner() -> None:
    """Six comparisons of equals, 300 families: at 5 % more than 28 false alarms have chance 1e-3; one by one, 60 come."""
    rng = np.random.default_rng(3)
    family = alone = 0
    for _ in range(300):
        rate = rng.beta(0.6, 1.4, 60)
        found = paired_differences(rng.random((60, 4)) < rate[:, None], n_resamples=1000, rng=rng)
        assert ((found.low <= 0) & (found.high >= 0)).all() == (found.p_value >= 0.045).all() or (
            abs(found.p_value.min() - 0.05) < 0.02
        )  # intervals and p-values tell the same story
        family += bool((found.p_value < 0.05).any())
        alone += bool((found.p_unadjusted < 0.05).any())
    assert family <= 28
    assert alone > 40


def test_simultaneous_intervals_hold_all_true_differences_together() -> None:
    """300 families; at a true level of 95 % fewer than 271 hits have chance 8e-4."""
    rng, hit = np.random.default_rng(4), 0
    worth = np.array([1.0, 0.8, 0.5, 0.9])
    for _ in range(300):
        rate = rng.beta(0.6, 1.4, 100)
        found = paired_differences(rng.random((100, 4)) < rate[:, None] * worth, n_resamples=1000, rng=rng)
        truth = [0.3 * (worth[i] - worth[j]) for i, j in found.pairs]
        hit += bool(((found.low <= truth) & (truth <= found.high)).all())
    assert hit >= 271


def test_the_best_budget_is_found_and_its_worth_is_not_flattered() -> None:
    """Two types of problems and a verifier of known error rates; the optimum follows from the population's formula."""
    prior, accuracy = np.array([0.5, 0.5]), np.array([0.7, 0.02])
    k = np.arange(1, 65)
    law = population_utility(prior, accuracy, k, completeness=0.9, soundness=0.9, cost_wrong=1.0)
    best = int(k[np.argmax(law)])
    assert 1 < best < 20
    rng = np.random.default_rng(5)
    worth, optimistic = [], []
    for _ in range(60):
        rate = accuracy[(rng.random(100) < 0.5).astype(int)]
        c = rng.binomial(64, rate)
        T, wrongly = rng.binomial(c, 0.9), rng.binomial(64 - c, 0.1)
        gain = utility(64, T + wrongly, T, k, cost_wrong=1.0)
        decision = best_decision(gain, k, n_resamples=200, rng=rng)
        assert decision.low <= decision.k <= decision.high
        worth.append(decision.utility)
        optimistic.append(gain.mean(axis=0).max())
    # four standard errors; the maximum over budgets lies above what the choice is worth
    assert abs(np.mean(worth) - law.max()) < 4 * np.std(worth) / np.sqrt(60) + 0.01
    assert np.mean(optimistic) > np.mean(worth)


def test_the_plateaus_interval_holds_the_populations_plateau() -> None:
    """Best of k with a perfect score solves 1 − (1 − p)^k; at 95 %, fewer than 104 of 120 hits have chance 4e-4."""
    k = doublings(64)
    rate = np.random.default_rng(6).beta(3.0, 5.0, 200_000)
    truth = plateau([(1 - (1 - rate[:, None]) ** k).mean(axis=0)], k, rng=0).k
    assert truth == 32
    rng, hit = np.random.default_rng(7), 0
    for _ in range(DRAWS):
        c = rng.binomial(64, rng.beta(3.0, 5.0, P))
        found = plateau(pass_at_k(64, c, k), k, n_resamples=400, rng=rng)
        hit += (found.low or 128) <= truth <= (found.high or 128)
    assert hit >= FEWEST


@pytest.mark.parametrize("n_problems", [20, 50])
def test_the_plateaus_interval_holds_where_few_problems_leave_out_the_last_to_move(n_problems: int) -> None:
    """Beta(.5, .5) still gains .0146 from 128 to 256; resampled problems alone held that in 60 and 87 % of draws."""
    k = doublings(256)
    rng, hit = np.random.default_rng(8), 0
    for _ in range(60):
        c = rng.binomial(256, rng.beta(0.5, 0.5, n_problems))
        hit += plateau(pass_at_k(256, c, k), k, n_resamples=400, rng=rng).high is None
    assert hit >= 52  # at 95 % fewer have chance .01


@pytest.mark.parametrize("n_problems", [20, 100])
def test_the_best_budget_and_its_worth_hold_the_populations(n_problems: int) -> None:
    """One problem in ten is nearly hopeless and costs wrong answers; twenty problems often hold none or many of them."""
    prior, accuracy = np.array([0.9, 0.1]), np.array([0.6, 0.01])
    k = np.arange(1, 33)
    law = population_utility(prior, accuracy, k, completeness=0.9, soundness=0.9, cost_wrong=2.0)
    best = int(k[np.argmax(law)])
    rng, budget, worth = np.random.default_rng(10), 0, 0
    for _ in range(60):
        c = rng.binomial(64, accuracy[(rng.random(n_problems) < 0.1).astype(int)])
        right, wrongly = rng.binomial(c, 0.9), rng.binomial(64 - c, 0.1)
        gain = utility(64, right + wrongly, right, k, cost_wrong=2.0)
        found = best_decision(gain, k, span=(-2.0, 1.0), n_resamples=400, rng=rng)
        budget += found.low <= best <= found.high
        worth += found.utility_low <= law.max() <= found.utility_high
    assert min(budget, worth) >= 52
