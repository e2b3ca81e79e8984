"""Strategies in the report and in exports: figures and tables of the comparison, attempts as trees, traces as lines."""

import csv
import dataclasses
import json
import re
from pathlib import Path

import polars as pl
import pytest
from report_results import make_result
from strategy_runs import ORACLE, strategy_run

from ttscale.analysis.run.analyze import analyze_run
from ttscale.analysis.strategies.trace import attempt_trace
from ttscale.cli.main import run_cli
from ttscale.errors import StoreError
from ttscale.report import write_report
from ttscale.report.exporting import export_run
from ttscale.report.html import render_html
from ttscale.report.strategies import Branch, strategy_sections
from ttscale.store.calls import CALL_SCHEMA
from ttscale.store.run import RunStore
from ttscale.store.segments import write_segment

STRATEGIES = {
    "plain": "independent",
    "refine": {"name": "refine", "turns": 2, "verifier": "toy_sampler:CountsA"},
    "rsa": {"name": "rsa", "population": 3, "subset": 2, "steps": 2},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    return strategy_run(tmp_path_factory.mktemp("run") / "r", STRATEGIES, n=8, problems=6)


def paths(branches: tuple[Branch, ...]) -> list[str]:
    return [found for one in branches for found in (one.head.split()[0], *paths(one.branches))]


def test_the_page_compares_strategies_and_draws_them_with_their_data(store: RunStore, tmp_path: Path) -> None:
    written = write_report(analyze_run(store), tmp_path)
    names = {path.name for path in (*written.figures, *written.data)}
    assert {"strategies-0-0.svg", "strategies-0-1.png", "strategies-0-1.csv"} <= names
    page = written.page.read_text(encoding="utf-8")
    assert "Ways to spend compute" in page
    assert "Frontier: " in page
    with (tmp_path / "figures" / "strategies-0-0.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["way"] for row in rows} == {"plain", "refine", "rsa"}
    last = [row for row in rows if row["way"] == "plain"][-1]
    plain = analyze_run(store).cells[0].coverage
    assert float(last["value"]) == pytest.approx(plain.value[-1])


def test_a_right_and_a_wrong_attempt_of_each_strategy_unfold_as_trees(store: RunStore) -> None:
    (section,) = strategy_sections([analyze_run(store)])
    assert {(tree.cell, tree.correct) for tree in section.attempts} == {
        (cell, correct) for cell in ("refine", "rsa") for correct in (True, False)
    }
    for tree in section.attempts:
        trace = attempt_trace(store, tree.problem, tree.index, cell=tree.cell)
        assert sorted(paths(tree.branches)) == sorted(call.path for call in trace.calls)
        assert (trace.completion or "").startswith("aa") == tree.correct
    page = render_html(analyze_run(store))
    assert page.count('<details class="attempt">') == 4
    assert page.count('class="won"') == 4


def test_a_run_without_strategies_or_without_verdicts_says_what_it_can(
    store: RunStore, tmp_path: Path
) -> None:
    assert strategy_sections([make_result()]) == []
    result = analyze_run(store)
    alone = {"cells": {"refine": result.manifest["cells"]["refine"]}}
    assert len(strategy_sections([dataclasses.replace(result, manifest={**result.manifest, **alone})])) == 1
    one = strategy_run(
        tmp_path / "one", {"refine": STRATEGIES["refine"]}, n=2, problems=2, verifiers=(ORACLE,)
    )
    (section,) = strategy_sections([analyze_run(one)])
    assert section.parts == ()
    assert "not compared" in section.note


def test_what_a_model_wrote_in_a_call_is_shown_as_text(tmp_path: Path) -> None:
    run = strategy_run(
        tmp_path / "r", {"plain": "independent", "refine": STRATEGIES["refine"]}, n=2, problems=2
    )
    for path in (run.path / "calls" / "refine").glob("*.parquet"):
        attack = "</pre><script>window.owned=1</script>\x1b[31m"
        hostile = pl.read_parquet(path).with_columns(text=pl.lit(attack))
        write_segment(path, hostile, metadata={"session": path.name.rpartition("-")[0]})
    page = render_html(analyze_run(run))
    assert "<script>window.owned" not in page
    assert "&lt;script&gt;window.owned=1" in page
    assert "⟨ESC⟩" in page


def test_traces_are_exported_line_by_line_and_read_back(store: RunStore, tmp_path: Path) -> None:
    (out,) = export_run(store.path, "traces", tmp_path / "traces.jsonl")
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert set(rows[0]) == set(CALL_SCHEMA)
    assert {row["cell"] for row in rows} == {"refine", "rsa"}
    for cell in ("refine", "rsa"):
        own = [row for row in rows if row["cell"] == cell]
        assert len(own) == store.calls(cell).collect().height
        assert len({(row["problem_id"], row["sample_index"]) for row in own if row["kind"] == "end"}) == 48
    frame = pl.read_ndjson(out)
    assert frame.filter(kind="generate", cell="rsa").height == 48 * 6


def test_a_run_of_plain_samples_has_no_traces(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = strategy_run(tmp_path / "r", {"plain": "independent"}, n=2, problems=2)
    with pytest.raises(StoreError, match="no attempts of several calls"):
        export_run(run.path, "traces", tmp_path / "t.jsonl")
    assert run_cli(["export", "--list"]) == 0
    assert re.search(r"traces\s+one JSON object per call", capsys.readouterr().out)
