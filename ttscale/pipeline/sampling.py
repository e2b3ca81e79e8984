"""Draw what a cell still lacks, storing samples as they finish."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from ttscale.config.models import Cell
from ttscale.errors import EngineDiedError, RunMismatchError, SamplerError, TtscaleError
from ttscale.pipeline.engines import Engines
from ttscale.pipeline.progress import Progress
from ttscale.pipeline.recording import Recorder, SegmentHook
from ttscale.pipeline.requests import plan_requests
from ttscale.samplers.contract import Sampler
from ttscale.samplers.resolve import choose_engine
from ttscale.store.run import RunStore
from ttscale.types import Problem, Sample, SampleRequest

_MOST_RESTARTS = 3
"""Deaths of an engine in a row, without a sample between them, that end a cell."""


@runtime_checkable
class DrawsCells(Protocol):
    """Engines that draw and store a whole cell themselves: those of a cluster."""

    def draw_cell(
        self,
        store: RunStore,
        cell: Cell,
        problems: Sequence[Problem],
        targets: Mapping[str, int],
        progress: Progress,
        on_segment: SegmentHook,
    ) -> int:
        """Do what `sample_cell` does."""


def sample_cell(
    store: RunStore,
    cell: Cell,
    problems: Sequence[Problem],
    engines: Engines,
    progress: Progress,
    *,
    on_segment: SegmentHook = lambda path: None,
    targets: Mapping[str, int] | None = None,
) -> int:
    """Draw the samples that a cell lacks; return how many were drawn.

    What is stored stays stored whatever happens: an interrupted call is continued by the next one. An engine
    that dies is started again and goes on with what is still missing.

    Args:
        store: The run, held for writing.
        cell: The cell.
        problems: Its problems, in the order they are sampled.
        engines: Where the engine comes from.
        progress: Is told how far it is.
        on_segment: Called with every segment written.
        targets: problem_id -> samples wanted; by default `sampling.n` for all.

    Raises:
        SamplerError: The engine cannot start or serve a request.
        StoreError: Samples cannot be written.
        RunMismatchError: Stored samples came from another engine.
    """
    targets = targets or {problem.problem_id: cell.sampling.n for problem in problems}
    total = sum(targets.values())

    def attempt(recorder: Recorder) -> bool:
        missing = store.missing(cell.name, targets)
        if not missing:
            return False
        n_missing = sum(len(gap) for gaps in missing.values() for gap in gaps)
        requests = plan_requests(
            problems, missing, run_seed=cell.sampling.seed, request_size=cell.sampling.request_size
        )
        record(recorder, cell, requests, engines, total=total, done=total - n_missing)
        _refuse_nothing_drawn(cell, recorder.n_samples, len(missing))
        return True

    if isinstance(engines, DrawsCells):
        n_drawn = engines.draw_cell(store, cell, problems, targets, progress, on_segment)
    else:
        refuse_other_engine(store, cell.name, choose_engine(cell.model.engine)[0])
        n_drawn = repeat(
            attempt, lambda: Recorder(store, cell.name, progress, on_segment), cell.name, engines, progress
        )
    if not n_drawn:
        progress.note(f"{cell.name}: all {total:,} samples are there; nothing to draw.")
    return n_drawn


def repeat(
    attempt: Callable[[Recorder], bool],
    new_recorder: Callable[[], Recorder],
    cell: str,
    engines: Engines,
    progress: Progress,
) -> int:
    """Attempt until there is nothing left to do, with a new engine after one that died; return samples drawn.

    Args:
        attempt: Draws what it can into a recorder; False when there was nothing to do.
        new_recorder: Makes one for every attempt.
        cell: The cell's name.
        engines: Where the engine comes from.
        progress: Is told of deaths.

    Raises:
        EngineDiedError: It died again and again without a sample in between.
    """
    n_drawn, deaths = 0, 0
    while True:
        recorder = new_recorder()
        try:
            if not attempt(recorder):
                return n_drawn
        except EngineDiedError as error:
            deaths = 0 if recorder.n_samples else deaths + 1
            if deaths >= _MOST_RESTARTS:
                raise
            progress.note(f"{cell}: {error} Starting it again.")
        n_drawn += recorder.n_samples


def record(
    recorder: Recorder,
    cell: Cell,
    requests: Iterable[SampleRequest],
    engines: Engines,
    *,
    total: int,
    done: int,
) -> None:
    """Draw requests with the cell's engine into a recorder.

    Args:
        recorder: Stores the samples.
        cell: The cell.
        requests: Are read as fast as the engine takes them.
        engines: Where the engine comes from.
        total: Samples of the cell, for the progress.
        done: Those that are there already.
    """
    engine = engines.engine_for(cell)
    try:
        with recorder.session(engine, total=total, done=done):
            for samples in drawn(engine.sampler, requests):
                recorder.add(samples)
    except BaseException:
        engines.close()  # requests may still be under way in it, or it is dead
        raise


def drawn(sampler: Sampler, requests: Iterable[SampleRequest]) -> Iterator[list[Sample]]:
    """Yield what the sampler draws; whatever it dies of becomes an error of ours."""
    try:
        yield from sampler.sample(requests)
    except TtscaleError:
        raise
    except Exception as error:
        raise SamplerError(
            f"{type(sampler).__name__} broke off with {type(error).__name__}: {error}"
        ) from error


def refuse_other_engine(store: RunStore, cell: str, engine: str) -> None:
    """A run that has samples stays with the engine that drew them.

    Raises:
        RunMismatchError: They came from another one.
    """
    earlier = {
        str(session.engine["engine"])
        for session in store.sessions()
        if session.cell == cell and session.n_samples and "engine" in session.engine
    }
    if earlier and engine not in earlier:
        raise RunMismatchError(
            f"{store.path} holds samples drawn with {', '.join(sorted(earlier))}, but the engine now is "
            f"{engine}. Install the first one again, set model.engine, or give a new directory with --out."
        )


def _refuse_nothing_drawn(cell: Cell, n_drawn: int, n_lacking: int) -> None:
    if not n_drawn:
        raise SamplerError(
            f"{cell.name}: the engine took every request and gave no sample; {n_lacking} problems still lack "
            "some. A sampler must yield every sample that it is asked for."
        )
