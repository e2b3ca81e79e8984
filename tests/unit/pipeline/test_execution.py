"""Where a run is worked on follows from its configuration, and nothing above can tell."""

from pathlib import Path
from typing import Any

import pytest
from drawing import Notes, cell_work

from ttscale.config.loading import check_config
from ttscale.config.models import PluginSettings
from ttscale.errors import ConfigError
from ttscale.pipeline.building import build_verifier
from ttscale.pipeline.execution import executing
from ttscale.pipeline.progress import Progress


def config(**more: Any) -> Any:
    base = {"name": "n", "out": "o", "model": "demo-arithmetic", "task": "arithmetic", "sampling": {"n": 4}}
    return check_config({**base, **more})


@pytest.mark.parametrize(
    ("share", "said"), [(False, ""), (True, "c: drew 40 samples; the cell is complete.")]
)
def test_in_this_process_one_engine_draws_alone_or_beside_others(
    tmp_path: Path, share: bool, said: str
) -> None:
    work = cell_work(tmp_path)
    with executing(config(), work.progress, share=share) as execution, execution.drawing() as drawer:
        assert drawer.draw(work, work.everything()) == 40
    assert isinstance(work.progress, Notes)
    assert work.progress.lines[1:] == [said][: bool(said)]


def test_here_a_verifier_does_its_own_work() -> None:
    verifier = build_verifier(PluginSettings.model_validate("exact"))
    with executing(config(), Progress()) as execution:
        assert execution.verifying(verifier) is verifier


def test_a_cluster_is_not_connected_to_before_there_is_work() -> None:
    pytest.importorskip("ray")
    with executing(config(execution={"name": "ray", "address": "127.0.0.1:1"}), Progress()) as execution:
        with execution.drawing():
            pass
        execution.verifying(build_verifier(PluginSettings.model_validate("exact")))


def test_sharing_and_one_driver_for_all_machines_exclude_each_other() -> None:
    with (
        pytest.raises(ConfigError, match="--share is for several processes"),
        executing(config(execution="ray"), Progress(), share=True),
    ):
        pass
