"""Options that many commands share, each defined once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

config_argument = click.argument("config", type=click.Path(path_type=Path, dir_okay=False))
run_argument = click.argument("run", type=click.Path(path_type=Path, file_okay=False))

set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a setting, such as sampling.n=1000. Repeatable.",
)
out_option = click.option(
    "--out", type=click.Path(path_type=Path), help="Run directory, instead of the configured one."
)

share_option = click.option(
    "--share",
    is_flag=True,
    help="Let several processes work on this run: start each with --share on the same directory.",
)

unsafe_option = click.option(
    "--unsafe-no-sandbox",
    is_flag=True,
    help="Run model-written code without a sandbox. It can then do whatever you can do.",
)


oracle_option = click.option(
    "--oracle", metavar="NAME", help="The verifier that defines correct; by default the run's own."
)


def config_options(command: F) -> F:
    """Add CONFIG, --set and --out."""
    return config_argument(set_option(out_option(command)))


def output_options(command: F) -> F:
    """Add --json, --jsonl, --csv: how stdout is written; a table by default."""
    for name, text in (("csv", "CSV"), ("jsonl", "one JSON object per line"), ("json", "JSON")):
        command = click.option(f"--{name}", "output", flag_value=name, help=f"Print {text}.")(command)
    return command
