"""The page on budgets: its files are valid, its commands and its snippet run as they stand there."""

import re
import shlex
from pathlib import Path

import budget_runs
import pytest

from ttscale.cli.main import run_cli

PAGE = (Path(__file__).parents[2] / "docs" / "budgets.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [
    line.split("#")[0].strip()
    for language, _, text in BLOCKS
    if language == "bash"
    for line in text.splitlines()
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run, a table of counts and the page's own files."""
    folder = tmp_path_factory.mktemp("budgets")
    budget_runs.build_two_cells(folder / "runs" / "two")
    rows = [f"{name},{i},32,{c * i}" for name, c in (("small 1B", 1), ("big 8B", 3)) for i in range(8)]
    (folder / "counts.csv").write_text("\n".join(["model,problem_id,n,c", *rows]) + "\n")
    for _, title, text in BLOCKS:
        if title:
            (folder / title).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_runs_and_prints(
    command: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    code = run_cli(shlex.split(command)[1:])
    printed = capsys.readouterr()
    assert code == 0, printed.err
    assert printed.out.strip()


def test_the_snippet_runs(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    (snippet,) = (text for language, _, text in BLOCKS if language == "python")
    exec(snippet, {})
    assert "temperature-0.5" in capsys.readouterr().out


def test_every_cost_model_is_in_the_pages_table() -> None:
    from ttscale.registry import BUILT_IN

    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == set(BUILT_IN["costs"])
