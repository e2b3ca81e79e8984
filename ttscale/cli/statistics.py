"""Commands that work on counts alone: curve, fit; and what commands on counts share."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ttscale.cli.options import F, Given, oracle_option, output_options
from ttscale.types import CONFIDENCE_LEVEL, PREDICTIVE_LEVEL

if TYPE_CHECKING:
    from ttscale.exchange.counts import CountsGroup
    from ttscale.stats.counts.curve import Curve
    from ttscale.stats.laws.fitting import LawFit


class Names(click.ParamType[tuple[str, ...]]):
    """Comma-separated names."""

    name = "NAME,..."

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Split at commas."""
        if isinstance(value, tuple):
            return value
        names = tuple(part.strip() for part in value.split(",") if part.strip())
        return names or self.fail(f"'{value}' names nothing", param, ctx)


_LARGEST_BUDGET = 2.0**53
"""Up to which every whole number is a float of its own."""


class Budgets(click.ParamType[tuple[int, ...]]):
    """Comma-separated whole numbers of at least 1, also as 1e4 or 10_000."""

    name = "K,..."

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Read the numbers."""
        if isinstance(value, tuple):
            return value
        numbers = []
        for part in value.split(","):
            try:
                number = float(part)
            except ValueError:
                self.fail(f"'{part:.40}' is not a number", param, ctx)
            if not (1 <= number <= _LARGEST_BUDGET and number == int(number)):
                self.fail(f"{part:.40} is not a whole number from 1 to 2^53", param, ctx)
            numbers.append(int(number))
        return tuple(sorted(set(numbers)))


by_option = click.option(
    "--by",
    type=Names(),
    help="Columns that tell a table's groups apart, by default those named model, task, ...; of a run what its problems are "
    "split by, such as level or subject. none: pool them.",
)


def source_options(command: F) -> F:
    """Add SOURCE, --by, --oracle and the output options."""
    command = by_option(oracle_option(output_options(command)))
    return click.argument("source", type=click.Path(path_type=Path))(command)


def _level_option(default: float) -> Callable[[F], F]:
    return click.option(
        "--level",
        "confidence_level",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        default=default,
        help="Confidence level of intervals.",
    )


level_option, predictive_level_option = _level_option(CONFIDENCE_LEVEL), _level_option(PREDICTIVE_LEVEL)
like_option = click.option(
    "--like",
    "likes",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    help="Run directory or table of counts of other models on this benchmark; repeatable, --by applies.",
)
seed_option = click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
plot_option = click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), help="Also draw to this .png, .svg or .pdf."
)


@click.command("curve")
@source_options
@click.option("--k", type=Budgets(), help="Budgets; a log grid by default.")
@click.option(
    "--metric",
    type=click.Choice(["coverage", "pass_hat_k", "g_pass_at_k", "mg_pass_at_k"]),
    default="coverage",
    show_default=True,
    help="Mean pass@k; mean pass^k (all k correct); mean G-Pass@k (a share --tau of them); mean mG-Pass@k.",
)
@click.option(
    "--tau",
    type=click.FloatRange(0, 1, min_open=True),
    help="Share of the k samples that must be correct, for --metric g_pass_at_k.  [default: 0.5]",
)
@click.option(
    "--over",
    type=click.Choice(["problems", "samples", "both"]),
    default="problems",
    show_default=True,
    help="What intervals generalise over.",
)
@click.option("--pool", is_flag=True, help="One curve of samples pooled from all cells (or groups) as arms.")
@click.option(
    "--share",
    "shares",
    multiple=True,
    metavar="CELL=WEIGHT",
    help="With --pool: an arm's share of the samples, 1 for those not named. Repeatable.",
)
@level_option
@seed_option
@plot_option
def curve_command(**given: Any) -> None:
    """Coverage at every budget, with intervals.

    SOURCE is a run directory, or a CSV, Parquet or JSONL table of counts (one row per problem) or of outcomes
    (one row per sample).

    With --pool the cells are arms that answer the same problems (temperatures, prompts, models): k samples are
    drawn from all of them together, in equal parts or by --share.
    """
    from ttscale.analysis.curves import coverage_of, pooled, reliability_of

    metric, over, tau, k = given["metric"], given["over"], given["tau"], given["k"]
    level = given["confidence_level"]
    if over != "problems" and (metric != "coverage" or given["pool"]):
        raise click.UsageError(f"--over {over} is for coverage of one source, without --pool.")
    if tau is not None and metric != "g_pass_at_k":
        raise click.UsageError("--tau is for --metric g_pass_at_k.")
    if (given["pool"] and metric != "coverage") or (given["shares"] and not given["pool"]):
        raise click.UsageError("--pool is for coverage, and --share for --pool.")

    def curve_of(group: "CountsGroup") -> "Curve":
        if metric == "coverage":
            return coverage_of(group, k, over=over, confidence_level=level, seed=given["seed"])
        return reliability_of(group, metric, k, tau=tau or 0.5, confidence_level=level)

    groups, found = groups_of(given), Findings()
    if given["pool"]:
        curves = [pooled(groups, k, given["shares"], confidence_level=level)]
    else:
        curves = [(group, curve_of(group)) for group in groups]
    for group, curve in curves:
        found.add(group, curve.to_rows(), ({**row, **about(curve)} for row in curve.table()), curve)
    if not given["output"]:
        _tell_known(curve for _, curve in curves)
    found.tell(given, title=metric)


@click.command("fit")
@source_options
@click.option(
    "--law",
    type=Names(),
    default=("exponentiated-power-law",),
    help="Laws to fit; 'all' for every one, my_module:MyLaw for your own.",
)
@level_option
@plot_option
def fit_command(**given: Any) -> None:
    """Fit scaling laws to counts: parameters with intervals, and the error on the curve."""
    from ttscale.registry import plugins
    from ttscale.stats.counts.curve import budget_grid
    from ttscale.stats.laws.fitting import fit_law

    laws = tuple(plugins("laws")) if given["law"] == ("all",) else given["law"]
    level, found = given["confidence_level"], Findings()
    nested = given["output"] in ("json", "jsonl")
    for group in groups_of(given, of_laws=laws):
        for name in laws:
            fit = fit_law(name, group.n, group.c, confidence_level=level)
            row = _fit_row(fit)
            curve = fit.predict(budget_grid(int(group.n.max())))
            found.add(group, [row if nested else _flat(row)], _fit_table(fit), curve)
    found.tell(given, title="fitted coverage")


@dataclass
class Findings:
    """What a command on counts found, group by group.

    Attributes:
        rows: For programs.
        table: For a person.
        curves: For a figure.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    table: list[dict[str, Any]] = field(default_factory=list)
    curves: list[tuple["CountsGroup", "Curve"]] = field(default_factory=list)

    def add(
        self,
        group: "CountsGroup",
        rows: Iterable[Mapping[str, Any]],
        table: Iterable[Mapping[str, Any]],
        curve: "Curve | None" = None,
    ) -> None:
        """Add what was found of a group, under its labels."""
        self.rows += [{**group.labels, **row} for row in rows]
        self.table += [{**group.labels, **row} for row in table]
        self.curves += [] if curve is None else [(group, curve)]

    def tell(self, given: Given, *, title: str = "", measured_k: int | None = None) -> None:
        """Draw and print as the options say."""
        from ttscale.cli.output import print_rows

        if given.get("plot"):
            named = [
                (", ".join(group.labels.values()) or curve.metric, curve) for group, curve in self.curves
            ]
            draw(given["plot"], named, title=title, measured_k=measured_k)
        print_rows(self.rows, given["output"], table=self.table)


def groups_of(given: Given, *, of_laws: Sequence[str] = (), of_prefixes: bool = False) -> "list[CountsGroup]":
    """Read SOURCE, and say on stderr what limits the numbers of cells whose samples were chosen by their verdicts."""
    from ttscale.analysis.curves import caveats_of
    from ttscale.analysis.reading.sources import read_source

    groups = read_source(given["source"], by=given["by"], oracle=given["oracle"])
    for text in caveats_of(groups, of_laws=of_laws, of_prefixes=of_prefixes):
        click.echo(f"Note: {text}", err=True)
    return groups


def _tell_known(curves: Iterable["Curve"]) -> None:
    """Say on stderr what is known against intervals; the table has it in two words."""
    for text in dict.fromkeys(text for curve in curves for text in curve.view().notes):
        click.echo(f"Note: {text}.", err=True)


def about(curve: "Curve") -> dict[str, Any]:
    """Return what a curve rests on as columns of a table."""
    from ttscale.showing.numbers import exact_percent

    interval = f"{exact_percent(curve.confidence_level)} over {curve.over}"
    return {
        "metric": curve.metric,
        "interval": interval,
        "problems": curve.n_problems,
        "method": curve.method,
    }


def _fit_row(fit: Any) -> dict[str, Any]:
    return {
        "law": fit.law,
        "params": {
            name: {"value": one.value, "low": one.low, "high": one.high, "at_bound": one.at_bound}
            for name, one in fit.params.items()
        },
        "curve_rmse": fit.residual,
        "log_likelihood": fit.log_likelihood,
        "aic": fit.aic,
        "bic": fit.bic,
        "converged": fit.converged,
        "status": fit.status,
        "confidence_level": fit.confidence_level,
        "n_problems": fit.n_problems,
        "n_max": fit.n_max,
    }


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """Return a fit's row for CSV: parameters as text."""
    text = ", ".join(
        f"{name} = {one['value']:.4g} [{one['low']:.4g}, {one['high']:.4g}]{' at bound' if one['at_bound'] else ''}"
        for name, one in row["params"].items()
    )
    return {key: value for key, value in {**row, "params": text}.items() if value is not None}


def _fit_table(fit: "LawFit") -> list[dict[str, Any]]:
    """Return one row per parameter as a person reads it, with how well the law fits."""
    from ttscale.showing.numbers import exact_percent, width

    about = {
        "error on the curve": width(fit.residual),
        "AIC": fit.aic,
        "fit": "converged" if fit.converged else fit.status,
        "interval": f"{exact_percent(fit.confidence_level)} over problems",
        "problems": fit.n_problems,
        "samples": fit.n_max,
    }
    return [{"law": fit.law, **row, **about} for row in fit.view().rows]


def draw(
    path: Path, curves: Sequence[tuple[str, "Curve"]], *, title: str, measured_k: int | None = None
) -> None:
    """Draw labelled curves to a file."""
    from ttscale.plots import Line, plot_curves, save_figure
    from ttscale.showing.numbers import rests_on

    lines = [
        Line(label=label, k=curve.k, value=curve.value, low=curve.low, high=curve.high)
        for label, curve in curves
    ]
    one = curves[0][1]
    subtitle = rests_on(one.n_problems, one.confidence_level, one.over)
    save_figure(plot_curves(lines, title=title, subtitle=subtitle, measured_k=measured_k), path)
