"""`ttscale plan`: the first prompt, what a cap leaves, and a plan without an engine."""

import json
from pathlib import Path

import pytest

from ttscale.cli.main import run_cli
from ttscale.errors import MissingExtraError

CONFIG = """
model: demo-arithmetic
task: {name: arithmetic, problems: 4}
sampling: {n: 8, max_tokens: 10}
verifiers: [exact]
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "first.yaml").write_text(CONFIG)
    return "first.yaml"


def test_the_first_prompt_stands_below_the_table(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["plan", config]) == 0
    table = capsys.readouterr().out
    assert "First prompt, as it is: no chat template:" in table
    assert run_cli(["plan", config, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["first_prompt"].endswith("=")
    assert f"\n  {row['first_prompt']}\n" in table


def test_a_long_prompt_is_cut_in_its_middle(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "long.jsonl").write_text(json.dumps({"prompt": "begin" + "x" * 9000 + "end", "answer": "1"}))
    assert run_cli(["plan", config, "--set", "task={name: table, path: long.jsonl}"]) == 0
    out = capsys.readouterr().out
    assert "begin" in out
    assert "end\n" in out
    assert "... 7,508 characters ..." in out


def test_a_plan_says_what_a_cap_leaves(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["plan", config, "--set", "sampling.most_tokens=80"]) == 0
    assert "0 of 80 tokens spent. It ends the run after about 25%" in capsys.readouterr().err
    assert run_cli(["plan", config, "--set", "sampling.most_tokens=8000"]) == 0
    assert "It ends" not in capsys.readouterr().err


def test_a_plan_needs_no_engine(
    config: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none(engine: str) -> tuple[str, str]:
        raise MissingExtraError("No engine is installed.")

    monkeypatch.setattr("ttscale.pipeline.planning.choose_engine", none)
    assert run_cli(["plan", config, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["engine"] == "none installed"


def test_a_model_that_does_not_exist_is_said_before_sampling(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["plan", config, "--set", "model.path=./nope"]) == 1
    assert "Model folder './nope' does not exist" in capsys.readouterr().err
