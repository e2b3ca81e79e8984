"""A run's work on a cluster, which is connected to when there is some."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from ttscale.config.cells import cells
from ttscale.config.models import Cell, PluginSettings, RunConfig
from ttscale.pipeline.building import NamedVerifier, build_verifier
from ttscale.pipeline.engines import Engines
from ttscale.pipeline.execution import Execution
from ttscale.pipeline.judges import cell_verifiers
from ttscale.pipeline.progress import Progress
from ttscale.pipeline.ray.cluster import Cluster, connected
from ttscale.pipeline.ray.drawing import draw_cell
from ttscale.pipeline.ray.judging import ClusterVerifier
from ttscale.pipeline.ray.replicas import Replicas
from ttscale.pipeline.recording import SegmentHook
from ttscale.store.run import RunStore
from ttscale.types import Problem


class RayExecution(Execution):
    """Draws and verifies on a Ray cluster.

    Args:
        config: The run.
        progress: Is told what happens.
        closing: Holds the connection until the run ends.
    """

    def __init__(self, config: RunConfig, progress: Progress, closing: ExitStack) -> None:
        super().__init__(progress)
        self._config = config
        self._closing = closing
        self._cluster: Cluster | None = None

    @property
    def cluster(self) -> Cluster:
        """The connection, made when it is first asked for."""
        if self._cluster is None:
            settings = self._config.execution
            self._progress.note(f"Connecting to Ray ({settings.address or 'on this machine'}) ...")
            self._cluster = self._closing.enter_context(connected(settings))
            self._progress.note(f"Ray has {self._cluster.told()}.")
        return self._cluster

    def engines(self) -> Engines:
        """Return the cluster's engines, to be used as a context."""
        return RayEngines(self, self._config, self._progress)

    def judging(self, verifier: NamedVerifier) -> NamedVerifier:
        """Return a verifier whose batches are judged on the cluster."""
        remote: Any = ClusterVerifier(verifier.verifier, self._settings_of(verifier), lambda: self.cluster)
        return NamedVerifier(remote, verifier.info)

    def _settings_of(self, verifier: NamedVerifier) -> PluginSettings:
        """Return what builds a verifier of the run once more, its limits included."""
        for cell in cells(self._config):
            for settings in cell_verifiers(cell):
                if build_verifier(settings).info == verifier.info:
                    return settings
        return PluginSettings.model_validate({"name": verifier.info.verifier, **verifier.info.options})


class RayEngines(Engines):
    """Replicas on a cluster in the place of one engine in this process."""

    def __init__(self, execution: RayExecution, config: RunConfig, progress: Progress) -> None:
        super().__init__(progress)
        self._execution = execution
        self._settings = config.execution
        self._replicas: Replicas | None = None

    def draw_cell(
        self,
        store: RunStore,
        cell: Cell,
        problems: Sequence[Problem],
        targets: Mapping[str, int],
        progress: Progress,
        on_segment: SegmentHook,
    ) -> int:
        """Draw the samples that a cell lacks; see `ttscale.pipeline.ray.drawing.draw_cell`."""
        if self._replicas is None and store.missing(cell.name, targets):
            self._replicas = Replicas(self._execution.cluster, progress)
        if self._replicas is None:
            return 0
        return draw_cell(
            store,
            cell,
            problems,
            targets,
            self._replicas,
            progress,
            settings=self._settings,
            on_segment=on_segment,
        )

    def close(self) -> None:
        """End the replicas; the next cell starts its own."""
        super().close()
        replicas, self._replicas = self._replicas, None
        if replicas is not None:
            replicas.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
