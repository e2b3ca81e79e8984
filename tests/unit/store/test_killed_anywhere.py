"""A kill, and a disk that fills, between any two steps of what changes a run: done again, all is as if nothing had happened."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from foreign_formats import human_eval
from killing import KilledError, disk_is_full, killed_after
from stored_runs import make_run

from ttscale.errors import StoreError, TtscaleError
from ttscale.pipeline.checking import check_rows
from ttscale.pipeline.importing import import_samples
from ttscale.pipeline.merging import merge_runs
from ttscale.store.inventory import all_gone
from ttscale.store.removing import remove_cells
from ttscale.store.run import RunStore

STRIDES = {"merge": 23, "remove": 4, "import": 17}
"""Steps between the moments that are tried: all of them take minutes."""
Change = Callable[[Path], RunStore]


def merge(folder: Path) -> RunStore:
    if (folder / "merged").exists():  # it was killed after all was done
        return RunStore(folder / "merged")
    return merge_runs([folder / "a", folder / "b"], folder / "merged")


def remove(folder: Path) -> RunStore:
    store = RunStore(folder / "a")
    with store.writing():
        remove_cells(store, [cell for cell in store.cells() if cell == "cold"])
    return store


def bring_in(folder: Path) -> RunStore:
    return import_samples([folder / "foreign"], folder / "imported").store


CHANGES: dict[str, Change] = {"merge": merge, "remove": remove, "import": bring_in}


def content(store: RunStore) -> dict[str, Any]:
    rows = {
        cell: store.samples(cell).collect().sort("problem_id", "sample_index").to_dicts()
        for cell in store.cells()
    }
    verdicts = {
        (one.info.label, cell): one.scan(cell).collect().sort("problem_id", "sample_index").to_dicts()
        for one in store.verdict_sets()
        for cell in store.cells()
    }
    return {
        "cells": store.cells(),
        "rows": rows,
        "verdicts": verdicts,
        "problems": [store.problems(cell) for cell in store.cells()],
    }


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("before")
    for name in "ab":
        make_run(
            folder / name,
            cells={"cold": {"sampling.temperature": 0.1}, "hot": {"sampling.temperature": 0.9}},
            n_problems=3,
            n=2,
        )
    (folder / "foreign").mkdir()
    human_eval(folder / "foreign")
    return folder


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("error", [KilledError, disk_is_full], ids=["killed", "full"])
def test_done_again_it_is_as_if_nothing_had_happened(
    before: Path, tmp_path: Path, name: str, error: Callable[[], BaseException]
) -> None:
    change = CHANGES[name]
    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(before, undisturbed)
    expected = content(change(undisturbed))
    for steps in range(0, 2000, STRIDES[name]):
        folder = tmp_path / str(steps)
        shutil.copytree(before, folder)
        hit = _disturbed(change, folder, steps, error)
        store = change(folder)
        assert content(store) == expected, steps
        assert check_rows(store) == [], steps
        assert all_gone(store.path) == [], steps
        shutil.rmtree(folder)
        if not hit:
            break
    assert steps > 3 * STRIDES[name]
    assert not hit


def _disturbed(change: Change, folder: Path, steps: int, error: Callable[[], BaseException]) -> bool:
    """Disturb a change after so many steps; return whether it was. A full disk is told in one line."""
    with killed_after(steps, error) as hit:
        try:
            change(folder)
        except TtscaleError as told:
            assert isinstance(told, StoreError), told
            assert "\n" not in str(told)
        except OSError as raw:
            raise AssertionError(f"after {steps} steps: {raw!r}") from raw
    return bool(hit)
