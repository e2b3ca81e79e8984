"""ttscale merge and ttscale remove as a user calls them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from stored_runs import make_run

from ttscale.cli.main import run_cli
from ttscale.store.run import RunStore

CELLS = {"a": {}, "ghost": {"model.path": "typo"}}


def test_a_removed_cell_leaves_no_trace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = make_run(tmp_path / "run", cells=CELLS).path
    assert run_cli(["remove", str(path), "ghost"]) == 1
    assert "removes 192 samples for good. Repeat it with --yes" in capsys.readouterr().err
    assert run_cli(["remove", str(path), "ghost", "--yes"]) == 0
    assert RunStore(path).cells() == ["a"]
    assert not [file for file in path.rglob("*") if "ghost" in file.name]
    assert "ghost" not in {session.cell for session in RunStore(path).sessions()}
    capsys.readouterr()
    assert run_cli(["show", str(path), "--json"]) == 0
    assert {row["cell"] for row in json.loads(capsys.readouterr().out)} == {"a"}
    assert run_cli(["check", str(path)]) == 0


def test_a_cell_that_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = make_run(tmp_path / "run", cells=CELLS).path
    assert run_cli(["remove", str(path), "gost", "--yes"]) == 1
    assert "Did you mean 'ghost'" in capsys.readouterr().err
    assert run_cli(["remove", str(tmp_path), "a", "--yes"]) == 1
    assert "not a run directory" in capsys.readouterr().err


def test_an_interrupted_removal_is_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_run(tmp_path / "run", cells=CELLS).path

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("ttscale.store.removing.write_manifest", stopped)
        assert run_cli(["remove", str(path), "ghost", "--yes"]) == 130
    assert run_cli(["remove", str(path), "ghost", "--yes"]) == 0
    assert RunStore(path).cells() == ["a"]


def test_merge_says_what_comes_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [
        str(make_run(tmp_path / name, cells={"a": {}}, n=n).path) for name, n in (("one", 8), ("two", 4))
    ]
    assert run_cli(["merge", *paths, "--out", str(tmp_path / "both")]) == 0
    assert "ttscale report" in capsys.readouterr().err
    assert set(RunStore(tmp_path / "both").counts("a").values()) == {
        12
    }  # without seeds nothing is the same sample
    assert run_cli(["check", str(tmp_path / "both")]) == 0
    assert run_cli(["merge", paths[0], "--out", str(tmp_path / "x")]) == 1
    assert "two or more" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "code"), [("--version", 0), ("show gone", 1)])
def test_a_working_folder_that_is_deleted_ends_in_no_traceback(
    tmp_path: Path, arguments: str, code: int
) -> None:
    words = f'mkdir x && cd x && rmdir ../x && exec "{sys.executable}" -m ttscale {arguments}'
    done = subprocess.run(["sh", "-c", words], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
