"""The page on servers: its configurations work as they stand there, and its figures are the code's."""

import re
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from openai_server import openai_server

from ttscale.config.loading import check_config, load_config
from ttscale.config.models import RunConfig
from ttscale.execution.http import pausing
from ttscale.pipeline.building import build_sampler
from ttscale.pipeline.run import sample_run
from ttscale.samplers.openai import OpenAIOptions
from ttscale.samplers.openai.sampler import OpenAISampler
from ttscale.samplers.settings import SamplingSettings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "engines-openai.md").read_text(encoding="utf-8")
FIRST, HOSTED, SEVERAL, REPLAY = (
    yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
)
COMMANDS = re.findall(r"```bash\n(.*?)\n```", PAGE, re.DOTALL)


def config_of(section: dict[str, Any], out: Path) -> RunConfig:
    rest = {
        "name": "page",
        "out": str(out),
        "task": {"name": "arithmetic", "problems": 4},
        "sampling": {"n": 12, "max_tokens": 10, "request_size": 4},
        "verifiers": ["exact"],
    }
    return check_config(rest | section)


def with_urls(section: dict[str, Any], **urls: Any) -> dict[str, Any]:
    """Put the test's servers in the place of the page's."""
    options = {key: value for key, value in section["model"]["engine_options"].items() if key not in urls}
    return {"model": section["model"] | {"engine_options": options | urls}}


def test_the_first_configuration_is_what_its_command_sets(tmp_path: Path) -> None:
    command = next(command for command in COMMANDS if command.startswith("ttscale run"))
    _, _, path, *rest = command.split()
    overrides = [word for flag, word in zip(rest[::2], rest[1::2], strict=True) if flag == "--set"]
    found = load_config(ROOT / path, overrides, out=tmp_path / "run")
    assert found.model == config_of(FIRST, tmp_path / "run").model


def test_one_server_a_hosted_one_several_and_a_replay_serve_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXAMPLE_API_KEY", "sk-1")
    with openai_server(model="demo-arithmetic") as one, openai_server(model="demo-arithmetic") as two:
        stores = [
            sample_run(config_of(with_urls(FIRST, base_url=one.url), tmp_path / "served")),
            sample_run(config_of(with_urls(SEVERAL, base_urls=[one.url, two.url]), tmp_path / "several")),
        ]
    with openai_server(model="openai/gpt-oss-20b", owned_by=None) as host:
        stores.append(sample_run(config_of(with_urls(HOSTED, base_url=host.url), tmp_path / "hosted")))
    assert host.seen[0]["reasoning_effort"] == "low"
    assert host.headers[-1]["Authorization"] == "Bearer sk-1"
    replay = REPLAY["model"] | {"path": str(tmp_path / "served")}
    stores.append(sample_run(config_of({"model": replay}, tmp_path / "replayed")))
    for store in stores:
        (cell,) = store.cells()
        assert set(store.counts(cell).values()) == {12}


def test_the_hosted_configuration_gives_a_cost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXAMPLE_API_KEY", "sk-1")
    with openai_server(model="openai/gpt-oss-20b", owned_by=None) as host:
        config = config_of(with_urls(HOSTED, base_url=host.url), tmp_path)
        (cell,) = (cell for cell in _cells(config))
        sampler = build_sampler(cell, "openai")
        assert isinstance(sampler, OpenAISampler)
        with closing(sampler):
            sampler.start()
            assert sampler.usage.usd == 0.0


def _cells(config: RunConfig) -> Any:
    from ttscale.config.cells import cells

    return cells(config)


def test_the_pages_figures_are_the_codes() -> None:
    options = OpenAIOptions()
    assert f"default {options.max_concurrent}" in PAGE
    assert options.patience_s == 600
    assert "`patience_s` (10 minutes)" in PAGE
    assert (pausing.FIRST_PAUSE_S, pausing.LONGEST_PAUSE_S, pausing.LONGEST_RETRY_AFTER_S) == (
        0.5,
        30.0,
        600.0,
    )
    for name in re.findall(r"`([a-z]+_[a-z_]+)(?:: [a-z]+)?`", PAGE):
        assert name in _KNOWN, name


_KNOWN = {
    *OpenAIOptions.model_fields,
    *SamplingSettings.model_fields,
    "repeat_penalty",
    "repeat_last_n",
    "dynatemp_range",
    "per_sample_seeds",
    "reasoning_content",
    "finish_reason",
    "max_tokens",
    "max_completion_tokens",
    "tokens_per_s",
    "delay_s",
    "fails_after",
    "dies_after",
}
