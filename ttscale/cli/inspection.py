"""Commands that only look: plan, status, show, list."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ttscale.cli.options import ConfigCommand, config_options, oracle_option, output_options, run_argument

if TYPE_CHECKING:
    from ttscale.samplers.preview import Preview

_SHOWN_CHARACTERS = 1500
"""Of a first prompt; the rest of a long one is left out in its middle."""


@click.command("plan", cls=ConfigCommand)
@config_options
@click.option(
    "--tokens-per-s",
    type=click.FloatRange(min=0, min_open=True),
    help="Speed to expect, where the run has not measured its own yet.",
)
@click.option(
    "--prices",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="YAML file of prices in USD per million tokens: model: {prompt: .., completion: ..}.",
)
@output_options
def plan_command(
    config: Path,
    overrides: tuple[str, ...],
    out: Path | None,
    tokens_per_s: float | None,
    prices: Path | None,
    output: str | None,
) -> None:
    """Check CONFIG and show cells, samples, expected tokens, time, money and disk; sample nothing."""
    from ttscale.cli.main import say
    from ttscale.cli.output import print_rows
    from ttscale.config.loading import load_config
    from ttscale.costs.money import known_prices
    from ttscale.pipeline.planning import Expectations, plan
    from ttscale.pipeline.spending import told_of_caps

    settings = load_config(config, overrides, out=out)
    planned = plan(settings, Expectations(tokens_per_s, known_prices(prices)))
    rows = planned.rows
    prompts = planned.first_prompts(settings)
    for line in told_of_caps(settings, rows):
        say(line)
    if output is not None:
        print_rows([row | {"first_prompt": prompts[row["cell"]].text} for row in rows], output)
        return
    print_rows(
        [*rows, _total(rows)] if len(rows) > 1 else rows, None, title=f"{settings.name} -> {settings.out}"
    )
    _show_prompts(prompts)


def _show_prompts(prompts: Mapping[str, "Preview"]) -> None:
    """Print every different first prompt once, under the names of its cells."""
    from ttscale.errors import printable

    cells: dict[Preview, list[str]] = {}
    for cell, prompt in prompts.items():
        cells.setdefault(prompt, []).append(cell)
    for prompt, names in cells.items():
        text = prompt.text
        left = len(text) - _SHOWN_CHARACTERS
        if left > 0:
            half = _SHOWN_CHARACTERS // 2
            text = f"{text[:half]}\n... {left:,} characters ...\n{text[-half:]}"
        whose = (
            f" of {names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}"
            if len(prompts) > 1
            else ""
        )
        print(f"\nFirst prompt{whose}, {prompt.how}:")
        print("\n".join(f"  {printable(line)}" for line in text.split("\n")))


def _total(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Add up what a plan's cells take; a sum with an unknown part is unknown."""
    total: dict[str, Any] = dict.fromkeys(rows[0]) | {"cell": "all"}
    for key in rows[0]:
        if key.startswith("samples") or key.endswith(("_expected", "_at_most")):
            values = [row[key] for row in rows]
            total[key] = None if None in values else sum(values)
    return total


@click.command("status")
@run_argument
@click.option("--watch", is_flag=True, help="Keep the table up to date until Ctrl-C.")
@output_options
def status_command(run: Path, watch: bool, output: str | None) -> None:
    """Show how far RUN has come: samples and verdicts, cell by cell."""
    from ttscale.cli.output import print_rows
    from ttscale.pipeline.planning import engine_advice, status_rows
    from ttscale.store.run import RunStore

    store = RunStore(run)
    if watch and output is None:
        _watch(store)
    else:
        print_rows(status_rows(store), output, title=str(run))
        for line in engine_advice(store):
            click.echo(line, err=True)


def _watch(store: Any) -> None:
    """Redraw the table of cells every other second."""
    import time

    from rich.live import Live

    from ttscale.cli.output import stdout_console, table_of
    from ttscale.pipeline.planning import status_rows

    with suppress(KeyboardInterrupt), Live(console=stdout_console(), auto_refresh=False) as live:
        while True:
            live.update(table_of(status_rows(store), title=str(store.path)), refresh=True)
            time.sleep(2)


@click.command("show")
@run_argument
@oracle_option
@output_options
def show_command(run: Path, oracle: str | None, output: str | None) -> None:
    """Print the results of RUN: coverage, selectors and the fitted law."""
    from ttscale.analysis.reading.cell import stored_config
    from ttscale.analysis.run.analyze import analyze_run
    from ttscale.cli.output import print_rows, stdout_console
    from ttscale.report.tables import render_table, result_rows
    from ttscale.store.run import RunStore

    store = RunStore(run)
    result = analyze_run(store, stored_config(store, oracle=oracle))
    if output:
        print_rows(result_rows(result), output)
    else:
        render_table(result, stdout_console())


@click.command("list")
@click.argument("kind", required=False)
@output_options
def list_command(kind: str | None, output: str | None) -> None:
    """List the plugins of KIND (tasks, samplers, verifiers, selectors, laws), or of every kind.

    For tasks also the number of problems with default options, the verifiers that fit, licence and source.
    """
    from ttscale.cli.output import print_rows
    from ttscale.errors import UnknownPluginError, did_you_mean, listed
    from ttscale.registry import BUILT_IN

    if kind is not None and kind not in BUILT_IN and f"{kind}s" in BUILT_IN:
        kind = f"{kind}s"
    if kind is not None and kind not in BUILT_IN:
        raise UnknownPluginError(
            f"Unknown kind '{kind}'.{did_you_mean(kind, BUILT_IN)} Known: {listed(BUILT_IN)}."
        )
    if kind is None:
        rows = [row for one in BUILT_IN for row in _plugin_rows(one)]
    else:
        rows = _task_rows() if kind == "tasks" else _plugin_rows(kind)
    print_rows(rows, output)


def _plugin_rows(kind: str) -> list[dict[str, Any]]:
    from ttscale.errors import BrokenPluginError
    from ttscale.registry import plugins

    rows = []
    for name, ref in sorted(plugins(kind).items()):
        try:
            summary = (ref.load().__doc__ or "").strip().split("\n")[0]
        except BrokenPluginError as error:
            summary = f"BROKEN: {error}"
        rows.append({"kind": kind, "name": name, "origin": ref.origin, "what": summary})
    return rows


def _task_rows() -> list[dict[str, Any]]:
    """Return what every task says of itself; a task of someone else's may say less."""
    from ttscale.errors import BrokenPluginError
    from ttscale.registry import find_plugin

    rows = []
    for row in _plugin_rows("tasks"):
        try:
            plugin = find_plugin("tasks", row["name"]).load()
        except BrokenPluginError:
            plugin = None
        about = getattr(plugin, "about", None)
        choices = getattr(plugin, "verifiers", ())
        names = [choice if isinstance(choice, str) else choice["name"] for choice in choices]
        rows.append(
            {
                "name": row["name"],
                "problems": about and about.problems,
                "verifiers": ", ".join(names) or None,
                "license": about and about.license,
                "source": about and about.source,
                "what": row["what"],
                "origin": row["origin"],
            }
        )
    return rows
