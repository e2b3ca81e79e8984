"""The commands ``budget`` and ``allocate``: what samples cost, and how to spend a sum best."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ttscale.cli.options import output_options
from ttscale.cli.statistics import Budgets, Names, level_option, plot_option, seed_option
from ttscale.types import CONFIDENCE_LEVEL

if TYPE_CHECKING:
    from ttscale.analysis.budget.answers import BudgetView
    from ttscale.analysis.budget.choices import Metric
    from ttscale.analysis.budget.view import Target
    from ttscale.costs.amounts import Amount
    from ttscale.costs.contract import Price
    from ttscale.showing.view import View


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


_METRICS: Mapping[str, "Metric"] = {"coverage": "coverage", "accuracy": "selected accuracy"}
"""What a user may write before a share -> what is to reach it."""


class TargetShare(click.ParamType["Target"]):
    """coverage=0.9, accuracy=0.9, or 0.9 of whatever is asked about; or 90%."""

    name = "coverage=SHARE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> "Target":
        """Read what is to reach which share."""
        from ttscale.analysis.budget.view import Target

        if isinstance(value, Target):
            return value
        name, equals, text = str(value).rpartition("=")
        if equals and name not in _METRICS:
            self.fail(f"'{name}' is no target; use coverage=0.9, or accuracy=0.9 with --selector", param, ctx)
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            self.fail(f"'{text}' is not a share such as 0.9 or 90%", param, ctx)
        return Target(share, _METRICS.get(name))


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
    type=TargetShare(),
    multiple=True,
    help="What does it cost to solve this share? coverage=0.9, or accuracy=0.9 of what a --selector picks. Repeatable.",
)
@click.option("--spend", "spends", type=Spend(), multiple=True,
              help="What does this sum reach? 100usd, 1e6tokens, 1e15flops, 2gpu-hours; over all problems. Repeatable.")  # fmt: skip
@click.option("--selector", "selectors", type=Names(), default=("coverage",), show_default="coverage",
              help="coverage, majority, weighted (vote), best (highest score), first (accepted), or your own: ttscale list selectors.")  # fmt: skip
@click.option(
    "--verifier",
    "verifiers",
    type=Names(),
    default=(),
    help="Whose scores or verdicts weighted, best and first go by; logprob for the samples' own.",
)
@click.option("--oracle", help="The verifier that defines correct; by default the run's own.")
@click.option(
    "--limits",
    type=Budgets(),
    default=(),
    help="Compare every arm at these token limits, read off its samples: 128,256.",
)
@click.option(
    "--pilot",
    type=click.IntRange(1),
    help="Pretend that each problem has only so many samples, and forecast.",
)
@click.option("--within", type=click.FloatRange(1, min_open=True),
              help="How large must a pilot be until the samples for --target are known within this factor? Takes a minute.")  # fmt: skip
@click.option("--ahead", is_flag=True, help="Draw coverage curves on beyond the samples, by forecast.")
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
    targets: tuple["Target", ...],
    spends: tuple["Amount", ...],
    selectors: tuple[str, ...],
    verifiers: tuple[str, ...],
    oracle: str | None,
    limits: tuple[int, ...],
    pilot: int | None,
    within: float | None,
    ahead: bool,
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
    from ttscale.analysis.budget.figure import budget_figure
    from ttscale.analysis.budget.questions import Inference
    from ttscale.analysis.budget.view import BudgetSettings, budget_view
    from ttscale.cli.output import print_rows
    from ttscale.plots.saving import save_figure

    settings = BudgetSettings(
        selectors=selectors,
        verifiers=verifiers,
        oracle=oracle,
        targets=targets,
        spends=spends,
        limits=limits,
        pilot=pilot,
        within=within,
        ahead=ahead or pilot is not None,
        worth=worth,
        wrong=wrong,
        pricing=_pricing(cost, options, models, models_file, prices_file, price, tokens),
        inference=Inference(
            over=over, method=method, confidence_level=confidence_level or CONFIDENCE_LEVEL, seed=seed
        ),
    )
    view = budget_view(sources, by=by, settings=settings)
    if plot:
        save_figure(budget_figure(view), plot)
    if output:
        print_rows(list(view.to_rows()), output)
    else:
        print_budget(view)


@click.command("allocate")
@click.argument("sources", type=click.Path(path_type=Path, exists=True), nargs=-1, required=True)
@click.option("--by", type=Names(), default=(), help="Columns that tell a table's arms apart, such as model.")
@click.option(
    "--spend",
    type=Spend(),
    required=True,
    help="The sum over all problems: 100usd, 1e6tokens, 1e15flops, 2gpu-hours.",
)
@click.option("--selector", type=click.Choice(["coverage", "best"]), default="coverage", show_default=True,
              help="What to maximise: coverage, or the accuracy of the highest score.")  # fmt: skip
@click.option("--verifier", help="Whose scores `best` goes by; logprob for the samples' own.")
@click.option("--oracle", help="The verifier that defines correct; by default the run's own.")
@pricing_options
@level_option
@seed_option
@output_options
def allocate_command(
    sources: tuple[Path, ...],
    by: tuple[str, ...],
    spend: "Amount",
    selector: str,
    verifier: str | None,
    oracle: str | None,
    cost: str | None,
    options: Mapping[str, str],
    models: tuple[tuple[str, str], ...],
    models_file: Path | None,
    prices_file: Path | None,
    price: Mapping[str, str] | None,
    tokens: Mapping[str, str] | None,
    confidence_level: float | None,
    seed: int,
    output: str | None,
) -> None:
    """How many samples from each arm is a sum best spent on?

    SOURCES are run directories (every cell is an arm: a model, a temperature, a prompt) or tables of counts. The
    allocation is chosen on one half of the samples and valued on the other, with its gain over the best single arm.
    """
    from ttscale.analysis.budget.allocation import allocate
    from ttscale.analysis.budget.questions import Inference
    from ttscale.analysis.budget.view import BudgetSettings
    from ttscale.cli.output import print_rows

    settings = BudgetSettings(
        selectors=(selector,),
        verifiers=(verifier,) if verifier else (),
        oracle=oracle,
        pricing=_pricing(cost, options, models, models_file, prices_file, price, tokens),
        inference=Inference(confidence_level=confidence_level or CONFIDENCE_LEVEL, seed=seed),
    )
    view = allocate(sources, spend, by=by, settings=settings)
    if output:
        print_rows(list(view.to_rows()), output)
        return
    _print_view(view.view())


def print_budget(view: "BudgetView") -> None:
    """Print a view's tables to stdout and its caveats to stderr."""
    _print_view(view.view())


def _print_view(view: "View") -> None:
    """Print what a result has to say: tables to stdout, notes to stderr."""
    from ttscale.cli.main import say
    from ttscale.cli.output import print_table

    for note in view.notes:
        say(f"Note: {note}")
    for title, rows in (*([(view.title, view.rows)] if view.rows else []), *view.more):
        print_table(rows, title=title)
        print()


def _pricing(
    cost: str | None,
    options: Mapping[str, str],
    models: tuple[tuple[str, str], ...],
    models_file: Path | None,
    prices_file: Path | None,
    price: Mapping[str, str] | None,
    tokens: Mapping[str, str] | None,
) -> Any:
    from ttscale.analysis.budget.pricing import Pricing

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
