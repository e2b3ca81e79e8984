"""Turns: how often a curve that never falls is said to turn down, and how often intervals hold."""

import numpy as np

from ttscale.stats.decide.turns import later_against_earlier, saturation, slope

RUNS, P, N, T = 300, 40, 4, 4


def chain(rng: np.random.Generator, mend: float, lose: float) -> np.ndarray:
    """Return values (P, T) of attempts whose wrong answers are mended and right ones lost, problem by problem."""
    start, likely = rng.beta(0.5, 1.0, P), rng.beta(2, 2, P) * 2
    right = rng.random((N, P)) < start
    turns = [right]
    for _ in range(T - 1):
        u = rng.random((N, P))
        right = np.where(right, u >= lose, u < np.clip(mend * likely, 0, 1))
        turns.append(right)
    return np.stack([one.mean(axis=0) for one in turns], axis=1)


def test_a_curve_that_never_falls_is_rarely_said_to_turn_down() -> None:
    rng = np.random.default_rng(21)
    flat = sum((later_against_earlier(chain(rng, 0.0, 0.0), rng=rng).high < 0).any() for _ in range(30))
    rising = sum((later_against_earlier(chain(rng, 0.05, 0.0), rng=rng).high < 0).any() for _ in range(60))
    assert flat == rising == 0
    # answers drawn anew in every turn: every difference is noise alone
    alarms = 0
    for _ in range(RUNS):
        rate = rng.beta(0.5, 1.0, P)
        values = rng.binomial(N, rate[:, None], size=(P, T)) / N
        alarms += bool((later_against_earlier(values, rng=rng).high < 0).any())
    assert alarms / RUNS <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / RUNS)  # one side of 5 %


def test_a_curve_that_falls_is_found() -> None:
    rng = np.random.default_rng(22)
    found = sum((later_against_earlier(chain(rng, 0.0, 0.25), rng=rng).high < 0).any() for _ in range(60))
    assert found >= 57


def test_slopes_hold_at_their_level() -> None:
    rng = np.random.default_rng(23)
    truth = np.mean([np.polyfit(np.arange(T), chain(rng, 0.15, 0.0).mean(axis=0), 1)[0] for _ in range(3000)])
    held = 0
    for _ in range(RUNS):
        _, low, high = slope(chain(rng, 0.15, 0.0))
        held += low <= truth <= high
    assert held / RUNS >= 0.92


def test_the_saturation_point_lies_in_its_interval_where_the_model_is_true() -> None:
    rng = np.random.default_rng(24)
    ceiling, rate, held = 0.6, 0.3, 0
    n = np.arange(1, 100)
    true = int(n[ceiling * rate * (1 - rate) ** n <= 0.01][0])
    for _ in range(RUNS):
        able = rng.random(80) < ceiling
        first = rng.geometric(rate, size=(8, 80))  # the turn at which an able attempt is right
        values = (able & (first[:, :, None] <= np.arange(1, 9)[:, None, None, None])[..., 0]).mean(axis=1).T
        found = saturation(values, n_resamples=300, rng=rng)
        held += found.low - 1 <= true <= found.high + 1
    assert held / RUNS >= 0.92
