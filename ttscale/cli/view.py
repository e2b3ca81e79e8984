"""The command ``view``: the report of a run while it is going, or of all runs of a folder, on this machine only."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ttscale.cli.options import output_options

if TYPE_CHECKING:
    from http.server import ThreadingHTTPServer


@click.command("view")
@click.argument(
    "runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path, file_okay=False)
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8765,
    show_default=True,
    help="Where the page is served on 127.0.0.1; 0 takes any free port.",
)
@click.option("--no-open", is_flag=True, help="Do not open a browser.")
@output_options
def view_command(runs: tuple[Path, ...], port: int, no_open: bool, output: str | None) -> int:
    """Show the report of RUN live while it is going, or browse all runs below a folder.

    The page renews itself when something new is stored, keeps what you chose in it, and says when the run is done.
    Forecasts and the comparison of verifiers appear then. A folder that is no run gives a list of the runs below it.
    It is served on 127.0.0.1 only, and Ctrl-C ends it; a run on another machine is seen through
    ssh -L 8765:127.0.0.1:8765 HOST.
    """
    from ttscale.cli.main import AtOnce
    from ttscale.report.folder import is_run

    if len(runs) == 1 and runs[0].is_dir() and not is_run(runs[0]):
        _browse(runs[0], port, no_open, output)
    else:
        _watch(runs, port, no_open, output)
    return AtOnce(0)  # an analysis may be under way in a thread


def _browse(folder: Path, port: int, no_open: bool, output: str | None) -> None:
    from ttscale.report.folder import RunsBelow, runs_below
    from ttscale.report.serving import make_server

    found = runs_below([folder])  # says so if none is here
    _serve(make_server(RunsBelow(folder), port), found, output, no_open, lambda: None)


def _watch(runs: Sequence[Path], port: int, no_open: bool, output: str | None) -> None:
    import threading

    from ttscale.report.live import LiveReport, follow
    from ttscale.report.serving import make_server
    from ttscale.store.run import RunStore

    stores = [RunStore(run) for run in runs]
    for store in stores:
        store.manifest()  # says so if no run is here
    report, stop = LiveReport(stores), threading.Event()

    def begin() -> None:
        report.refresh()
        threading.Thread(target=follow, args=(report, stop), name="follow", daemon=True).start()

    try:
        _serve(make_server(report, port), runs, output, no_open, begin)
    finally:
        stop.set()


def _serve(
    server: "ThreadingHTTPServer",
    runs: Sequence[Path],
    output: str | None,
    no_open: bool,
    begin: Callable[[], None],
) -> None:
    """Say where the page is, and serve it until Ctrl-C."""
    from ttscale.cli.main import say
    from ttscale.cli.output import print_rows

    url = f"http://127.0.0.1:{server.server_port}/"
    if output:
        print_rows([{"url": url, "runs": [str(run) for run in runs]}], output)
    else:
        print(url, flush=True)
    say("Reading the run; the page follows it. Ctrl-C ends this.")
    try:
        begin()
        if not no_open:
            _open(url)
        server.serve_forever()
    except KeyboardInterrupt:
        say("Stopped looking. The run itself is not touched.")
    finally:
        server.server_close()


def _open(url: str) -> None:
    """Open a browser where there is a screen: elsewhere a text browser would take the terminal over."""
    import os
    import sys
    import webbrowser

    if sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(url)
