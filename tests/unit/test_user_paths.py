"""A path that a user names and at which nothing can be: one line of ours, wherever it is named."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stored_runs import make_run
from tests_paths import ROOT

import ttscale
from ttscale.analysis.budget.pricing import _architecture
from ttscale.cli.main import run_cli
from ttscale.config.cells import cells
from ttscale.config.loading import check_config, load_config
from ttscale.errors import SamplerError, TtscaleError
from ttscale.exchange.counts import read_counts
from ttscale.exchange.scores import read_score_tables
from ttscale.pipeline.building import read_tasks
from ttscale.plain_files import real_path, user_path
from ttscale.samplers.locate import locate_model
from ttscale.verifiers.reward_model.encoding import weights_bytes


def _loop(folder: Path) -> Path:
    (folder / "loop").symlink_to("loop")
    return folder / "loop"


def _far_loop(folder: Path) -> Path:
    (folder / "one").symlink_to("two")
    (folder / "two").symlink_to("one")
    return folder / "one" / "x.jsonl"


def _below_a_file(folder: Path) -> Path:
    (folder / "file").write_text("x")
    return folder / "file" / "x.jsonl"


BAD: dict[str, Callable[[Path], Path]] = {
    "a circle of links": _loop,
    "below a circle of links": _far_loop,
    "a long name": lambda folder: folder / ("x" * 300),
    "a long path": lambda folder: folder / "/".join(["x" * 200] * 30),
    "a zero byte": lambda folder: folder / "a\0b.jsonl",
    "half of a character": lambda folder: folder / "a\ud800b.jsonl",
    "below a file": _below_a_file,
    "nobody's home": lambda folder: Path("~nobodyatall/x.jsonl"),
}


def _config(folder: Path, **sections: Any) -> Any:
    tree = {
        "name": "x", "model": "demo-arithmetic", "task": {"name": "arithmetic", "problems": 2}, "sampling": {"n": 1, "max_tokens": 4},
        "verifiers": ["exact"], "out": str(folder / "out"),
    }  # fmt: skip
    return check_config(tree | sections)


def _read_task(name: str) -> Callable[[Path, Path], object]:
    return lambda path, folder: read_tasks(cells(_config(folder, task={"name": name, "path": str(path)})))


def _import(format_name: str | None) -> Callable[[Path, Path], object]:
    return lambda path, folder: ttscale.import_samples([path], folder / "imported", format_name=format_name)


def _table(folder: Path) -> Path:
    path = folder / "t.jsonl"
    path.write_text('{"problem_id": "a", "correct": true}\n')
    return path


NAMED: dict[str, Callable[[Path, Path], object]] = {
    **{f"import {name}": _import(name) for name in (None, "table", "lm-eval", "inspect", "monkeys", "nemo-skills", "verifiers", "bigcode")},
    "import out": lambda path, folder: ttscale.import_samples([_table(folder)], path, format_name="table"),
    "counts": lambda path, folder: read_counts(path),
    "scores": lambda path, folder: read_score_tables(path, ["a"]),
    "configuration": lambda path, folder: load_config(path),
    "run": lambda path, folder: ttscale.run(_config(folder, out=str(path))),
    "store": lambda path, folder: ttscale.RunStore(path).manifest(),
    "merge": lambda path, folder: ttscale.merge_runs([path, make_run(folder / "good").path], folder / "merged"),
    "merge out": lambda path, folder: ttscale.merge_runs([make_run(folder / "good").path] * 2, path),
    **{f"task {name}": _read_task(name) for name in ("table", "gsm8k", "minif2f-rocq", "mmlu-pro", "livecodebench")},
    "model": lambda path, folder: ttscale.run(_config(folder, model=str(path))),
    "model's folder": lambda path, folder: locate_model(str(path)),
    "replay": lambda path, folder: ttscale.run(
        _config(folder, model={"path": "x", "engine": "replay", "engine_options": {"run": str(path)}})
    ),
    "architecture": lambda path, folder: _architecture(str(path)),
}  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("named", NAMED)
def test_a_path_at_which_nothing_can_be_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str, bad: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = BAD[bad](tmp_path)
    if bad == "nobody's home" and named in ("import out", "run", "merge out"):
        pytest.skip("a folder may have such a name")
    with pytest.raises(TtscaleError) as caught:
        NAMED[named](path, tmp_path)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("bad", [name for name in BAD if name not in ("a zero byte", "half of a character")])
@pytest.mark.parametrize(
    "words",
    [["status"], ["show"], ["verify"], ["report"], ["check"], ["trace"], ["curve"], ["fit"], ["budget"], ["compare-models"], ["compare-strategies"],
     ["plan"], ["init", "--model"], ["init", "--task"], ["import", "--out", "run"]],
    ids=" ".join,
)  # fmt: skip
def test_commands_say_so_in_a_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    bad: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_cli([*words, str(BAD[bad](tmp_path))]) in (1, 2)
    assert "Error: " in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may search every folder")
@pytest.mark.parametrize("named", NAMED)
def test_a_folder_that_may_not_be_searched_is_named(tmp_path: Path, named: str) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    try:
        with pytest.raises(TtscaleError, match="Permission denied"):
            NAMED[named](closed / "x.jsonl", tmp_path)
    finally:
        closed.chmod(0o700)


def test_a_link_in_a_circle_among_good_files_names_itself(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    _loop(tmp_path / "logs")
    for name in (None, "human-eval", "lm-eval", "monkeys"):
        with pytest.raises(TtscaleError) as caught:
            ttscale.import_samples([tmp_path / "logs"], tmp_path / "run", format_name=name)
        assert len(str(caught.value).splitlines()) == 1


def test_a_path_is_spelt_out_and_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")
    assert user_path("~/link") == tmp_path / "link"
    assert real_path(tmp_path / "link" / "new") == tmp_path / "there" / "new"
    with pytest.raises(SamplerError, match="no path that can be followed: Too many levels of symbolic links"):
        real_path(_loop(tmp_path), SamplerError)
    with pytest.raises(TtscaleError, match="no path that can be followed"):
        real_path(tmp_path / "missing" / ".." / "loop")
    assert weights_bytes("~nobodyatall/x") is None


def test_nobody_else_follows_or_spells_out_a_path() -> None:
    inside = {"search_path.py", "sandbox.py", "drawing.py", "drawer.py"}
    """These follow paths of this program: of the interpreter, and of a run that is held."""
    calls = re.compile(r"\.(resolve|expanduser|absolute)\(|os\.path\.(realpath|abspath)")
    found = {
        path.name
        for path in (ROOT / "ttscale").rglob("*.py")
        if calls.search(path.read_text(encoding="utf-8"))
    }
    assert found <= inside | {"plain_files.py"}
