"""The command ``view``: the report of a run while it is going, on this machine only."""

from pathlib import Path

import click

from ttscale.cli.options import output_options


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
def view_command(runs: tuple[Path, ...], port: int, no_open: bool, output: str | None) -> None:
    """Show the report of RUN live while it is going.

    The page renews itself when something new is stored, keeps what you chose in it, and says when the run is done.
    Forecasts and the comparison of verifiers appear then. It is served on 127.0.0.1 only, and Ctrl-C ends it; a
    run on another machine is seen through ssh -L 8765:127.0.0.1:8765 HOST.
    """
    import threading

    from ttscale.cli.main import say
    from ttscale.cli.output import print_rows
    from ttscale.report.live import LiveReport, follow, make_server
    from ttscale.store.run import RunStore

    stores = [RunStore(run) for run in runs]
    for store in stores:
        store.manifest()  # says so if no run is here
    report = LiveReport(stores)
    server = make_server(report, port)
    url = f"http://127.0.0.1:{server.server_port}/"
    if output:
        print_rows([{"url": url, "runs": [str(run) for run in runs]}], output)
    else:
        print(url, flush=True)
    say("Reading the run; the page follows it. Ctrl-C ends this.")
    stop = threading.Event()
    try:
        report.refresh()
        threading.Thread(target=follow, args=(report, stop), name="follow", daemon=True).start()
        if not no_open:
            _open(url)
        server.serve_forever()
    except KeyboardInterrupt:
        say("Stopped looking. The run itself is not touched.")
    finally:
        stop.set()
        server.server_close()


def _open(url: str) -> None:
    """Open a browser where there is a screen: elsewhere a text browser would take the terminal over."""
    import os
    import sys
    import webbrowser

    if sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(url)
