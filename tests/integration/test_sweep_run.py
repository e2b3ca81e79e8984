"""A sweep from the command line: many cells, one engine a model, a failing cell beside good ones."""

import json
import signal
import warnings
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from ttscale.cli.main import EXIT_UNFINISHED, run_cli
from ttscale.config.cells import cells
from ttscale.config.loading import load_config
from ttscale.errors import EngineDiedError
from ttscale.pipeline.engines import by_engine
from ttscale.pipeline.progress import Progress
from ttscale.pipeline.run import run, sample_run
from ttscale.store.run import RunStore
from ttscale.tasks.arithmetic import ArithmeticOptions, ArithmeticTask

SWEEP = """
task: {name: arithmetic, problems: 8}
sampling: {n: 32, max_tokens: 10}
verifiers: [exact, last-digit]
sweep:
  axes:
    model: {good: {path: none, engine: "scripted:ScriptedSampler"}, other: {path: none, engine: "scripted:ScriptedSampler"}}
    temperature: [0.5, 1.0]
"""


Said = tuple[str, str]
"""Standard output and standard error."""
Command = Callable[..., Said]


@pytest.fixture
def ttscale(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Calls a command in this process and gives what it says; another exit code than `check` is an error."""
    monkeypatch.setattr("warnings.showwarning", warnings.showwarning)
    kept = signal.getsignal(signal.SIGTERM)

    def ttscale(*arguments: str | Path, check: int = 0) -> Said:
        try:
            code = run_cli(list(map(str, arguments)))
        finally:
            signal.signal(signal.SIGTERM, kept)
        out, err = capfd.readouterr()
        assert code == check, err
        return out, err

    return ttscale


class Notes(Progress):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


def test_a_failing_cell_stops_no_other_and_is_retried(
    tmp_path: Path, ttscale: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports: list[Path] = []
    monkeypatch.setattr(
        "ttscale.cli.runs._report", lambda stores, *_, **__: reports.extend(store.path for store in stores)
    )
    config, run_path = tmp_path / "sweep.yaml", tmp_path / "run"
    breaking = '{path: none, engine: "scripted:ScriptedSampler", engine_options: {fail_after: 3}}'
    config.write_text(
        SWEEP.replace('{good: {path: none, engine: "scripted:ScriptedSampler"}', "{good: " + breaking)
    )
    _, errors = ttscale(
        "run", config, "--out", run_path, "--set", "sampling.request_size=8", check=EXIT_UNFINISHED
    )
    assert "2 of the run's cells could not be finished" in errors
    assert "scripted failure" in errors
    status = {row["cell"]: row for row in json.loads(ttscale("status", run_path, "--json")[0])}
    assert [row["samples"] for row in status.values()] == [24, 24, 8 * 32, 8 * 32]
    assert reports == [run_path]

    # engine_options decide what a sample looks like, so the same ones must be given: mend the engine instead
    config.write_text(config.read_text().replace("fail_after: 3", "fail_after: 3000"))
    _, refused = ttscale("run", config, "--out", run_path, check=1)
    assert "fail_after" in refused


def test_what_one_value_of_an_axis_says_reaches_no_other(tmp_path: Path) -> None:
    config = tmp_path / "sweep.yaml"
    config.write_text(SWEEP.replace("good: {", "good: {dtype: float32, "))
    assert [cell.model.dtype for cell in cells(load_config(config))] == ["float32", "float32", "auto", "auto"]
    config.write_text("model: {path: none, dtype: bfloat16}\n" + config.read_text())
    dtypes = [cell.model.dtype for cell in cells(load_config(config))]
    assert dtypes == ["float32", "float32", "bfloat16", "bfloat16"]


def test_plan_names_every_cell_and_writes_nothing(tmp_path: Path, ttscale: Command) -> None:
    config = tmp_path / "sweep.yaml"
    config.write_text(SWEEP)
    rows = json.loads(ttscale("plan", config, "--out", tmp_path / "run", "--json")[0])
    assert [row["cell"] for row in rows] == [
        "good-arithmetic-temperature-0.5",
        "good-arithmetic-temperature-1.0",
        "other-arithmetic-temperature-0.5",
        "other-arithmetic-temperature-1.0",
    ]
    assert {row["samples_to_draw"] for row in rows} == {8 * 32}
    assert not (tmp_path / "run").exists()


def test_plan_tells_time_and_money_where_speed_and_prices_are_known(tmp_path: Path, ttscale: Command) -> None:
    config, prices = tmp_path / "sweep.yaml", tmp_path / "prices.yaml"
    config.write_text(SWEEP)
    prices.write_text("none: {prompt: 4, completion: 100}\n")
    out, _ = ttscale(
        "plan", config, "--out", tmp_path / "run", "--tokens-per-s", "256", "--prices", prices, "--json"
    )
    row = json.loads(out)[0]
    assert row["tokens_expected"] == 8 * 32 * 10  # at most: max_tokens each
    assert row["seconds_expected"] == 10.0
    characters = [
        len(problem.prompt or "") for problem in ArithmeticTask(ArithmeticOptions(problems=8)).problems()
    ]
    # one request a problem: its prompt at 4 characters a token and 4 dollars a million, then 2,560 tokens at 100
    assert row["usd_expected"] == pytest.approx(sum(characters) / 4 * 4e-6 + 2560 * 100e-6, abs=5e-5)


def test_cells_of_one_engine_are_neighbours(tmp_path: Path) -> None:
    config = tmp_path / "sweep.yaml"
    config.write_text(SWEEP.replace("  axes:\n", "  axes:\n    top_p: [0.9, 1.0]\n"))
    ordered = by_engine(cells(load_config(config)))
    assert len({cell.name for cell in ordered}) == 8  # both models are one folder, so one engine serves all
    config.write_text(config.read_text().replace("other: {path: none", "other: {path: elsewhere"))
    models = [cell.model.path for cell in by_engine(cells(load_config(config)))]
    assert models == ["none"] * 4 + ["elsewhere"] * 4


@pytest.mark.parametrize(("die_after", "requests"), [(3, 8), (1, 8)])
def test_an_engine_that_dies_is_started_again_and_goes_on(
    tmp_path: Path, die_after: int, requests: int
) -> None:
    config, notes = tmp_path / "mortal.yaml", Notes()
    config.write_text(
        f"""
model: {{path: none, engine: "scripted:ScriptedSampler", engine_options: {{die_after: {die_after}}}}}
task: {{name: arithmetic, problems: {requests}}}
sampling: {{n: 4, request_size: 4}}
verifiers: exact
"""
    )
    store = sample_run(load_config(config, out=tmp_path / "run"), notes)
    samples = store.samples("none-arithmetic").collect()
    assert samples.height == requests * 4
    assert samples.select("problem_id", "sample_index").is_unique().all()
    assert sum("Starting it again" in line for line in notes.lines) == (requests - 1) // die_after


def test_an_engine_that_only_dies_is_given_up(tmp_path: Path) -> None:
    config = tmp_path / "dead.yaml"
    config.write_text(
        """
model: {path: none, engine: "scripted:ScriptedSampler", engine_options: {die_after: 0}}
task: {name: arithmetic, problems: 2}
sampling: {n: 4}
verifiers: exact
"""
    )
    with pytest.raises(EngineDiedError, match="scripted death"):
        sample_run(load_config(config, out=tmp_path / "run"))


@pytest.mark.engine
def test_two_models_at_three_temperatures_in_the_real_engine(tmp_path: Path) -> None:
    pytest.importorskip("vllm")
    config = tmp_path / "sweep.yaml"
    config.write_text(
        """
task: {name: arithmetic, problems: 6}
sampling: {n: 16, max_tokens: 10}
verifiers: [exact]
sweep:
  axes:
    model: [demo-arithmetic, demo-arithmetic-small]
    temperature: [0.6, 0.8, 1.0]
"""
    )
    notes = Notes()
    store = run(load_config(config, out=tmp_path / "run"), notes)
    assert len(store.cells()) == 6
    assert sum("starting vllm" in line for line in notes.lines) == 2
    for cell in store.cells():
        samples = store.samples(cell).collect()
        assert samples.height == 6 * 16
        assert samples.select("problem_id", "sample_index").is_unique().all()
    texts = [
        pl.Series(store.samples(cell).sort("problem_id", "sample_index").collect()["completion"]).to_list()
        for cell in store.cells()
    ]
    assert len({tuple(column) for column in texts}) == 6  # every cell has its own temperature or model
    assert RunStore(store.path).sessions()[0].start_s > RunStore(store.path).sessions()[1].start_s == 0
