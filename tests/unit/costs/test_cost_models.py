"""Every cost model on the worked example of its docstring, and what is common to all of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ttscale.costs.architecture import Architecture
from ttscale.costs.compute import EflopsCost, FlopsCost
from ttscale.costs.contract import CostLine, LaterCalls, ModelFacts, Price, Usage, missing_needs, usage
from ttscale.costs.counted import JoulesCost, SampleCost, SecondsCost, TokenCost
from ttscale.costs.money import MoneyCost, find_price, read_prices
from ttscale.errors import InvalidInputError
from ttscale.registry import BUILT_IN, load_plugin

BIG = Architecture(
    parameters=1e9, active_parameters=1e9, layers=10, width=1000, heads=10, kv_heads=2, head_dim=100
)


def cost(model, tokens, facts, k):
    return float(model.charges(tokens, facts).line().cost(k))


def test_tokens_count_the_prompt_once_and_every_sample():
    model = TokenCost(TokenCost.Options())
    assert cost(model, usage(100, 50), ModelFacts(), 4) == 300


@pytest.mark.parametrize(("reuse", "expected"), [("problem", 300), ("request", 400), ("sample", 600)])
def test_a_prompt_is_paid_as_often_as_said(reuse, expected):
    model = TokenCost(TokenCost.Options(prompt=reuse))
    assert cost(model, usage(100, 50, request_size=2), ModelFacts(), 4) == expected


def test_samples_cost_one_each():
    assert cost(SampleCost(SampleCost.Options()), usage(0, 0), ModelFacts(), 7) == 7


def test_flops_equal_the_worked_example():
    model = FlopsCost(FlopsCost.Options(context=100))
    assert cost(model, usage(50, 20), ModelFacts(architecture=BIG), 3) == pytest.approx(2.2044e11)


def test_attention_adds_up_token_by_token():
    model = FlopsCost(FlopsCost.Options())
    prompt, length = 7, 5
    by_hand = sum(2 * 1e9 + 4 * BIG.attention_width * t for t in range(1, prompt + 1))
    by_hand += sum(2 * 1e9 + 4 * BIG.attention_width * (prompt + t) for t in range(1, length + 1))
    assert cost(model, usage(prompt, length), ModelFacts(architecture=BIG), 1) == pytest.approx(
        by_hand, rel=1e-14
    )


def test_lengths_of_single_samples_enter_attention_not_their_mean():
    tokens = Usage(
        prompt_tokens=np.array([10.0]), completion_tokens=np.array([0.0, 100.0]), problem=np.array([0, 0])
    )
    model = FlopsCost(FlopsCost.Options())
    facts = ModelFacts(architecture=BIG)
    single = (2e9 * 100 + 4 * BIG.attention_width * (100 * 10 + 5050)) / 2
    assert model.charges(tokens, facts).per_sample[0] == pytest.approx(single)
    assert single > model.charges(usage(10, 50), facts).per_sample[0]


def test_only_active_parameters_of_a_mixture_of_experts_compute():
    sparse = Architecture(parameters=8e9, active_parameters=2e9)
    model = FlopsCost(FlopsCost.Options())
    assert cost(model, usage(0, 10), ModelFacts(architecture=sparse), 1) == pytest.approx(2 * 2e9 * 10)


def test_eflops_equal_the_worked_example():
    network = Architecture(
        parameters=1e9, active_parameters=1e9, layers=10, width=1000, heads=10, kv_heads=2, head_dim=100
    )
    model = EflopsCost(EflopsCost.Options())
    assert cost(model, usage(100, 10), ModelFacts(architecture=network), 2) == pytest.approx(4.5034e10)


def test_parameter_reads_are_shared_by_the_batch_that_was_run():
    facts = ModelFacts(architecture=BIG, batch=64)
    model = EflopsCost(EflopsCost.Options())
    alone = EflopsCost(EflopsCost.Options(batch=1))
    unknown = cost(model, usage(0, 10), ModelFacts(architecture=BIG), 1)
    per_step = 2 * 1e9 * 562.5
    assert cost(model, usage(0, 10), facts, 1) - unknown == pytest.approx(10 * per_step / 64)
    assert cost(alone, usage(0, 10), facts, 1) - unknown == pytest.approx(10 * per_step)


def test_money_equals_the_worked_example():
    price = Price(name="m", prompt=3.0, cached_prompt=0.3, completion=15.0)
    model = MoneyCost(MoneyCost.Options())
    assert cost(model, usage(1000, 500), ModelFacts(price=price), 2) == pytest.approx(0.0183)
    once = MoneyCost(MoneyCost.Options(prompt="problem"))
    assert cost(once, usage(1000, 500), ModelFacts(price=price), 2) == pytest.approx(0.018)


def test_verification_is_paid_by_the_hour_where_it_has_a_price():
    price = Price(name="m", prompt=0.0, completion=0.0, verification_hour=3.6)
    model = MoneyCost(MoneyCost.Options())
    assert cost(model, usage(10, 10), ModelFacts(price=price, verification_s=2.0), 3) == pytest.approx(
        3 * 2 * 3.6 / 3600
    )


def test_seconds_and_joules_equal_their_worked_examples():
    facts = ModelFacts(seconds_per_token=500 / 1e6, verification_s=0.005, joules_per_token=150_000 / 1e6)
    assert cost(SecondsCost(SecondsCost.Options()), usage(9, 40), facts, 1) == pytest.approx(0.025)
    assert cost(
        SecondsCost(SecondsCost.Options(verification=False)), usage(9, 40), facts, 1
    ) == pytest.approx(0.02)
    assert cost(JoulesCost(JoulesCost.Options()), usage(9, 40), facts, 1) == pytest.approx(6.0)
    assert cost(JoulesCost(JoulesCost.Options(watts=300)), usage(9, 40), facts, 1) == pytest.approx(6.0)


@given(st.floats(0, 50), st.floats(0, 20), st.floats(0.01, 9), st.integers(1, 7), st.floats(0, 500))
@settings(deadline=None)
def test_affordable_is_the_largest_k_within_the_budget(once, request, sample, size, budget):
    line = CostLine(unit="u", once=once, per_request=request, per_sample=sample, request_size=size)
    k = int(line.affordable(budget))
    assert k == 0 or line.cost(k) <= budget * (1 + 1e-9)
    assert line.cost(k + 1) > budget * (1 - 1e-9)


def test_a_free_sample_is_refused():
    with pytest.raises(InvalidInputError, match=r"'m' costs 0 tokens.*--cost"):
        TokenCost(TokenCost.Options()).charges(usage(10, 0), ModelFacts()).line("m")


def test_negative_token_counts_are_refused():
    with pytest.raises(InvalidInputError, match="at least 0, but the smallest is -1"):
        usage(-1, 10)


def test_what_is_missing_is_named():
    facts = ModelFacts(architecture=BIG)
    assert missing_needs({"tokens", "architecture", "price"}, facts, has_tokens=False) == ["price", "tokens"]


def test_an_unknown_price_says_how_to_give_one():
    with pytest.raises(
        InvalidInputError, match=r"No price of 'gpt-4o-mine'.*Did you mean 'gpt-4o-mini'\?.*--price"
    ):
        find_price("gpt-4o-mine", read_prices())
    assert find_price("GPT-4o", read_prices()).completion == 10.0


def test_every_built_in_price_has_a_source_with_its_year():
    for price in read_prices().values():
        assert "20" in price.source
        assert price.completion > 0


def test_a_wrong_price_file_is_explained(tmp_path):
    path = tmp_path / "prices.yaml"
    path.write_text("m: {prompt: -1, completion: 2}\n")
    with pytest.raises(InvalidInputError, match=r"Price of 'm' in .*: prompt: .*greater than or equal to 0"):
        read_prices(path)
    path.write_text("m: {prompt: 1}\n")
    with pytest.raises(InvalidInputError, match="completion"):
        read_prices(path)
    with pytest.raises(InvalidInputError, match="cannot be read"):
        read_prices(tmp_path / "none.yaml")


@pytest.mark.parametrize("name", BUILT_IN["costs"])
def test_every_built_in_cost_model_keeps_the_contract(name):
    plugin = load_plugin("costs", name)
    model = plugin(plugin.Options())
    facts = ModelFacts(
        architecture=BIG,
        price=Price(name="m", prompt=1, completion=2),
        seconds_per_token=0.01,
        joules_per_token=0.5,
    )
    assert not missing_needs(model.needs, facts, has_tokens=True)
    charges = model.charges(usage([10, 20], [5, 8], request_size=4), facts)
    assert charges.unit == model.unit
    assert {part.shape for part in (charges.once, charges.per_request, charges.per_sample)} == {(2,)}
    assert (np.diff(charges.line().cost(np.arange(1, 9))) > 0).all()


# ---- attempts of several calls: against each call taken by itself, token by token ----------------

CALLS = ((100, 10, 0), (230, 20, 110), (900, 5, 0), (40, 1, 40))
"""Prompt, generated and cached tokens of an attempt's calls."""


def attempt_usage() -> Usage:
    later = CALLS[1:]
    sums = {
        "calls": len(later),
        "prompt_tokens": sum(p for p, _, _ in later),
        "cached_tokens": sum(q for _, _, q in later),
        "first_tokens": CALLS[0][1],
        "squared_tokens": sum(n * n for _, n, _ in CALLS),
        "crossed_tokens": sum(p * n for p, n, _ in later),
        "attended_read": sum(t for p, _, q in later for t in range(q + 1, p + 1)),
        "attended_whole": sum(t for p, _, _ in later for t in range(1, p + 1)),
    }
    return Usage(
        prompt_tokens=np.array([100.0]),
        completion_tokens=np.array([float(sum(n for _, n, _ in CALLS))]),
        problem=np.array([0]),
        later=LaterCalls(**{name: np.array([float(value)]) for name, value in sums.items()}),
    )


@pytest.mark.parametrize("reuse", ["problem", "sample"])
def test_the_flops_of_an_attempt_are_those_of_every_token_that_its_calls_pass(reuse):
    facts = ModelFacts(architecture=BIG)
    passed = list(range(1, 101))  # of each token, how many it attends to: the first prompt, ...
    for p, _, q in CALLS[1:]:
        passed += range(
            1 if reuse == "sample" else q + 1, p + 1
        )  # ... later prompts but for what was cached, ...
    for p, n, _ in CALLS:
        passed += range(p + 1, p + n + 1)  # ... and what was generated
    expected = sum(2 * 1e9 + 4 * 10 * 1000 * t for t in passed)
    assert cost(FlopsCost(FlopsCost.Options(prompt=reuse)), attempt_usage(), facts, 1) == pytest.approx(
        expected
    )


def test_the_eflops_of_an_attempt_are_those_of_its_calls():
    """By hand with Kinetics' formula, A = 1e9, D = 1e4, G = 2e3, I = 562.5: short calls behind long prompts are not one long call."""
    facts = ModelFacts(architecture=BIG)
    model = EflopsCost(EflopsCost.Options())
    computing = sum(2e9 * n + 2 * (2 * p + n) * n * 1e4 for p, n, _ in CALLS)
    cache = sum(2 * (2 * p + n) * n * 2e3 * 562.5 for p, n, _ in CALLS)
    assert cost(model, attempt_usage(), facts, 1) == pytest.approx(computing + cache)
    first = (
        2 * 2 * 100 * 10 * 2e3 * 562.5
    )  # the first prompt's cache is read once for all attempts of a problem
    assert cost(model, attempt_usage(), facts, 3) == pytest.approx(3 * (computing + cache) - 2 * first)
    alone = [cost(model, usage(p, n), facts, 1) for p, n, _ in CALLS]
    assert cost(model, attempt_usage(), facts, 1) == pytest.approx(sum(alone))
