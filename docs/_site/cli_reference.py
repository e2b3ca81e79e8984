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


def _section(name: str, command: click.Command, parent: click.Context, level: int = 2) -> str:
    context = click.Context(command, info_name=name, parent=parent)
    usage = " ".join(command.collect_usage_pieces(context))
    rows = "".join(
        _row(parameter, context) for parameter in command.params if isinstance(parameter, click.Option)
    )
    options = f"| option | meaning |\n| --- | --- |\n{rows}" if rows else ""
    section = f"{'#' * level} ttscale {name}\n\n```text\nttscale {name} {usage}\n```\n\n{_help(command)}\n\n{options}"
    if not isinstance(command, click.Group):
        return section
    inner = ((one, command.get_command(context, one)) for one in command.list_commands(context))
    shown = [
        _section(f"{name} {one}", each, context, level + 1) for one, each in inner if each and not each.hidden
    ]
    return "\n".join([section, *shown])


def _help(command: click.Command) -> str:
    """Return the help text, lines joined; a paragraph that keeps its lines is a block of commands."""
    paragraphs = (paragraph for paragraph in (command.help or "").split("\n\n") if paragraph.strip())
    return "\n\n".join(_paragraph(paragraph) for paragraph in paragraphs)


def _paragraph(text: str) -> str:
    if text.startswith("\b\n"):
        return f"```text\n{text.removeprefix(chr(8) + chr(10))}\n```"
    return " ".join(text.split())


def _row(option: click.Option, context: click.Context) -> str:
    record: Any = option.get_help_record(context)
    if record is None:  # a hidden option
        return ""
    spelling, meaning = (" ".join(text.split()).replace("|", "\\|") for text in record)
    return f"| `{spelling}` | {meaning} |\n"


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
