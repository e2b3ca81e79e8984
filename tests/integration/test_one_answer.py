"""One question, one answer: every command and the page say the same number of the same run."""

import json
import re
import warnings
from collections.abc import Sequence
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stored_runs import draw, make_run

from ttscale.analysis.budget.runs import price_runs
from ttscale.analysis.run.analyze import analyze_run
from ttscale.cli.main import run_cli
from ttscale.config.loading import load_config
from ttscale.errors import TtscaleWarning
from ttscale.report.cells import page_cells
from ttscale.report.html import render_html
from ttscale.report.models import models_sections
from ttscale.report.summary import needed_words
from ttscale.showing.numbers import counts, p_value, points

FEW, MANY = 32, 64


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of two cells, one with twice the samples of the other."""
    cells = {"few": {"sampling.temperature": 0.5}, "many": {}}
    store = make_run(tmp_path_factory.mktemp("one") / "run", cells=cells, n=FEW, n_problems=24)
    draw(store, "many", range(FEW, MANY))
    return store.path


def rows(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> list[dict[str, Any]]:
    code = run_cli([*map(str, arguments), "--json"])
    printed = capsys.readouterr()
    assert code == 0, printed.err
    found: list[dict[str, Any]] = json.loads(printed.out)
    return found


def triple(row: dict[str, Any]) -> list[float]:
    return [row[end] for end in ("value", "low", "high")]


def same(answers: Sequence[list[float]]) -> None:
    for one in answers[1:]:
        np.testing.assert_allclose(one, answers[0], rtol=1e-9)


@pytest.mark.parametrize("cell", ["few", "many"])
@pytest.mark.parametrize("k", [1, 10, FEW])
def test_coverage_is_the_same_in_every_command(
    run: Path, cell: str, k: int, capsys: pytest.CaptureFixture[str]
) -> None:
    (curve,) = [r for r in rows(capsys, "curve", run, "--k", "1,10,32") if (r["cell"], r["k"]) == (cell, k)]
    (shown,) = [
        r for r in rows(capsys, "show", run) if (r["cell"], r["curve"], r["k"]) == (cell, "coverage", k)
    ]
    (compared,) = [
        r
        for r in rows(capsys, "compare", run, "--k", "1,10,32")
        if (r["source"], r["metric"], r.get("k")) == (cell, "coverage", k)
    ]
    (model,) = [
        r
        for r in rows(capsys, "compare-models", run, "--k", "1,10,32")
        if r["question"] == "value" and (r["cell"], r["k"]) == (cell, k)
    ]
    priced = [
        r
        for r in rows(capsys, "budget", "buy", run, "--cost", "samples")
        if r["question"] == "point" and r["choice"] == cell and r["k"] == k
    ]
    same([triple(r) for r in (curve, shown, compared, model, *priced)])


def test_a_vote_is_the_same_where_a_page_compares_a_part_of_the_samples(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ttscale.analysis.comparison.some._MOST_SAMPLES", 24 * 20)
    for cell in analyze_run(run, depth="full").cells:
        assert cell.comparison is not None and cell.comparison.n_samples < cell.totals.n_samples
        compared = {
            f"{one.name}, {each.name}": each.curve
            for one in cell.comparison.verifiers
            for each in one.selections
        }
        for k in cell.comparison.table_k:
            assert cell.comparison.coverage.at(k) == cell.coverage.at(k)
            assert compared["vote, majority vote"].at(k) == cell.selectors["majority vote"].at(k)
            best = compared["last-digit, best of k"].at(k)
            assert best == cell.selectors["best by last-digit"].at(k)


def test_the_shared_budget_of_cells_is_the_smallest_n_and_every_curve_has_it(run: Path) -> None:
    result = analyze_run(run)
    assert set(result.table_k) == {1, 10, FEW, MANY}
    for cell in result.cells:
        assert all(curve.at(FEW) for curve in cell.curves.values())
    page = unescape(render_html(result))
    assert f"at k = {FEW}, the largest budget known of every cell" in page


def test_a_target_takes_the_same_wherever_the_page_and_the_budget_say_it(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TtscaleWarning)
        result, budget = analyze_run(run, depth="full"), price_runs([run])
        for cell in result.cells:
            needed = cell.outlook.needed if cell.outlook else None
            assert needed is not None
            asked = rows(capsys, "budget", "reach", str(needed.target), run, "--cost", "samples")
            (answer,) = [r for r in asked if r["question"] == "target" and r["choice"] == cell.cell]
            assert (answer["k"], answer["k_low"], answer["k_high"]) == (needed.k, needed.low, needed.high)
            assert "95% interval over problems" in needed_words(needed) or needed.k is None
            for task in budget.tasks:
                for one in task.view.targets:
                    if (one.label, one.reached.target) == (cell.cell, needed.target):
                        assert counts(one.reached.k, one.reached.low, one.reached.high) == counts(
                            needed.k, needed.low, needed.high
                        )


def test_law_and_forecast_of_the_page_are_those_of_the_commands(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TtscaleWarning)
        for cell in analyze_run(run, depth="full").cells:
            assert cell.law is not None and cell.outlook is not None and cell.outlook.forecast is not None
            (fit,) = [r for r in rows(capsys, "fit", run) if r["cell"] == cell.cell]
            for name, param in cell.law.params.items():
                same([[param.value, param.low, param.high], triple(fit["params"][name])])
            ahead = cell.outlook.forecast.curve
            k = int(ahead.k[-1])
            (told,) = [r for r in rows(capsys, "forecast", run, "--k", str(k)) if r["cell"] == cell.cell]
            same([list(ahead.at(k) or ()), triple(told)])


def test_differences_and_ranks_of_the_page_are_those_of_the_command(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ((section,), _) = models_sections(page_cells([analyze_run(run)]))
    asked = rows(capsys, "compare-models", run)
    told = [
        (row["k"], str(points(row["value"], row["low"], row["high"])), p_value(row["p_value"]))
        for row in asked
        if row["question"] == "difference"
    ]
    assert [(row["k"], str(row["points"]), row["p (family)"]) for row in section.differences] == told
    ranks = [str(counts(r["value"], r["low"], r["high"])) for r in asked if r["question"] == "rank"]
    assert sorted(ranks) == sorted(str(row["rank"]) for row in section.ranks)


def test_a_page_of_one_cell_asks_for_the_same_next_target_wherever_it_asks(tmp_path: Path) -> None:
    store = make_run(tmp_path / "alone", n=FEW, n_problems=24)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TtscaleWarning)
        (cell,) = analyze_run(store, depth="full").cells
        (task,) = price_runs([store.path]).tasks
    assert cell.outlook is not None and cell.outlook.needed is not None
    needed = cell.outlook.needed
    (priced,) = [one.reached for one in task.view.targets if one.reached.target == needed.target]
    assert (priced.k, priced.low, priced.high) == (needed.k, needed.low, needed.high)


def test_the_configuration_on_the_page_runs_as_it_stands(run: Path, tmp_path: Path) -> None:
    page = render_html(analyze_run(run))
    (block,) = re.findall(r'<details id="config-0".*?<pre[^>]*>(.*?)</pre>', page, re.DOTALL)
    (tmp_path / "config.yaml").write_text(unescape(block), encoding="utf-8")
    assert load_config(tmp_path / "config.yaml").name == "run"
    commands = unescape(page[page.index('id="reproduce"') :])
    assert "pip install 'ttscale==" not in commands  # no index has it
    assert "ttscale run config.yaml" in commands


@pytest.fixture(scope="module")
def without_tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an import whose tool counted no tokens: two tasks, one with a single repeat."""
    folder = tmp_path_factory.mktemp("imported")
    rng = np.random.default_rng(3)
    lines = [
        {"problem_id": f"{task}-{p}", "task": task, "completion": str(i), "correct": bool(rng.random() < 0.3)}
        for task, repeats in (("once", 1), ("often", 16))
        for p in range(20)
        for i in range(repeats)
    ]
    (folder / "samples.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
    assert run_cli(["import", "table", str(folder / "samples.jsonl"), "--out", str(folder / "run")]) == 0
    return folder / "run"


@pytest.mark.parametrize("arguments", [("reach", "0.3"), ("buy",), ("spend", "100samples")])
def test_budgets_without_tokens_count_samples_and_never_say_nan(
    without_tokens: Path, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["budget", *arguments, str(without_tokens)]) == 0
    printed = capsys.readouterr()
    assert "nan" not in (printed.out + printed.err).lower()
    assert "samples" in printed.out


def test_tokens_asked_for_that_are_not_known_are_refused_with_the_fix(
    without_tokens: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for extra, words in ((["--cost", "tokens"], "give --tokens"), (["--limits", "5"], "Leave --limits out")):
        assert run_cli(["budget", "buy", str(without_tokens), *extra]) == 1
        assert words in capsys.readouterr().err
    told = ["--cost", "tokens", "--tokens", "prompt=10,completion=5"]
    assert run_cli(["budget", "buy", str(without_tokens), *told]) == 0
    assert "nan" not in capsys.readouterr().out


def test_a_task_with_one_repeat_shortens_no_other_tasks_table(without_tokens: Path) -> None:
    result = analyze_run(without_tokens)
    assert {1, 10, 16} <= set(result.table_k)
    page = unescape(render_html(result))
    assert "largest budget known of every cell of its task" in page
    assert "ttscale import" in page and "ttscale run config.yaml" not in page  # no engine drew its samples
    text = re.sub(r"<[^>]+>", "", page)
    assert "on often with 16 samples" in text
    assert "on once with 1 sample " in text
