"""The page on importing: its commands and snippets run as they stand there, in order."""

import os
import re
import shlex
from pathlib import Path

import pytest
from tests_paths import ROOT

from ttscale.cli.main import run_cli
from ttscale.exchange.formats.table import FIELDS
from ttscale.registry import plugins
from ttscale.report.exporting import FORMATS

PAGE = (ROOT / "docs" / "importing.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', PAGE, re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.filterwarnings("ignore::ttscale.errors.TtscaleWarning")


def test_everything_on_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("zstandard")
    pytest.importorskip("datasets")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    for language, title, text in BLOCKS:
        if title:
            Path(title).write_text(text, encoding="utf-8")
        elif language == "python":
            exec(
                compile(
                    text.replace("exported/dataset", str(tmp_path / "exported" / "dataset")), "page", "exec"
                ),
                {},
            )
        elif language == "bash":
            for line in text.splitlines():
                words = shlex.split(line, comments=True)
                assert run_cli(words[1:]) == 0, (line, capsys.readouterr().err)
    assert "imported before" not in capsys.readouterr().err  # every line imports something new


def test_the_tables_name_every_format_and_field() -> None:
    assert all(f"| `{name}` |" in PAGE for name in plugins("importers"))
    assert all(f"--to {name} " in PAGE or f"`{name}`" in PAGE for name in FORMATS)
    assert all(f"`{name}`" in PAGE for name in FIELDS if name != "settings")
