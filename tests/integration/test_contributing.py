"""What is written for contributors is true: paths are there, floors are those that are checked, commands exist."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from tests_paths import ROOT

PAGES = [ROOT / "CONTRIBUTING.md", ROOT / "docs" / "architecture.md", ROOT / "docs" / "decisions.md"]
KINDS = {"law", "verifier", "engine", "selector", "strategy", "task", "cost model", "importer"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_path_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = {path for path in re.findall(r"`([\w.-]+(?:/[\w.<>-]+)+/?)`", text) if "<" not in path}
    linked = {target.partition("#")[0] for target in re.findall(r"\]\(([^):]+)\)", text)}
    assert named | linked
    for path in named:
        assert (ROOT / path).exists() or (ROOT / "ttscale" / path).exists(), path
    for target in linked:
        assert (page.parent / target).exists(), target


def test_the_picture_shows_the_floors_that_are_checked() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    picture = (ROOT / "docs" / "figures" / "floors.svg").read_text(encoding="utf-8")
    shown = re.findall(r'font-weight="bold">([^<]+)<', picture)
    assert shown == [layer.replace("ttscale.", "") for layer in layers]


def test_every_kind_of_plugin_has_its_row() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Add a plugin")[2]
    rows = dict(re.findall(r"^\| an? ([a-z ]+) \| (.*) \|$", text, re.MULTILINE))
    assert rows.keys() == KINDS
    for kind, row in rows.items():
        folder = re.search(r"`(ttscale/[\w/]+)/<name>\.py`", row)
        assert folder is not None, kind
        assert (ROOT / folder[1]).is_dir(), kind


def test_makes_targets_are_those_that_are_named() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:`|^)make ([a-z]+)", text, re.MULTILINE))
    assert {"fast", "test", "docs", "numbers"} <= named <= targets
    for target in targets:
        done = subprocess.run(
            ["make", "-n", target], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout
        for script in re.findall(r"python ((?:benchmarks|docs)/\S+\.py)", done):
            assert (ROOT / script).is_file(), script


def test_what_checks_a_commit_is_what_the_hosted_check_runs() -> None:
    check = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0][
        "hooks"
    ]
    for hook in hooks:
        assert " ".join(hook["entry"].split()[:2]).replace(" --force-exclude", "") in check, hook["id"]
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    assert any(step.get("run") == ".ci/run" for step in workflow["jobs"]["check"]["steps"])
