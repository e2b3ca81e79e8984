"""What a user may say about costs: amounts with units, prices, sizes of models, tokens."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ttscale.cli.options import Given

if TYPE_CHECKING:
    from ttscale.analysis.budget.pricing import Pricing
    from ttscale.costs.amounts import Amount
    from ttscale.costs.contract import Price


class Spend(click.ParamType["Amount"]):
    """A number with its unit, such as 100usd."""

    name = "AMOUNT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> "Amount":
        """Read number and unit."""
        from ttscale.costs.amounts import Amount, parse_amount
        from ttscale.errors import InvalidInputError

        if isinstance(value, Amount):
            return value
        try:
            return parse_amount(value)
        except InvalidInputError as error:
            self.fail(str(error), param, ctx)


class Assignments(click.ParamType[Mapping[str, str]]):
    """NAME=VALUE,..."""

    name = "NAME=VALUE,..."

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Mapping[str, str]:
        """Split at commas and equals signs."""
        if isinstance(value, Mapping):
            return value
        pairs = [part.partition("=") for part in value.split(",")]
        for name, equals, _ in pairs:
            if not equals or not name.strip():
                self.fail(f"'{value}' is not NAME=VALUE,...", param, ctx)
        return {name.strip(): text.strip() for name, _, text in pairs}


class OneModel(click.ParamType[tuple[str, str]]):
    """NAME=WHAT."""

    name = "NAME=WHAT"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Split at the last equals sign."""
        if isinstance(value, tuple):
            return value
        name, equals, what = value.rpartition("=")
        if not equals or not name or not what:
            self.fail(f"'{value}' is not NAME=WHAT", param, ctx)
        return name, what


_OPTIONS = (
    click.option("--cost", help="Cost model: samples, tokens, flops, eflops, money, seconds, joules or a plugin."),
    click.option("--cost-option", "options", type=Assignments(), default={}, help="Its options, such as prompt=request."),
    click.option("--model", "models", type=OneModel(), multiple=True,
                 help="Size of an arm's model: its folder, its config.json or a number such as 7e9. Repeatable."),
    click.option("--models", "models_file", type=click.Path(path_type=Path, dir_okay=False),
                 help="YAML: model name -> parameters, layers, width, heads, kv_heads, head_dim."),
    click.option("--prices", "prices_file", type=click.Path(path_type=Path, dir_okay=False),
                 help="YAML: model name -> prompt, cached_prompt, completion in US dollars per million tokens."),
    click.option("--price", type=Assignments(), help="One price for all arms: prompt=0.5,completion=1.5."),
    click.option("--tokens", type=Assignments(), help="Typical tokens of a sample where a table has none: prompt=100,completion=400."),
)  # fmt: skip


def pricing_options(command: Any) -> Any:
    """Add what a user may say about costs."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def pricing_of(given: Given) -> "Pricing":
    """Return what was said about costs, out of a command's options."""
    from ttscale.analysis.budget.pricing import Pricing

    price, tokens = given["price"], given["tokens"]
    return Pricing(
        cost=given["cost"],
        options=dict(given["options"]),
        models=dict(given["models"]),
        models_file=given["models_file"],
        prices_file=given["prices_file"],
        price=None if price is None else _price(price),
        tokens=None if tokens is None else _tokens(tokens),
    )


def _price(given: Mapping[str, str]) -> "Price":
    from ttscale.costs.contract import Price

    numbers = _numbers(given, "--price", ("prompt", "completion"), ("cached_prompt", "verification_hour"))
    return Price(name="--price", **numbers)


def _tokens(given: Mapping[str, str]) -> tuple[float, float]:
    numbers = _numbers(given, "--tokens", ("completion",), ("prompt",))
    return numbers.get("prompt", 0.0), numbers["completion"]


def _numbers(
    given: Mapping[str, str], option: str, needed: tuple[str, ...], allowed: tuple[str, ...]
) -> dict[str, Any]:
    from ttscale.errors import did_you_mean

    known = (*needed, *allowed)
    numbers = {}
    for name, text in given.items():
        if name not in known:
            raise click.UsageError(
                f"{option} has no '{name}'.{did_you_mean(name, known)} Known: {', '.join(known)}."
            )
        try:
            numbers[name] = float(text)
        except ValueError:
            raise click.UsageError(f"{option} {name}: '{text}' is not a number.") from None
        if not 0 <= numbers[name] < float("inf"):
            raise click.UsageError(f"{option} {name} is at least 0, but is {text}.")
    missing = [name for name in needed if name not in numbers]
    if missing:
        raise click.UsageError(
            f"{option} lacks {missing[0]}: {option} {','.join(f'{n}=..' for n in needed)}."
        )
    return numbers
