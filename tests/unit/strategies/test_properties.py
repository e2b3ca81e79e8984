"""The property that proves each strategy, against a model whose law is enumerated.

Chi-squared tests are at p > 1e-4 with fixed seeds: one of ten thousand would fail a correct strategy.
"""

import numpy as np
import pytest
from toy_engine import attempts, law, marked, p_value, scored

from ttscale.registry import load_plugin
from ttscale.stats.selectors.accepting import expected_draws, first_accepted
from ttscale.strategies.contract import Strategy
from ttscale.types import Outcome, Verdict

LONGEST = 4
RARE = 1e-4


def strategy(name: str, **options: object) -> Strategy:
    plugin = load_plugin("strategies", name)
    return plugin(plugin.Options.model_validate(options))


def texts(name: str, n: int, judge=None, **options: object) -> list[str]:
    return [
        marked(one.attempt) for one in attempts(strategy(name, **options), n, longest=LONGEST, judge=judge)
    ]


def constant(text: str) -> float:
    return 0.5


def n_of_a(text: str) -> float:
    return float(text.count("a"))


PLAIN = {
    "first-accepted": {"attempts": 1, "verifier": "v"},
    "budget-forcing": {"waits": 0, "force": None},
    "refine": {"turns": 0},
    "rsa": {"steps": 1, "population": 4, "subset": 3},
    "power": {"alpha": 4, "moves": 0, "max_tokens": LONGEST},
    "plan-search": {"observations": 0},
    "dvts": {"width": 1, "expand": 1, "verifier": "v", "step_tokens": LONGEST, "step_stop": []},
    "particles": {"particles": 1, "verifier": "v", "step_tokens": LONGEST, "step_stop": []},
    "cascade": {"target": "t", "quantile": 0.0},
    "adaptive-vote": {"most": 1},
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_strategy_at_its_smallest_is_plain_sampling_to_the_byte(name: str) -> None:
    judge = lambda ask: Verdict(outcome=Outcome.INCORRECT, score=0.5, answer_class=ask.text or None)  # noqa: E731
    assert texts(name, 50, judge, **PLAIN[name]) == texts("independent", 50)


MANY = {
    "first-accepted": {"attempts": 3, "verifier": "v", "planner": True},
    "budget-forcing": {"waits": 2, "wait": "b", "force": "c", "cap": 3},
    "refine": {"turns": 2, "verifier": "v"},
    "rsa": {"steps": 3, "population": 4, "subset": 2},
    "power": {"alpha": 2, "moves": 5, "positions": 4, "max_tokens": LONGEST},
    "plan-search": {},
    "beam": {"width": 4, "expand": 2, "verifier": "v", "step_tokens": 1, "step_stop": []},
    "dvts": {"width": 4, "expand": 2, "verifier": "v", "step_tokens": 1, "step_stop": []},
    "particles": {"particles": 3, "verifier": "v", "step_tokens": 1, "step_stop": [], "gibbs": 2},
    "cascade": {"target": "t", "threshold": -1.0},
    "adaptive-vote": {"most": 6, "window": 2},
}


@pytest.mark.parametrize("name", MANY)
def test_the_order_in_which_calls_are_answered_changes_nothing(name: str) -> None:
    def judge(ask):
        return Verdict(outcome=Outcome.INCORRECT, score=n_of_a(ask.text), answer_class=ask.text[:1] or None)

    made = strategy(name, **MANY[name])
    assert attempts(made, 30, judge=judge) == attempts(made, 30, judge=judge, shuffle=True)


def test_first_accepted_collects_what_its_estimator_says_of_stored_samples() -> None:
    stored = texts("independent", 8_000)
    accepts = scored(n_of_a, accept_at=2)
    accepted = np.array([text.count("a") >= 2 for text in stored])
    right = np.array([text.startswith("aa") for text in stored])
    made = attempts(
        strategy("first-accepted", attempts=3, verifier="v", fallback="none"),
        8_000,
        longest=LONGEST,
        judge=accepts,
    )
    found = np.mean([one.attempt.text.startswith("aa") for one in made])
    draws = np.mean([one.totals.calls for one in made])
    counts = [len(stored)], [int(accepted.sum())]
    expected = float(first_accepted(*counts, [int((accepted & right).sum())], 3)[0, 0])
    assert found == pytest.approx(expected, abs=5 * np.sqrt(2 * 0.25 / 8_000))
    assert draws == pytest.approx(float(expected_draws(*counts, 3)[0, 0]), abs=5 * 1.5 / np.sqrt(8_000))


def test_power_sampling_has_the_law_of_p_to_the_alpha() -> None:
    p = law(LONGEST)
    total = sum(chance**3 for chance in p.values())
    sharpened = {text: chance**3 / total for text, chance in p.items()}
    drawn = texts("power", 2_500, alpha=3, moves=40, positions=4, max_tokens=LONGEST)
    assert p_value(drawn, sharpened) > RARE
    assert p_value(drawn, p) < 1e-12  # the test can tell them apart


def test_the_published_moves_of_power_sampling_have_another_law() -> None:
    """Moves within the present length, without its term in the acceptance, do not come to p^3."""
    p = law(LONGEST)
    total = sum(chance**3 for chance in p.values())
    sharpened = {text: chance**3 / total for text, chance in p.items()}
    options = {"alpha": 3, "moves": 40, "positions": 4, "max_tokens": LONGEST}
    assert p_value(texts("power", 2_500, proposal="published", **options), sharpened) < 1e-12


def test_power_of_one_accepts_every_move_and_stays_the_models_own_law() -> None:
    made = attempts(
        strategy("power", alpha=1, moves=5, positions=4, max_tokens=LONGEST), 2_500, longest=LONGEST
    )
    assert all(one.attempt.notes["accepted"] == 1.0 for one in made)
    assert p_value([marked(one.attempt) for one in made], law(LONGEST)) > RARE


def test_particles_with_a_constant_potential_are_independent_samples() -> None:
    drawn = texts(
        "particles", 2_000, scored(constant), particles=4, verifier="v", step_tokens=1, step_stop=[]
    )
    assert p_value(drawn, law(LONGEST)) > RARE


@pytest.mark.parametrize("resampling", ["systematic", "multinomial"])
def test_particles_estimate_the_normalizing_constant_without_bias(resampling: str) -> None:
    constant_z = sum(chance * np.exp(n_of_a(text)) for text, chance in law(LONGEST).items())
    made = attempts(
        strategy("particles", particles=3, verifier="v", step_tokens=1, step_stop=[], resampling=resampling),
        3_000,
        longest=LONGEST,
        judge=scored(n_of_a),
    )
    z = np.exp([one.attempt.notes["log_z"] for one in made])
    assert z.mean() == pytest.approx(constant_z, abs=4.5 * z.std() / np.sqrt(len(z)))


def test_particle_gibbs_comes_to_the_tilted_law() -> None:
    p = law(LONGEST)
    tilted = {text: chance * np.exp(n_of_a(text)) for text, chance in p.items()}
    total = sum(tilted.values())
    drawn = texts(
        "particles", 1_500, scored(n_of_a), particles=3, verifier="v", step_tokens=1, step_stop=[], gibbs=10
    )
    assert p_value(drawn, {text: chance / total for text, chance in tilted.items()}) > RARE
    assert p_value(drawn, p) < 1e-12


def test_beam_search_keeps_the_best_of_all_and_diverse_trees_the_best_of_each() -> None:
    beam = texts("beam", 300, scored(n_of_a), width=8, expand=4, verifier="v", step_tokens=1, step_stop=[])
    plain = texts("independent", 300)
    assert np.mean([text.count("a") for text in beam]) > np.mean([text.count("a") for text in plain]) + 1
    trees = attempts(
        strategy("dvts", width=6, expand=1, verifier="v", step_tokens=1, step_stop=[]),
        1_500,
        judge=scored(constant),
    )
    assert p_value([marked(one.attempt) for one in trees], law(LONGEST)) > RARE  # M = 1 and no preference


def test_a_vote_that_is_never_safe_is_the_majority_of_all_its_draws() -> None:
    def classes(ask):
        return Verdict(outcome=Outcome.SCORED, score=0.0, answer_class=ask.text[:1] or None)

    made = attempts(strategy("adaptive-vote", most=9, threshold=2.0), 4_000, longest=LONGEST, judge=classes)
    assert {one.totals.calls for one in made} == {9}
    first = {letter: sum(p for text, p in law(LONGEST).items() if text[:1] == letter) for letter in "abc"}
    draws = np.random.default_rng(1).multinomial(9, [*first.values(), 1 - sum(first.values())], size=200_000)[
        :, :3
    ]
    ties = (draws == draws.max(axis=1, keepdims=True)) & (draws.max(axis=1, keepdims=True) > 0)
    expected = (ties / np.maximum(ties.sum(axis=1, keepdims=True), 1)).mean(axis=0)[0]
    found = np.mean([one.attempt.text[:1] == "a" for one in made])
    assert found == pytest.approx(expected, abs=5 * np.sqrt(0.25 / 4_000))


def test_a_safe_vote_stops_early() -> None:
    def unanimous(ask):
        return Verdict(outcome=Outcome.SCORED, score=0.0, answer_class="same")

    by_beta = attempts(strategy("adaptive-vote", most=40, threshold=0.95), 5, judge=unanimous)
    assert {one.totals.calls for one in by_beta} == {4}  # 1 - 2^-(4 + 1) is the first above .95
    by_window = attempts(strategy("adaptive-vote", most=40, window=5, threshold=None), 5, judge=unanimous)
    assert {one.totals.calls for one in by_window} == {5}


def test_budget_forcing_never_loses_the_answer() -> None:
    made = attempts(strategy("budget-forcing", cap=2, waits=0, force="c", answer_tokens=1), 400, longest=9)
    cut = [one for one in made if one.totals.calls == 2]
    assert cut
    assert all("c" in one.attempt.text for one in cut)
    assert all(one.attempt.text == one.attempt.last.before + one.attempt.last.text for one in cut)


def test_waits_send_an_ended_thought_on() -> None:
    made = attempts(strategy("budget-forcing", waits=2, wait="b", force=None), 200, longest=30)
    assert {one.totals.calls for one in made} == {3}
    assert all(one.attempt.text.count("b") >= 2 for one in made)


def test_a_cascade_at_its_ends_is_one_model_alone() -> None:
    alone = attempts(strategy("cascade", target="t", quantile=1.0), 20)
    assert all(one.attempt.notes["rejected"] == 1.0 and one.totals.calls == 1 for one in alone)
    draft = attempts(strategy("cascade", target="t", quantile=0.0), 20)
    assert all(one.attempt.notes["rejected"] == 0.0 and one.totals.calls == 1 for one in draft)


def test_every_round_of_a_refinement_is_asked_with_the_latest_answer() -> None:
    asked = []

    def judge(ask):
        asked.append(ask.text)
        return Verdict(outcome=Outcome.CORRECT if "a" in ask.text else Outcome.INCORRECT, detail="no a")

    made = attempts(strategy("refine", turns=3, verifier="v"), 200, longest=LONGEST, judge=judge)
    for one in made:
        assert "a" in one.attempt.text or one.totals.calls == 4
