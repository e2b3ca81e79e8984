"""Commands that look beyond the samples: forecast, backtest."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ttscale.cli.statistics import (
    Budgets,
    Findings,
    Names,
    about,
    groups_of,
    like_option,
    plot_option,
    predictive_level_option,
    seed_option,
    source_options,
)

if TYPE_CHECKING:
    from ttscale.exchange.counts import CountsGroup
    from ttscale.stats.forecast.next_samples import NextSamples


@click.command("forecast")
@source_options
@click.option("--k", type=Budgets(), required=True, help="Budgets to forecast, such as 1000,10000.")
@click.option(
    "--from", "prefix", type=click.IntRange(1), help="Pretend to have only this many samples per problem."
)
@click.option(
    "--method",
    default="auto",
    show_default=True,
    help="auto, backtested (the best on prefixes), plug-in, or a law's name or import path.",
)
@click.option(
    "--tail",
    type=click.Choice(["auto", "open", "ceiling", "all-solvable"]),
    default="auto",
    show_default=True,
    help="What is known of the hardest problems: nothing, ever rarer successes, a share never solved, or all within reach.",
)
@like_option
@predictive_level_option
@seed_option
@plot_option
def forecast_command(**given: Any) -> None:
    """Forecast coverage at more samples than were drawn, with a predictive interval."""
    import numpy as np

    from ttscale.analysis.reading.sources import read_source
    from ttscale.stats.forecast.backtesting import thin
    from ttscale.stats.forecast.forecasting import forecast
    from ttscale.stats.forecast.next_samples import next_samples

    prefix, method, rng = given["prefix"], given["method"], np.random.default_rng(given["seed"])
    groups = groups_of(given, of_laws=() if method == "auto" else (method,), of_prefixes=prefix is not None)
    like = [one for path in given["likes"] for one in read_source(path, by=given["by"])]
    found, measured, n_max = Findings(), [], 0
    for group in groups:
        counts = (group.n, group.c)
        if prefix is not None:
            thinned = thin(*counts, prefix, rng)
            counts = (thinned.n, thinned.c)
        known: dict[str, Any] = {
            "tail": given["tail"],
            "like": _others(group, like),
            "confidence_level": given["confidence_level"],
            "rng": given["seed"],
        }
        ahead = forecast(*counts, given["k"], method=method, **known)
        if ahead.doubt:
            _tell_doubt(group, ahead.doubt, next_samples(*counts, max(given["k"]), **known))
        view, n_max = ahead.view(), max(n_max, ahead.n_max)
        measured += [note for note in view.notes if "within the samples" in note]
        found.add(
            group,
            ({**row, "method": ahead.method, "n_samples": ahead.n_max} for row in ahead.to_rows()),
            ({**row, **about(ahead.curve), "method": ahead.method} for row in view.rows),
            ahead.curve,
        )
    for note in dict.fromkeys(measured):
        click.echo(f"Note: {note}", err=True)
    found.tell(given, title="forecast coverage", measured_k=n_max)


def _others(group: "CountsGroup", like: "Sequence[CountsGroup]") -> list[tuple[Any, Any]]:
    """Return the counts of other models: not the group's own, and those on its problems where there are such.

    Pooled models are each forecast from the others; split problems, such as levels, each from the same part.
    """
    others = [one for one in like if (one.n.tolist(), one.c.tolist()) != (group.n.tolist(), group.c.tolist())]
    own = set(group.problem_ids or ())
    near = [one for one in others if own.intersection(one.problem_ids or ())]
    return [(one.n, one.c) for one in near or others]


def _tell_doubt(group: "CountsGroup", doubt: str, plan: "NextSamples") -> None:
    """Say on stderr what the samples cannot tell, and which further samples would."""
    name = ", ".join(group.labels.values())
    click.echo(f"Note: {name + ': ' if name else ''}{doubt}; {plan.advice}.", err=True)


@click.command("backtest")
@source_options
@click.option("--from", "prefixes", type=Budgets(), help="Prefix lengths; by default powers of ten below n.")
@click.option(
    "--method", "methods", type=Names(), help="Methods to compare, as in forecast; the usual ones by default."
)
@click.option(
    "--draws", type=click.IntRange(2, 10_000), default=10, show_default=True, help="Prefixes per length."
)
@predictive_level_option
@seed_option
def backtest_command(**given: Any) -> None:
    """Compare forecasting methods on the data at hand: fit on a prefix of the samples, score on the rest."""
    from ttscale.stats.forecast.backtesting import METHODS, backtest

    found = Findings()
    for group in groups_of(given, of_prefixes=True):
        result = backtest(
            group.n,
            group.c,
            s=given["prefixes"],
            methods=given["methods"] or METHODS,
            n_draws=given["draws"],
            confidence_level=given["confidence_level"],
            rng=given["seed"],
        )
        view = result.view()
        about_it = {"problems": result.n_problems, "forecast": view.title}
        found.add(group, result.to_rows(), ({**row, **about_it} for row in view.rows))
    found.tell(given)
