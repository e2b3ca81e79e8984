"""Which price a model's tokens have."""

from typing import Any

import pytest

from ttscale.costs.contract import Price
from ttscale.samplers.settings import ModelSettings, price_of


def price(name: str, prompt: float) -> Price:
    return Price(name=name, prompt=prompt, completion=2 * prompt, cached_prompt=None, source="list")


LISTED = {"Org/Model": price("Org/Model", 1.0), "served": price("served", 3.0), "bare": price("bare", 4.0)}


@pytest.mark.parametrize(
    ("path", "options", "prompt"),
    [
        ("org/model", {}, 1.0),
        ("org/model", {"served_model": "SERVED"}, 3.0),
        ("/home/me/bare", {}, 4.0),
        ("org/model", {"price": {"prompt_usd_per_million": 9, "completion_usd_per_million": 9}}, 9.0),
    ],
)
def test_the_servers_own_price_goes_first_then_its_name_then_the_path(
    path: str, options: dict[str, Any], prompt: float
) -> None:
    found = price_of(ModelSettings(path=path, engine_options=options), LISTED)
    assert found is not None
    assert found.prompt == prompt


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"price": {"prompt_usd_per_million": 1}},
        {"price": {"prompt_usd_per_million": -1}},
        {"price": "cheap"},
    ],
)
def test_nobody_told_one(options: dict[str, Any]) -> None:
    """A wrong price is no price; the sampler says what is wrong with its own option."""
    assert price_of(ModelSettings(path="unlisted", engine_options=options), LISTED) is None
