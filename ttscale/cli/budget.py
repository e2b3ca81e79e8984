"""The commands ``budget`` and ``allocate``: what samples cost, and how to spend a sum best.

``budget`` asks three questions, each with its own options: ``reach``, ``spend`` and ``buy``. Asked without the word it takes
all options at once, as it did before there were three.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ttscale.cli.options import Given, output_options
from ttscale.cli.pricing import Spend, pricing_of, pricing_options
from ttscale.cli.statistics import (
    Budgets,
    Names,
    by_option,
    level_option,
    like_option,
    plot_option,
    seed_option,
)

if TYPE_CHECKING:
    from ttscale.analysis.budget.choices import Metric
    from ttscale.analysis.budget.questions import Table
    from ttscale.analysis.budget.result import BudgetView
    from ttscale.analysis.budget.view import BudgetSettings, Target
    from ttscale.costs.amounts import Amount
    from ttscale.showing.view import View


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


Option = Callable[[Any], Any]

_SOURCES: Option = click.argument(
    "sources", type=click.Path(path_type=Path, exists=True), nargs=-1, required=True
)
_PICKED: tuple[Option, ...] = (
    click.option("--selector", "selectors", type=Names(), default=("coverage",), show_default="coverage",
                 help="coverage, majority, weighted (vote), best (highest score), first (accepted), ensemble (of the verifiers), or your own: ttscale list selectors."),
    click.option("--verifier", "verifiers", type=Names(), default=(),
                 help="Whose scores or verdicts weighted, best, first and ensemble go by; logprob for the samples' own."),
    click.option("--oracle", help="The verifier that defines correct; by default the run's own."),
)  # fmt: skip
_PILOT: Option = click.option(
    "--pilot",
    type=click.IntRange(1),
    help="Pretend that each problem has only so many samples, and forecast.",
)
_WITHIN: Option = click.option(
    "--within",
    type=click.FloatRange(1, min_open=True),
    help="How large must a pilot be until the samples for the target are known within this factor? Takes a minute.",
)
_LIMITS: Option = click.option(
    "--limits",
    type=Budgets(),
    default=(),
    help="Compare every arm at these token limits, read off its samples: 128,256.",
)
_AHEAD: Option = click.option(
    "--ahead", is_flag=True, help="Draw coverage curves on beyond the samples, by forecast."
)
_WORTH: Option = click.option(
    "--worth", type=Spend(), help="Worth of a solved problem: where does the next sample stop paying?"
)
_WRONG: Option = click.option(
    "--wrong", type=Spend(), help="Cost of a wrong answer: how many samples are best? With --selector first."
)
_OVER: Option = click.option(
    "--over",
    type=click.Choice(["problems", "samples"]),
    default="problems",
    show_default=True,
    help="What intervals generalise over: problems of this kind, or these very problems.",
)
_METHOD: Option = click.option(
    "--method", default="auto", show_default=True, help="Of forecasts: auto, or the name of a law."
)
_SHOWN: tuple[Option, ...] = (level_option, seed_option, plot_option, output_options)


def _with(*options: Option) -> Option:
    """Return a decorator that adds arguments and options in this order."""

    def add(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return add


class _Questions(click.Group):
    """The three questions; what begins with none of their names is asked in the old spelling, all at once."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Send everything that names no question to the command that takes all options."""
        asks = bool(args) and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if asks or not args else [_ALL, *args])

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the questions in the order of this file."""
        return list(self.commands)


class _AllAtOnce(click.Command):
    """The old spelling: calls itself what the group is called."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Stand in the group's place, so that usage and errors are told as they are typed."""
        assert parent is not None  # it is a command of the group
        return super().make_context(parent.info_name, args, parent=parent.parent, **extra)


_ALL = "all"


@click.group("budget", cls=_Questions, no_args_is_help=True)
def budget_command() -> None:
    """What does a target cost, what does a sum reach, and which choice is the best buy?

    \b
    ttscale budget reach 0.9 runs/sweep          what it costs to solve that share
    ttscale budget spend 100usd runs/sweep       what a sum reaches
    ttscale budget buy runs/sweep                which choice is the best at which budget

    Sources are run directories (every cell is an arm) or tables of counts (every group is one). Arms are compared on the
    problems that all of them have, every problem getting the same number of samples. Without one of the three words
    `ttscale budget SOURCES` takes the options of all three, and --target and --spend as often as you like.
    """


@budget_command.command("reach")
@_with(click.argument("target", type=TargetShare()), _SOURCES, by_option, *_PICKED, _PILOT, _WITHIN)
@pricing_options
@_with(_OVER, _METHOD, like_option, *_SHOWN)
def reach_command(target: "Target", **given: Any) -> None:
    """What does it cost to solve this share?

    TARGET is 0.9 or 90%; coverage=0.9, or accuracy=0.9 of what a --selector picks. SOURCES are run directories (every cell
    is an arm) or tables of counts (every group is one).
    """
    _answer({**given, "targets": (target,)})


@budget_command.command("spend")
@_with(click.argument("amount", type=Spend()), _SOURCES, by_option, *_PICKED, _PILOT)
@pricing_options
@_with(_OVER, _METHOD, like_option, *_SHOWN)
def spend_command(amount: "Amount", **given: Any) -> None:
    """What does this sum reach?

    AMOUNT is over all problems: 100usd, 1e6tokens, 1e15flops, 2gpu-hours. SOURCES are run directories (every cell is an
    arm) or tables of counts (every group is one).
    """
    _answer({**given, "spends": (amount,)})


@budget_command.command("buy")
@_with(_SOURCES, by_option, *_PICKED, _LIMITS, _WORTH, _WRONG, _AHEAD)
@pricing_options
@_with(_OVER, _METHOD, like_option, *_SHOWN)
def buy_command(**given: Any) -> None:
    """Which choice is the best buy at which budget, and where does the next sample stop paying?

    SOURCES are run directories (every cell is an arm) or tables of counts (every group is one).
    """
    _answer(given)


@budget_command.command(_ALL, hidden=True, cls=_AllAtOnce)
@_with(
    _SOURCES,
    by_option,
    click.option("--target", "targets", type=TargetShare(), multiple=True,
                 help="What does it cost to solve this share? coverage=0.9, or accuracy=0.9 of what a --selector picks. Repeatable."),
    click.option("--spend", "spends", type=Spend(), multiple=True,
                 help="What does this sum reach? 100usd, 1e6tokens, 1e15flops, 2gpu-hours; over all problems. Repeatable."),
    *_PICKED, _LIMITS, _PILOT, _WITHIN, _AHEAD, _WORTH, _WRONG,
)  # fmt: skip
@pricing_options
@_with(_OVER, _METHOD, like_option, *_SHOWN)
def all_command(**given: Any) -> None:
    """All three questions at once."""
    _answer(given)


def _answer(given: Given) -> None:
    """Answer, draw and print."""
    from ttscale.analysis.budget.view import budget_views
    from ttscale.cli.output import print_rows

    views = budget_views(given["sources"], by=given["by"], settings=_settings(given))
    if given["plot"]:
        _plot(given["plot"], views)
    if given["output"]:
        print_rows([{**part, **row} for part, view in views for row in view.to_rows()], given["output"])
        return
    for part, view in views:
        if part:
            print(", ".join(f"{key} {value}" for key, value in part.items()), end="\n\n")
        print_budget(view)


def _plot(path: Path, views: "Sequence[tuple[Mapping[str, str], BudgetView]]") -> None:
    from ttscale.plots.saving import save_figure

    if len(views) > 1:
        raise click.UsageError(f"--plot draws one figure, but the problems fall into {len(views)} parts.")
    save_figure(views[0][1].plot(), path)


def _settings(given: Given) -> "BudgetSettings":
    from ttscale.analysis.budget.questions import Inference
    from ttscale.analysis.budget.view import BudgetSettings

    asked = ("targets", "spends", "limits", "pilot", "within", "worth", "wrong")
    return BudgetSettings(
        selectors=given["selectors"],
        verifiers=given["verifiers"],
        oracle=given["oracle"],
        ahead=given.get("ahead", False) or given.get("pilot") is not None,
        pricing=pricing_of(given),
        inference=Inference(
            over=given["over"],
            method=given["method"],
            confidence_level=given["confidence_level"],
            seed=given["seed"],
            like=_counts_of(given["likes"], given["by"]),
        ),
        **{name: given[name] for name in asked if name in given},
    )


def _counts_of(likes: Sequence[Path], by: Sequence[str] | None) -> "tuple[Table, ...]":
    from ttscale.analysis.reading.sources import read_source

    tables = [one for path in likes for one in read_source(path, by=by)]
    return tuple((tuple(one.n.tolist()), tuple(one.c.tolist())) for one in tables)


@click.command("allocate")
@click.argument("sources", type=click.Path(path_type=Path, exists=True), nargs=-1, required=True)
@by_option
@click.option(
    "--spend",
    type=Spend(),
    required=True,
    help="The sum over all problems: 100usd, 1e6tokens, 1e15flops, 2gpu-hours.",
)
@click.option("--selector", type=click.Choice(["coverage", "best", "ensemble"]), default="coverage", show_default=True,
              help="What to maximise: coverage, or the accuracy of the highest score or of an ensemble's.")  # fmt: skip
@click.option("--verifier", "verifiers", type=Names(), default=(),
              help="Whose scores `best` goes by, or several for `ensemble`; logprob for the samples' own.")  # fmt: skip
@click.option("--oracle", help="The verifier that defines correct; by default the run's own.")
@pricing_options
@level_option
@seed_option
@output_options
def allocate_command(
    sources: tuple[Path, ...],
    spend: "Amount",
    selector: str,
    verifiers: tuple[str, ...],
    output: str | None,
    **given: Any,
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
        verifiers=verifiers,
        oracle=given["oracle"],
        pricing=pricing_of(given),
        inference=Inference(confidence_level=given["confidence_level"], seed=given["seed"]),
    )
    view = allocate(sources, spend, by=given["by"], settings=settings)
    if output:
        print_rows(list(view.to_rows()), output)
        return
    print_view(view.view())


def print_budget(view: "BudgetView") -> None:
    """Print a view's tables to stdout and its caveats to stderr."""
    print_view(view.view())


def print_view(view: "View") -> None:
    """Print what a result has to say: tables to stdout, notes to stderr."""
    from ttscale.cli.main import say
    from ttscale.cli.output import print_table

    for note in view.notes:
        say(f"Note: {note}")
    for title, rows in (*([(view.title, view.rows)] if view.rows else []), *view.more):
        print_table(rows, title=title)
        print()
