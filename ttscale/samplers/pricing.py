"""What a configured model costs per token: its server's own price, or a price list's entry."""

from collections.abc import Mapping

from pydantic import ValidationError

from ttscale.costs.contract import Price
from ttscale.samplers.openai.options import Price as ServerPrice
from ttscale.samplers.settings import ModelSettings


def price_of(model: ModelSettings, listed: Mapping[str, Price]) -> Price | None:
    """Return the price of a model, or None where nobody told one.

    Args:
        model: ``engine_options.price`` wins; then its `served_model` and its path are looked up, letter case aside.
        listed: Name -> price.
    """
    asked = model.engine_options.get("price")
    if asked is not None:
        return _of_server(model.path, asked)
    by_name = {name.lower(): price for name, price in listed.items()}
    served = model.engine_options.get("served_model")
    names = [name for name in (served, model.path, model.path.rpartition("/")[2]) if name]
    return next((by_name[name.lower()] for name in names if name.lower() in by_name), None)


def _of_server(name: str, asked: object) -> Price | None:
    try:
        price = ServerPrice.model_validate(asked)
    except ValidationError:  # the sampler says what is wrong with its own option
        return None
    return Price(
        name=name,
        prompt=price.prompt_usd_per_million,
        completion=price.completion_usd_per_million,
        cached_prompt=price.cached_usd_per_million,
        source="model.engine_options.price",
    )
