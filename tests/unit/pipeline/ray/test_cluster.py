"""What a cluster has room for."""

from pathlib import Path
from typing import Any

import pytest

from ttscale.config.execution import ExecutionSettings
from ttscale.pipeline.ray.cluster import Cluster
from ttscale.pipeline.replicas.search_path import search_path


class FakeRay:
    """A cluster of given nodes."""

    def __init__(self, *nodes: dict[str, float]) -> None:
        self._nodes = nodes

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": node} for node in self._nodes]


@pytest.mark.parametrize(
    ("nodes", "settings", "replicas", "cpus", "gpus"),
    [
        ([{"CPU": 8}], {}, 1, 8, 0),
        ([{"CPU": 2}, {"CPU": 8}, {"CPU": 8}], {}, 2, 8, 0),
        ([{"CPU": 8}], {"cpus_per_replica": 2}, 4, 2, 0),
        ([{"CPU": 4}, {"CPU": 32, "GPU": 4}, {"CPU": 32, "GPU": 4}], {}, 8, 1, 1),
        ([{"CPU": 32, "GPU": 4}], {"gpus_per_replica": 2}, 2, 1, 2),
        ([{"CPU": 32, "GPU": 4}], {"gpus_per_replica": 0.5}, 8, 1, 0.5),
        ([{"CPU": 1}], {"gpus_per_replica": 1}, 1, 1, 1),
        ([{"CPU": 8}], {"replicas": 5}, 5, 8, 0),
    ],
)
def test_defaults_fill_the_cluster(
    nodes: list[dict[str, float]], settings: dict[str, Any], replicas: int, cpus: float, gpus: float
) -> None:
    cluster = Cluster(FakeRay(*nodes), ExecutionSettings(name="ray", **settings))
    options = cluster.replica_options(1)
    assert (cluster.n_replicas(), options["num_cpus"], options["num_gpus"]) == (replicas, cpus, gpus)


def test_only_the_users_own_folders_are_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    folders = search_path()
    assert str(tmp_path.resolve()) in folders
    assert not [folder for folder in folders if "site-packages" in folder or folder.endswith("lib-dynload")]
