"""Merged runs: every sample once, with its verdicts, and as if one machine had drawn them all."""

from pathlib import Path

import polars as pl
import pytest
from drawing import Notes
from hypothesis import given
from hypothesis import strategies as st

from ttscale.analysis.run.analyze import analyze_run
from ttscale.config.loading import load_config
from ttscale.errors import ConfigError, RunMismatchError, StoreError, TtscaleError
from ttscale.pipeline.merging import Taken, merge_runs
from ttscale.pipeline.run import run
from ttscale.store.checking import n_files
from ttscale.store.run import RunStore

CONFIG = """
model: {path: none, engine: "scripted:ScriptedSampler"}
task: {name: arithmetic, problems: 6}
sampling: {n: 8, request_size: 4}
verifiers: [exact, last-digit]
"""
KEY = ["problem_id", "sample_index"]


def made(folder: Path, name: str, *overrides: str, text: str = CONFIG) -> RunStore:
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return run(load_config(path, overrides, out=folder / name))


def rows(store: RunStore, verifier: str = "exact") -> pl.DataFrame:
    (cell,) = store.cells()
    (verdicts,) = [one for one in store.verdict_sets() if one.info.verifier == verifier]
    return (
        store.samples(cell)
        .join(verdicts.scan(cell).select(*KEY, "outcome", "answer"), on=KEY, how="left")
        .select(*KEY, "completion", "seed", "outcome", "answer")
        .sort(KEY)
        .collect()
    )


def test_two_parts_of_one_run_become_the_whole(tmp_path: Path) -> None:
    whole = made(tmp_path, "whole")
    first = made(tmp_path, "first", "sampling.n=5")
    second = made(tmp_path, "second")
    merged = merge_runs([first, second.path], tmp_path / "merged")
    assert rows(merged).equals(rows(whole))
    assert rows(merged, "last-digit").equals(rows(whole, "last-digit"))
    assert len(merged.sessions()) == 2


def test_other_seeds_are_other_samples(tmp_path: Path) -> None:
    parts = [made(tmp_path, f"part{seed}", f"sampling.seed={seed}") for seed in (0, 1, 2)]
    merged = merge_runs(parts, tmp_path / "merged")
    (cell,) = merged.cells()
    assert set(merged.counts(cell).values()) == {24}
    assert not merged.missing(cell, dict.fromkeys(merged.counts(cell), 24))
    texts = ["problem_id", "completion", "seed", "outcome", "answer"]
    together = pl.concat([rows(part) for part in parts]).select(texts).sort(texts)
    assert rows(merged).select(texts).sort(texts).equals(together)
    assert rows(merged)["outcome"].null_count() == 0
    coverage = analyze_run(merged).cells[0].coverage
    assert coverage.k[-1] == 24


def test_a_merged_run_is_extended_by_the_same_command(tmp_path: Path) -> None:
    parts = [made(tmp_path, f"part{seed}", f"sampling.seed={seed}") for seed in (0, 1)]
    merge_runs(parts, tmp_path / "merged")
    extended = run(load_config(tmp_path / "part0.yaml", ["sampling.n=20"], out=tmp_path / "merged"))
    (cell,) = extended.cells()
    assert set(extended.counts(cell).values()) == {20}
    seeds = rows(extended)["seed"]
    assert seeds.n_unique() == len(seeds)


def test_cells_of_one_run_alone_come_along(tmp_path: Path) -> None:
    sweep = CONFIG + "sweep: {axes: {sampling.temperature: [%s]}}\n"
    first = made(tmp_path, "first", text=sweep % "0.5, 1.0")
    second = made(tmp_path, "second", text=sweep % "1.0, 2.0")
    notes = Notes()
    merged = merge_runs([first, second], tmp_path / "merged", notes)
    assert len(merged.cells()) == 3
    for cell in merged.cells():
        assert set(merged.counts(cell).values()) == {8}
    assert any("48 samples; 48 were in more than one run" in line for line in notes.lines)


def test_nothing_is_merged_that_is_not_the_same(tmp_path: Path) -> None:
    first = made(tmp_path, "first")
    hotter = made(tmp_path, "hotter", "sampling.top_p=0.5")
    with pytest.raises(RunMismatchError, match=r"sampling.top_p: 'the default' and 0.5.*side by side"):
        merge_runs([first, hotter], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()
    assert not list(tmp_path.glob(".*"))
    other = made(tmp_path, "other", "task.seed=7")
    with pytest.raises(TtscaleError, match="not the same"):
        merge_runs([first, other], tmp_path / "merged")


def test_what_cannot_be_merged_is_said(tmp_path: Path) -> None:
    first, second = made(tmp_path, "first"), made(tmp_path, "second", "sampling.seed=1")
    with pytest.raises(ConfigError, match="two or more different runs"):
        merge_runs([first, first.path], tmp_path / "merged")
    with pytest.raises(StoreError, match="there already"):
        merge_runs([first, second], second.path)
    with pytest.raises(StoreError, match="not a run directory"):
        merge_runs([first, tmp_path / "none"], tmp_path / "merged")


def test_a_merge_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = made(tmp_path, "first"), made(tmp_path, "second", "sampling.seed=1")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ttscale.pipeline.merging._copy_verdicts", full)
    with pytest.raises(OSError, match="No space left"):
        merge_runs([first, second], tmp_path / "merged")
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["first", "second"]
    monkeypatch.undo()
    assert n_files(merge_runs([first, second], tmp_path / "merged").path) > 0


@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from("ab"), st.integers(0, 4), st.one_of(st.none(), st.integers(0, 9))),
            max_size=8,
            unique_by=lambda row: row[:2],
        ),
        max_size=4,
    )
)
def test_places_never_clash_and_equal_seeds_are_one_sample(
    segments: list[list[tuple[str, int, int | None]]],
) -> None:
    taken, places, kept = Taken(), [], 0
    for segment in segments:
        frame = pl.DataFrame(
            segment,
            schema={"problem_id": pl.String, "sample_index": pl.Int64, "seed": pl.Int64},
            orient="row",
        )
        earlier = set(taken.rows.select("problem_id", "seed").iter_rows())
        placed = taken.place(frame)
        dropped = sum((problem, seed) in earlier and seed is not None for problem, _, seed in segment)
        assert placed.height == len(segment) - dropped
        places += list(placed.select("problem_id", "place").iter_rows())
        kept += placed.height
    assert len(set(places)) == kept == taken.rows.height
