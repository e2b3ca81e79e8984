"""The page on writing a verifier: its code runs as it stands there."""

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from ttscale.config.loading import check_config
from ttscale.errors import ConfigError
from ttscale.pipeline.building import build_verifier
from ttscale.pipeline.run import run, verify_run
from ttscale.verifiers.isolation import IsolatedVerifier, IsolationSettings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "writing-a-verifier.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scripted_config: Path) -> dict[str, Any]:
    """A run's configuration with the page's verifiers, and the page's module on the path."""
    (tmp_path / "my_verifiers.py").write_text(block("python"), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    tree: dict[str, Any] = yaml.safe_load(scripted_config.read_text(encoding="utf-8"))
    return tree | yaml.safe_load(block("yaml")) | {"name": "page", "out": str(tmp_path / "run")}


def test_the_pages_verifier_judges_a_run(tree: dict[str, Any]) -> None:
    config = check_config(tree)
    store = run(config)
    (cell,) = store.cells()
    named = build_verifier(config.verifiers[1])
    assert isinstance(named.verifier, IsolatedVerifier)
    assert named.info.options == {"ending": "!"}
    found = store.verdict_set(named.info).scan(cell).collect()
    samples = store.samples(cell).select("problem_id", "sample_index", "completion").collect()
    joined = found.join(samples, on=["problem_id", "sample_index"])
    assert joined.height == samples.height == 16 * 64
    assert joined.select((pl.col("completion").str.ends_with("!") == (pl.col("score") == 1.0)).all()).item()
    assert verify_run(store, [named]) == {named.info.label: 0}  # nothing is verified twice


def test_the_pages_options_are_checked(tree: dict[str, Any]) -> None:
    tree["verifiers"][1]["endng"] = tree["verifiers"][1].pop("ending")
    with pytest.raises(ConfigError, match=r"Did you mean 'ending'\?"):
        build_verifier(check_config(tree).verifiers[1])


def test_the_pages_default_limits_are_the_real_ones() -> None:
    limits = IsolationSettings()
    assert f"{limits.time_limit_s:g} s per batch" in PAGE
    assert limits.memory_limit_mb == 4096
    assert "4 GiB by default" in PAGE
