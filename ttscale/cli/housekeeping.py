"""Commands that keep run directories in order: merge, remove."""

import sys
from pathlib import Path

import click

from ttscale.cli.options import RunFolder, run_argument


@click.command("merge")
@click.argument("runs", metavar="RUN RUN...", nargs=-1, required=True, type=RunFolder())
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Directory of the new run.")
def merge_command(runs: tuple[Path, ...], out: Path) -> None:
    """Merge runs of machines without a shared disk into a new one.

    Cells of one name must agree in all that decides a sample, but for the run's seed. A sample that two runs drew with one seed is kept
    once; all others stay, with their verdicts. The runs themselves are not changed.
    """
    from ttscale.cli.main import say
    from ttscale.cli.progress import make_progress
    from ttscale.pipeline.merging import merge_runs

    merge_runs(runs, out, make_progress())
    say(f"Merged {len(runs)} runs into {out}. Next:  ttscale report {out}")


@click.command("remove")
@run_argument
@click.argument("cells", metavar="CELL...", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove_command(run: Path, cells: tuple[str, ...], yes: bool) -> None:
    """Remove cells of RUN for good, with their samples, verdicts and all else: a mistyped model, a bad prompt."""
    from ttscale.cli.main import say
    from ttscale.errors import ConfigError
    from ttscale.store.removing import remove_cells
    from ttscale.store.run import RunStore

    store = RunStore(run)
    known = store.cells()
    n_samples = sum(sum(store.counts(cell).values()) for cell in cells if cell in known)
    if n_samples and not yes:
        if not sys.stdin.isatty():
            raise ConfigError(
                f"That removes {n_samples:,} samples for good. Repeat it with --yes if that is meant."
            )
        click.confirm(f"Remove {n_samples:,} samples for good?", abort=True, err=True)
    with store.writing():
        remove_cells(store, cells)
    say(f"Removed {', '.join(cells)} from {run}. Its page, if it has one, is old now: ttscale report {run}")
