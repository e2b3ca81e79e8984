"""What a user may say of costs and budgets on the command line: read, or refused with what would be right."""

import click
import pytest

from ttscale.analysis.budget.view import Target
from ttscale.cli.budget import TargetShare
from ttscale.cli.pricing import Assignments, OneModel, Spend, pricing_of
from ttscale.cli.statistics import Budgets, Names

NOTHING = {
    "cost": None,
    "options": {},
    "models": (),
    "models_file": None,
    "prices_file": None,
    "price": None,
    "tokens": None,
}


def read(kind: click.ParamType, text: str):
    return kind.convert(text, None, None)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("1,10,100", (1, 10, 100)), ("1e3, 1_000,5", (5, 1000)), ("7", (7,)), (str(2**53), (2**53,))],
)
def test_budgets_are_whole_numbers_in_order_without_repeats(text: str, numbers: tuple[int, ...]) -> None:
    assert read(Budgets(), text) == numbers


@pytest.mark.parametrize("text", ["0", "1.5", "-3", "", "ten", "nan", "inf", "1,,2", str(2**54)])
def test_budgets_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"is not a (whole )?number"):
        read(Budgets(), text)


def test_names_are_split_at_commas() -> None:
    assert read(Names(), "a, b ,,c") == ("a", "b", "c")
    with pytest.raises(click.BadParameter, match="names nothing"):
        read(Names(), " , ")


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("0.9", Target(0.9)),
        ("90%", Target(0.9)),
        ("coverage=0.5", Target(0.5, "coverage")),
        ("accuracy=12.5%", Target(0.125, "selected accuracy")),
    ],
)
def test_a_target_is_a_share_of_something(text: str, target: Target) -> None:
    assert read(TargetShare(), text) == target


@pytest.mark.parametrize("text", ["many", "recall=0.9", "coverage=", "%"])
def test_a_target_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"is no target|is not a share"):
        read(TargetShare(), text)


def test_an_amount_has_its_unit() -> None:
    assert (read(Spend(), "2gpu-hours").value, read(Spend(), "2gpu-hours").unit) == (7200, "device_s")
    with pytest.raises(click.BadParameter, match="Unknown unit 'euro'"):
        read(Spend(), "5euro")


@pytest.mark.parametrize("text", ["prompt", "=3", "a=1,b"])
def test_assignments_have_a_name_and_a_value(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not NAME=VALUE"):
        read(Assignments(), text)


def test_a_model_may_have_an_equals_sign_in_its_name() -> None:
    assert read(OneModel(), "a=b=7e9") == ("a=b", "7e9")
    for text in ("7e9", "=7e9", "a="):
        with pytest.raises(click.BadParameter, match="is not NAME=WHAT"):
            read(OneModel(), text)


def test_prices_and_tokens_become_numbers() -> None:
    said = pricing_of(
        {
            **NOTHING,
            "price": {"prompt": "1", "completion": "2", "cached_prompt": "0"},
            "tokens": {"completion": "40"},
        }
    )
    assert said.price is not None
    assert (said.price.prompt, said.price.completion, said.price.cached_prompt) == (1, 2, 0)
    assert said.tokens == (0, 40)
    assert pricing_of(NOTHING).price is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"price": {"prompt": "1"}}, r"--price lacks completion: --price prompt=\.\.,completion=\.\."),
        ({"price": {"prompt": "1", "completion": "x"}}, "--price completion: 'x' is not a number"),
        ({"price": {"promt": "1"}}, r"--price has no 'promt'.*Did you mean 'prompt'\?"),
        ({"tokens": {"completion": "-1"}}, "--tokens completion is at least 0, but is -1"),
        ({"tokens": {"completion": "inf"}}, "--tokens completion is at least 0"),
        ({"tokens": {"prompt": "5"}}, "--tokens lacks completion"),
    ],
)
def test_what_is_said_of_costs_by_halves_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(click.UsageError, match=said):
        pricing_of({**NOTHING, **given})
