"""The command ``compare-models``: cells of runs and groups of tables against each other, problem by problem."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ttscale.cli.options import Given, output_options
from ttscale.cli.pricing import pricing_of, pricing_options
from ttscale.cli.statistics import Budgets, Names, by_option, level_option, plot_option, seed_option

if TYPE_CHECKING:
    from ttscale.analysis.models.compare import ModelComparisonSettings
    from ttscale.analysis.models.results import ModelComparison

_CHARS = 300
"""Of a sample on the terminal."""


@click.command("compare-models")
@click.argument("sources", type=click.Path(path_type=Path, exists=True), nargs=-1, required=True)
@by_option
@click.option("--cells", type=Names(), default=(), help="Compare these alone, by the names in the tables.")
@click.option("--against", help="Compare every other cell with this one; by default all pairs.")
@click.option("--k", type=Budgets(), help="Budgets; powers of ten and the smallest n by default.")
@click.option("--selector", "selectors", type=Names(), default=("coverage",), show_default="coverage",
              help="Curves to compare: coverage, majority, weighted, best, first, ensemble, or your own.")  # fmt: skip
@click.option("--verifier", "verifiers", type=Names(), default=(),
              help="Whose scores or verdicts they go by; logprob for the samples' own.")  # fmt: skip
@click.option("--oracle", help="The verifier that defines correct; by default the run's own.")
@click.option(
    "--at",
    type=Budgets(),
    default=(),
    help="Costs per problem to compare at; by default three in reach of all.",
)
@pricing_options
@click.option("--power", type=click.FloatRange(0.5, 1, max_open=True), default=0.8, show_default=True,
              help="Chance with which more problems or samples shall settle it.")  # fmt: skip
@click.option("--problems", is_flag=True, help="Print the problems x cells table instead: correct of drawn.")
@click.option("--samples", type=click.IntRange(1), metavar="N",
              help="Print what both wrote on the first N problems that one solves and the other does not.")  # fmt: skip
@level_option
@seed_option
@plot_option
@output_options
def compare_models_command(
    problems: bool, samples: int | None, plot: Path | None, output: str | None, **given: Any
) -> None:
    """Compare models, prompts or temperatures: who solves more, how sure that is, and who solves what.

    SOURCES are run directories (every cell is compared; imported ones too) or tables of counts or outcomes (every group is).
    They are compared on the problems that all of them have, paired, at equal samples and at equal cost.
    """
    from ttscale.analysis.models.compare import compare_models
    from ttscale.cli.budget import print_view
    from ttscale.cli.output import print_rows, print_table

    found = compare_models(given["sources"], by=given["by"], settings=_settings(given))
    if plot:
        _draw(plot, found)
    if samples:
        rows = [row for one in found for row in _texts(one, samples, given["oracle"], whole=bool(output))]
        if not rows:
            click.echo("Note: no problem is solved by one cell and not by the other.", err=True)
        print_rows(rows, output)
    elif output:
        print_rows([row for one in found for row in _rows(one, output, problems=problems)], output)
    else:
        for one in found:
            if problems:
                print_table(one.grid_table(), title=one.view().title)
            else:
                print_view(one.view())


def _draw(path: Path, found: "Sequence[ModelComparison]") -> None:
    """Draw the differences of the first curve to a file."""
    from ttscale.plots.saving import save_figure

    if len(found) > 1:
        raise click.UsageError(f"--plot draws one figure, but the problems fall into {len(found)} parts.")
    save_figure(found[0].plot(), path)


def _settings(given: Given) -> "ModelComparisonSettings":
    from ttscale.analysis.models.compare import ModelComparisonSettings

    same = ("cells", "against", "k", "selectors", "verifiers", "oracle", "power", "seed")
    return ModelComparisonSettings(
        at=tuple(float(one) for one in given["at"]),
        pricing=pricing_of(given),
        confidence_level=given["confidence_level"],
        **{name: given[name] for name in same},
    )


def _rows(found: "ModelComparison", output: str, *, problems: bool) -> Iterator[dict[str, Any]]:
    """Yield a comparison's rows, or the grid's alone; CSV has no lists."""
    own = ({**found.part, **row} for row in found.grid_rows()) if problems else found.to_rows()
    for row in own:
        if output == "csv" and "not_solved_by" in row:
            row["not_solved_by"] = ", ".join(row["not_solved_by"])
        yield row


def _texts(
    found: "ModelComparison", most: int, oracle: str | None, *, whole: bool
) -> Iterator[dict[str, Any]]:
    """Yield a sample of the cell that solves a problem and one of the cell that does not, pair by pair, both ways."""
    from ttscale.analysis.models.texts import samples_to_read

    for pair in found.pairs:
        for cell, versus in (pair, pair[::-1]):
            ids = [one.problem_id for one in found.solved_by_one(cell, versus)[:most]]
            both: Sequence[Any] = [
                samples_to_read(found, each, ids, oracle=oracle) for each in (cell, versus)
            ]
            for problem in ids:
                for shown in (one[problem] for one in both):
                    text = shown.completion if whole else shown.completion[:_CHARS]
                    yield {
                        "problem_id": problem,
                        "solved_by": found.labels[cell],
                        "not_by": found.labels[versus],
                        "cell": shown.cell,
                        "sample_index": shown.sample_index,
                        "outcome": shown.outcome,
                        "completion": text,
                    }
