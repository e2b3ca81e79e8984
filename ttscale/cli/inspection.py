"""Commands that only look: plan, status, show, list."""

from pathlib import Path
from typing import Any

import click

from ttscale.cli.options import config_options, output_options, run_argument


@click.command("plan")
@config_options
@output_options
def plan_command(config: Path, overrides: tuple[str, ...], out: Path | None, output: str | None) -> None:
    """Check CONFIG and show cells, samples, expected tokens and disk; sample nothing."""
    from ttscale.cli.output import print_rows
    from ttscale.config.loading import load_config
    from ttscale.pipeline.planning import plan_rows

    settings = load_config(config, overrides, out=out)
    print_rows(plan_rows(settings), output, title=f"{settings.name} -> {settings.out}")


@click.command("status")
@run_argument
@output_options
def status_command(run: Path, output: str | None) -> None:
    """Show how far RUN has come: samples and verdicts, cell by cell."""
    from ttscale.cli.output import print_rows
    from ttscale.pipeline.planning import status_rows
    from ttscale.store.run import RunStore

    print_rows(status_rows(RunStore(run)), output, title=str(run))


@click.command("show")
@run_argument
@output_options
def show_command(run: Path, output: str | None) -> None:
    """Print the results of RUN: coverage, selectors and the fitted law."""
    from ttscale.analysis.analyze import analyze_run
    from ttscale.cli.output import print_rows, stdout_console
    from ttscale.report.tables import render_table, result_rows
    from ttscale.store.run import RunStore

    result = analyze_run(RunStore(run))
    if output:
        print_rows(result_rows(result), output)
    else:
        render_table(result, stdout_console())


@click.command("list")
@click.argument("kind", required=False)
@output_options
def list_command(kind: str | None, output: str | None) -> None:
    """List the plugins of KIND (tasks, samplers, verifiers, laws), or of every kind.

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
