"""Where a run is worked on follows from its configuration, and nothing above can tell."""

from typing import Any

import pytest

from ttscale.config.loading import check_config
from ttscale.config.models import PluginSettings
from ttscale.errors import ConfigError
from ttscale.pipeline.building import build_verifier
from ttscale.pipeline.execution import executing
from ttscale.pipeline.progress import Progress
from ttscale.pipeline.sampling import EngineDrawer
from ttscale.pipeline.sharing import SharingDrawer


def config(**more: Any) -> Any:
    base = {"name": "n", "out": "o", "model": "demo-arithmetic", "task": "arithmetic", "sampling": {"n": 4}}
    return check_config({**base, **more})


@pytest.mark.parametrize(("share", "kind"), [(False, EngineDrawer), (True, SharingDrawer)])
def test_in_this_process_one_engine_draws_alone_or_beside_others(share: bool, kind: type) -> None:
    with executing(config(), Progress(), share=share) as execution, execution.drawing() as drawer:
        assert isinstance(drawer, kind)


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
