"""Amounts with units, as users write them."""

import pytest

from ttscale.costs.amounts import MODEL_OF_UNIT, UNITS, parse_amount
from ttscale.errors import InvalidInputError
from ttscale.registry import load_plugin


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("100usd", 100, "usd"),
        ("$", None, None),
        ("5 $", 5, "usd"),
        ("1e6tokens", 1e6, "tokens"),
        ("1_000_000 tokens", 1e6, "tokens"),
        ("1e15flops", 1e15, "flops"),
        ("1e15eflops", 1e15, "eflops"),
        ("2gpu-hours", 7200, "device_s"),
        ("2 gpu_hours", 7200, "device_s"),
        ("1kWh", 3.6e6, "joules"),
        (".5usd", 0.5, "usd"),
    ],
)
def test_numbers_and_units_are_read(text, value, unit):
    if value is None:
        with pytest.raises(InvalidInputError, match="not a number with a unit"):
            parse_amount(text)
        return
    found = parse_amount(text)
    assert (found.value, found.unit) == (pytest.approx(value), unit)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("100", "such as 100usd"),
        ("many usd", "such as 100usd"),
        ("5eur", "Unknown unit 'eur'"),
        ("5token", "Did you mean 'tokens'"),
        ("0usd", "above 0"),
        ("-3usd", "above 0"),
    ],
)
def test_bad_amounts_say_what_is_wrong(text, message):
    with pytest.raises(InvalidInputError, match=message):
        parse_amount(text)


def test_every_unit_belongs_to_a_built_in_cost_model():
    for unit, _ in UNITS.values():
        assert load_plugin("costs", MODEL_OF_UNIT[unit]).unit == unit
