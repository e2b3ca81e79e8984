"""Cells that stop as soon as enough is known, end to end on a sampler that needs no engine."""

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ttscale.config.loading import load_config
from ttscale.config.models import RunConfig
from ttscale.errors import ConfigError, SamplerError
from ttscale.pipeline.run import sample_run
from ttscale.store.rounds import RoundsLog, read_drawn, read_rounds
from ttscale.store.run import RunStore

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
        ("{quantity: forecast, k: 3000, width: 0.01, first: 32, growth: 4, round_size: 3000}", (30,)),
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
    shutil.rmtree(store.path / "until")
    shutil.rmtree(store.path / "verdicts")
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
