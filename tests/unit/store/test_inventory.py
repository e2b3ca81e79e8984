"""What was written is missed when it is gone, and nothing else is."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from stored_runs import ORACLE, draw, make_run

from ttscale.errors import StoreError, TornSegmentWarning
from ttscale.pipeline.checking import check_rows
from ttscale.store import inventory
from ttscale.store.inventory import all_gone, flawed_logs, note
from ttscale.store.removing import remove_cells
from ttscale.store.rounds import read_rounds, rounds_path
from ttscale.store.run import RunStore

CELL = "demo-arithmetic-arithmetic"


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    made = make_run(tmp_path / "run", n_problems=4, n=4, asked=8)
    draw(made, CELL, range(4, 8))
    return made


@pytest.fixture(autouse=True)
def one_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "_MOST_LOGS", 1)


def logs(store: RunStore) -> list[Path]:
    with store.writing():
        pass
    return sorted((store.path / "written").iterdir())


def one_of(store: RunStore, kind: str) -> Path:
    return sorted(path for path in store.path.glob(f"{kind}/**/*") if path.is_file())[0]


@pytest.mark.parametrize("held", [False, True], ids=["its own log", "one log"])
@pytest.mark.parametrize("kind", ["samples", "verdicts", "problems", "sessions"])
def test_a_file_that_is_gone_is_named(store: RunStore, kind: str, held: bool) -> None:
    if held:
        with store.writing():
            pass
    path = one_of(store, kind)
    assert check_rows(store) == []
    path.unlink()
    own = str(path.relative_to(store.path))
    assert own in [row["what"] for row in check_rows(store)]
    assert all_gone(store.path) == [path]
    assert store.gone(kind, f"{kind}/*", f"{kind}/*/*") == [path]
    store.forget([path])
    assert all_gone(store.path) == []


def test_a_folder_that_is_gone_is_missed_with_all_it_held(store: RunStore) -> None:
    shutil.rmtree(store.samples_folder(CELL))
    assert len(all_gone(store.path)) == 2
    with pytest.warns(TornSegmentWarning, match="and 1 more of its folder. was written and is gone"):
        assert store.counts(CELL) == {}


def test_a_set_of_verdicts_without_its_description_is_not_passed_over_in_silence(store: RunStore) -> None:
    (store.verdict_set(ORACLE).folder / "verifier.json").unlink()
    with pytest.warns(TornSegmentWarning, match=r"verifier.json was written and is gone"):
        assert len(store.verdict_sets()) == 1


def test_rounds_that_are_gone_are_not_taken_for_none(store: RunStore) -> None:
    assert read_rounds(store, CELL) is None
    path = rounds_path(store, CELL)
    path.parent.mkdir()
    path.write_text("{}")
    note(path)
    path.unlink()
    with pytest.raises(StoreError, match="was written and is gone"):
        read_rounds(store, CELL)


def test_verdicts_on_samples_that_are_gone_do_not_outlive_them(store: RunStore) -> None:
    one_of(store, "samples").unlink()
    with store.writing() as aside:
        assert aside == []
    assert store.verdict_set(ORACLE).scan(CELL).collect().height == 16
    assert store.gone("samples/*")  # until somebody draws them again
    assert store.gone("verdicts/*", "verdicts/*/*") == []


def test_a_kill_between_a_file_and_its_line_is_no_damage(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as dying:
        dying.setattr(inventory, "_append", lambda *_: None)
        draw(store, CELL, range(8, 12))
    assert check_rows(store) == []
    with store.writing():
        pass
    next(store.samples_folder(CELL).glob("*T00000008-*")).unlink()  # listed when the run was held again
    assert len(all_gone(store.path)) == 1


@pytest.mark.parametrize("step", ["before", "between", "after"])
def test_a_kill_while_logs_are_made_one_misses_nothing(
    store: RunStore, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    names = inventory._names(store.path)
    store.forget([one_of(store, "sessions")])
    name = {"before": "write_atomically", "between": "_drop", "after": "new_log"}[step]
    with monkeypatch.context() as dying:
        dying.setattr(inventory, name, killed)
        with pytest.raises(KeyboardInterrupt):
            inventory.make_one(store.path)
    assert all_gone(store.path) == []
    inventory.make_one(store.path)
    assert inventory._names(store.path) == names
    assert len(logs(store)) == 1


def test_damaged_lines_and_those_of_another_run_name_nothing(store: RunStore, tmp_path: Path) -> None:
    other = make_run(tmp_path / "other", n=1, cells={"other": {}})
    (log,) = logs(store)
    assert not flawed_logs(store.path)
    text = log.read_text()
    log.write_text(text.replace("samples/", "sampled/") + logs(other)[0].read_text() + "\n+samples/x")
    assert all_gone(store.path) == []
    (row,) = [row for row in check_rows(store) if "checksums" in row["flaw"]]
    assert row["next_run"] == "writes it again"
    with store.writing():
        pass
    assert check_rows(store) == []
    assert not flawed_logs(store.path)


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to("nowhere")])
def test_something_else_where_a_log_stood_is_told_and_replaced(
    store: RunStore, make: Callable[[Path], None]
) -> None:
    (log,) = logs(store)
    log.unlink()
    make(log)
    assert [row["what"] for row in check_rows(store)] == [f"written/{log.name}"]
    with store.writing():
        pass
    one_of(store, "samples").unlink()
    assert all_gone(store.path)


def test_a_cell_that_was_removed_and_a_copy_are_not_missed(store: RunStore, tmp_path: Path) -> None:
    shutil.copytree(store.path, tmp_path / "copy")
    assert check_rows(RunStore(tmp_path / "copy")) == []
    one_of(store, "samples").unlink()
    with store.writing():
        remove_cells(store, [CELL])
    assert all_gone(store.path) == []


def test_a_run_of_an_earlier_version_is_listed_when_it_is_held(store: RunStore) -> None:
    shutil.rmtree(store.path / "written")
    assert check_rows(store) == []
    with store.writing():
        pass
    assert {json.loads(path.read_text())["session"] for path in store.path.glob("sessions/*")}
    one_of(store, "sessions").unlink()
    assert len(all_gone(store.path)) == 1
