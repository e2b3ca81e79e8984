"""Merge runs of machines without a shared disk into a new one: the same cells with all their samples, verdicts and calls.

A sample that two runs drew with one seed is one sample. All others stay apart: where another run has taken a sample's index
already, it gets the next free one of its problem, and its verdicts and calls go with it.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import polars as pl

import ttscale
from ttscale.config.loading import dump_config, parse_config
from ttscale.errors import ConfigError, RunMismatchError, StoreError
from ttscale.pipeline.importing import is_imported
from ttscale.pipeline.progress import Progress
from ttscale.plain_files import real_path, require_possible
from ttscale.store.calls import CALL_SCHEMA
from ttscale.store.files import storage_errors
from ttscale.store.rounds import read_rounds, rounds_path, write_rounds
from ttscale.store.run import RunStore
from ttscale.store.samples import SAMPLE_SCHEMA
from ttscale.store.segments import collect, scan, segments, write_segment
from ttscale.store.verdicts import VERDICT_SCHEMA
from ttscale.types import Problem

_OWN_SEED = "sampling.seed"
"""The one setting in which cells may differ: other seeds give other samples of the same distribution."""
_KEY = ["problem_id", "sample_index"]
_NOWHERE = pl.DataFrame(schema={"problem_id": pl.String, "sample_index": pl.Int64, "place": pl.Int64})
_BEGAN = "%Y%m%dT%H%M%S%f"


@dataclass(slots=True)
class Taken:
    """Which indices and seeds of a cell the merged run has by now.

    Attributes:
        rows: problem_id, sample_index and seed of every sample.
    """

    rows: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(
            schema={"problem_id": pl.String, "sample_index": pl.Int64, "seed": pl.Int64}
        )
    )

    def place(self, segment: pl.DataFrame) -> pl.DataFrame:
        """Return where the samples of a segment go: problem_id, sample_index, and place, without those that are there already.

        Args:
            segment: problem_id, sample_index and seed of samples of another run.
        """
        seeds = self.rows.select("problem_id", "seed").drop_nulls().unique()
        new = segment.join(seeds, on=["problem_id", "seed"], how="anti", nulls_equal=False)
        new = new.join(
            self.rows.select(*_KEY, taken=pl.lit(True)), on=_KEY, how="left", maintain_order="left"
        )
        own = pl.col("taken").is_null()
        tops = pl.concat([self.rows.select(_KEY), new.filter(own).select(_KEY)])
        new = new.join(
            tops.group_by("problem_id").agg(top=pl.col("sample_index").max()),
            on="problem_id",
            how="left",
            maintain_order="left",
        )
        following = pl.col("top") + (~own).cast(pl.Int64).cum_sum().over("problem_id")
        placed = new.with_columns(place=pl.when(own).then("sample_index").otherwise(following))
        self.rows = pl.concat(
            [self.rows, placed.select("problem_id", pl.col("place").alias("sample_index"), "seed")]
        )
        return placed.select(*_KEY, "place")


def merge_runs(
    runs: Sequence[RunStore | Path | str], out: Path | str, progress: Progress | None = None
) -> RunStore:
    """Merge runs into a new one; the runs themselves stay as they are.

    Args:
        runs: At least two, in the order in which their samples keep their indices. Cells of one name must agree in all that decides a
            sample, but for the run's seed.
        out: The new run's directory.
        progress: Is told how far it is.

    Returns:
        The new run. Its configuration is the first run's.

    Raises:
        RunMismatchError: Cells of one name have other settings or problems.
        StoreError: Something cannot be read or written, or `out` holds a run already.
        ConfigError: There is only one run, or one was imported.
    """
    stores = [run if isinstance(run, RunStore) else RunStore(run) for run in runs]
    out = Path(out)
    _refuse(stores, out)
    owners = _owners(stores)
    unfinished = out.with_name(f".{out.name}.merging")
    shutil.rmtree(unfinished, ignore_errors=True)  # of an earlier call that was killed
    try:
        _fill(RunStore(unfinished), out, stores, owners, progress or Progress())
        with storage_errors(out):
            unfinished.rename(out)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return RunStore(out)


def _fill(
    target: RunStore,
    out: Path,
    stores: Sequence[RunStore],
    owners: Mapping[str, Sequence[RunStore]],
    progress: Progress,
) -> None:
    with target.writing():
        _begin(target, out, stores, owners)
        for cell, having in owners.items():
            _merge_cell(target, cell, having, progress)
        for store in stores:
            for session in store.sessions():
                target.write_session(session)


def _refuse(stores: Sequence[RunStore], out: Path) -> None:
    if len({real_path(store.path, StoreError) for store in stores}) < max(len(stores), 2):
        raise ConfigError("Merging takes two or more different runs.")
    require_possible(out, StoreError)
    if out.exists():
        raise StoreError(f"{out} is there already. Give a new directory with --out.")
    for store in stores:
        store.manifest()  # says so if no run is there
        if is_imported(store):
            raise ConfigError(
                f"{store.path} was imported. Import the files of all into one directory instead: ttscale import --out {out} FILES"
            )


def _owners(stores: Sequence[RunStore]) -> dict[str, list[RunStore]]:
    """Return the runs that have each cell, once it is sure that they mean the same by it."""
    owners: dict[str, list[RunStore]] = {}
    for store in stores:
        for cell in store.cells():
            owners.setdefault(cell, []).append(store)
    for cell, having in owners.items():
        for other in having[1:]:
            _require_same_settings(cell, having[0], other)
    return owners


def _require_same_settings(cell: str, first: RunStore, other: RunStore) -> None:
    ours, theirs = first.manifest()["cells"][cell], other.manifest()["cells"][cell]
    differing = sorted(
        key for key in ours.keys() | theirs.keys() if key != _OWN_SEED and ours.get(key) != theirs.get(key)
    )
    if differing:
        told = "; ".join(
            f"{key}: {ours.get(key, 'the default')!r} and {theirs.get(key, 'the default')!r}"
            for key in differing
        )
        raise RunMismatchError(
            f"Cell '{cell}' is not the same in {first.path} and {other.path} ({told}). Show such runs side by side: ttscale report "
            f"{first.path} {other.path}"
        )
    if read_rounds(first, cell) is not None and read_rounds(other, cell) is not None:
        raise RunMismatchError(
            f"Cell '{cell}' was stopped by sampling.until in {first.path} and in {other.path}, each by its own verdicts. Pooled, "
            "their samples would be biased."
        )


def _begin(
    target: RunStore, out: Path, stores: Sequence[RunStore], owners: Mapping[str, Sequence[RunStore]]
) -> None:
    config = parse_config(stores[0].config_yaml(), out=out)
    manifests = [store.manifest() for store in stores]
    target.begin(
        name=out.name,
        version=ttscale.__version__,
        config_yaml=dump_config(config),
        cells={cell: having[0].manifest()["cells"][cell] for cell, having in owners.items()},
        data={
            cell: origin
            for manifest in reversed(manifests)
            for cell, origin in manifest.get("data", {}).items()
        },
    )
    kept: dict[str, list[Problem]] = {}
    for cell, having in owners.items():
        problems = _problems(cell, having)
        target.keep_problems(cell, problems)
        kept[cell] = problems
    target.note_problems(kept)


def _problems(cell: str, having: Sequence[RunStore]) -> list[Problem]:
    """Return the problems of all runs; those of one id must be equal."""
    known: dict[str, Problem] = {}
    for store in having:
        for problem in store.problems(cell):
            if known.setdefault(problem.problem_id, problem) != problem:
                raise RunMismatchError(
                    f"Problem '{problem.problem_id}' of cell '{cell}' is not the same in {having[0].path} and {store.path}."
                )
    return list(known.values())


def _merge_cell(target: RunStore, cell: str, having: Sequence[RunStore], progress: Progress) -> None:
    taken = Taken()
    totals = [sum(store.counts(cell).values()) if store.has_samples(cell) else 0 for store in having]
    progress.begin(f"merge {cell}", total=sum(totals))
    for number, store in enumerate(having, start=1):
        places = _copy_samples(target, store, cell, taken, number, progress)
        _copy_verdicts(target, store, cell, places, number)
        _copy_calls(target, store, cell, places, number)
        log = read_rounds(store, cell)
        if log is not None and not rounds_path(target, cell).exists():
            write_rounds(target, cell, log)
    progress.end()
    progress.note(
        f"{cell}: {taken.rows.height:,} samples; {sum(totals) - taken.rows.height:,} were in more than one run."
    )


def _copy_samples(
    target: RunStore, store: RunStore, cell: str, taken: Taken, number: int, progress: Progress
) -> pl.DataFrame:
    """Copy the samples of a run segment by segment; return where each of them went."""
    folder, places = store.samples_folder(cell), []
    for path in segments(folder):
        rows = collect(scan([path], SAMPLE_SCHEMA), folder)
        placed = taken.place(rows.select(*_KEY, "seed"))
        places.append(placed)
        _write_moved(target.samples_folder(cell) / f"{path.stem}-{number}.parquet", rows, placed)
        progress.advance(rows.height)
    return pl.concat([_NOWHERE, *places])


def _copy_verdicts(target: RunStore, store: RunStore, cell: str, places: pl.DataFrame, number: int) -> None:
    for one in store.verdict_sets():
        rows = collect(one.scan(cell), one.folder / cell)
        if rows.height:
            there = target.verdict_set(one.info)
            if not (there.folder / "verifier.json").exists() and one.began:
                there.begin(datetime.strptime(one.began, _BEGAN))
            there.create()
            _write_moved(
                there.folder / cell / f"merged-{number}.parquet", rows.select(list(VERDICT_SCHEMA)), places
            )


def _copy_calls(target: RunStore, store: RunStore, cell: str, places: pl.DataFrame, number: int) -> None:
    folder = store.calls_folder(cell)
    for path in segments(folder):
        rows = collect(scan([path], CALL_SCHEMA), folder)
        _write_moved(target.calls_folder(cell) / f"{path.stem}-{number}.parquet", rows, places)


def _write_moved(path: Path, rows: pl.DataFrame, places: pl.DataFrame) -> None:
    """Write rows under their new indices; those without a place are left out."""
    moved = rows.join(places, on=_KEY, how="inner", maintain_order="left")
    if moved.height:
        kept = moved.with_columns(sample_index=pl.col("place")).select(rows.columns)
        empty = {"top_logprobs"} & {column.name for column in kept if column.null_count() == kept.height}
        write_segment(path, kept.drop(empty))
