"""What a configured model costs per token: its server's own price, or a price list's entry."""

from collections.abc import Mapping

from pydantic import ValidationError

from ttscale.costs.contract import Price
from ttscale.costs.money import price_named
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
    served = model.engine_options.get("served_model")
    return price_named(filter(None, (served, model.path, model.path.rpartition("/")[2])), listed)


def _of_server(name: str, asked: object) -> Price | None:
    try:
        return ServerPrice.model_validate(asked).of(name)
    except ValidationError:  # the sampler says what is wrong with its own option
        return None
