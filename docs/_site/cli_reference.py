"""Write docs/cli.md from the commands themselves: ``python docs/_site/cli_reference.py``."""

from pathlib import Path
from typing import Any

import click

from ttscale.cli.main import COMMANDS, cli

PAGE = Path(__file__).parent.parent / "cli.md"

HEAD = """# Command line

<!-- Written by docs/_site/cli_reference.py from the commands themselves; do not edit. -->

stdout carries data, stderr progress and warnings. Exit codes: 0 done, 1 an error (one line; `ttscale --debug COMMAND` adds the
traceback), 2 wrong usage, 3 finished with failures, 130 interrupted.

"""


def reference() -> str:
    """Return the page."""
    context = click.Context(cli, info_name="ttscale")
    commands = [(name, cli.get_command(context, name)) for name in COMMANDS]
    known = [(name, command) for name, command in commands if command is not None]
    table = "".join(f"| [`{name}`](#ttscale-{name}) | {COMMANDS[name][1]} |\n" for name, _ in known)
    sections = "\n".join(_section(name, command, context) for name, command in known)
    return f"{HEAD}| command | what it does |\n| --- | --- |\n{table}\n{sections}"


def _section(name: str, command: click.Command, parent: click.Context) -> str:
    context = click.Context(command, info_name=name, parent=parent)
    usage = " ".join(command.collect_usage_pieces(context))
    rows = "".join(
        _row(parameter, context) for parameter in command.params if isinstance(parameter, click.Option)
    )
    options = f"| option | meaning |\n| --- | --- |\n{rows}" if rows else ""
    return f"## ttscale {name}\n\n```text\nttscale {name} {usage}\n```\n\n{_help(command)}\n\n{options}"


def _help(command: click.Command) -> str:
    """Return the help text, paragraphs kept and lines joined."""
    paragraphs = (command.help or "").replace("\b\n", "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs if paragraph.strip())


def _row(option: click.Option, context: click.Context) -> str:
    record: Any = option.get_help_record(context)
    if record is None:  # a hidden option
        return ""
    spelling, meaning = (" ".join(text.split()).replace("|", "\\|") for text in record)
    return f"| `{spelling}` | {meaning} |\n"


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
