"""Plugins of others: a real package installed with pip, and what goes wrong with bad ones."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from stored_runs import make_run

from ttscale import registry
from ttscale.analysis.reading.cell import RunReader, stored_config
from ttscale.analysis.reading.verified import logprob_scores, seen_by
from ttscale.analysis.run.analyze import analyze_run
from ttscale.analysis.selecting import named_selector
from ttscale.cli.main import run_cli
from ttscale.config.loading import check_config
from ttscale.config.models import AnalysisSettings, PluginSettings
from ttscale.errors import BrokenPluginError, ConfigError, UnknownPluginError
from ttscale.pipeline.building import build_verifier
from ttscale.pipeline.run import run
from ttscale.stats.laws.frame import named_law
from ttscale.store.segments import collect
from ttscale.verifiers.isolation import IsolatedVerifier

PACKAGE = Path(__file__).parents[1] / "plugin_package"
ROOT = PACKAGE.parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which pip installed the package; it builds in a copy, without a network."""
    source = tmp_path_factory.mktemp("source") / "package"
    shutil.copytree(PACKAGE, source)
    target = tmp_path_factory.mktemp("installed")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture(autouse=True)
def _forget_plugins() -> Iterator[None]:
    """The table of plugins is read once per process: read it again for each test, and after."""
    registry._claims.cache_clear()
    yield
    registry._claims.cache_clear()


@pytest.fixture
def on_path(installed: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(installed))
    return installed


Announce = Callable[..., None]


@pytest.fixture
def announce(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Announce:
    """Put a distribution on the path that announces one entry point."""

    def announce(distribution: str, name: str, target: str, kind: str = "verifiers") -> None:
        folder = tmp_path / f"{distribution}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[ttscale.{kind}]\n{name} = {target}\n")
        monkeypatch.syspath_prepend(str(tmp_path))

    return announce


def cli(*arguments: str, path: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(path), str(ROOT)])}
    command = [sys.executable, "-m", "ttscale", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=path)


# ---- a good package -----------------------------------------------------------------------------


@pytest.mark.usefixtures("on_path")
@pytest.mark.parametrize("name", ["brevity", "ttscale_small_talk.verifier:BrevityVerifier"])
def test_a_whole_run_uses_the_packages_task_sampler_and_verifier(name: str, tmp_path: Path) -> None:
    config = check_config(
        {
            "name": "small-talk",
            "out": str(tmp_path / "run"),
            "model": {"path": "none", "engine": "parrot", "engine_options": {"every": 3}},
            "task": "greetings",
            "sampling": {"n": 6},
            "verifiers": ["exact", {"name": name, "most_characters": 15}],
        }
    )
    store = run(config)
    (cell,) = store.cells()
    sets = {verdicts.info.verifier: verdicts for verdicts in store.verdict_sets()}
    assert sets.keys() == {"exact", name}
    assert not sets[name].info.sees_answer
    found = collect(sets[name].scan(cell), store.path)
    assert found.height == 18
    assert set(found["answer_class"]) == {
        "?",
        "hello",
        "good morning",
        "good evening, and a happy new year to you",
    }
    assert set(found.filter(found["answer_class"] == "hello")["outcome"]) == {"correct"}
    assert set(found.filter(found["answer_class"].str.len_chars() > 15)["outcome"]) == {"incorrect"}


@pytest.mark.usefixtures("on_path")
@pytest.mark.parametrize("name", ["shortest", "ttscale_small_talk.strategy:Shortest"])
def test_its_strategy_makes_the_attempts_of_a_run(name: str, tmp_path: Path) -> None:
    config = check_config(
        {
            "name": "short",
            "out": str(tmp_path / "run"),
            "model": {"path": "none", "engine": "toy_sampler:ToySampler"},
            "task": {"name": "arithmetic", "problems": 3},
            "sampling": {"n": 4, "max_tokens": 8},
            "strategy": {"name": name, "drafts": 4},
            "verifiers": ["exact"],
        }
    )
    store = run(config)
    (cell,) = store.cells()
    drafts = store.calls(cell).filter(kind="generate").collect()
    shortest = drafts.group_by("problem_id", "sample_index").agg(
        pl.col("text").str.len_chars().min().alias("length")
    )
    samples = store.samples(cell).collect().join(shortest, on=["problem_id", "sample_index"])
    assert (drafts.height, samples.height) == (3 * 4 * 4, 3 * 4)
    assert (samples["completion"].str.len_chars() == samples["length"]).all()


@pytest.mark.usefixtures("on_path")
def test_it_runs_in_a_process_of_its_own() -> None:
    assert isinstance(build_verifier(PluginSettings(name="brevity")).verifier, IsolatedVerifier)


@pytest.mark.usefixtures("on_path")
def test_its_options_are_checked_like_built_in_ones() -> None:
    with pytest.raises(ConfigError, match=r"Did you mean 'most_characters'\?"):
        build_verifier(PluginSettings.model_validate({"name": "brevity", "most_character": 3}))


@pytest.mark.usefixtures("on_path")
def test_a_typo_finds_its_name() -> None:
    with pytest.raises(UnknownPluginError, match=r"Did you mean 'brevity'\?"):
        registry.find_plugin("verifiers", "brevty")


def test_list_shows_it_with_its_origin(installed: Path) -> None:
    done = cli("list", "verifiers", "--json", path=installed)
    assert done.returncode == 0, done.stderr
    (row,) = [row for row in json.loads(done.stdout) if row["name"] == "brevity"]
    assert row["origin"] == "ttscale-small-talk"
    assert row["what"] == "Accept short completions; the shorter, the higher the score."


@pytest.mark.parametrize("law", ["gamma-hazards", "ttscale_small_talk.law:GammaHazards"])
@pytest.mark.usefixtures("on_path")
def test_its_law_is_fitted_forecast_with_and_backtested_by_name(
    law: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(1)
    shape, rate = 0.3, 20.0
    solved = rng.binomial(200, -np.expm1(-rng.gamma(shape, 1 / rate, 600)))
    path = tmp_path / "counts.csv"
    path.write_text("problem_id,n,c\n" + "".join(f"{i},200,{c}\n" for i, c in enumerate(solved)))

    def rows(*arguments: str) -> list[dict[str, Any]]:
        assert run_cli([arguments[0], str(path), *arguments[1:], "--json"]) == 0
        found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
        return found

    (fit,) = rows("fit", "--law", law, "--level", "0.999")
    for name, truth in (("shape", shape), ("rate", rate)):
        assert fit["params"][name]["low"] < truth < fit["params"][name]["high"]
    (ahead,) = rows("forecast", "--k", "5000", "--method", law, "--level", "0.999")
    assert ahead["low"] < 1 - (rate / (rate + 5000)) ** shape < ahead["high"]
    assert ahead["method"] == "gamma-hazards"
    scored = rows("backtest", "--from", "20", "--draws", "2", "--method", f"{law},plug-in")
    assert {row["method"] for row in scored} == {law, "plug-in"}
    assert scored[0]["error"] < scored[1]["error"]


@pytest.mark.usefixtures("on_path")
@pytest.mark.parametrize("name", ["middle", "ttscale_small_talk.selector:Middle"])
def test_its_selector_picks_wherever_a_built_in_one_does(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = make_run(tmp_path / "run", n=6, n_problems=5)

    def rows(*arguments: str) -> list[dict[str, Any]]:
        assert run_cli([arguments[0], str(store.path), *arguments[1:], "--json"]) == 0
        found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
        return found

    compared = rows("compare", "--selector", name, "--k", "1,6")
    own = {(row.get("selection"), row.get("k")): row for row in compared if row["verifier"] == "last-digit"}
    assert own["middle of k", 1]["value"] == pytest.approx(own["best of k", 1]["value"])  # nothing to choose
    asked = ("--selector", f"best,{name}", "--verifier", "logprob", "--cost", "samples")
    priced = rows("budget", *asked, "--spend", "30samples")
    middle = next(
        row for row in priced if row["question"] == "spend" and row["choice"] == "middle by logprob"
    )
    config = stored_config(store)
    more = AnalysisSettings.model_validate({"selectors": [{"name": name, "upper": True}]})
    (cell,) = analyze_run(store, config.model_copy(update={"analysis": more})).cells
    curve = cell.selectors["middle by logprob"]
    assert curve.metric == "middle_of_k"
    assert middle["k"] == 6
    judged = RunReader(store).cell(store.cells()[0]).verified()
    view = seen_by(judged.pools(), [logprob_scores(judged)])
    whole = named_selector(name).values(view, np.array([6])).value
    assert whole.mean() == pytest.approx(middle["value"])
    score = np.random.default_rng(0).permutation(
        len(judged.problem)
    )  # no ties, so that subsets are easily sorted
    found = named_selector(name).values(replace(view, score=score.astype(float)), np.array([3]))
    for i in range(len(judged.problem_ids)):
        subsets = combinations(np.flatnonzero(judged.problem == i), 3)
        right = [judged.correct[sorted(rows, key=score.__getitem__)[1]] for rows in subsets]
        assert found.value[i, 0] == pytest.approx(np.mean(right))


@pytest.mark.usefixtures("on_path")
def test_its_selectors_options_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"Did you mean 'upper'\?"):
        named_selector(PluginSettings.model_validate({"name": "middle", "uper": True}))
    with pytest.raises(ConfigError, match="best"):
        named_selector(PluginSettings.model_validate({"name": "best", "upper": True}))


def test_a_selector_that_breaks_the_contract_names_what_it_lacks() -> None:
    with pytest.raises(
        BrokenPluginError, match=r"collections:OrderedDict.* lacks metric, needs.*Derive it from"
    ):
        named_selector("collections:OrderedDict")
    with pytest.raises(UnknownPluginError, match=r"Did you mean 'majority'\?.*'my_module:MyClass'"):
        named_selector("majorty")


# ---- bad packages -------------------------------------------------------------------------------


def test_a_broken_plugin_raises_only_when_it_is_used(announce: Announce) -> None:
    announce("shaky", "shaky", "no_such_module_anywhere:Verifier")
    assert registry.find_plugin("verifiers", "shaky").origin == "shaky"
    assert registry.load_plugin("verifiers", "exact") is not None
    message = (
        r"Verifier 'shaky' \(shaky, no_such_module_anywhere:Verifier\) cannot be loaded: ModuleNotFoundError"
    )
    with pytest.raises(BrokenPluginError, match=message):
        build_verifier(PluginSettings(name="shaky"))


def test_list_marks_a_broken_plugin_and_shows_the_others(announce: Announce, tmp_path: Path) -> None:
    announce("shaky", "shaky", "no_such_module_anywhere:Verifier")
    done = cli("list", "verifiers", "--json", path=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row["what"] for row in json.loads(done.stdout)}
    assert rows["shaky"].startswith("BROKEN: ")
    assert not rows["exact"].startswith("BROKEN")


def test_a_plugin_that_breaks_the_contract_names_what_it_lacks(announce: Announce) -> None:
    announce("shaky", "shaky", "collections:OrderedDict")
    with pytest.raises(BrokenPluginError, match=r"collections:OrderedDict \(shaky\) lacks Options, version"):
        build_verifier(PluginSettings(name="shaky"))


def test_a_name_taken_twice_is_an_error_that_names_both(announce: Announce) -> None:
    announce("copycat", "exact", "copycat:Exact")
    with pytest.raises(BrokenPluginError) as error:
        registry.find_plugin("verifiers", "exact")
    for part in ("'exact'", "ttscale.verifiers.exact:ExactVerifier", "built-in", "copycat:Exact", "copycat)"):
        assert part in str(error.value)


@pytest.mark.usefixtures("on_path")
def test_two_packages_with_one_name_are_an_error_that_names_both(announce: Announce) -> None:
    announce("copycat", "brevity", "copycat:Brevity")
    with pytest.raises(BrokenPluginError, match=r"(?=.*ttscale-small-talk)(?=.*copycat)(?=.*import path)"):
        registry.find_plugin("verifiers", "brevity")


def test_a_law_that_cannot_be_used_says_why(announce: Announce) -> None:
    announce("second", "log-log", "elsewhere:LogLog", "laws")
    cases = {
        "log-log": r"Two laws are named 'log-log': ttscale.stats.laws.power:LogLog.*elsewhere:LogLog",
        "no_such_module_anywhere:Law": "cannot be loaded: ModuleNotFoundError",
        "pathlib:Path": "is no scaling law",
    }
    for name, message in cases.items():
        with pytest.raises(BrokenPluginError, match=message):
            named_law(name)
    with pytest.raises(UnknownPluginError, match=r"Did you mean 'beta-binomial'\?.*'my_module:MyClass'"):
        named_law("beta-binomal")
    assert named_law("beta-binomial").name == "beta-binomial"  # what nobody else claims stays in use
