"""The section `execution`: a name or settings, no part of a cell, no secrets in what is stored."""

from typing import Any

import pytest

from ttscale.config.execution import ExecutionSettings
from ttscale.config.loading import check_config, dump_config
from ttscale.config.models import Cell
from ttscale.errors import ConfigError
from ttscale.pipeline.building import cell_identity


def cell(**options: Any) -> Cell:
    model = {"path": "none", "engine": "scripted:ScriptedSampler", "engine_options": options}
    return Cell.model_validate({"name": "c", "model": model, "task": "arithmetic", "sampling": {"n": 4}})


BASE = {"name": "n", "out": "o", "model": "demo-arithmetic", "task": "arithmetic", "sampling": {"n": 4}}


def test_execution_is_a_name_or_a_section_and_no_part_of_a_cell() -> None:
    assert check_config({**BASE, "execution": "ray"}).execution == ExecutionSettings(name="ray")
    assert check_config(BASE).execution.name == "local"
    assert "execution" not in " ".join(cell_identity(cell()))


def test_neither_addresses_nor_environments_are_stored() -> None:
    secret = {"name": "ray", "address": "10.0.0.7:6379", "runtime_env": {"env_vars": {"KEY": "s3cret"}}}
    config = check_config({**BASE, "execution": secret})
    assert config.execution.address == "10.0.0.7:6379"
    stored = dump_config(config)
    assert "name: ray" in stored
    assert "10.0.0.7" not in stored
    assert "s3cret" not in stored


@pytest.mark.parametrize(
    ("execution", "message"),
    [
        ({"name": "ray", "replica": 2}, "Did you mean 'replicas'"),
        ({"name": "ray", "replicas": 0}, "at least 1"),
        ({"address": "auto"}, "name: ray"),
        ({"name": "ray", "gpus": 2}, "leave gpus out"),
        ({"gpus": 0}, "at least 1, or all"),
        ("slurm", "'local' or 'ray'"),
    ],
)
def test_wrong_settings_are_refused(execution: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_config({**BASE, "execution": execution})
