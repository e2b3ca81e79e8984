"""Commands on attempts of strategies: trace, turns and compare-strategies."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ttscale.cli.options import output_options, run_argument
from ttscale.cli.pricing import pricing_of, pricing_options
from ttscale.cli.statistics import Budgets

if TYPE_CHECKING:
    from ttscale.analysis.strategies.trace import AttemptTrace

_SHOWN = 200
"""Characters of a text in the tree, unless all are asked for."""


@click.command("trace")
@run_argument
@click.argument("problem")
@click.argument("index", type=click.IntRange(min=0), default=0)
@click.option("--cell", help="Cell of a run that has several.")
@click.option("--full", is_flag=True, help="Show texts whole.")
@output_options
def trace_command(
    run: Path, problem: str, index: int, cell: str | None, full: bool, output: str | None
) -> None:
    """Show one attempt at PROBLEM as a tree: every call with its role, tokens, score and text.

    INDEX is the attempt's number, 0 by default.
    """
    from ttscale.analysis.strategies.trace import attempt_trace
    from ttscale.cli.output import print_lines, print_rows
    from ttscale.store.run import RunStore

    attempt = attempt_trace(RunStore(run), problem, index, cell=cell)
    if output is not None:
        print_rows(attempt.rows(), output)
        return
    print_lines(_tree(attempt, None if full else _SHOWN))


def _tree(attempt: "AttemptTrace", shown: int | None) -> Any:
    from rich.text import Text
    from rich.tree import Tree

    notes = ", ".join(f"{name} {value:g}" for name, value in attempt.notes.items())
    state = "" if attempt.completion is not None else " (under way)"
    root = Tree(
        Text(f"{attempt.cell}: problem {attempt.problem_id}, attempt {attempt.sample_index}{state}  {notes}")
    )
    _grow(root, attempt, None, shown)
    if attempt.completion is not None:
        root.add(Text(f"answer: {_cut(attempt.completion, shown)}"))
    return root


def _grow(branch: Any, attempt: "AttemptTrace", path: str | None, shown: int | None) -> None:
    from rich.text import Text

    from ttscale.analysis.strategies.trace import head_of

    for call in attempt.children(path):
        head = head_of(call, attempt.won)
        line = head if call.kind == "judge" else f"{head}: {_cut(call.text, shown)}"
        _grow(branch.add(Text(line)), attempt, call.path, shown)


def _cut(text: str, shown: int | None) -> str:
    line = text.replace("\n", "⏎")
    return line if shown is None or len(line) <= shown else line[: shown - 1] + "…"


@click.command("compare-strategies")
@run_argument
@click.option(
    "--at",
    "at",
    help="Costs per problem to compare at, such as 100,1000; by default three within reach of all.",
)
@click.option(
    "--verifier",
    "verifiers",
    multiple=True,
    help="A verifier without the key by which samples may be picked (first accepted); by default all that judged every cell. Repeatable.",
)
@click.option("--oracle", help="Verifier that defines correct, where a run has several.")
@pricing_options
@output_options
def compare_strategies_command(
    run: Path,
    at: str | None,
    verifiers: tuple[str, ...],
    oracle: str | None,
    output: str | None,
    **given: Any,
) -> None:
    """Compare the strategies of RUN's cells at equal cost: coverage, and what can be collected without the key."""
    from ttscale.analysis.strategies.compare import compare_strategies
    from ttscale.cli.output import print_results

    pricing = pricing_of(given | {"cost": given["cost"] or "tokens"})
    found = compare_strategies(run, pricing=pricing, at=_numbers(at), verifiers=verifiers, oracle=oracle)
    print_results(found, output)


def _numbers(text: str | None) -> list[float]:
    if text is None:
        return []
    try:
        numbers = [float(part) for part in text.split(",")]
        if all(0 < number < math.inf for number in numbers):
            return numbers
        raise ValueError(text)
    except ValueError:
        raise click.BadParameter(
            f"'{text}' is no list of numbers above 0 such as 100,1000.", param_hint="--at"
        ) from None


@click.command("turns")
@run_argument
@click.option("--cell", help="Cell of a run that has several; by default all whose attempts answer in turns.")
@click.option(
    "--k", "k", type=Budgets(), default=(), help="Numbers of attempts, such as 1,4; by default 1 and all."
)
@click.option(
    "--gain",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.01,
    show_default=True,
    help="A turn that adds at most this share of the problems does not pay.",
)
@click.option("--oracle", help="Verifier that defines correct, where a run has several.")
@output_options
def turns_command(
    run: Path, cell: str | None, k: tuple[int, ...], gain: float, oracle: str | None, output: str | None
) -> None:
    """Show what RUN's attempts would have solved, had they stopped after each of their turns.

    Every turn's answer is judged by the run's oracle; nothing is drawn.
    """
    from ttscale.analysis.strategies.turns import turns_result
    from ttscale.cli.output import print_results
    from ttscale.errors import InvalidInputError
    from ttscale.pipeline.strategy.turns import cells_with_turns, verified_turns
    from ttscale.store.run import RunStore

    store = RunStore(run)
    found = [
        turns_result(name, verified_turns(store, name, oracle=oracle)[0], k=k, gain=gain)
        for name in ([cell] if cell else cells_with_turns(store))
    ]
    if not found:
        raise InvalidInputError(
            f"No cell of {run} has a strategy that answers in turns, such as refine or rsa."
        )
    print_results(found, output)
