"""The command that reads a whole run: check."""

import sys
from pathlib import Path

import click

from ttscale.cli.options import output_options, run_argument


@click.command("check")
@run_argument
@output_options
def check_command(run: Path, output: str | None) -> None:
    """Read every file of RUN, and say which are damaged, belong elsewhere or are copies, and what the next run makes again.

    Nothing is changed. Ends with 3 where anything is wrong.
    """
    from rich.console import Console
    from rich.progress import Progress

    from ttscale.cli.main import EXIT_UNFINISHED, say
    from ttscale.cli.output import print_rows
    from ttscale.pipeline.checking import check_rows
    from ttscale.store.checking import n_files
    from ttscale.store.run import RunStore

    store, read = RunStore(run), 0
    store.manifest()  # says so if no run is here
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("Reading", total=n_files(run))

        def seen(_: object) -> None:
            nonlocal read
            read += 1
            progress.advance(task)

        rows = check_rows(store, seen)
    print_rows(rows, output, title=str(run))
    say(f"{read:,} files read; {'all are whole' if not rows else 'see the list'}.")
    if rows:
        click.get_current_context().exit(EXIT_UNFINISHED)
