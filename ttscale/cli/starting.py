"""The command that writes a first configuration."""

import sys
from pathlib import Path

import click


@click.command("init")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False), default=Path("ttscale.yaml"))
@click.option("--model", help="A built-in model, a local folder, a hub id, or a server's name for it.")
@click.option("--task", help="A task (`ttscale list tasks`), or a JSONL, CSV or Parquet file of problems.")
@click.option("--engine", help="auto, vllm, transformers, openai (a server), or a plugin.")
@click.option("--n", type=click.IntRange(min=1), help="Samples per problem.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def init_command(
    path: Path, model: str | None, task: str | None, engine: str | None, n: int | None, force: bool
) -> None:
    """Write a commented configuration to PATH (ttscale.yaml): three questions in a terminal, or options.

    What no option says is asked for in a terminal, and is the built-in demo elsewhere.
    """
    from ttscale.cli.main import say
    from ttscale.config.starting import Start, starting_config
    from ttscale.errors import ConfigError
    from ttscale.store.files import write_text

    if path.exists() and not force:
        raise ConfigError(f"{path} exists already. Give another name, or --force to replace it.")
    usual = Start()
    start = Start(
        model=_asked("Model (built in, a folder, or a hub id)", model, usual.model),
        task=_asked("Task (a name, or a file of problems)", task, usual.task),
        engine=_asked("Engine (auto, vllm, transformers, openai)", engine, usual.engine),
        n=n or usual.n,
    )
    text = starting_config(start, str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)
    say(f"Wrote {path}. Next:  ttscale plan {path}")


def _asked(question: str, given: str | None, usual: str) -> str:
    if given is not None or not _is_terminal():
        return given or usual
    answer: str = click.prompt(question, default=usual, err=True)
    return answer.strip()


def _is_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()
