"""`ttscale compare-models` as a user runs it: on a run and on a table."""

import csv
import io
import json
from pathlib import Path

import budget_runs
import pytest

from ttscale.cli.main import run_cli


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return budget_runs.build_two_cells(tmp_path_factory.mktemp("compared") / "run").path


def said(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[str, str]:
    code = run_cli(["compare-models", *map(str, arguments)])
    printed = capsys.readouterr()
    assert code == 0, printed.err
    return printed.out, printed.err


def test_tables_go_to_stdout_and_what_they_mean_to_stderr(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, err = said(capsys, run, "--k", "1,10", "--selector", "coverage,majority")
    for words in ("ranks by k = 10", "paired differences in points", "at equal cost", "Solved by one"):
        assert words in out
    assert "needed" in out and "detectable" in out  # heads fold in a narrow table
    assert "with a chance of 80%" in err


def test_json_and_the_grid_as_csv_are_for_programs(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(said(capsys, run, "--k", "1", "--json")[0])
    (difference,) = [row for row in rows if row["question"] == "difference"]
    assert difference["low"] <= difference["value"] <= difference["high"]
    assert difference["problems_to_settle"] is None or difference["problems_to_settle"] > 0
    grid = list(csv.DictReader(io.StringIO(said(capsys, run, "--problems", "--csv")[0])))
    assert len(grid) == 2 * budget_runs.N_PROBLEMS
    table = said(capsys, run, "--problems")[0]
    assert f"{grid[0]['c']}/{grid[0]['n']}" in table


def test_samples_of_what_one_alone_solves_are_printed(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(said(capsys, run, "--samples", "1", "--json")[0])
    assert rows and len(rows) % 2 == 0
    for solving, failing in zip(rows[::2], rows[1::2], strict=True):
        assert solving["outcome"] == "correct" and failing["outcome"] != "correct"
        assert (solving["cell"], failing["cell"]) == (solving["solved_by"], solving["not_by"])


def test_all_rows_as_csv_have_no_lists_and_the_differences_are_drawn(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, _ = said(capsys, run, "--csv", "--plot", tmp_path / "differences.png")
    problems = [row for row in csv.DictReader(io.StringIO(out)) if row["question"] == "problem"]
    assert len(problems) == 2 * budget_runs.N_PROBLEMS
    assert not any("[" in row["not_solved_by"] for row in problems)
    assert (tmp_path / "differences.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cells", "nobody"], "no cell 'nobody'"),
        (["--k", "41"], "k = 41"),
        (["--power", "0.2"], "0.5<=x<1"),
        (["--selector", "best"], "needs a verifier"),
    ],
)
def test_mistakes_end_in_one_line_with_the_fix(
    run: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["compare-models", str(run), *arguments]) in (1, 2)
    assert message in capsys.readouterr().err
