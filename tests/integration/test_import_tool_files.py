"""Logs that lm-eval, Inspect and evalplus wrote themselves: our numbers are the ones that they report."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from ttscale.analysis.run.analyze import analyze_run
from ttscale.analysis.run.results import CellResult
from ttscale.cli.main import cli
from ttscale.errors import ConfigError, RunMismatchError
from ttscale.pipeline.importing import import_samples
from ttscale.store.run import RunStore

FILES = Path(__file__).parent.parent / "data" / "exchange"
pytest.importorskip("zstandard", reason="Inspect's fixture is packed with Zstandard (extra 'inspect')")


def coverage(cell: CellResult, k: int) -> float:
    return float(cell.coverage.value[cell.coverage.k.tolist().index(k)])


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], RunStore]:
    made: dict[str, RunStore] = {}

    def once(name: str) -> RunStore:
        if name not in made:
            out = tmp_path_factory.mktemp("imported") / name
            options = {"model": "ours"} if name == "evalplus" else {}
            made[name] = import_samples([FILES / name], out, options=options).store
        return made[name]

    return once


def test_lm_eval_scores_are_its_own(imported: Callable[[str], RunStore]) -> None:
    (results,) = (FILES / "lm_eval").rglob("results_*.json")
    reported = json.loads(results.read_text())["results"]
    cells = {cell.task: cell for cell in analyze_run(imported("lm_eval")).cells}
    once = cells["sums_once"]
    assert once.model == "toy/guessing"
    assert once.oracle == "exact_match@strict-match"
    assert coverage(once, 1) == pytest.approx(reported["sums_once"]["exact_match,strict-match"])
    assert (
        once.outcomes["exact_match@flexible-extract"]["correct"]
        == 6 * reported["sums_once"]["exact_match,flexible-extract"]
    )
    each = cells["sums_each"]
    assert coverage(each, 1) == pytest.approx(reported["sums_each"]["right,extracted"])
    assert each.identity["sampling.temperature"] == 0.8


def test_lm_eval_repeats_graded_together_have_texts_and_no_verdict(
    imported: Callable[[str], RunStore],
) -> None:
    result = analyze_run(imported("lm_eval"))
    (voted,) = result.unmeasured
    assert "sums_voted" in voted.cell
    assert voted.n_samples == 24


def test_both_forms_of_an_inspect_log_are_one_evaluation(imported: Callable[[str], RunStore]) -> None:
    store = imported("inspect")
    (log,) = (FILES / "inspect").glob("*.json")
    scores = json.loads(log.read_text())["results"]["scores"]
    reported = {(s["name"], s["reducer"]): s["metrics"]["accuracy"]["value"] for s in scores}
    (cell,) = analyze_run(store).cells
    assert cell.oracle == "match"
    assert coverage(cell, 1) == pytest.approx(reported["match", "mean"])
    assert coverage(cell, 2) == pytest.approx(reported["match", "pass_at_2"])
    assert cell.totals.n_samples == 12
    assert (
        cell.totals.completion_tokens
        == json.loads(log.read_text())["stats"]["model_usage"]["mockllm/guessing"]["output_tokens"]
    )
    assert cell.totals.n_truncated == 1  # "max_tokens", as make_inspect.py marks silence


def test_evalplus_pass_at_1_is_its_own(imported: Callable[[str], RunStore]) -> None:
    (cell,) = analyze_run(imported("evalplus")).cells
    assert cell.totals.completion_tokens is None  # not told, which is not zero
    assert cell.oracle == "evalplus-plus"
    assert coverage(cell, 1) == pytest.approx(0.700)  # as printed by evalplus
    assert cell.outcomes["evalplus-base"] == {"correct": 20}


def test_verdicts_that_come_later_join_their_samples(tmp_path: Path) -> None:
    folder = FILES / "evalplus"
    import_samples([folder / "samples.jsonl"], tmp_path / "run")
    later = import_samples([folder / "samples_eval_results.json"], tmp_path / "run")
    assert later.read[0].n_new == 0
    (cell,) = analyze_run(later.store).cells
    assert coverage(cell, 1) == pytest.approx(0.700)
    assert cell.totals.n_samples == 20


@pytest.mark.filterwarnings("ignore::ttscale.errors.DataWarning")  # three problems
def test_every_command_works_on_an_imported_run(imported: Callable[[str], RunStore]) -> None:
    run = str(imported("inspect").path)
    for command in (
        ["status", run],
        ["show", run],
        ["curve", run, "--k", "1,2"],
        ["fit", run],
        ["forecast", run, "--k", "10"],
        ["compare", run, "--k", "1", "--verifiers", "pattern"],
        ["verify", run, "--verifier", "numeric"],
        ["report", run],
    ):
        done = CliRunner().invoke(cli, [*command, "--json"])
        assert done.exit_code == 0, (command, done.output, done.exception)
        assert json.loads(done.stdout)


def test_verifying_without_a_verifier_says_how(imported: Callable[[str], RunStore]) -> None:
    with pytest.raises(ConfigError, match="names no verifiers, as a run whose samples were imported"):
        CliRunner().invoke(cli, ["verify", str(imported("inspect").path)], catch_exceptions=False)


def test_an_imported_run_refuses_to_be_sampled(
    imported: Callable[[str], RunStore], scripted_config: Path
) -> None:
    store = imported("inspect")
    for command in ("run", "sample", "plan"):
        for config in (str(scripted_config), str(store.path / "config.yaml")):
            with pytest.raises(RunMismatchError, match="was imported"):
                CliRunner().invoke(cli, [command, config, "--out", str(store.path)], catch_exceptions=False)
