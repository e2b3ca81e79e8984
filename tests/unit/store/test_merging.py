"""Small segments become few, whatever kills the merge: every row is there once, in its order."""

import shutil
from pathlib import Path

import polars as pl
import pytest
from killing import killed_after
from stored_runs import ORACLE, make_run

from ttscale.store import merging
from ttscale.store.calls import CallRecord
from ttscale.store.inventory import all_gone, delete
from ttscale.store.merging import kept_of, merge_segments
from ttscale.store.run import RunStore
from ttscale.store.segments import segments, write_segment

CELL = "demo-arithmetic-arithmetic"
KEY = ["problem_id", "sample_index"]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    """Samples, verdicts (some given anew twice) and calls in some eighty segments."""
    monkeypatch.setattr(merging, "_FEWEST", 4)
    store = make_run(tmp_path / "run", n_problems=6, n=12)
    verdicts = store.verdict_set(ORACLE)
    for folder in (store.samples_folder(CELL), verdicts.folder / CELL):
        (path,) = folder.iterdir()
        rows = pl.read_parquet(path)
        delete([path])
        for number, start in enumerate(range(0, rows.height, 3)):
            write_segment(path.with_name(f"{path.stem}-{number:06d}.parquet"), rows.slice(start, 3))
    for number in range(14):
        again = pl.DataFrame(
            {"problem_id": ["0001"], "sample_index": [number % 6], "outcome": [f"seen-{number}"]}
        )
        verdicts.write(CELL, again.with_columns(cell=pl.lit(CELL)), f"s-{number}", again=True)
        journal = store.call_writer(CELL, f"2026-{number:02d}")
        journal.add(
            [CallRecord(problem_id="0001", sample_index=0, path=str(number), kind="generate", role="r")]
        )
        journal.flush()
    return store


def content(store: RunStore) -> list[pl.DataFrame]:
    verdicts = store.verdict_set(ORACLE)
    return [
        store.samples(CELL).collect().sort(KEY),
        verdicts.scan(CELL).collect().sort(KEY),
        store.calls(CELL).collect(),  # in their order
    ]


def same(one: list[pl.DataFrame], other: list[pl.DataFrame]) -> bool:
    return all(left.equals(right) for left, right in zip(one, other, strict=True))


def folders(store: RunStore) -> list[Path]:
    return [store.samples_folder(CELL), store.verdict_set(ORACLE).folder / CELL, store.calls_folder(CELL)]


def test_merged_rows_are_those_that_were_there_in_their_order(store: RunStore) -> None:
    before = content(store)
    with store.writing() as aside:
        assert aside == []
    assert [len(list(folder.iterdir())) for folder in folders(store)] == [1, 2, 1]
    assert same(content(store), before)
    assert store.missing(CELL, {"0001": 13}) == {"0001": [range(12, 13)]}
    verdicts = store.verdict_set(ORACLE)
    newest = pl.DataFrame(
        {"problem_id": ["0001"], "sample_index": [1], "outcome": ["newest"], "cell": [CELL]}
    )
    verdicts.write(CELL, newest, "s-15", again=True)
    assert verdicts.scan(CELL).filter(problem_id="0001", sample_index=1).collect()["outcome"].to_list() == [
        "newest"
    ]


def test_a_merge_that_was_killed_and_a_damaged_sample_bring_no_row_back(store: RunStore) -> None:
    """Verdicts on lost samples are taken out of a merged segment; those that it replaced must be gone by then."""
    verdicts, kept = store.verdict_set(ORACLE).folder / CELL, {}
    for path in verdicts.iterdir():
        kept[path] = path.read_bytes()
    merge_segments(kept_of(verdicts))
    for path, data in kept.items():  # as if the kill had come before the first of them was deleted
        path.write_bytes(data)
    damaged = sorted(store.samples_folder(CELL).iterdir())[0]
    lost = pl.read_parquet(damaged).select(KEY)
    damaged.write_bytes(b"")
    with store.writing() as aside:
        assert len(aside) == 1
    rows = store.verdict_set(ORACLE).scan(CELL).collect()
    assert rows.height == 72 - lost.height
    assert rows.join(lost, on=KEY, how="semi").height == 0
    assert not rows.select(KEY).is_duplicated().any()


def test_large_segments_and_few_are_left_alone(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = store.samples_folder(CELL)
    monkeypatch.setattr(merging, "_FEWEST", 100)
    assert merge_segments(kept_of(folder)) == 0
    monkeypatch.setattr(merging, "_FEWEST", 4)
    monkeypatch.setattr(merging, "_SMALL_BYTES", 10)
    assert merge_segments(kept_of(folder)) == 0
    monkeypatch.undo()
    monkeypatch.setattr(merging, "_FEWEST", 4)
    monkeypatch.setattr(merging, "_MOST", 7)
    assert merge_segments(kept_of(folder)) == 21  # of 24: three groups of seven, and three are too few
    assert len(segments(folder)) == 6


def test_a_kill_at_any_step_loses_and_doubles_nothing(store: RunStore, tmp_path: Path) -> None:
    before, n_files = content(store), len(list(store.path.rglob("*.parquet")))
    states = set()
    for steps in range(0, 1000, 4):
        copy = RunStore(tmp_path / f"{steps}")
        shutil.copytree(store.path, copy.path)
        with killed_after(steps) as killed, copy.writing():
            pass
        assert same(content(copy), before), steps
        states.add(len(list(copy.path.rglob("*.parquet"))))
        if not killed:
            break
        with copy.writing():  # whoever comes next finishes it
            assert same(content(copy), before), steps
        assert [len(list(folder.iterdir())) for folder in folders(copy)] == [1, 2, 1]
        assert all_gone(copy.path) == []
        shutil.rmtree(copy.path)
    assert not killed
    assert len(states) > 5  # before, while and after the many were deleted
    assert max(states) > n_files
