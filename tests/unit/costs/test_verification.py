"""What verdicts of models cost: by hand, mean by problem, and only in units that count tokens."""

import numpy as np
import pytest

from ttscale.costs.contract import ModelFacts, Price, counts_tokens, missing_needs
from ttscale.costs.counted import JoulesCost, SampleCost, SecondsCost, TokenCost
from ttscale.costs.money import MoneyCost
from ttscale.costs.verification import VerifierTokens, verification_charges
from ttscale.errors import InvalidInputError

TOKENS = TokenCost(TokenCost.Options())
MONEY = MoneyCost(MoneyCost.Options())


def judge(read: list[float], wrote: list[float], **more: object) -> VerifierTokens:
    return VerifierTokens(
        names=("judge", "big-model"), prompt_tokens=np.array(read), completion_tokens=np.array(wrote), **more
    )


def test_a_problem_pays_the_mean_of_its_own_samples_verdicts() -> None:
    each, _ = verification_charges(
        TOKENS, judge([100, 300, 50], [10, 30, 0]), np.array([0, 0, 1]), n_problems=2
    )
    assert each.tolist() == [(110 + 330) / 2, 50]


def test_several_verdicts_on_a_sample_are_paid_for_each() -> None:
    once, _ = verification_charges(TOKENS, judge([100], [10]), np.array([0]), 1)
    thrice, notes = verification_charges(TOKENS, judge([100], [10], times=np.array([3.0])), np.array([0]), 1)
    assert thrice == pytest.approx(3 * once)
    assert "300 tokens read and 30 written per sample, as recorded; 330 tokens each" in notes[0]


def test_a_verdict_pays_its_whole_prompt_for_no_other_shares_it() -> None:
    price = Price(name="big-model", prompt=2.0, completion=8.0, cached_prompt=0.1)
    tokens = judge([1e6, 1e6], [0, 1e6], facts=ModelFacts(price=price))
    each, notes = verification_charges(MONEY, tokens, np.array([0, 0]), 1)
    assert each.tolist() == pytest.approx([(2 + 10) / 2])
    assert any("Prices of 'big-model'" in note for note in notes)


def test_tokens_that_nobody_recorded_are_said_to_be_those_of_the_samples() -> None:
    _, notes = verification_charges(TOKENS, judge([10], [0], estimated=True), np.array([0]), 1)
    assert "as many as its samples have, because it recorded none" in notes[0]


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -5.0])
def test_a_verdict_that_costs_no_finite_amount_is_refused_by_name(wrong: float) -> None:
    with pytest.raises(InvalidInputError, match=f"Verdicts of 'judge'.*one costs {wrong:g} tokens"):
        verification_charges(TOKENS, judge([wrong], [0]), np.array([0]), 1)


def test_only_models_that_count_tokens_count_a_verifiers_tokens() -> None:
    counted = {
        "tokens": TOKENS,
        "money": MONEY,
        "samples": SampleCost(SampleCost.Options()),
        "seconds": SecondsCost(SecondsCost.Options()),
        "joules": JoulesCost(JoulesCost.Options(watts=300)),
    }
    assert [name for name, model in counted.items() if counts_tokens(model)] == ["tokens", "money"]


def test_what_is_missing_of_a_verifiers_model_is_named() -> None:
    assert missing_needs(MONEY.needs, judge([1], [1]).facts, has_tokens=True) == ["price"]
    assert missing_needs(TOKENS.needs, judge([1], [1]).facts, has_tokens=True) == []


def test_some_samples_keep_their_own_tokens_and_times() -> None:
    some = judge([1, 2, 3], [4, 5, 6], times=np.array([7.0, 8.0, 9.0])).rows(np.array([2, 0]))
    assert some.prompt_tokens.tolist() == [3, 1]
    assert some.completion_tokens.tolist() == [6, 4]
    assert some.times is not None and some.times.tolist() == [9, 7]
    assert judge([1], [1]).rows(np.array([0])).times is None
