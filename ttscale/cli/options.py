"""Options that many commands share, each defined once."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

Given = Mapping[str, Any]
"""A command's options by name."""

config_argument = click.argument("config", type=click.Path(path_type=Path, dir_okay=False))


class RunFolder(click.Path):
    """A run directory; whoever gives a file is told what it is good for."""

    name = "directory"

    def __init__(self) -> None:
        super().__init__(path_type=Path, file_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse files with what to do instead."""
        path = Path(value)
        if path.is_file():
            self.fail(
                f"{path} is a file, and a run is a folder. Counts or outcomes are read by ttscale curve {path} (fit, forecast, budget); "
                f"samples become a run by ttscale import {path} --out runs/{path.stem}",
                param,
                ctx,
            )
        return super().convert(value, param, ctx)


run_argument = click.argument("run", type=RunFolder())

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


class ConfigCommand(click.Command):
    """A command whose settings stand in a file: an option that is one of them is told how it is given."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Read the options, and explain a setting among them."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.NoSuchOption as error:
            setting = _setting(error.option_name)
            if setting is None:
                raise
            raise click.NoSuchOption(
                error.option_name,
                f"No such option: {error.option_name}. It is a setting: --set {setting}=VALUE",
                ctx=error.ctx,
            ) from None


def _setting(option: str) -> str | None:
    """Return the setting that an option such as --n or --max-tokens means, or None."""
    from pydantic import BaseModel

    from ttscale.config.models import AnalysisSettings
    from ttscale.samplers.settings import ModelSettings, SamplingSettings

    name = option.lstrip("-").partition("=")[0].replace("-", "_")
    if name in ("model", "task", "verifiers", "strategy", "sweep", "execution"):
        return name
    sections: dict[str, type[BaseModel]] = {
        "sampling": SamplingSettings,
        "model": ModelSettings,
        "analysis": AnalysisSettings,
    }
    return next((f"{section}.{name}" for section, own in sections.items() if name in own.model_fields), None)


def config_options(command: F) -> F:
    """Add CONFIG, --set and --out."""
    return config_argument(set_option(out_option(command)))


def output_options(command: F) -> F:
    """Add --json, --jsonl, --csv: how stdout is written; a table by default."""
    for name, text in (("csv", "CSV"), ("jsonl", "one JSON object per line"), ("json", "JSON")):
        command = click.option(f"--{name}", "output", flag_value=name, help=f"Print {text}.")(command)
    return command
