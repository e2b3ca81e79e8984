"""Costs in US dollars: prices per million tokens, from a small dated file that users override."""

import os
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from ttscale.costs.contract import Charges, ModelFacts, Need, Price, Usage, split_prompt
from ttscale.errors import InvalidInputError, did_you_mean, listed
from ttscale.options import Settings
from ttscale.yaml_text import read_entries

BUILT_IN_PRICES = Path(__file__).with_name("prices.yaml")

OWN_PRICES = "TTSCALE_PRICES"
"""Environment variable: a price file of one's own, kept beside all runs."""

_HOUR = 3600.0


class MoneyCost:
    """US dollars at prices per million prompt, cached prompt and generated tokens.

    Cost of k samples in ⌈k/r⌉ requests of r: the prompt at its full price with the first request, at its cached price with
    each further one, and k L generated tokens; later calls of a strategy's attempts at the full and the cached price; plus the time of verification where that has a price.

    Worked example: 1,000 prompt tokens at 3 USD, cached 0.3, and samples of 500 tokens at 15 USD per million; 2 requests
    of one sample cost (1000 * 3 + 1000 * 0.3 + 2 * 500 * 15) / 1e6 = 0.0183 USD.
    """

    class Options(Settings):
        """How often a prompt is billed."""

        prompt: Literal["problem", "request", "sample"] = "request"

    unit: ClassVar[str] = "usd"
    needs: ClassVar[frozenset[Need]] = frozenset({"tokens", "price"})

    def __init__(self, options: Options) -> None:
        self._options = options

    def charges(self, usage: Usage, facts: ModelFacts) -> Charges:
        """Charge tokens at their prices."""
        price = facts.price
        assert price is not None  # `needs` says so, and the caller has checked it
        prompt, nothing = usage.prompt_tokens, np.zeros_like(usage.prompt_tokens)
        full, again = price.usd(prompt, nothing), price.usd(prompt, nothing, prompt)
        sample = price.usd(nothing, usage.mean_per_problem(usage.completion_tokens))
        if usage.later is not None:
            read, cached = usage.later.prompt_tokens, usage.later.cached_tokens
            sample = sample + usage.mean_per_problem(price.usd(read, np.zeros_like(read), cached))
        if facts.verification_s and price.verification_hour:
            sample = sample + facts.verification_s * price.verification_hour / _HOUR
        if self._options.prompt == "problem":
            once, request = full, 0.0 * full
        else:
            _, request, sample = split_prompt(again, self._options.prompt, sample)
            once = full - again
        return Charges(
            unit=self.unit,
            per_sample=sample,
            once=once,
            per_request=request,
            request_size=usage.request_size,
            notes=(f"Prices of '{price.name}': {price.source}.",),
        )


class _PriceRow(Settings):
    prompt: float = Field(ge=0.0)
    completion: float = Field(ge=0.0)
    cached_prompt: float | None = Field(default=None, ge=0.0)
    verification_hour: float | None = Field(default=None, ge=0.0)
    source: str = "given"


def read_prices(path: Path = BUILT_IN_PRICES) -> Mapping[str, Price]:
    """Read a price file: YAML, model name -> prompt, completion, cached_prompt, verification_hour, source.

    All prices are US dollars, per million tokens or per hour.

    Raises:
        InvalidInputError: It cannot be read, or a price is missing or negative.
    """
    rows = read_entries(
        path,
        _PriceRow,
        what="Price",
        fix="Give prompt, completion and perhaps cached_prompt, in US dollars per million tokens",
    )
    return {name: Price(name=name, **row.model_dump()) for name, row in rows.items()}


def known_prices(file: Path | None = None) -> Mapping[str, Price]:
    """Return the prices that come with the package under those of the file that ``TTSCALE_PRICES`` names, and those under `file`'s.

    Raises:
        InvalidInputError: A file cannot be used; see `read_prices`.
    """
    own = os.environ.get(OWN_PRICES)
    files = [*([Path(own)] if own else []), *([file] if file else [])]
    return {
        **_built_in_prices(),
        **{name: price for one in files for name, price in read_prices(one).items()},
    }


@cache
def _built_in_prices() -> Mapping[str, Price]:
    return read_prices(BUILT_IN_PRICES)


def price_named(names: Iterable[str], prices: Mapping[str, Price]) -> Price | None:
    """Return the price of the first of these names that has one, letter case aside."""
    by_name = {known.lower(): price for known, price in prices.items()}
    return next((by_name[name.lower()] for name in names if name.lower() in by_name), None)


def find_price(name: str, prices: Mapping[str, Price]) -> Price:
    """Look a price up by the model's name, letter case aside.

    Raises:
        InvalidInputError: There is none; the message says how to give one.
    """
    found = price_named([name], prices)
    if found is None:
        raise InvalidInputError(
            f"No price of '{name}' is known.{did_you_mean(name, prices)} Known: {listed(prices)}. Give one with --price "
            f"prompt=0.5,completion=1.5 (US dollars per million tokens), or a file with --prices."
        )
    return found
