"""The command ``compare``: verifiers against an oracle, on the same stored samples."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ttscale.cli.options import output_options
from ttscale.cli.statistics import Budgets, Names, draw, level_option, plot_option, seed_option

if TYPE_CHECKING:
    from ttscale.analysis.comparison.results import Comparison


class Thresholds(click.ParamType[tuple[str, float]]):
    """NAME=SCORE."""

    name = "NAME=SCORE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        """Split at the last equals sign."""
        if isinstance(value, tuple):
            return value
        name, equals, score = value.rpartition("=")
        try:
            return name if equals else self.fail(f"'{value}' is not NAME=SCORE", param, ctx), float(score)
        except ValueError:
            self.fail(f"'{score}' is not a number", param, ctx)


@click.command("compare")
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("--oracle", help="What defines correct: a verifier, or a column; by default the run's own.")
@click.option(
    "--verifiers",
    type=Names(),
    help="Verifiers to compare, such as last-digit,vote,ensemble; by default all stored ones that do not see the "
    "key, and the vote.",
)
@click.option("--selector", "selectors", type=Names(), default=(),
              help="More ways to pick an answer, beside best of k, weighted vote and first accepted: see `ttscale list selectors`.")  # fmt: skip
@click.option(
    "--k", type=Budgets(), help="Budgets of the tables; powers of ten and the smallest n by default."
)
@click.option(
    "--errors",
    type=click.Choice(["stop", "drop", "wrong"]),
    default="stop",
    show_default=True,
    help="What a verifier's failure counts as: stop and say so, leave the sample out for all, or rejected.",
)
@click.option("--threshold", "thresholds", type=Thresholds(), multiple=True,
              help="Accept from this score on, such as reward=0.5. Repeatable.")  # fmt: skip
@click.option(
    "--value", type=click.FloatRange(0), default=1.0, show_default=True, help="Worth of a correct answer."
)
@click.option(
    "--cost", type=click.FloatRange(0), default=1.0, show_default=True, help="Cost of a wrong answer."
)
@click.option(
    "--price", type=click.FloatRange(0), default=0.0, show_default=True, help="Price of one sample."
)
@click.option("--answers", help="The column of answers, where SOURCE is a table.")
@level_option
@seed_option
@plot_option
@click.option("--reliability", type=click.Path(path_type=Path, dir_okay=False),
              help="Draw accuracy over claimed probability to this .png, .svg or .pdf.")  # fmt: skip
@output_options
def compare_command(**given: Any) -> None:
    """Compare verifiers: what each collects, how well it judges, and whether they differ.

    SOURCE is a run directory, or a CSV, Parquet or JSONL table with one row per sample (or per problem, with
    lists) and a column per verifier. `vote` is agreement with the other samples, `ensemble` a logistic regression of the
    named verifiers, cross-fitted over problems.
    """
    from ttscale.analysis.comparison.compare import ComparisonSettings, compare_verifiers
    from ttscale.cli.output import print_rows

    same = ("k", "selectors", "errors", "confidence_level", "seed")
    settings = ComparisonSettings(
        thresholds=dict(given["thresholds"]),
        value_correct=given["value"],
        cost_wrong=given["cost"],
        cost_per_draw=given["price"],
        **{name: given[name] for name in same},
    )
    results = compare_verifiers(
        given["source"],
        given["verifiers"],
        oracle=given["oracle"],
        answers=given["answers"],
        settings=settings,
    )
    if given["plot"]:
        _plot(given["plot"], results)
    if given["reliability"]:
        _plot_reliability(given["reliability"], results)
    if given["output"]:
        print_rows([row for result in results for row in result.to_rows()], given["output"])
    else:
        for result in results:
            print_comparison(result)


def print_comparison(result: "Comparison") -> None:
    """Print a comparison's tables to stdout and its caveats to stderr."""
    from ttscale.cli.main import say
    from ttscale.cli.output import print_table
    from ttscale.showing.numbers import count, exact_percent, rests_on

    for note in result.notes:
        say(f"Note: {note}")
    curve = result.coverage
    rests = rests_on(curve.n_problems, curve.confidence_level, curve.over)
    print_table(
        result.collected_table(),
        title=f"{result.label}: {count(result.n_samples, 'sample')}. Percent solved with k samples of {rests}",
    )
    print()
    print_table(
        result.judgement_table(),
        title="How well the scores judge: AUROC and expected calibration error, pooled over samples and within problems",
    )
    print()
    worth, cost, price = result.worth
    print_table(
        result.decision_table(),
        title=f"What the verdicts are worth: a correct answer earns {worth:g}, a wrong one costs {cost:g}, a sample {price:g}",
    )
    if result.differences is not None:
        print()
        print_table(
            result.difference_table(),
            title=f"Paired differences in percentage points; {exact_percent(curve.confidence_level)} for all {len(result.differences_at)} together (max-t)",
        )


def _plot(path: Path, results: list["Comparison"]) -> None:
    curves = []
    for result in results:
        prefix = f"{result.label}: " if len(results) > 1 else ""
        curves.append((f"{prefix}coverage", result.coverage))
        curves += [(f"{prefix}{one.name}", one.selections[0].curve) for one in result.verifiers]
    draw(path, curves, title="What each verifier collects")


def _plot_reliability(path: Path, results: list["Comparison"]) -> None:
    from ttscale.plots import save_figure
    from ttscale.plots.reliability import ReliabilityLine, plot_reliability
    from ttscale.showing.numbers import rests_on

    lines = [
        ReliabilityLine(
            label=f"{result.label}: {one.name}" if len(results) > 1 else one.name,
            claimed=one.reliability.claimed,
            accuracy=one.reliability.accuracy,
            low=one.reliability.low,
            high=one.reliability.high,
        )
        for result in results
        for one in result.verifiers
        if one.reliability is not None
    ]
    one = results[0].coverage
    subtitle = rests_on(one.n_problems, one.confidence_level, one.over)
    save_figure(plot_reliability(lines, subtitle=subtitle), path)
