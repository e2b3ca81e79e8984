"""The documentation: its commands and snippets run as they stand, its configurations are valid, its site builds.

Lines that sample do so with the scripted sampler and fewer problems, unless their file names an engine of its own. Lines
that install or download are not run. Configurations of models and servers that are not here are checked, not run.
"""

import os
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
import yaml
from stored_runs import make_run
from tests_paths import ROOT

from ttscale.analysis.run.analyze import analyze_run
from ttscale.cli.main import cli, run_cli
from ttscale.config.loading import check_config, plugin_options
from ttscale.config.models import RunConfig
from ttscale.pipeline.building import build_task
from ttscale.registry import BUILT_IN, find_plugin, load_plugin
from ttscale.store.samples import SAMPLE_SCHEMA
from ttscale.store.verdicts import VERDICT_SCHEMA

DOCS = ROOT / "docs"
RUN = (
    "tutorial",
    "cookbook",
    "run-directory",
    "comparing-models",
    "tasks",
    "writing-a-task",
    "writing-a-sampler",
    "writing-a-selector",
    "writing-a-law",
    "writing-a-strategy",
    "strategies",
    "plugins",
)
GENERATED = ("cli", "options", "api")
CHECKED = sorted(path.stem for path in DOCS.glob("*.md") if path.stem not in GENERATED)
DRAWINGS = {"figures/floors.svg"}
NOT_RUN = ("pip install", "git clone")
BASE: dict[str, Any] = {"model": "demo-arithmetic", "task": "arithmetic", "sampling": {"n": 4}, "verifiers": ["exact"]}  # fmt: skip

pytestmark = pytest.mark.filterwarnings("ignore::ttscale.errors.TtscaleWarning")


class Block(NamedTuple):
    language: str
    title: str | None
    text: str


def blocks(page: str) -> list[Block]:
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    found = re.findall(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', text, re.MULTILINE | re.DOTALL)
    return [Block(language, title or None, content) for language, title, content in found]


def commands(block: Block) -> list[str]:
    lines = block.text.replace("\\\n", " ").splitlines()
    return [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]


def arguments(command: str) -> list[str]:
    """Return a ttscale line's arguments, so that it runs here: a scripted engine and few problems."""
    words = shlex.split(command.rpartition("&& ")[2])[1:]
    if words[0] not in ("run", "sample"):
        return words
    config = yaml.safe_load(Path(words[1]).read_text(encoding="utf-8"))
    if "strategy" in config.get("sweep", {}).get("axes", {}):
        return [*words, "--set", "model.engine=toy_sampler:ToySampler", "--set", "task.problems=2"]
    if isinstance(config["model"], str):
        words += ["--set", "model.engine=scripted:ScriptedSampler"]
    if words[1] == "configs/quickstart.yaml":
        n = 200 if "sampling.n=1000" in words else 64
        words += ["--set", f"sampling.n={n}", "--set", "task.problems=16"]  # the last one given holds
    return words


@pytest.mark.parametrize("page", RUN)
def test_commands_and_snippets_run_in_order(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    monkeypatch.setattr(
        "ttscale.cli.runs._report", lambda *_, **__: None
    )  # it takes seconds, and has tests of its own
    ran = 0
    for block in blocks(page):
        if block.title and " " not in block.title:
            Path(block.title).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            exec(compile(block.text, page, "exec"), {"__name__": "snippet"})
            ran += 1
        for command in commands(block) if block.language == "bash" else ():
            if command.startswith(NOT_RUN) and "&& ttscale" not in command:
                continue
            assert "ttscale " in command, command
            assert run_cli(arguments(command)) in (0, 3), f"{command}\n{capsys.readouterr().err}"
            ran += 1
    assert ran


def test_the_run_directorys_page_names_every_column_that_is_stored() -> None:
    page = (DOCS / "run-directory.md").read_text(encoding="utf-8")
    for column in (*SAMPLE_SCHEMA, *VERDICT_SCHEMA):
        assert f"`{column}`" in page, column


def test_duckdb_reads_verdicts_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import duckdb

    monkeypatch.chdir(tmp_path)
    store = make_run(tmp_path / "runs" / "quickstart")
    (query,) = [block.text for block in blocks("run-directory") if block.language == "sql"]
    rows = duckdb.sql(query).fetchall()
    (cell,) = analyze_run(store).cells
    assert len(rows) == 5
    assert rows[0][1] >= rows[-1][1]
    whole = duckdb.sql(query.replace("limit 5", "")).fetchall()
    assert sum(rate for _, rate in whole) / len(whole) == pytest.approx(cell.coverage.value[0])


@pytest.mark.parametrize("page", CHECKED)
def test_every_command_line_is_understood(page: str) -> None:
    lines = [line for block in blocks(page) if block.language == "bash" for line in commands(block)]
    for line in lines:
        for part in re.findall(r"(?:^|&& |srun )ttscale ([^&|>;]+)", line):
            words = shlex.split(part)
            command = cli.get_command(click.Context(cli), words[0])
            assert command is not None, line
            try:
                command.make_context(
                    words[0], words[1:]
                ).close()  # unknown options and missing arguments raise
            except click.BadParameter as error:
                assert "does not exist" in error.message, line  # a run or file that earlier lines make


def configurations() -> list[tuple[str, str]]:
    return [
        (page, block.text)
        for page in CHECKED
        for block in blocks(page)
        if block.language == "yaml" and "my_" not in block.text and _is_configuration(block.text)
    ]


def _is_configuration(text: str) -> bool:
    """Say whether a block has a configuration's sections; prices and models have not."""
    return bool(yaml.safe_load(text).keys() & RunConfig.model_fields.keys())


@pytest.mark.parametrize(("page", "text"), configurations())
def test_every_configuration_is_valid_down_to_the_options_of_its_plugins(
    page: str, text: str, tmp_path: Path
) -> None:
    config = check_config({**BASE, **yaml.safe_load(text), "name": "page", "out": str(tmp_path)}, source=page)
    build_task(config.task)
    for verifier in config.verifiers:
        plugin_options(verifier, find_plugin("verifiers", verifier.name).load().Options, verifier.name)


def test_the_page_of_tasks_names_every_task_and_its_size() -> None:
    page = (DOCS / "tasks.md").read_text(encoding="utf-8")
    for name in BUILT_IN["tasks"].keys() - {"imported"}:
        (row,) = [
            line for line in page.splitlines() if line.startswith("| `") and f"`{name}`" in line.split("|")[1]
        ]
        problems = load_plugin("tasks", name).about.problems
        assert problems is None or name == "arithmetic" or f"{problems:,}" in row, name


def test_the_tutorial_shows_the_quickstart_file_as_it_is() -> None:
    (shown,) = [
        block.text for block in blocks("tutorial") if block.title == "configs/quickstart.yaml, in short"
    ]
    real = yaml.safe_load((ROOT / "configs" / "quickstart.yaml").read_text(encoding="utf-8"))
    assert yaml.safe_load(shown) == real


def test_every_figure_is_that_of_a_real_run() -> None:
    figures = [target for page in CHECKED for target in re.findall(r"!\[[^]]*\]\(([^)]+)\)", (DOCS / f"{page}.md").read_text("utf-8"))]  # fmt: skip
    assert figures
    for target in set(figures) - DRAWINGS:
        assert (DOCS / target).resolve().is_relative_to(ROOT / "results"), target


def test_numbers_of_the_tutorial_are_those_of_the_result() -> None:
    result = (ROOT / "results" / "demo-arithmetic" / "README.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| ([\d,]+) \| (\S+ \[[^]]+\]) \| (\S+ \[[^]]+\]) \| (\S+ \[[^]]+\]) \|$", (DOCS / "tutorial.md").read_text("utf-8"), re.MULTILINE)  # fmt: skip
    assert len(table) == 3
    for k, *shown in table:
        (row,) = [line for line in result.splitlines() if line.startswith(f"| {k} |")]
        assert all(f"| {number} |" in row for number in shown), k


_KINDS = {
    "mathematics, Pythia models": "MATH",
    "code contests": "CodeContests",
    "school mathematics, weak models": "GSM8K (Pythia checkpoints)",
    "next to nothing solved yet": "GSM8K (Pythia checkpoints), next to nothing solved",
    "HumanEval, one model": "HumanEval",
    "Game of 24, one model": "Game of 24",
    "arithmetic, the demo model": "arithmetic",
}
"""How the page calls a benchmark -> how the measured table does."""


def test_forecast_errors_are_those_that_were_measured() -> None:
    page = (DOCS / "choosing.md").read_text(encoding="utf-8")
    measured = (ROOT / "results" / "benchmarks" / "forecast_table.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in measured.splitlines() if line.startswith("| ")]
    shown = [
        line.strip("| ").split(" | ") for line in page.splitlines() if re.match(r"\| .* \| \.\d\d\d \|", line)
    ]
    assert [kind.split(":")[0] for kind, *_ in shown] == list(_KINDS)
    for kind, *numbers in shown:
        errors, holds = [row for row in rows if row[0] == _KINDS[kind.split(":")[0]]][:2]
        # behind the number of models: average, log-log, exponentiated power law, beta-binomial
        assert [float(number) for number in numbers[:4]] == [float(cell) for cell in errors[2:6]], kind
        assert numbers[4].split(",")[0] == holds[1], kind


@pytest.mark.parametrize(
    ("script", "page"),
    [
        ("cli_reference", "cli"),
        ("plugin_reference", "options"),
        ("api_reference", "api"),
        ("architecture_tree", "architecture"),
    ],
)
def test_the_references_are_current(script: str, page: str) -> None:
    spec = spec_from_file_location(script, DOCS / "_site" / f"{script}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    written = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    assert written == module.reference(), f"docs/{page}.md is out of date: python docs/_site/{script}.py"


@pytest.mark.skipif(
    find_spec("mkdocs") is None or find_spec("material") is None or find_spec("latex2mathml") is None,
    reason="the documentation's tools are not installed (pip install '.[docs]')",
)
def test_the_site_builds_without_a_warning_and_every_link_leads_somewhere(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    pages = {path.parent.name: path.read_text("utf-8") for path in (tmp_path / "site").rglob("index.html")}
    assert "<math" in pages["concepts"]
    assert not re.search(r"formula-\d+-place|\$\$", pages["concepts"])
    fetched = re.findall(r'(?:src|href)="(https?://[^"]+)"[^>]*rel="stylesheet"|<script[^>]+src="(https?://[^"]+)"', pages["concepts"])  # fmt: skip
    assert not fetched
