"""What the command line says where somebody took the wrong door: the right one, by name."""

from pathlib import Path

import pytest
from stored_runs import make_run

from ttscale.cli.main import run_cli

TABLE = "problem,n,c\na,100,0\nb,100,3\nc,100,40\nd,100,99\n"


@pytest.mark.parametrize("command", ["show", "report", "status", "verify", "check", "trace"])
def test_a_file_where_a_run_is_wanted(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "mine.csv"
    table.write_text(TABLE)
    assert run_cli([command, str(table), *(["p"] if command == "trace" else [])]) == 2
    said = capsys.readouterr().err
    assert f"ttscale curve {table}" in said
    assert f"ttscale import {table} --out runs/mine" in said


@pytest.mark.parametrize(
    ("option", "setting"),
    [
        ("--n", "sampling.n"),
        ("--max-tokens=10", "sampling.max_tokens"),
        ("--temperature", "sampling.temperature"),
        ("--engine", "model.engine"),
        ("--k", "analysis.k"),
        ("--task", "task"),
    ],
)
@pytest.mark.parametrize("command", ["run", "sample", "plan"])
def test_a_setting_as_an_option_is_told_how_it_is_given(
    command: str, option: str, setting: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli([command, "any.yaml", option, "10"]) == 2
    assert f"It is a setting: --set {setting}=VALUE" in capsys.readouterr().err


def test_a_typo_of_an_option_is_still_a_typo(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["run", "any.yaml", "--jsn"]) == 2
    assert "--json" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore::ttscale.errors.DataWarning")
def test_what_lies_within_the_samples_is_no_forecast(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "mine.csv"
    table.write_text(TABLE)
    assert run_cli(["forecast", str(table), "--k", "10,50,1000"]) == 0
    printed = capsys.readouterr()
    assert "k = 10, 50: within the samples, measured and not forecast" in printed.err
    within, beyond = (
        next(line for line in printed.out.splitlines() if line.split()[:1] == [k]) for k in ("50", "1,000")
    )
    assert "[" not in within
    assert "[" in beyond
    assert run_cli(["forecast", str(table), "--k", "1000"]) == 0
    assert "within the samples" not in capsys.readouterr().err


def test_ending_a_watch_is_no_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_run(tmp_path / "run", n=2).path

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupted)
    assert run_cli(["status", str(path), "--watch"]) == 0
    printed = capsys.readouterr()
    assert "Interrupted" not in printed.err
    assert "problems" in printed.out
