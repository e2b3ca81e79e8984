"""A strategy's other model is paid for by its own tokens, size and price."""

import numpy as np
import polars as pl
import pytest
import yaml
from openai_server import openai_server
from toy_server import toy

import ttscale
from ttscale.analysis.budget.arms import as_pilot, at_token_limits
from ttscale.analysis.budget.pricing import Pricing, charges_of, with_facts
from ttscale.analysis.budget.reading_arms import read_arms
from ttscale.costs.compute import FlopsCost
from ttscale.costs.counted import TokenCost
from ttscale.costs.money import MoneyCost
from ttscale.errors import InvalidInputError
from ttscale.store.run import RunStore

CELL = "none-arithmetic"
TOY = "toy_sampler:ToySampler"
PRICE = {"prompt_usd_per_million": 3e6, "completion_usd_per_million": 5e6}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    folder = tmp_path_factory.mktemp("cascade")
    with openai_server(toy) as server:
        options = {"base_url": server.url, "served_model": "m", "endpoint": "completions", "price": PRICE}
        target = {"path": "strong", "engine": "openai", "engine_options": options}
        tree = {
            "model": {"path": "none", "engine": TOY},
            "task": {"name": "arithmetic", "problems": 4},
            "sampling": {"n": 12, "max_tokens": 8},
            "strategy": {
                "name": "cascade",
                "target": target,
                "verifier": "toy_sampler:CountsA",
                "threshold": 2.0,
            },
            "verifiers": ["strategy_runs:StartsWithA"],
        }
        path = folder / "run.yaml"
        path.write_text(yaml.safe_dump(tree), encoding="utf-8")
        return ttscale.run(ttscale.load_config(path, out=folder / "run"))


def tokens(store: RunStore, *, target: bool) -> tuple[int, int]:
    """(prompt, completion) tokens of all calls of one of the models, off the journal."""
    own = pl.col("model") == "target" if target else pl.col("model").is_null()
    calls = store.calls(CELL).filter(own, kind="generate").collect()
    return int(calls["prompt_tokens"].sum()), int(calls["completion_tokens"].sum())


def test_tokens_are_those_of_all_calls_and_the_first_prompt_once_per_problem(store: RunStore) -> None:
    (arm,) = read_arms([store.path])
    charges = charges_of(arm, TokenCost(TokenCost.Options()), "tokens", None)
    (_, own), (read, wrote) = tokens(store, target=False), tokens(store, target=True)
    assert read > 0
    assert charges.per_sample.sum() * 12 == pytest.approx(own + read + wrote)
    assert charges.once.tolist() == [1.0] * 4


def test_flops_are_counted_at_the_size_of_the_model_that_did_the_work(store: RunStore) -> None:
    def flops(own: str, target: str) -> float:
        arms = with_facts(read_arms([store.path]), Pricing(models={CELL: own, "target": target}))
        return float(charges_of(arms[0], FlopsCost(FlopsCost.Options()), "flops", None).per_sample.sum()) * 12

    both = flops("1e9", "7e9")
    only_target = flops("1e-9", "7e9")
    read, wrote = tokens(store, target=True)
    assert only_target == pytest.approx(2 * 7e9 * (read + wrote), rel=1e-6)
    assert both - only_target == pytest.approx(2 * 1e9 * tokens(store, target=False)[1], rel=1e-6)


def test_its_server_asks_its_own_price(store: RunStore) -> None:
    from ttscale.costs.contract import Price

    price = Price(name="own", prompt=1e6, completion=2e6)
    (arm,) = with_facts(read_arms([store.path]), Pricing(price=price))
    charges = charges_of(arm, MoneyCost(MoneyCost.Options()), "usd", None)
    (_, own), (read, wrote) = tokens(store, target=False), tokens(store, target=True)
    assert charges.per_sample.sum() * 12 == pytest.approx(2 * own + 3 * read + 5 * wrote)


def test_a_size_that_is_missing_is_named(store: RunStore) -> None:
    arms = with_facts(read_arms([store.path]), Pricing(models={CELL: "1e9"}))
    with pytest.raises(InvalidInputError, match=r"part of 'target' .*--model 'target=7e9'"):
        charges_of(arms[0], FlopsCost(FlopsCost.Options()), "flops", None)


def test_a_pilot_of_attempts_pays_for_all_of_their_calls(store: RunStore) -> None:
    """Of all attempts it costs what they cost; of some, what those do."""
    (arm,) = read_arms([store.path])
    whole = charges_of(arm, TokenCost(TokenCost.Options()), "tokens", None).per_sample
    again = as_pilot(arm, 12, np.random.default_rng(0))
    assert charges_of(again, TokenCost(TokenCost.Options()), "tokens", None).per_sample == pytest.approx(
        whole
    )
    pilots = [as_pilot(arm, 3, np.random.default_rng(seed)) for seed in range(200)]
    costs = [charges_of(one, TokenCost(TokenCost.Options()), "tokens", None).per_sample for one in pilots]
    assert np.mean(costs, axis=0) == pytest.approx(whole, rel=0.1)


def test_token_limits_are_of_single_calls_and_refused_for_attempts(store: RunStore) -> None:
    with pytest.raises(InvalidInputError, match=r"attempts of several calls.*--limits"):
        at_token_limits(read_arms([store.path]), [4])


def test_samples_and_their_usage_stay_side_by_side_when_problems_are_reordered(store: RunStore) -> None:
    (arm,) = read_arms([store.path])
    turned = arm.for_problems(np.array([2, 0, 3]))
    assert turned.samples is not None
    assert turned.usage is not None
    assert turned.usage.problem.tolist() == turned.samples.problem.tolist()
    whole = charges_of(arm, TokenCost(TokenCost.Options()), "tokens", None).per_sample
    again = charges_of(
        as_pilot(turned, 12, np.random.default_rng(0)), TokenCost(TokenCost.Options()), "tokens", None
    )
    assert again.per_sample == pytest.approx(whole[[2, 0, 3]])
