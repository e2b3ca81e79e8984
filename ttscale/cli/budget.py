"""The commands ``budget`` and ``allocate``: what samples cost, and how to spend a sum best."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ttscale.cli.options import output_options
from ttscale.cli.statistics import Names, level_option, plot_option, seed_option

if TYPE_CHECKING:
    from ttscale.analysis.budget_results import BudgetView
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


class Target(click.ParamType[float]):
    """coverage=0.9, or accuracy=0.9, or 0.9."""

    name = "coverage=SHARE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read the share."""
        if isinstance(value, float):
            return value
        name, equals, text = str(value).rpartition("=")
        if equals and name not in ("coverage", "accuracy"):
            self.fail(f"'{name}' is no target; use coverage=0.9, or accuracy=0.9 with --selector", param, ctx)
        try:
            return float(text)
        except ValueError:
            self.fail(f"'{text}' is not a number", param, ctx)


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


_PRICING_OPTIONS = (
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
    for option in reversed(_PRICING_OPTIONS):
        command = option(command)
    return command


@click.command("budget")
@click.argument("sources", type=click.Path(path_type=Path, exists=True), nargs=-1, required=True)
@click.option("--by", type=Names(), default=(), help="Columns that tell a table's arms apart, such as model.")
@click.option(
    "--target",
    "targets",
    type=Target(),
    multiple=True,
    help="What does it cost to solve this share? Repeatable.",
)
@click.option("--spend", "spends", type=Spend(), multiple=True,
              help="What does this sum reach? 100usd, 1e6tokens, 1e15flops, 2gpu-hours; over all problems. Repeatable.")  # fmt: skip
@click.option("--selector", "selectors", type=Names(), default=("coverage",), show_default="coverage",
              help="coverage, majority, best (highest score), first (first accepted).")  # fmt: skip
@click.option(
    "--verifier",
    "verifiers",
    type=Names(),
    default=(),
    help="Whose scores or verdicts best and first go by; logprob for the samples' own.",
)
@click.option("--oracle", help="The verifier that defines correct; by default the run's own.")
@click.option(
    "--worth", type=Spend(), help="Worth of a solved problem: where does the next sample stop paying?"
)
@click.option(
    "--wrong", type=Spend(), help="Cost of a wrong answer: how many samples are best? With --selector first."
)
@pricing_options
@click.option("--over", type=click.Choice(["problems", "samples"]), default="problems", show_default=True,
              help="What intervals generalise over: problems of this kind, or these very problems.")  # fmt: skip
@click.option("--method", default="auto", show_default=True, help="Of forecasts: auto, or the name of a law.")
@level_option
@seed_option
@plot_option
@output_options
def budget_command(
    sources: tuple[Path, ...],
    by: tuple[str, ...],
    targets: tuple[float, ...],
    spends: tuple["Amount", ...],
    selectors: tuple[str, ...],
    verifiers: tuple[str, ...],
    oracle: str | None,
    worth: "Amount | None",
    wrong: "Amount | None",
    cost: str | None,
    options: Mapping[str, str],
    models: tuple[tuple[str, str], ...],
    models_file: Path | None,
    prices_file: Path | None,
    price: Mapping[str, str] | None,
    tokens: Mapping[str, str] | None,
    over: Any,
    method: str,
    confidence_level: float | None,
    seed: int,
    plot: Path | None,
    output: str | None,
) -> None:
    """What does a target cost, what does a sum reach, and which choice is the best buy?

    SOURCES are run directories (every cell is an arm) or tables of counts (every group is one). Arms are compared on
    the problems that all of them have, every problem getting the same number of samples.
    """
    from ttscale.analysis.budget import BudgetSettings, budget_view
    from ttscale.analysis.budget_questions import Inference
    from ttscale.cli.output import print_rows

    settings = BudgetSettings(
        selectors=selectors,
        verifiers=verifiers,
        oracle=oracle,
        targets=targets,
        spends=spends,
        worth=worth,
        wrong=wrong,
        pricing=_pricing(cost, options, models, models_file, prices_file, price, tokens),
        inference=Inference(over=over, method=method, confidence_level=confidence_level or 0.95, seed=seed),
    )
    view = budget_view(sources, by=by, settings=settings)
    if plot:
        _plot(plot, view)
    if output:
        print_rows(list(view.to_rows()), output)
    else:
        print_budget(view)


def print_budget(view: "BudgetView") -> None:
    """Print a view's tables to stdout and its caveats to stderr."""
    from ttscale.cli.main import say
    from ttscale.cli.output import print_table

    for note in view.notes:
        say(f"Note: {note}")
    level = f"{100 * view.confidence_level:g}% interval over {view.over}"
    for title, rows in (
        (f"What a target costs: {view.n_problems} problems, {level}", view.target_rows()),
        (f"What a sum reaches: {view.n_problems} problems, {level}", view.spend_rows()),
        (f"The best buy by cost per problem ({view.unit})", view.segment_rows()),
        ("Where the better choice changes", view.crossing_rows()),
    ):
        if rows:
            print_table([_brief(row) for row in rows], title=title)
            print()


UNIT_NAMES = {"flops": "FLOPs", "eflops": "eFLOPs", "usd": "US dollars", "device_s": "device-seconds"}
"""How a person reads a unit."""

_LEFT_OUT = {"question", "confidence_level", "over", "n_problems", "method", "unit", "largest_k"}


def _brief(row: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what the title or --json says."""
    return {key: value for key, value in row.items() if key not in _LEFT_OUT}


def _plot(path: Path, view: "BudgetView") -> None:
    from ttscale.plots import save_figure
    from ttscale.plots.cost import Change, CostLine, plot_costs

    lines = [
        CostLine(
            label=one.label,
            cost=one.cost,
            value=one.value,
            low=one.low,
            high=one.high,
            dashed=one.extrapolates,
        )
        for one in view.curves
    ]
    position = {one.label: i for i, one in enumerate(view.curves)}
    selectors = {one.selector for one in view.curves}
    what = selectors.pop() if len(selectors) == 1 else "Accuracy"
    figure = plot_costs(
        lines,
        title=f"{what.capitalize()} by cost",
        subtitle=f"{view.n_problems} problems, {100 * view.confidence_level:g}% interval over {view.over}; bold: the best buy",
        x_label=f"{UNIT_NAMES.get(view.unit, view.unit)} per problem (log scale)",
        best=[(one.begin, one.end, position[one.label]) for one in view.segments],
        changes=[
            Change(cost=one.budget, low=one.low, high=one.high, label=view.curves[one.after].label)
            for one in view.crossings
        ],
    )
    save_figure(figure, path)


def _pricing(
    cost: str | None,
    options: Mapping[str, str],
    models: tuple[tuple[str, str], ...],
    models_file: Path | None,
    prices_file: Path | None,
    price: Mapping[str, str] | None,
    tokens: Mapping[str, str] | None,
) -> Any:
    from ttscale.analysis.budget_pricing import Pricing

    return Pricing(
        cost=cost,
        options=dict(options),
        models=dict(models),
        models_file=models_file,
        prices_file=prices_file,
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
