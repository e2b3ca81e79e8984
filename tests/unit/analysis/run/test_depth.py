"""How much an analysis computes, and what it says of what it left out."""

import warnings
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from stored_runs import make_run

from ttscale.analysis.comparison import some
from ttscale.analysis.comparison.some import compare_some
from ttscale.analysis.reading.cell import CellReader, RunReader
from ttscale.analysis.run import analyze
from ttscale.analysis.run.ahead import look_ahead
from ttscale.analysis.run.analyze import analyze_run
from ttscale.config.models import AnalysisSettings
from ttscale.errors import StoreError, TtscaleWarning
from ttscale.stats.counts.pass_at_k import pass_at_k
from ttscale.stats.forecast.reaching import coverage_to_reach
from ttscale.store.inventory import delete
from ttscale.store.run import RunStore

CELL = "demo-arithmetic-arithmetic"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    return make_run(tmp_path_factory.mktemp("depth") / "run", n=16, n_problems=10)


def cell_of(store: RunStore) -> CellReader:
    return RunReader(store).cell(CELL, verifiers=["last-digit"])


def test_curves_alone_leave_forecasts_and_comparisons_out(store: RunStore) -> None:
    (cell,) = analyze_run(store).cells
    assert cell.outlook is None
    assert cell.comparison is None
    assert cell.skipped == ()


def test_a_glance_leaves_long_votes_out_and_says_so(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analyze, "_MANY_SAMPLES", 100)
    (cell,) = analyze_run(store, depth="glance").cells
    assert "majority vote" not in cell.selectors
    assert any("majority vote is left out" in words for words in cell.skipped)


def test_over_many_samples_votes_are_computed_at_fewer_budgets_with_the_same_values(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    (full,) = analyze_run(store).cells
    monkeypatch.setattr(analyze, "_MANY_SAMPLES", 100)
    (coarse,) = analyze_run(store).cells
    few, all_of = coarse.selectors["majority vote"], full.selectors["majority vote"]
    assert few.k.tolist() == [1, 2, 4, 8, 10, 16]
    np.testing.assert_allclose(few.value, all_of.value[np.isin(all_of.k, few.k)])


def test_a_selector_without_all_scores_is_named_instead_of_silently_missing(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", n=4, n_problems=3)
    (path,) = tmp_path.glob("run/verdicts/last-digit-*/*/*.parquet")
    frame = pl.read_parquet(path)
    delete([path])
    (verdicts,) = [one for one in run.verdict_sets() if one.info.verifier == "last-digit"]
    verdicts.write(CELL, frame.head(frame.height - 2), path.stem)
    (cell,) = analyze_run(run).cells
    assert "best by last-digit" not in cell.selectors
    assert cell.skipped == ("'best by last-digit' has no curve: 2 of 12 samples have no score.",)


def test_cells_without_verdicts_are_listed_and_do_not_stop_the_others(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", cells={"a": {}, "b": {}}, n=3, n_problems=4)
    for path in tmp_path.glob("run/verdicts/*/b"):
        delete([path])
    result = analyze_run(run)
    assert [cell.cell for cell in result.cells] == ["a"]
    (waiting,) = result.unmeasured
    assert (waiting.cell, waiting.n_samples) == ("b", 12)
    assert "No verdicts of an oracle" in waiting.reason
    for path in tmp_path.glob("run/verdicts/*/a"):
        delete([path])
    with pytest.raises(StoreError, match="No verdicts of an oracle"):
        analyze_run(run)
    assert len(analyze_run(run, allow_empty=True).unmeasured) == 2


def test_one_pass_gives_what_separate_reading_gives(store: RunStore) -> None:
    judged = cell_of(store).verified()
    oracle = RunReader(store).oracle(CELL)
    verdicts = oracle.scan(CELL).collect()
    expected = verdicts.group_by("problem_id").agg((pl.col("outcome") == "correct").sum()).sort("problem_id")
    assert judged.c.tolist() == expected["outcome"].to_list()
    assert judged.n.tolist() == [16] * 10


def test_a_thinned_comparison_takes_the_same_number_of_each_problem_and_says_so(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(some, "_MOST_SAMPLES", 80)
    comparison, notes = compare_some(cell_of(store).rows(), cell_of(store), AnalysisSettings(), {})
    assert comparison is not None
    assert comparison.n_samples == 80
    assert int(comparison.coverage.k[-1]) == 8
    assert "80 samples, 8 of each problem, drawn at random" in notes[0]
    again, _ = compare_some(cell_of(store).rows(), cell_of(store), AnalysisSettings(), {})
    assert again is not None
    np.testing.assert_array_equal(comparison.coverage.value, again.coverage.value)


def test_what_a_target_needs_is_told_by_samples_that_no_verdict_chose() -> None:
    rng = np.random.default_rng(1)
    rate = rng.beta(0.6, 1.5, 60)
    first = np.full(60, 12), rng.binomial(12, rate)
    n = np.where(first[1] == 0, 48, 12)  # the unsolved got more: at 12 they look as if drawn for it
    c = first[1] + np.where(first[1] == 0, rng.binomial(36, rate), 0)
    ahead = look_ahead(n, c, confidence_level=0.95, seed=0, first=first)
    assert ahead.needed is not None and ahead.backtest is None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TtscaleWarning)
        alone = coverage_to_reach(*first, ahead.needed.target, rng=0)
    assert (ahead.needed.k, ahead.needed.low, ahead.needed.high) == (alone.k, alone.low, alone.high)


def test_the_outlook_starts_from_what_is_known_and_carries_a_backtest() -> None:
    n, c = np.full(40, 60), np.minimum(np.arange(40) ** 2 // 20, 60)
    ahead = look_ahead(n, c, confidence_level=0.95, seed=0)
    assert ahead.forecast is not None
    assert ahead.forecast.curve.k[[0, -1]].tolist() == [60, 600]
    assert ahead.forecast.curve.value[0] == pytest.approx(float(pass_at_k(n, c, 60).mean()))
    assert ahead.backtest is not None
    assert ahead.backtest.truth == pytest.approx(float(np.mean(c > 0)))
    assert {fit.law for fit in ahead.laws} >= {"log-log", "beta-binomial"}
    assert ahead.needed is not None
    assert ahead.needed.target == 0.9  # 35 of 40 are solved


@pytest.mark.parametrize(
    ("n", "c", "words"),
    [([5, 5], [0, 0], "Nothing was solved yet"), ([2, 9], [1, 3], "need 3 samples of every problem")],
)
def test_where_nothing_can_be_forecast_the_outlook_says_why(n: list[int], c: list[int], words: str) -> None:
    ahead = look_ahead(np.array(n), np.array(c), confidence_level=0.95, seed=0)
    assert ahead.forecast is None
    assert words in ahead.notes[0]
