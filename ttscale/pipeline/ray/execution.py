"""A run's work on a cluster, which is connected to when there is some."""

from contextlib import AbstractContextManager, ExitStack, closing
from typing import Any

from ttscale.config.cells import cells
from ttscale.config.models import PluginSettings, RunConfig
from ttscale.pipeline.building import NamedVerifier, build_verifier
from ttscale.pipeline.cell_verifiers import verifier_settings
from ttscale.pipeline.contract import CellDrawer
from ttscale.pipeline.progress import Progress
from ttscale.pipeline.ray.cluster import Cluster, connected
from ttscale.pipeline.ray.verifying import ClusterVerifier
from ttscale.pipeline.replicas.drawer import ReplicasDrawer


class RayExecution:
    """Draws and verifies on a Ray cluster.

    Args:
        config: The run.
        progress: Is told what happens.
        connections: Holds the connection until the run ends.
    """

    def __init__(self, config: RunConfig, progress: Progress, connections: ExitStack) -> None:
        self._config = config
        self._progress = progress
        self._connections = connections
        self._cluster: Cluster | None = None

    @property
    def cluster(self) -> Cluster:
        """The connection, made when it is first asked for."""
        if self._cluster is None:
            settings = self._config.execution
            self._progress.note(f"Connecting to Ray ({settings.address or 'on this machine'}) ...")
            self._cluster = self._connections.enter_context(connected(settings))
            self._progress.note(f"Ray has {self._cluster.told()}.")
        return self._cluster

    def drawing(self) -> AbstractContextManager[CellDrawer]:
        """Return who draws with engines on the cluster."""
        return closing(ReplicasDrawer(self._config.execution, lambda cell: self.cluster))

    def verifying(self, verifier: NamedVerifier) -> NamedVerifier:
        """Return a verifier whose batches are verified on the cluster."""
        remote: Any = ClusterVerifier(verifier.verifier, self._settings_of(verifier), lambda: self.cluster)
        return NamedVerifier(remote, verifier.info)

    def _settings_of(self, verifier: NamedVerifier) -> PluginSettings:
        """Return what builds a verifier of the run once more, its limits included."""
        for cell in cells(self._config):
            for settings in verifier_settings(cell):
                if build_verifier(settings).info == verifier.info:
                    return settings
        return PluginSettings.model_validate({"name": verifier.info.verifier, **verifier.info.options})
