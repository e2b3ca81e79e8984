"""`ttscale check`: a whole run read, its damage told, what comes again counted."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from stored_runs import draw, make_run

from ttscale.cli.main import run_cli
from ttscale.store.run import RunStore

CELL = "demo-arithmetic-arithmetic"
pytestmark = pytest.mark.filterwarnings("ignore::ttscale.errors.TornSegmentWarning")


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    """Twelve problems with 4 + 4 samples, in two segments, all verified twice."""
    store = make_run(tmp_path / "run", n=4, asked=8)
    draw(store, CELL, range(4, 8))
    return store


def test_a_whole_run_passes(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["check", str(store.path), "--json"]) == 0
    out, said = capsys.readouterr()
    assert json.loads(out) == []
    assert said == "14 files read; all are whole.\n"


def test_damage_is_told_with_what_comes_again(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    segment = sorted(store.samples_folder(CELL).iterdir())[1]
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 4
    segment.write_bytes(data)
    assert run_cli(["check", str(store.path), "--json"]) == 3
    damaged, lacking = json.loads(capsys.readouterr().out)
    assert damaged == {
        "what": f"samples/{CELL}/{segment.name}",
        "flaw": "its checksum does not fit its content",
        "next_run": "draws its samples again",
    }
    assert lacking["draw"] == 48
    assert lacking["judge"] == {"exact": 48, "last-digit": 48}
    with store.writing():
        pass
    assert (
        sum(
            len(gap)
            for gaps in store.missing(CELL, dict.fromkeys(store.counts(CELL), 8)).values()
            for gap in gaps
        )
        == 48
    )
    for verdicts in store.verdict_sets():
        assert verdicts.count(CELL) == 48


@pytest.mark.parametrize(
    "place",
    ["manifest.json", "manifest.copy.json", "config.yaml", "problems", "sessions", "samples", "verdicts"],
)
@pytest.mark.parametrize("kind", ["folder", "pipe", "link", "foreign", "empty"])
def test_what_is_no_file_of_ours_is_told_and_not_waited_for(
    store: RunStore, place: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = store.path / place
    if path.is_dir():
        path = next(one for one in sorted(path.rglob("*")) if one.is_file())
    path.unlink()
    put = {
        "folder": lambda: (path / "inside").mkdir(parents=True),
        "pipe": lambda: os.mkfifo(path),
        "link": lambda: path.symlink_to("nowhere"),
        "foreign": lambda: path.write_bytes(b"\x89PNG and more, PAR1"),
        "empty": path.touch,
    }
    put[kind]()
    assert run_cli(["check", str(store.path), "--jsonl"]) == 3
    out, said = capsys.readouterr()
    assert path.name in out or path.name in said
    assert "Traceback" not in said
    run_cli(["status", str(store.path)])  # reads, or refuses in a line
    with store.writing():
        assert not path.is_dir() or place.startswith(("config", "manifest.copy"))


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["check", str(tmp_path)]) == 1
    assert "not a run directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    "place", ["samples", f"samples/{CELL}", "verdicts", "sessions", "problems", "SEGMENT", "manifest.json"]
)
def test_what_may_not_be_read_is_neither_nothing_nor_damage(
    store: RunStore, place: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    segment = sorted(store.samples_folder(CELL).iterdir())[0]
    closed = segment if place == "SEGMENT" else store.path / place
    before = sorted(store.path.rglob("*"))

    def refusing(real: Callable[..., object]) -> Callable[..., object]:
        """As for a user without the right, which root has always."""

        def call(path: object, *rest: object, **options: object) -> object:
            if isinstance(path, str | Path) and Path(path) == closed:
                raise PermissionError(13, "Permission denied", str(path))
            return real(path, *rest, **options)

        return call

    for name in ("open", "listdir", "scandir"):
        monkeypatch.setattr(os, name, refusing(getattr(os, name)))
    for command in (["check", str(store.path)], ["verify", str(store.path), "--verifier", "exact"]):
        assert run_cli(command) == 1
        assert capsys.readouterr().err.startswith(f"Error: {closed} cannot be read: Permission denied.")
    monkeypatch.undo()
    assert [path for path in sorted(store.path.rglob("*")) if path.name != "run.lock"] == [
        path for path in before if path.name != "run.lock"
    ]
