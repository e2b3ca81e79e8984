"""Cells that stop as soon as enough is known, end to end on a sampler that needs no engine."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result
from scripted import success_rate

from ttscale.analysis.budget.reading_arms import read_arms
from ttscale.analysis.reading.adaptive import in_rounds
from ttscale.analysis.reading.cell import CellReader, stored_config
from ttscale.analysis.reading.settling import read_scored
from ttscale.analysis.run.ahead import LAWS_BY_LIKELIHOOD
from ttscale.analysis.run.analyze import analyze_cell, analyze_run
from ttscale.cli.main import cli
from ttscale.config.loading import load_config
from ttscale.config.models import RunConfig
from ttscale.errors import ConfigError, DataWarning, InvalidInputError, SamplerError
from ttscale.pipeline.planning import plan_rows, status_rows
from ttscale.pipeline.run import sample_run
from ttscale.report.html import write_report
from ttscale.store.inventory import delete
from ttscale.store.rounds import RoundsLog, read_drawn, read_rounds
from ttscale.store.run import RunStore
from ttscale.store.seals import BY_HAND
from ttscale.store.verdicts import VerdictSet

CELL = "none-arithmetic"


def config(path: Path, out: Path, *overrides: str) -> RunConfig:
    few = ("sampling.n=600", "verifiers=[exact]", "task.problems=24")
    return load_config(path, [*few, *overrides], out=out)


def keys(store: RunStore, cell: str = CELL) -> pl.DataFrame:
    return store.samples(cell).select("problem_id", "sample_index", "completion").collect().sort(pl.all())


def log_of(store: RunStore, cell: str = CELL) -> RoundsLog:
    log = read_rounds(store, cell)
    assert log is not None
    return log


def drawn(store: RunStore, cell: str = CELL):
    ids = [problem.problem_id for problem in store.problems(cell)]
    return read_drawn(store, cell, store.verdict_sets()[0], ids, log_of(store, cell).rounds)


def test_a_problem_stops_at_its_successes_and_the_others_at_n(scripted_config: Path, tmp_path: Path) -> None:
    store = sample_run(config(scripted_config, tmp_path / "run", "sampling.until={successes: 2}"))
    found, counts = drawn(store), store.counts(CELL)
    ladder = np.array(log_of(store).ladder)
    assert [counts[problem] for problem in found.problem_ids] == ladder[found.rung].tolist()
    stopped = ladder[found.rung] < 600
    assert (found.c[stopped] >= 2).all()
    before = found.successes[np.arange(24), np.maximum(found.rung - 1, 0)]
    assert (before[found.rung > 0] < 2).all()  # nobody got a round too many
    assert 0 < stopped.sum() < 24
    assert "have their successes" in (log_of(store).reason or "")


@pytest.mark.parametrize(
    ("rule", "kills_after"),
    [
        ("{successes: 1}", (1, 3, 8, 9, 20, 50)),
        ("{quantity: coverage, k: 40, width: 0.09, round_size: 200}", (1, 3, 20, 30)),
        ("{quantity: forecast, k: 3000, width: 0.01, first: 64, growth: 10, round_size: 9000}", (30, 100)),
    ],
    ids=["successes", "coverage", "forecast"],
)
def test_a_run_killed_anywhere_goes_on_as_if_nothing_had_happened(
    scripted_config: Path, tmp_path: Path, rule: str, kills_after: tuple[int, ...]
) -> None:
    until = f"sampling.until={rule}"
    whole = sample_run(config(scripted_config, tmp_path / "whole", until))
    broken = tmp_path / "broken"
    kills = 0
    for fail_after in (*kills_after, None):
        options = f"model.engine_options={{fail_after: {json.dumps(fail_after)}}}"
        store = RunStore(broken)
        if store.exists:  # engine options are part of the identity: put them back as they were asked first
            manifest = json.loads((broken / "manifest.json").read_text())
            manifest["cells"][CELL].pop("model.engine_options", None)
            if fail_after is not None:
                manifest["cells"][CELL]["model.engine_options"] = {"fail_after": fail_after}
            manifest["seal"] = BY_HAND
            (broken / "manifest.json").write_text(json.dumps(manifest))
        try:
            extra = () if fail_after is None else (options,)
            sample_run(config(scripted_config, broken, until, *extra))
        except SamplerError:
            kills += 1
    assert kills == len(kills_after)
    assert keys(RunStore(broken)).equals(keys(whole))
    assert log_of(RunStore(broken)) == log_of(whole)


def test_decisions_follow_from_the_samples_alone(scripted_config: Path, tmp_path: Path) -> None:
    until = "sampling.until={quantity: coverage, k: 40, width: 0.09, round_size: 200}"
    store = sample_run(config(scripted_config, tmp_path / "run", until))
    first, samples = log_of(store), keys(store)
    assert first.at_end is not None
    assert first.at_end.width is not None
    assert first.at_end.width <= 0.09
    assert first.climbs
    delete([store.path / "until"])
    delete([store.path / "verdicts"])
    again = sample_run(config(scripted_config, tmp_path / "run", until))
    assert log_of(again) == first
    assert keys(again).equals(samples)


def test_a_narrower_width_and_a_larger_n_go_on_from_there(scripted_config: Path, tmp_path: Path) -> None:
    rule = "sampling.until={{quantity: coverage, k: 20, width: {}, round_size: 800, growth: 3}}"
    out = tmp_path / "run"
    loose = log_of(sample_run(config(scripted_config, out, rule.format(0.2))))
    tight = log_of(sample_run(config(scripted_config, out, rule.format(0.1))))
    assert tight.climbs[: len(loose.climbs)] == loose.climbs
    assert len(tight.climbs) > len(loose.climbs)
    tighter = rule.format(0.01)
    capped = log_of(sample_run(config(scripted_config, out, tighter)))
    assert capped.reason == "every problem has sampling.n samples" or capped.ladder[-1] == 600
    larger = log_of(sample_run(config(scripted_config, out, tighter, "sampling.n=1000")))
    assert larger.ladder[-1] == 1000
    assert larger.climbs[: len(capped.climbs)] == capped.climbs


def test_samples_drawn_before_there_was_a_rule_are_the_first_rung(
    scripted_config: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    sample_run(config(scripted_config, out, "sampling.n=50"))
    store = sample_run(config(scripted_config, out, "sampling.until={successes: 1}"))
    assert log_of(store).ladder[0] == 50


SWEEP = """
model: {path: none, engine: "scripted:ScriptedSampler"}
task: {name: arithmetic, problems: 24}
sampling: {n: 800, request_size: 16, until: {quantity: difference, to: base, k: 20, width: 0.1, round_size: 100}}
verifiers: [exact]
sweep:
  axes: {variant: {other: {seed: 1}, base: {seed: 0, n: 400}}}
  name: "{variant}"
"""


def test_a_difference_stops_one_cell_and_draws_the_other_in_full(tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text(SWEEP)
    store = sample_run(load_config(path, out=tmp_path / "run"))
    assert set(store.counts("base").values()) == {400}
    assert read_rounds(store, "base") is None
    log = log_of(store, "other")
    assert log.at_end is not None
    assert log.at_end.width is not None
    assert log.at_end.width <= 0.1
    assert log.at_end.low is not None
    assert log.at_end.low < 0 < log.at_end.high  # the same problems, other seeds
    with pytest.raises(ConfigError, match="'nowhere', which is no cell of this run: other, base"):
        sample_run(load_config(path, ["sampling.until.to=nowhere"], out=tmp_path / "run"))


def test_a_width_that_only_more_problems_can_give_ends_early(scripted_config: Path, tmp_path: Path) -> None:
    rule = "sampling.until={quantity: coverage, k: 10, width: 0.05, over: problems, round_size: 100}"
    store = sample_run(config(scripted_config, tmp_path / "run", rule))
    assert "only more problems narrow it" in (log_of(store).reason or "")
    assert sum(store.counts(CELL).values()) < 24 * 600 / 4


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("{successes: 1, quantity: coverage}", "one rule is needed"),
        ("{quantity: coverage, k: 10}", "needs both k and width"),
        ("{successes: 1, k: 5}", "'k' belongs to a quantity"),
        ("{quantity: difference, k: 5, width: 0.1}", "'to' names the other cell"),
        ("{quantity: coverage, k: 5000, width: 0.1}", "n allows 600 samples per problem"),
        ("{succeses: 1}", "Did you mean 'successes'"),
    ],
)
def test_a_rule_that_makes_no_sense_is_explained(
    scripted_config: Path, tmp_path: Path, rule: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        config(scripted_config, tmp_path, f"sampling.until={rule}")


def test_sharing_and_rounds_exclude_each_other(scripted_config: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="without --share"):
        sample_run(config(scripted_config, tmp_path / "run", "sampling.until={successes: 1}"), share=True)


@pytest.fixture(scope="module")
def pilot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two arms, one of them stopped at two successes."""
    folder = tmp_path_factory.mktemp("pilot")
    path = folder / "sweep.yaml"
    text = SWEEP.replace(
        "{quantity: difference, to: base, k: 20, width: 0.1, round_size: 100}", "{successes: 2}"
    )
    path.write_text(text.replace("base: {seed: 0, n: 400}", "base: {seed: 0, n: 400, until: null}"))
    sample_run(load_config(path, out=folder / "run"))
    return folder / "run"


def command(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), catch_exceptions=False)


def test_show_and_report_allow_for_it_and_say_so(pilot: Path) -> None:
    result = analyze_run(pilot)
    plain, stopped = result.cells
    assert stopped.cell == "other"
    assert "drawn in rounds until a problem has 2 successes" in stopped.warnings[0]
    assert "drawn in rounds" in stopped.coverage.method
    assert not any("drawn in rounds" in warning for warning in plain.warnings)
    assert stopped.coverage.k[-1] == 800  # as far as the unsolved problems reach, not the solved ones
    assert stopped.selectors["majority vote"].k[-1] <= 16
    assert stopped.law is None
    truth = np.array(
        [1 - (1 - success_rate(problem)) ** 400 for problem in RunStore(pilot).problems("other")]
    ).mean()
    value = stopped.coverage.value[stopped.coverage.k == 100]
    assert abs(value[0] - plain.coverage.value[plain.coverage.k == 100][0]) < 0.1
    assert abs(float(np.interp(400, stopped.coverage.k, stopped.coverage.value)) - truth) < 0.1
    assert "drawn in rounds" in write_report(result, pilot).page.read_text()


def test_beyond_the_samples_only_the_likelihood_is_used(pilot: Path) -> None:
    store = RunStore(pilot)
    outlook = analyze_cell(store, "other", stored_config(store), depth="full").outlook
    assert outlook is not None
    assert outlook.backtest is None
    assert {fit.law for fit in outlook.laws} == set(LAWS_BY_LIKELIHOOD)
    assert outlook.forecast is not None
    assert outlook.forecast.curve.k[0] == 800


def test_the_oracle_that_decided_is_the_one_to_judge(pilot: Path) -> None:
    store = RunStore(pilot)
    oracle = store.verdict_sets()[0]
    judged = CellReader(store=store, name="other", oracle=oracle).verified()
    same = in_rounds(store, "other", judged, oracle)
    renamed = VerdictSet(oracle.folder, replace(oracle.info, version=f"{oracle.info.version}-changed"))
    changed = in_rounds(store, "other", judged, renamed)
    assert same is not None
    assert changed is not None
    assert (changed.by_other_oracle, changed.k_max) == (True, 16)  # only what was drawn before any decision


def test_curves_of_stopped_and_pooled_cells(pilot: Path) -> None:
    rows = json.loads(command("curve", str(pilot), "--k", "1,100,400", "--json").stdout)
    assert [row["k"] for row in rows] == [1, 100, 400] * 2
    told = command("curve", str(pilot), "--pool", "--k", "1,100,800", "--json")
    assert "other: Samples were drawn in rounds" in told.stderr
    pooled = json.loads(told.stdout)
    assert pooled[0]["pool"] == "base + other"
    assert pooled[2]["value"] >= max(row["value"] for row in rows if row["k"] == 400) - 0.05
    weighted = json.loads(
        command("curve", str(pilot), "--pool", "--share", "base=3", "--k", "100", "--json").stdout
    )
    assert weighted[0]["pool"] == "3 base + other"
    with pytest.raises(InvalidInputError, match=r"'base', which reaches k = 400. Ask for k <= 80[01]"):
        command("curve", str(pilot), "--pool", "--k", "2000")
    with pytest.raises(InvalidInputError, match="Did you mean 'base'"):
        command("curve", str(pilot), "--pool", "--share", "bas=3")
    assert (
        "exponentiated-power-law is fitted to a curve that such samples bias"
        in command("fit", str(pilot)).stderr
    )


def test_plan_says_the_most_and_status_how_far(pilot: Path) -> None:
    config = load_config(pilot.parent / "sweep.yaml", out=pilot)
    planned, _ = plan_rows(config)
    assert planned["until"] == "2 successes"
    assert planned["samples_to_draw"] == 24 * 800 - planned["samples_stored"]
    rows = {row["cell"]: row for row in status_rows(RunStore(pilot))}
    assert rows["other"]["until"] == "2 successes"
    assert "have their successes" in rows["other"]["stopped"]
    assert rows["other"]["done"] == "100.0%"
    assert rows["base"]["until"] is None


@pytest.mark.filterwarnings("ignore::ttscale.errors.DataWarning")
def test_comparisons_and_budgets_use_what_nothing_chose(pilot: Path) -> None:
    with pytest.warns(DataWarning, match="other: Samples were drawn in rounds"):
        tables = read_scored(pilot, ["exact"])
    assert {table.label: table.frame.height for table in tables} == {"base": 24 * 400, "other": 24 * 16}
    with pytest.warns(DataWarning, match="votes, scores"):
        arms = read_arms([pilot])
    assert {arm.label: set(arm.n.tolist()) for arm in arms} == {"base": {400}, "other": {16}}


def test_a_round_under_way_counts_for_nothing_yet(scripted_config: Path, tmp_path: Path) -> None:
    until, stop = "sampling.until={successes: 2}", "model.engine_options={fail_after: 60}"
    out = tmp_path / "run"
    with pytest.raises(SamplerError):  # in a later round: the first has 48 requests
        sample_run(config(scripted_config, out, until, stop))
    store = RunStore(out)
    log, oracle = log_of(store), RunStore(out).verdict_sets()[0]
    judged = CellReader(store=store, name=CELL, oracle=oracle).verified()
    found = in_rounds(store, CELL, judged, oracle)
    assert found is not None
    assert len(found.drawn.rounds.climbs) == len(log.climbs) - 1
    (result,) = analyze_run(out).cells
    assert "It has not stopped yet." in result.warnings[0]
