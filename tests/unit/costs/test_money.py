"""US dollars are worked out in one place: by fractions, for numbers and arrays, cached tokens at their own price."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttscale.analysis.budget.pricing import Pricing
from ttscale.analysis.budget.view import BudgetSettings, budget_view
from ttscale.costs.contract import ModelFacts, Price, Usage
from ttscale.costs.money import OWN_PRICES, MoneyCost, price_named
from ttscale.errors import InvalidInputError

PRICE = Price(name="m", prompt=3.0, completion=15.0, cached_prompt=0.3)
TOKENS = st.integers(0, 10**9)


@given(TOKENS, TOKENS, TOKENS)
def test_dollars_are_tokens_times_their_prices(read: int, wrote: int, cached: int) -> None:
    cached = min(cached, read)
    exact = (3 * (read - cached) + Fraction(3, 10) * cached + 15 * wrote) / Fraction(10**6)
    assert PRICE.usd(read, wrote, cached) == pytest.approx(float(exact), rel=1e-12)


def test_cached_tokens_cost_what_others_do_where_they_have_no_price() -> None:
    plain = Price(name="m", prompt=3.0, completion=15.0)
    assert plain.usd(1000, 10, 400) == plain.usd(1000, 10)
    assert PRICE.usd(1000, 10, 400) < plain.usd(1000, 10, 400)
    assert PRICE.usd(0, 0) == 0


def test_arrays_are_priced_one_by_one() -> None:
    read, wrote, cached = np.array([0.0, 1e6]), np.array([1e6, 0.0]), np.array([0.0, 5e5])
    assert PRICE.usd(read, wrote, cached) == pytest.approx([15.0, 1.65])


def test_the_cost_model_charges_two_requests_what_a_server_would_bill_for_them() -> None:
    usage = Usage(
        prompt_tokens=np.array([1000.0]), completion_tokens=np.array([500.0]), problem=np.array([0])
    )
    charges = MoneyCost(MoneyCost.Options()).charges(usage, ModelFacts(price=PRICE))
    billed = PRICE.usd(1000, 500) + PRICE.usd(1000, 500, 1000)
    assert charges.line().cost(2) == pytest.approx(billed)


def test_the_first_name_that_has_a_price_counts_whatever_its_case() -> None:
    other = Price(name="other", prompt=1.0, completion=1.0)
    prices = {"My-Model": PRICE, "other": other}
    assert price_named(["none", "MY-MODEL", "other"], prices) is PRICE
    assert price_named(["OTHER", "my-model"], prices) is other
    assert price_named(["none"], prices) is None
    assert price_named([], prices) is None


def test_a_budget_reads_no_price_file_unless_it_is_asked_in_money(tmp_path, monkeypatch) -> None:
    wrong = tmp_path / "prices.yaml"
    wrong.write_text("no mapping\n")
    monkeypatch.setenv(OWN_PRICES, str(wrong))
    table = tmp_path / "counts.csv"
    table.write_text("problem_id,n,c\na,8,3\nb,8,1\n")
    asked = {name: Pricing(cost=name, tokens=(10, 20)) for name in ("tokens", "money")}
    assert budget_view([table], settings=BudgetSettings(pricing=asked["tokens"])).unit == "tokens"
    with pytest.raises(InvalidInputError, match=r"Price file .*prices\.yaml must map model names"):
        budget_view([table], settings=BudgetSettings(pricing=asked["money"]))


def test_a_group_is_priced_by_its_own_name_before_its_models(tmp_path, monkeypatch) -> None:
    own = tmp_path / "prices.yaml"
    own.write_text("counts: {prompt: 1, completion: 2}\ngpt-4o: {prompt: 7, completion: 9}\n")
    monkeypatch.setenv(OWN_PRICES, str(own))
    table = tmp_path / "counts.csv"
    table.write_text("problem_id,n,c\na,8,3\nb,8,1\n")
    by_name = budget_view([table], settings=BudgetSettings(pricing=Pricing(cost="money", tokens=(0, 1e6))))
    assert by_name.curves[0].cost[0] == pytest.approx(2)
    told = Pricing(cost="money", tokens=(0, 1e6), price=PRICE)
    assert budget_view([table], settings=BudgetSettings(pricing=told)).curves[0].cost[0] == pytest.approx(15)
