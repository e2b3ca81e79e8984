"""The whole run: sample, then verify. Each stage alone is one call, too."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

import ttscale
from ttscale.config.cells import cells
from ttscale.config.loading import dump_config, load_config
from ttscale.config.models import Cell, RunConfig
from ttscale.errors import CapReachedError, ConfigError, StoreError, TtscaleError, UnfinishedRunError
from ttscale.pipeline.building import NamedVerifier, ReadTask, cell_identity, free_settings, read_tasks
from ttscale.pipeline.cell_verifiers import CellVerifiers, cells_by_verifier, closing_all, verifiers_by_cell
from ttscale.pipeline.contract import CellDrawer, CellWork, Execution, StreamDrawer
from ttscale.pipeline.engines import by_engine
from ttscale.pipeline.execution import executing
from ttscale.pipeline.importing import refuse_imported
from ttscale.pipeline.live import LiveCoverage
from ttscale.pipeline.lost import tell_gone, tell_torn
from ttscale.pipeline.progress import Progress
from ttscale.pipeline.rules import check_rules
from ttscale.pipeline.spending import CappedDrawer, caps_of
from ttscale.pipeline.strategy.building import check_strategies
from ttscale.pipeline.together import neighbours
from ttscale.pipeline.until import referenced_first, rule_of, sample_until
from ttscale.pipeline.verifying import verify_cell
from ttscale.store.run import RunStore


def sample_run(
    config: RunConfig | Path | str, progress: Progress | None = None, *, share: bool = False
) -> RunStore:
    """Draw every sample that a run lacks, and verify them live where that is cheap.

    Args:
        config: The run, or the file that describes it.
        progress: Is told how far it is.
        share: Beside other processes that were started with it on the same directory: they divide the work.

    Returns:
        The run's store.

    Raises:
        UnfinishedRunError: Cells of a sweep failed; all others are sampled.
    """
    config = _configured(config)
    progress = progress or Progress()
    refuse_imported(config)
    verifiers = verifiers_by_cell(config)
    with (
        closing_all(verifiers),
        executing(config, progress, share=share) as execution,
        _sampled(config, verifiers, execution, progress, share=share) as (store, failures),
    ):
        _refuse_unfinished(failures)
    return store


def _configured(config: RunConfig | Path | str) -> RunConfig:
    return config if isinstance(config, RunConfig) else load_config(config)


def verify_run(
    store: RunStore,
    verifiers: Sequence[NamedVerifier],
    progress: Progress | None = None,
    *,
    cell_names: Sequence[str] | None = None,
    retry_errors: bool = False,
    share: bool = False,
) -> dict[str, int]:
    """Verify all stored samples of a run; return how many each verifier verified now.

    Args:
        store: The run.
        verifiers: Are closed when they are done.
        progress: Is told how far it is.
        cell_names: Only these cells; by default all.
        retry_errors: Verify samples again on which a verifier failed; the new verdicts count.
        share: Beside other processes that share the run; waits for those that use the same verifier.
    """
    progress = progress or Progress()
    verified: dict[str, int] = {}
    with store.writing(share=share) as torn:
        tell_torn(torn, progress)
        for verifier in verifiers:
            with _closing(verifier), store.verifying(verifier.info.label):
                own = f"verdicts/{verifier.info.label}"
                tell_gone(store, store.gone(own, f"{own}/*"), progress)
                verified[verifier.info.label] = sum(
                    verify_cell(store, cell, verifier, progress, retry_errors=retry_errors)
                    for cell in (store.cells() if cell_names is None else cell_names)
                )
    return verified


def run(config: RunConfig | Path | str, progress: Progress | None = None, *, share: bool = False) -> RunStore:
    """Sample and verify a run; what is there already is not done again.

    Args:
        config: The run, or the file that describes it.
        progress: Is told how far it is.
        share: Beside other processes that were started with it on the same directory: they divide the work, and
            whoever is last leaves the run complete.

    Raises:
        UnfinishedRunError: Cells of a sweep failed; all others are sampled and verified.
    """
    progress = progress or Progress()
    config = _configured(config)
    refuse_imported(config)
    verifiers = verifiers_by_cell(config)
    with (
        closing_all(verifiers),
        executing(config, progress, share=share) as execution,
        _sampled(config, verifiers, execution, progress, share=share) as (store, failures),
    ):
        for verifier, names in cells_by_verifier(verifiers):
            sampled = [name for name in names if store.has_samples(name)]
            with _collected(failures, verifier.info.label, alone=len(verifiers) == 1, progress=progress):
                working = execution.verifying(verifier)
                verify_run(store, [working], progress, cell_names=sampled, share=share)
    _refuse_unfinished(failures)
    return store


def begin_run(store: RunStore, config: RunConfig, tasks: Mapping[str, ReadTask]) -> None:
    """Write or check a run's manifest, configuration and problems."""
    store.begin(
        name=config.name,
        version=ttscale.__version__,
        config_yaml=dump_config(config),
        cells={cell.name: cell_identity(cell) for cell in cells(config)},
        data={name: task.origin for name, task in tasks.items() if task.origin is not None},
        free=free_settings(cells(config)),
    )
    for name, task in tasks.items():
        store.keep_problems(name, task.problems)
    store.note_problems({name: task.problems for name, task in tasks.items()})


@contextmanager
def _sampled(
    config: RunConfig,
    verifiers: Mapping[str, CellVerifiers],
    execution: Execution,
    progress: Progress,
    *,
    share: bool,
) -> Iterator[tuple[RunStore, dict[str, TtscaleError]]]:
    """Sample every cell; yield the store, held for writing, and what stopped the cells that failed."""
    check_rules(cells(config), share=share)
    check_strategies(config)
    caps = caps_of(cells(config), share=share)
    store = RunStore(config.out)
    tasks = read_tasks(cells(config))
    failures: dict[str, TtscaleError] = {}
    with store.writing(share=share) as torn:
        tell_torn(torn, progress)
        gone = store.gone("samples/*", "calls/*", "problems", "sessions")
        with execution.drawing() as free:
            begin_run(store, config, tasks)
            tell_gone(store, gone, progress)
            drawer = CappedDrawer(free, caps, _wanted(config, tasks)) if caps else free
            ordered = referenced_first(by_engine(cells(config)))
            announce = _announcer(ordered, progress)
            works = [
                _work(store, cell, tasks[cell.name], verifiers, progress, share=share) for cell in ordered
            ]
            for group in neighbours(works, drawer):
                complete: set[str] = set()
                if len(group) > 1 and isinstance(drawer, StreamDrawer):
                    complete = drawer.draw_together(group, announce)
                for work in (work for work in group if work.cell.name not in complete):
                    announce(work)
                    with _collected(failures, work.cell.name, alone=len(works) == 1, progress=progress):
                        _sample_cell(work, drawer, verifiers)
        yield store, failures


def _announcer(ordered: Sequence[Cell], progress: Progress) -> Callable[[CellWork], None]:
    """Return what says, once, that a cell's turn has come."""
    left = {cell.name: number for number, cell in enumerate(ordered, start=1)} if len(ordered) > 1 else {}

    def announce(work: CellWork) -> None:
        if number := left.pop(work.cell.name, None):
            progress.note(f"Cell {number} of {len(ordered)}: {work.cell.name}")

    return announce


def _work(
    store: RunStore,
    cell: Cell,
    task: ReadTask,
    verifiers: Mapping[str, CellVerifiers],
    progress: Progress,
    *,
    share: bool,
) -> CellWork:
    work = CellWork(store=store, cell=cell, problems=task.problems, progress=progress)
    if share:  # of the verdicts one process is in charge
        return work

    @cache
    def live() -> LiveCoverage:  # begins with the first segment: its time is a share of the cell's
        return LiveCoverage(work, verifiers[cell.name].oracle)

    return replace(work, on_segment=lambda path: live().segment_written(path))


def _sample_cell(work: CellWork, drawer: CellDrawer, verifiers: Mapping[str, CellVerifiers]) -> None:
    rule = rule_of(work.cell)
    try:
        if rule is None:
            drawer.draw(work, work.everything())
        else:
            sample_until(work, drawer, rule, verifiers)
    except CapReachedError as reached:  # as was asked: what is there is verified and shown
        work.progress.note(str(reached))


def _wanted(config: RunConfig, tasks: Mapping[str, ReadTask]) -> dict[str, dict[str, int]]:
    """Return how many samples of each problem the cells want, by their names."""
    return {
        cell.name: {problem.problem_id: cell.sampling.n for problem in tasks[cell.name].problems}
        for cell in cells(config)
    }


@contextmanager
def _collected(
    failures: dict[str, TtscaleError], what: str, *, alone: bool, progress: Progress
) -> Iterator[None]:
    """Let the other cells go on when one fails; a store or a configuration that is broken is broken for all."""
    try:
        yield
    except (StoreError, ConfigError):
        raise
    except TtscaleError as error:
        if alone:
            raise
        failures[what] = error
        progress.note(f"{what} failed; the others go on. {error}")


@contextmanager
def _closing(verifier: NamedVerifier) -> Iterator[None]:
    try:
        yield
    finally:
        verifier.close()


def _refuse_unfinished(failures: Mapping[str, TtscaleError]) -> None:
    if failures:
        raise UnfinishedRunError(failures)
