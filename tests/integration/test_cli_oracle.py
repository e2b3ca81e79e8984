"""--oracle: every command that counts successes counts those of the verifier that is named."""

import json
from pathlib import Path
from typing import Any

import pytest
from stored_runs import DEPLOYABLE, make_run

from ttscale.cli.main import run_cli

COMMANDS = [["show"], ["curve", "--k", "1"], ["fit", "--law", "beta-binomial"], ["forecast", "--k", "100"]]


def printed(args: list[str], capsys: pytest.CaptureFixture[str]) -> Any:
    assert run_cli([*args, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_another_oracle_counts_other_successes(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(make_run(tmp_path / "run").path)
    own = printed([command[0], path, *command[1:]], capsys)
    named = printed([command[0], path, *command[1:], "--oracle", "exact"], capsys)
    other = printed([command[0], path, *command[1:], "--oracle", "last-digit"], capsys)
    by_label = printed([command[0], path, *command[1:], "--oracle", DEPLOYABLE.label], capsys)
    assert named == own
    assert other != own
    assert by_label == other


def test_pass_at_1_of_another_oracle_is_its_share_of_successes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = make_run(tmp_path / "run")
    (row,) = printed(["curve", str(store.path), "--k", "1", "--oracle", "last-digit"], capsys)
    outcomes = store.verdict_set(DEPLOYABLE).outcomes(store.cells())
    assert row["value"] == pytest.approx(outcomes["correct"] / (12 * 16))


def test_the_report_is_written_of_another_oracle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(make_run(tmp_path / "run").path)
    rows = printed(["report", path, "--oracle", "last-digit", "--out", str(tmp_path / "page")], capsys)
    assert rows == printed(["show", path, "--oracle", "last-digit"], capsys)
    assert (tmp_path / "page" / "report.html").exists()


@pytest.mark.parametrize("command", [*COMMANDS, ["report"]], ids=lambda command: command[0])
def test_an_oracle_that_is_not_there_is_said_with_those_that_are(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(make_run(tmp_path / "run").path)
    assert run_cli([command[0], path, *command[1:], "--oracle", "numeric"]) == 1
    said = capsys.readouterr().err
    assert "numeric" in said
    assert "exact" in said


def test_a_table_has_its_own_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "counts.csv"
    table.write_text("problem,n,c\na,4,1\n")
    assert run_cli(["curve", str(table), "--k", "1", "--oracle", "exact"]) == 1
    assert "is a table" in capsys.readouterr().err
