"""curve, fit, forecast and backtest on tables and runs, as a user runs them."""

import json
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest

from ttscale.cli.main import run_cli


class Done(NamedTuple):
    stdout: str
    stderr: str


class Ttscale(Protocol):
    def __call__(self, *arguments: str | Path, check: int = 0) -> Done: ...


@pytest.fixture
def ttscale(capsys: pytest.CaptureFixture[str]) -> Ttscale:
    """Run one command line in this process."""

    def ttscale(*arguments: str | Path, check: int = 0) -> Done:
        code = run_cli([str(argument) for argument in arguments])
        done = Done(*capsys.readouterr())
        assert code == check, done.stderr
        return done

    return ttscale


@pytest.fixture
def counts_file(tmp_path: Path) -> Path:
    path = tmp_path / "counts.csv"
    rows = "".join(f"{i},200,{min(200, 2**i - 1)}\n" for i in range(9)) * 1
    path.write_text("problem_id,n,c\n" + rows)
    return path


def test_curve_prints_the_published_coverage_of_a_known_file(ttscale: Ttscale, shared_data: Path) -> None:
    path = shared_data / "monkeys_pythia_math_counts.csv"
    done = ttscale("curve", path, "--by", "model", "--k", "1,100,10000", "--json")
    rows = json.loads(done.stdout)
    found = {row["k"]: round(row["value"], 5) for row in rows if row["model"] == "Pythia 160M"}
    assert found == {1: 0.00267, 100: 0.16191, 10000: 0.57031}
    assert {"metric", "low", "high", "n_problems"} <= rows[0].keys()
    assert all(row["low"] <= row["value"] <= row["high"] for row in rows)


def test_fit_prints_parameters_with_intervals(ttscale: Ttscale, counts_file: Path) -> None:
    (row,) = json.loads(ttscale("fit", counts_file, "--json").stdout)
    assert row["law"] == "exponentiated-power-law"
    for parameter in row["params"].values():
        assert parameter["low"] <= parameter["value"] <= parameter["high"]
    assert 0 <= row["curve_rmse"] < 0.2


def test_forecast_extrapolates_from_a_prefix_and_draws_a_figure(
    ttscale: Ttscale, counts_file: Path, tmp_path: Path
) -> None:
    figure = tmp_path / "ahead.png"
    done = ttscale("forecast", counts_file, "--k", "1e3", "--from", "100", "--json", "--plot", figure)
    (row,) = json.loads(done.stdout)
    assert row["k"] == 1000
    assert row["extrapolates"] is True
    assert row["n_samples"] == 100
    assert 0 < row["low"] <= row["value"] <= row["high"] <= 1
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_backtest_scores_every_method(ttscale: Ttscale, counts_file: Path) -> None:
    arguments = ["--from", "20", "--draws", "3", "--method", "beta-binomial,log-log", "--json"]
    rows = json.loads(ttscale("backtest", counts_file, *arguments).stdout)
    assert {row["method"] for row in rows} == {"beta-binomial", "log-log"}
    assert all(row["error"] >= 0 for row in rows)


def test_budgets_beyond_the_samples_are_refused_with_the_fix(ttscale: Ttscale, counts_file: Path) -> None:
    done = ttscale("curve", counts_file, "--k", "201", check=1)
    assert "ask for k <= 200" in done.stderr
    assert "k" in ttscale("curve", counts_file, "--k", "0.5", check=2).stderr


def test_a_curve_says_where_its_intervals_are_not_as_sure_as_they_claim(
    ttscale: Ttscale, tmp_path: Path
) -> None:
    path = tmp_path / "hard.csv"
    path.write_text("problem_id,n,c\n" + "".join(f"{i},50,{5 if i % 3 == 0 else 0}\n" for i in range(60)))
    rows = json.loads(ttscale("curve", path, "--k", "1,50", "--json").stdout)
    few, enough = rows
    assert few["caveat"].startswith("few solved: ")
    assert "92 to 100 %" in few["caveat"]
    assert enough["caveat"] is None
    table = ttscale("curve", path, "--k", "1,50")
    assert "few solved" in table.stdout
    assert table.stderr.count("92 to 100 %") == 1


def test_forecast_takes_a_tail_and_earlier_counts_and_says_what_it_cannot_tell(
    ttscale: Ttscale, tmp_path: Path
) -> None:
    import numpy as np

    rng = np.random.default_rng(0)
    path = tmp_path / "models.csv"
    rows = [
        f"{model},{i},30,{rng.binomial(30, p)}"
        for model in ("a", "b")
        for i, p in enumerate(rng.beta(0.2, 6.0, 400))
    ]
    path.write_text("\n".join(["model,problem_id,n,c", *rows]) + "\n")

    def value(*options: str | Path) -> tuple[float, str]:
        done = ttscale("forecast", path, "--by", "model", "--k", "100000", "--json", *options)
        first, _ = json.loads(done.stdout)
        return first["value"], done.stderr

    plain, said = value()
    assert "Note: a: these samples cannot tell a curve that levels off near" in said
    assert "more samples on" in said
    assert value("--tail", "ceiling")[0] < plain < value("--tail", "all-solvable")[0]
    assert value("--like", path)[0] != plain  # each model is forecast with the other as its like
    assert "tail" in ttscale("forecast", path, "--k", "100", "--tail", "fat", check=2).stderr
