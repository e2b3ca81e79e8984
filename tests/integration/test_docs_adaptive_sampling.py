"""The page on adaptive sampling: its commands, settings and code work as they stand there."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from ttscale.cli.main import COMMANDS, cli
from ttscale.samplers.settings import SamplingSettings
from ttscale.samplers.until import UntilSettings

PAGE = (Path(__file__).parents[2] / "docs" / "adaptive-sampling.md").read_text(encoding="utf-8")

SMALL = """
model: {path: none, engine: "scripted:ScriptedSampler"}
task: {name: arithmetic, problems: 12}
sampling: {n: 200, request_size: 16, until: {successes: 1}}
verifiers: [exact]
"""
ARMS = """
model: {path: none, engine: "scripted:ScriptedSampler"}
task: {name: arithmetic, problems: 12}
sampling: {n: 100, request_size: 50}
verifiers: [exact]
sweep: {axes: {temperature: [0.5, 1.0]}}
"""


def blocks(language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return [text for tag, text in found if tag == language]


def test_every_command_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ttscale.cli.runs._report", lambda store, output: None)  # tested elsewhere, and slow
    Path("small.yaml").write_text(SMALL)
    Path("arms.yaml").write_text(ARMS)
    commands = [line for block in blocks("") for line in block.strip().splitlines()]
    assert len(commands) == 8
    printed = []
    for line in commands:
        program, *arguments = shlex.split(line)
        assert program == "ttscale"
        done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        printed.append(done.stdout)
    plan, _, status, show, curve, _, pooled, shared = printed
    assert "until" in plan
    assert "stopped" in status
    assert "Samples were drawn in rounds" in show
    assert "unbiased" in curve
    assert "product" in pooled
    assert "pool" in shared


@pytest.mark.parametrize("text", blocks("yaml"))
def test_every_setting_is_one(text: str) -> None:
    assert SamplingSettings.model_validate(yaml.safe_load(text)["sampling"]).until is not None


def test_the_defaults_are_the_real_ones() -> None:
    rows = re.findall(r"\| `(\w+)` \| `?([\w.]+)`? \|", PAGE)
    for name, value in rows:
        if name in UntilSettings.model_fields:
            assert str(UntilSettings.model_fields[name].default) == value
    assert {"growth", "first", "round_size", "allocation", "confidence_level"} <= {name for name, _ in rows}
    assert "allocate" in COMMANDS


def test_the_code_gives_a_curve() -> None:
    (code,) = blocks("python")
    names: dict[str, object] = {}
    exec(code, names)
    assert "coverage: 3 problems" in str(names["curve"])
