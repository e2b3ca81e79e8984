"""Draws cells with replicas, pass after pass over what the store still lacks."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ttscale.config.execution import ExecutionSettings
from ttscale.config.models import Cell
from ttscale.pipeline.contract import CellWork
from ttscale.pipeline.portions import Announce, PortionDrawer, nothing_drawn
from ttscale.pipeline.replicas.drawing import Part, Pass
from ttscale.pipeline.replicas.places import Cluster, Replicas
from ttscale.store.files import TEMPORARY_PREFIX, write_text


class ReplicasDrawer(PortionDrawer[Part]):
    """Draws cells with replicas, which are started when the first cell lacks samples.

    Args:
        settings: Of the execution.
        cluster_for: Returns where the engines of a cell run; another cluster than the last cell's ends the engines on that.
    """

    def __init__(self, settings: ExecutionSettings, cluster_for: Callable[[Cell], Cluster]) -> None:
        super().__init__(Part)
        self._settings = settings
        self._cluster_for = cluster_for
        self._replicas: Replicas | None = None

    def streams(self, cell: Cell) -> bool:
        """Return True: an engine that has nothing left to draw of a cell begins the next one."""
        return True

    def close(self) -> None:
        """End the engines."""
        replicas, self._replicas = self._replicas, None
        if replicas is not None:
            replicas.close()

    def _drawn(self, portions: Sequence[Part], announce: Announce) -> int:
        """Draw until nothing is missing. What a dead replica was drawing is found missing in the next pass, as after any interruption."""
        n_drawn = 0
        while lacking := [part for part in portions if part.failure is None and part.look()]:
            work = lacking[0].work
            with _probe(work.store.path, self._settings) as probe:
                one_pass = Pass(lacking, self._replicas_for(work), self._settings, probe, announce)
                one_pass.draw(portions)
            if not one_pass.n_samples and not one_pass.n_deaths:
                raise nothing_drawn(work.cell.name, "the engines", len(lacking[0].missing()))
            n_drawn += one_pass.n_samples
        return n_drawn

    def _replicas_for(self, work: CellWork) -> Replicas:
        cluster = self._cluster_for(work.cell)
        if self._replicas is None or self._replicas.cluster is not cluster:
            self.close()
            self._replicas = Replicas(cluster, work.progress)
        return self._replicas


@contextmanager
def _probe(run: Path, settings: ExecutionSettings) -> Iterator[Path | None]:
    """Put a file into the run directory by whose name a replica knows that it sees the same one."""
    if settings.shared is False:
        yield None
        return
    probe = run.resolve() / f"{TEMPORARY_PREFIX}probe-{secrets.token_hex(8)}"
    write_text(probe, "")
    try:
        yield probe
    finally:
        probe.unlink(missing_ok=True)
