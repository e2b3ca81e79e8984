"""``ttscale report`` and ``ttscale view`` as a user runs them, on runs made by hand."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from stored_runs import make_run

from ttscale.analysis.run.results import LookAhead
from ttscale.cli.main import run_cli
from ttscale.store.inventory import delete


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return two runs, the second with a cell that nobody verified."""
    folder = tmp_path_factory.mktemp("runs")
    first = make_run(folder / "first", n=6, n_problems=8).path
    cells = {"warm": {"sampling.temperature": 0.5}, "unverified": {"sampling.temperature": 2.0}}
    second = make_run(folder / "second", cells=cells, n=10, n_problems=8).path
    for path in second.glob("verdicts/*/unverified"):
        delete([path])
    return [first, second]


@pytest.fixture
def no_forecasts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave forecasts out: they have tests of their own, and take seconds."""
    monkeypatch.setattr("ttscale.analysis.run.analyze.look_ahead", lambda *_, **__: LookAhead())


@pytest.mark.usefixtures("no_forecasts")
def test_several_runs_make_one_page_and_rows_of_all_of_them(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["report", *map(str, runs), "--out", str(tmp_path / "both"), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {(row["run"], row["cell"]) for row in rows} == {
        ("first", "demo-arithmetic-arithmetic"),
        ("second", "warm"),
    }
    page = (tmp_path / "both" / "report.html").read_text()
    assert "first · second" in page
    assert "Without numbers yet" in page
    assert "ttscale verify" in page


@pytest.mark.usefixtures("no_forecasts")
def test_one_run_is_reported_where_it_lies(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["report", str(runs[0])]) == 0
    assert f"Report: {runs[0] / 'report.html'}" in capsys.readouterr().out
    assert (runs[0] / "figures" / "cost-by-cell.csv").exists()


@pytest.mark.usefixtures("no_forecasts")
def test_many_cells_are_told_one_by_one_and_the_numbers_stay_on_stdout(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["report", *map(str, runs), "--out", str(tmp_path), "--csv"]) == 0
    out, err = capsys.readouterr()
    told = [line for line in err.splitlines() if line.startswith("Analyzing ")]
    assert [line.rpartition(" (")[2] for line in told] == ["1 of 3)", "2 of 3)", "3 of 3)"]
    assert "Analyzing" not in out


@pytest.mark.usefixtures("no_forecasts")
def test_a_bundle_leads_to_every_run_below_a_folder(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["report", str(runs[0].parent), "--bundle", str(tmp_path / "site"), "--json"]) == 0
    pages = [Path(row["page"]) for row in json.loads(capsys.readouterr().out)]
    assert pages == [
        tmp_path / "site" / name for name in ("index.html", "first/report.html", "second/report.html")
    ]
    assert all(page.is_file() for page in pages)
    assert run_cli(["report", str(runs[0]), "--bundle", str(tmp_path), "--out", str(tmp_path)]) == 2


def test_a_folder_that_is_no_run_is_one_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("report", "view"):
        assert run_cli([command, str(tmp_path)]) == 1
        assert "is not a run directory" in capsys.readouterr().err


def test_view_lists_the_runs_below_a_folder(runs: list[Path]) -> None:
    command = [sys.executable, "-m", "ttscale", "view", str(runs[0].parent), "--port", "0", "--no-open"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as view:
        assert view.stdout is not None
        url = view.stdout.readline().strip()
        with urllib.request.urlopen(url, timeout=120) as answer:
            index = answer.read().decode()
        with urllib.request.urlopen(f"{url}run/1/", timeout=120) as answer:
            assert "second · ttscale report" in answer.read().decode()
        view.send_signal(signal.SIGINT)
        view.communicate(timeout=60)
    assert view.returncode == 0
    assert 'href="run/0/">first<' in index


def test_view_prints_its_address_serves_the_page_and_ends_by_ctrl_c(runs: list[Path]) -> None:
    command = [sys.executable, "-m", "ttscale", "view", str(runs[0]), "--port", "0", "--no-open"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as view:
        assert view.stdout is not None
        url = view.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(url, timeout=120) as answer:  # served once the run is read
            assert "first · ttscale report" in answer.read().decode()
        view.send_signal(signal.SIGINT)
        _, talk = view.communicate(timeout=60)
    assert view.returncode == 0
    assert "The run itself is not touched" in talk


AT_WORK = """
import sys, time
import numpy, scipy.fft
from ttscale.cli.main import main
from ttscale.report import live

def follow(report, stop):
    while True:
        scipy.fft.rfft(numpy.zeros(500_000))

class SlowToGo:
    def __del__(self, sleep=time.sleep):
        sleep(1)

live.follow = follow
slow = SlowToGo()
main()
"""


def test_ctrl_c_ends_a_view_whose_analysis_is_in_a_library(runs: list[Path]) -> None:
    """A thread that comes back from C++ into an interpreter that is going down ends the process by SIGABRT."""
    command = [sys.executable, "-c", AT_WORK, "view", str(runs[0]), "--port", "0", "--no-open"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as view:
        assert view.stdout is not None
        with urllib.request.urlopen(view.stdout.readline().strip(), timeout=120) as answer:
            answer.read()
        view.send_signal(signal.SIGINT)
        _, talk = view.communicate(timeout=60)
    assert view.returncode == 0, talk
    assert "The run itself is not touched" in talk
