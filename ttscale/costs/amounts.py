"""Amounts with their unit, as a user writes them: ``100usd``, ``1e6tokens``, ``1e15flops``, ``2gpu-hours``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ttscale.errors import InvalidInputError, did_you_mean, listed

_AMOUNT = re.compile(
    r"\s*([+-]?(?:\d[\d_,]*\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*([A-Za-z$][A-Za-z$_-]*)\s*", re.IGNORECASE
)

UNITS: Mapping[str, tuple[str, float]] = MappingProxyType(
    {
        "samples": ("samples", 1.0),
        "tokens": ("tokens", 1.0),
        "flops": ("flops", 1.0),
        "flop": ("flops", 1.0),
        "eflops": ("eflops", 1.0),
        "usd": ("usd", 1.0),
        "$": ("usd", 1.0),
        "cents": ("usd", 0.01),
        "device-seconds": ("device_s", 1.0),
        "device-hours": ("device_s", 3600.0),
        "gpu-seconds": ("device_s", 1.0),
        "gpu-minutes": ("device_s", 60.0),
        "gpu-hours": ("device_s", 3600.0),
        "gpu-days": ("device_s", 86_400.0),
        "seconds": ("device_s", 1.0),
        "hours": ("device_s", 3600.0),
        "joules": ("joules", 1.0),
        "kwh": ("joules", 3.6e6),
    }
)
"""What a user may write -> (the unit of cost models, how many of it)."""

MODEL_OF_UNIT: Mapping[str, str] = MappingProxyType(
    {
        "samples": "samples",
        "tokens": "tokens",
        "flops": "flops",
        "eflops": "eflops",
        "usd": "money",
        "device_s": "seconds",
        "joules": "joules",
    }
)
"""Unit -> the built-in cost model that counts in it."""


UNIT_NAMES: Mapping[str, str] = MappingProxyType(
    {"flops": "FLOPs", "eflops": "eFLOPs", "usd": "US dollars", "device_s": "device seconds"}
)
"""How a person reads a unit, where it is not the word itself."""


def unit_name(unit: str) -> str:
    """Return how a person reads a unit.

    >>> unit_name("usd"), unit_name("tokens")
    ('US dollars', 'tokens')
    """
    return UNIT_NAMES.get(unit, unit)


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of some unit.

    Attributes:
        value: In the unit of cost models, above 0.
        unit: Such as "usd".
        text: As written.
    """

    value: float
    unit: str
    text: str


def parse_amount(text: str) -> Amount:
    """Read a number and its unit.

    Args:
        text: Such as "100usd", "1e6tokens" or "2gpu-hours".

    Raises:
        InvalidInputError: No number, no unit or an unknown one, or nothing to spend.

    >>> parse_amount("2gpu-hours").value
    7200.0
    >>> parse_amount("1e15eflops").unit
    'eflops'
    """
    found = _AMOUNT.fullmatch(text)
    if not found:
        raise InvalidInputError(
            f"'{text}' is not a number with a unit, such as 100usd, 1e6tokens, 1e15flops or 2gpu-hours."
        )
    number, unit = float(found[1].replace(",", "").replace("_", "")), found[2].lower().replace("_", "-")
    if unit not in UNITS:
        raise InvalidInputError(
            f"Unknown unit '{found[2]}' in '{text}'.{did_you_mean(unit, UNITS)} Known: {listed(UNITS)}."
        )
    if not 0 < number < float("inf"):
        raise InvalidInputError(f"An amount to spend is above 0, but '{text}' is not.")
    name, scale = UNITS[unit]
    return Amount(number * scale, name, text)
