"""`ttscale budget` and `ttscale allocate` as a user runs them: on a run, on a table, with files of models and prices."""

import json
from collections.abc import Callable
from pathlib import Path

import budget_runs
import numpy as np
import pytest

from ttscale.cli.main import run_cli
from ttscale.stats.forecast.forecasting import forecast


@pytest.fixture
def ttscale(capsys: pytest.CaptureFixture[str]) -> Callable[..., "pytest.CaptureResult[str]"]:
    """Run a command line in this process: starting one anew takes longer than the commands do."""

    def call(*arguments: str | Path, check: int = 0) -> "pytest.CaptureResult[str]":
        capsys.readouterr()
        code = run_cli([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        assert code == check, printed.err
        return printed

    return call


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return budget_runs.build_two_cells(tmp_path_factory.mktemp("cli") / "run").path


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "counts.csv"
    rows = [
        f"{name},{i},64,{c}"
        for name, most in (("small 1B", 8), ("big 8B", 48))
        for i, c in enumerate(range(0, most, most // 8))
    ]
    path.write_text("\n".join(["model,problem_id,n,c", *rows]) + "\n")
    return path


def test_a_run_answers_targets_and_sums_in_tables_and_draws_a_figure(
    ttscale, run: Path, tmp_path: Path
) -> None:
    figure = tmp_path / "cost.svg"
    done = ttscale("budget", run, "--target", "coverage=0.5", "--spend", "3000tokens", "--plot", figure)
    for heading in ("What a target costs", "What a sum reaches", "The best buy by tokens per problem"):
        assert heading in done.out
    assert "temperature-0.5" in done.out
    assert "<svg" in figure.read_text(encoding="utf-8")


def test_rows_say_their_question_unit_interval_and_method(ttscale, table: Path) -> None:
    done = ttscale("budget", table, "--by", "model", "--tokens", "prompt=50,completion=100", "--target", "0.3",
                   "--spend", "1e15flops", "--worth", "1e13flops", "--json")  # fmt: skip
    rows = json.loads(done.out)
    questions = {row["question"] for row in rows}
    assert {"target", "spend", "best-buy", "pareto", "saturation", "break-even"} <= questions
    (small, big) = (row for row in rows if row["question"] == "target")
    assert small["unit"] == "flops"
    assert small["k_low"] <= small["k"] <= (small["k_high"] or 10**9)
    assert small["total_cost"] == pytest.approx(
        8 * 2 * 1e9 * (50 + 100 * small["k"])
    )  # 8 problems, size from the name
    assert big["total_cost"] == pytest.approx(8 * 2 * 8e9 * (50 + 100 * big["k"]))
    assert "only the number of parameters is known" not in done.out


def test_models_and_prices_come_from_files(ttscale, table: Path, tmp_path: Path) -> None:
    models = tmp_path / "models.yaml"
    models.write_text("small 1B: {parameters: 2.0e9}\nbig 8B: {parameters: 9e9, active_parameters: 1e9}\n")
    arguments = [
        "budget",
        table,
        "--by",
        "model",
        "--tokens",
        "completion=100",
        "--spend",
        "1e14flops",
        "--json",
    ]
    first, second = (
        row for row in json.loads(ttscale(*arguments, "--models", models).out) if row["question"] == "spend"
    )
    assert first["k"] * 2 == pytest.approx(second["k"], abs=2)  # twice as many active parameters
    prices = tmp_path / "prices.yaml"
    prices.write_text("small 1B: {prompt: 0, completion: 1}\nbig 8B: {prompt: 0, completion: 10}\n")
    rows = json.loads(ttscale(*arguments[:-3], "--spend", "0.1usd", "--prices", prices, "--json").out)
    bought = [row["k"] for row in rows if row["question"] == "spend"]
    assert bought == [125, 12]  # 0.1 USD over 8 problems at 100 tokens for 1e-4 and 1e-3 USD


def test_an_allocation_is_printed_and_machine_readable(ttscale, run: Path) -> None:
    done = ttscale("allocate", run, "--spend", "2500tokens")
    assert "Samples per problem for 2,500 tokens, coverage" in done.out
    assert "gain" in done.out
    rows = json.loads(ttscale("allocate", run, "--spend", "2500tokens", "--json").out)
    assert rows[-1]["question"] == "allocation"
    assert rows[-1]["gain_low"] <= rows[-1]["gain"] <= rows[-1]["gain_high"]
    assert sum(row["k"] for row in rows[:-1]) > 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--spend", "100"], 2, "is not a number with a unit"),
        (["--spend", "5eur"], 2, "Unknown unit 'eur'"),
        (["--target", "coverage=1.2"], 1, "at most 1"),
        (["--target", "speed=0.5"], 2, "'speed' is no target"),
        (["--spend", "5usd"], 1, "No price of 'demo-arithmetic' is known"),
        (["--price", "prompt=1"], 2, "--price lacks completion"),
        (["--price", "promt=1,completion=2"], 2, "Did you mean 'prompt'"),
        (["--cost", "money", "--price", "prompt=0,completion=0"], 1, "costs 0 usd"),
        (["--model", "x"], 2, "is not NAME=WHAT"),
        (["--cost-option", "prompt"], 2, "is not NAME=VALUE"),
        (["--limits", "500"], 1, "nothing is known of a limit of 500"),
        (["--by", "levle"], 1, "has 'levle' to group by"),
    ],
)
def test_mistakes_end_in_one_line_with_the_fix(
    ttscale, run: Path, arguments: list[str], code: int, message: str
) -> None:
    done = ttscale("budget", run, *arguments, check=code)
    assert message in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("asked", "before"),
    [
        (("reach", "coverage=0.3"), ("--target", "coverage=0.3")),
        (("reach", "30%", "--pilot", "5"), ("--target", "0.3", "--pilot", "5")),
        (("spend", "3000tokens"), ("--spend", "3000tokens")),
        (("buy", "--worth", "400tokens"), ("--worth", "400tokens")),
    ],
)
def test_a_question_gives_what_the_old_spelling_gives(ttscale, run: Path, asked, before) -> None:
    question, *rest = asked
    given = [question, *rest[:1], run, *rest[1:]] if question != "buy" else [question, run, *rest]
    new = json.loads(ttscale("budget", *given, "--json").out)
    assert new == json.loads(ttscale("budget", run, *before, "--json").out)
    assert new == json.loads(ttscale("budget", *before, run, "--json").out)  # options may come first
    assert len(new) > 3


def test_help_asks_three_questions_and_hides_the_fourth_door(ttscale) -> None:
    text = ttscale("budget", "--help").out
    assert [line.split()[0] for line in text.partition("Commands:")[2].splitlines() if line.strip()] == [
        "reach",
        "spend",
        "buy",
    ]
    assert "--target" not in text.partition("Commands:")[2]


def test_a_mistake_in_the_old_spelling_is_told_in_it(ttscale, run: Path) -> None:
    said = ttscale("budget", run, "--targt", "0.5", check=2).err
    assert "Usage: ttscale budget [OPTIONS] SOURCES..." in said
    assert "--target" in said


def test_shares_are_percent_in_tables_and_raw_in_rows(ttscale, table: Path) -> None:
    given = ("budget", "reach", "0.3", table, "--by", "model", "--tokens", "prompt=50,completion=100")
    text = ttscale(*given).out
    assert "30%" in text
    rows = json.loads(ttscale(*given, "--json").out)
    assert all(row["target"] == 0.3 for row in rows if row["question"] == "target")


def test_counts_of_other_models_move_what_a_budget_forecasts(ttscale, tmp_path: Path) -> None:
    """Two models solve a fifth of the problems in no 1,000 samples: with them, a third one's curve is seen to end there."""
    solved = np.array([50, 40, 30, 20, 10, 5, 3, 2] * 10 + [0] * 20)
    for name, times in (("pilot", 1), ("first", 10), ("second", 10)):
        rows = [f"{i},{100 * times},{c * times}" for i, c in enumerate(solved)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["problem_id,n,c", *rows]) + "\n")

    def reached(*options: str) -> dict[str, float]:
        done = ttscale("budget", "spend", "100000samples", tmp_path / "pilot.csv", *options, "--json")
        row: dict[str, float] = next(row for row in json.loads(done.out) if row["question"] == "spend")
        return row

    alone = reached()
    like = reached("--like", str(tmp_path / "first.csv"), "--like", str(tmp_path / "second.csv"))
    assert like["value"] < alone["value"]
    assert (like["low"], like["high"]) < (alone["low"], alone["high"])
    ahead = forecast(100, solved, 1000, like=[(1000, 10 * solved)] * 2).curve
    assert like["value"] == pytest.approx(ahead.value[0], abs=0.01)  # read off between budgets
