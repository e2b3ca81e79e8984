"""Commands that write a run: run, sample, verify, report."""

import itertools
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ttscale.cli.options import (
    ConfigCommand,
    RunFolder,
    config_options,
    oracle_option,
    output_options,
    run_argument,
    share_option,
    unsafe_option,
)

if TYPE_CHECKING:
    from ttscale.config.models import RunConfig
    from ttscale.store.run import RunStore


@click.command("run", cls=ConfigCommand)
@config_options
@share_option
@unsafe_option
@output_options
def run_command(
    config: Path,
    overrides: tuple[str, ...],
    out: Path | None,
    share: bool,
    output: str | None,
    unsafe_no_sandbox: bool,
) -> None:
    """Sample, verify and report: the whole job.

    CONFIG is a YAML file. What is stored already is not done again: the same command after an interruption
    continues, and with a larger sampling.n it extends.
    """
    from ttscale.cli.progress import make_progress
    from ttscale.config.loading import load_config
    from ttscale.errors import UnfinishedRunError
    from ttscale.pipeline.building import without_sandbox
    from ttscale.pipeline.run import run
    from ttscale.store.run import RunStore

    settings = load_config(config, overrides, out=out)
    _check_selectors(settings)
    if unsafe_no_sandbox:
        verifiers = tuple(without_sandbox(verifier) for verifier in settings.verifiers)
        settings = settings.model_copy(update={"verifiers": verifiers})
    try:
        store = run(settings, make_progress(), share=share)
        _report([store], output)
        _exit_by_failures(one.outcomes(store.cells()) for one in store.verdict_sets())
    except UnfinishedRunError:
        _report([RunStore(settings.out)], output)  # of the cells that are done
        raise


def _check_selectors(settings: "RunConfig") -> None:
    """Load the selectors that the report will need, so that a typo ends the job before it samples for hours."""
    if settings.analysis.selectors:
        from ttscale.analysis.selecting import named_selector

        for selector in settings.analysis.selectors:
            named_selector(selector)


def _exit_by_failures(outcomes: Iterable[Mapping[str, int]]) -> None:
    """End with the exit code of a job that is done, but in which verifiers failed on samples."""
    from ttscale.cli.main import EXIT_UNFINISHED
    from ttscale.types import Outcome

    if any(one[Outcome.ERROR] for one in outcomes):
        click.get_current_context().exit(EXIT_UNFINISHED)


@click.command("sample", cls=ConfigCommand)
@config_options
@share_option
def sample_command(config: Path, overrides: tuple[str, ...], out: Path | None, share: bool) -> None:
    """Draw the samples that a run lacks; verify and report later."""
    from ttscale.cli.progress import make_progress
    from ttscale.config.loading import load_config
    from ttscale.pipeline.run import sample_run

    sample_run(load_config(config, overrides, out=out), make_progress(), share=share)


@click.command("verify")
@run_argument
@click.option(
    "--verifier",
    "extra",
    multiple=True,
    metavar="NAME",
    help="Verify with this one instead: a name, my_module:MyClass, or {name: ..., option: ...}. Repeatable.",
)
@click.option(
    "--retry-errors",
    is_flag=True,
    help="Verify samples again on which a verifier failed; the new verdict counts.",
)
@unsafe_option
@output_options
def verify_command(
    run: Path, extra: tuple[str, ...], retry_errors: bool, unsafe_no_sandbox: bool, output: str | None
) -> None:
    """Verify the stored samples of RUN, with its configured verifiers or with others.

    Each verifier, version and set of options keeps its own verdicts beside the others. The table counts what was
    verified now, and the outcomes of all verdicts that are stored.
    """
    from ttscale.analysis.reading.cell import stored_config
    from ttscale.cli.output import print_rows
    from ttscale.cli.progress import make_progress
    from ttscale.config.loading import parse_plugin
    from ttscale.config.models import PluginSettings
    from ttscale.errors import ConfigError
    from ttscale.pipeline.building import build_verifier, recommended_verifiers, without_sandbox
    from ttscale.pipeline.run import verify_run
    from ttscale.store.run import RunStore

    chosen: Sequence[PluginSettings] = [parse_plugin(text, "--verifier") for text in extra]
    store = RunStore(run)
    config = stored_config(store)
    chosen = chosen or config.verifiers or recommended_verifiers(config.task)
    if not chosen:
        raise ConfigError(
            f"{run} names no verifiers, as a run whose samples were imported. Give one: ttscale verify {run} --verifier "
            "NAME (`ttscale list verifiers`)."
        )
    if unsafe_no_sandbox:
        chosen = [without_sandbox(verifier) for verifier in chosen]
    verifiers = [build_verifier(verifier) for verifier in chosen]
    verified = verify_run(store, verifiers, make_progress(), retry_errors=retry_errors)
    outcomes = {one.info.label: store.verdict_set(one.info).outcomes(store.cells()) for one in verifiers}
    print_rows(
        [{"verdicts": label, "samples_verified": n, **outcomes[label]} for label, n in verified.items()],
        output,
    )
    _exit_by_failures(outcomes.values())


@click.command("report")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=RunFolder())
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of report.html and figures/; RUN itself by default, ttscale-report for several runs.",
)
@click.option(
    "--bundle",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write a site instead: a page for each RUN, or for each run below a folder, and an index.html.",
)
@oracle_option
@output_options
def report_command(
    runs: tuple[Path, ...], out: Path | None, bundle: Path | None, oracle: str | None, output: str | None
) -> None:
    """Write report.html and figures/, and print the table.

    Several runs come side by side on one page. Cells without verified samples are named with the reason.
    """
    from ttscale.store.run import RunStore

    if bundle is not None:
        if out is not None or oracle is not None:
            raise click.UsageError(
                "--bundle has its own folder and every run its own oracle: leave out --out and --oracle."
            )
        _bundle(runs, bundle, output)
        return
    _report([RunStore(run) for run in runs], output, out=out, oracle=oracle)


def _bundle(runs: Sequence[Path], out: Path, output: str | None) -> None:
    from ttscale.cli.main import say
    from ttscale.cli.output import print_rows
    from ttscale.report.folder import runs_below, write_bundle

    bundle = write_bundle(runs_below(runs), out, tell=lambda words: say(f"Reporting {words}"))
    for run, why in bundle.failed.items():
        say(f"{run} has no report: {why}")
    print_rows([{"page": str(page)} for page in (bundle.index, *bundle.pages)], output)
    if bundle.failed:
        sys.exit(3)


def _report(
    stores: Sequence["RunStore"], output: str | None, *, out: Path | None = None, oracle: str | None = None
) -> None:
    from ttscale.analysis.budget.runs import price_runs
    from ttscale.analysis.reading.cell import stored_config
    from ttscale.analysis.run.analyze import analyze_run, reach
    from ttscale.cli.output import print_rows, stdout_console
    from ttscale.cli.progress import make_progress
    from ttscale.report.html import write_report
    from ttscale.report.tables import render_table, result_rows

    alone = len(stores) == 1
    n_cells = sum(len(store.cells()) for store in stores)
    numbers = itertools.count(1)

    progress = make_progress()

    def tell(cell: str) -> None:
        if n_cells > 1:
            progress.note(f"Analyzing {cell} ({next(numbers)} of {n_cells})")

    configs = [stored_config(store, oracle=oracle) for store in stores]
    with progress.waiting("Estimating from the samples"):
        common = [] if alone else [k for pair in zip(stores, configs, strict=True) for k in reach(*pair)]
        results = [
            analyze_run(store, config, depth="full", allow_empty=not alone, on_cell=tell, also=common)
            for store, config in zip(stores, configs, strict=True)
        ]
        budget = price_runs([store.path for store in stores], oracle=oracle)
    with progress.waiting("Writing the page and its figures"):
        folder = out or (stores[0].path if alone else Path("ttscale-report"))
        files = write_report(results, folder, budget=budget)
    if output:
        print_rows([row for result in results for row in result_rows(result)], output)
        return
    for result in results:
        last = result is results[-1]
        render_table(result, stdout_console(), report_path=files.page if last else None)
