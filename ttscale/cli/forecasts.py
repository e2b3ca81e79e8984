"""Commands that look beyond the samples: forecast, backtest."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ttscale.cli.statistics import (
    Budgets,
    Names,
    about,
    draw,
    level_option,
    like_option,
    plot_option,
    seed_option,
    source_options,
    tell_caveats,
)
from ttscale.types import PREDICTIVE_LEVEL

if TYPE_CHECKING:
    from ttscale.exchange.counts import CountsGroup
    from ttscale.stats.forecast.next_samples import NextSamples
    from ttscale.stats.forecast.prior import Tail


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
@level_option
@seed_option
@plot_option
def forecast_command(
    source: Path,
    by: tuple[str, ...] | None,
    oracle: str | None,
    output: str | None,
    k: tuple[int, ...],
    prefix: int | None,
    method: str,
    tail: "Tail",
    likes: tuple[Path, ...],
    confidence_level: float | None,
    seed: int,
    plot: Path | None,
) -> None:
    """Forecast coverage at more samples than were drawn, with a predictive interval."""
    import numpy as np

    from ttscale.analysis.reading.sources import read_source
    from ttscale.cli.output import print_rows
    from ttscale.stats.forecast.backtesting import thin
    from ttscale.stats.forecast.forecasting import forecast
    from ttscale.stats.forecast.next_samples import next_samples

    rng = np.random.default_rng(seed)
    rows, table, curves, measured = [], [], [], []
    n_max = 0
    groups = read_source(source, by=by, oracle=oracle)
    like = [one for path in likes for one in read_source(path, by=by)]
    tell_caveats(groups, of_laws=() if method == "auto" else (method,), of_prefixes=prefix is not None)
    for group in groups:
        n, c = group.n, group.c
        others = _others(group, like)
        if prefix is not None:
            thinned = thin(n, c, prefix, rng)
            n, c = thinned.n, thinned.c
        level = confidence_level or PREDICTIVE_LEVEL
        ahead = forecast(n, c, k, method=method, tail=tail, like=others, confidence_level=level, rng=seed)
        n_max = max(n_max, ahead.n_max)
        curves.append((group, ahead.curve))
        if ahead.doubt:
            plan = next_samples(n, c, max(k), tail=tail, like=others, confidence_level=level, rng=seed)
            _tell_doubt(group, ahead.doubt, plan)
        rows += [
            {**group.labels, **row, "method": ahead.method, "n_samples": ahead.n_max}
            for row in ahead.to_rows()
        ]
        view = ahead.view()
        measured += [note for note in view.notes if "within the samples" in note]
        table += [{**group.labels, **row, **about(ahead.curve), "method": ahead.method} for row in view.rows]
    if plot:
        draw(plot, curves, title="forecast coverage", measured_k=n_max)
    for note in dict.fromkeys(measured):
        click.echo(f"Note: {note}", err=True)
    print_rows(rows, output, table=table)


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
@click.option("--draws", type=click.IntRange(2), default=10, show_default=True, help="Prefixes per length.")
@level_option
@seed_option
def backtest_command(
    source: Path,
    by: tuple[str, ...] | None,
    oracle: str | None,
    output: str | None,
    prefixes: tuple[int, ...] | None,
    methods: tuple[str, ...] | None,
    draws: int,
    confidence_level: float | None,
    seed: int,
) -> None:
    """Compare forecasting methods on the data at hand: fit on a prefix of the samples, score on the rest."""
    from ttscale.analysis.reading.sources import read_source
    from ttscale.cli.output import print_rows
    from ttscale.stats.forecast.backtesting import METHODS, backtest

    rows, table = [], []
    groups = read_source(source, by=by, oracle=oracle)
    tell_caveats(groups, of_prefixes=True)
    for group in groups:
        result = backtest(
            group.n,
            group.c,
            s=prefixes,
            methods=methods or METHODS,
            n_draws=draws,
            confidence_level=confidence_level or PREDICTIVE_LEVEL,
            rng=seed,
        )
        rows += [{**group.labels, **row} for row in result.to_rows()]
        view = result.view()
        table += [
            {**group.labels, **row, "problems": result.n_problems, "forecast": view.title}
            for row in view.rows
        ]
    print_rows(rows, output, table=table)
