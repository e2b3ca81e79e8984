"""Draws cells with replicas, pass after pass over what the store still lacks."""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ttscale.config.execution import ExecutionSettings
from ttscale.config.models import Cell
from ttscale.errors import ConfigError, SamplerError, StoreError, TtscaleError
from ttscale.pipeline.contract import CellWork
from ttscale.pipeline.replicas.drawing import Part, Pass
from ttscale.pipeline.replicas.places import Replicas
from ttscale.store.files import TEMPORARY_PREFIX, write_text


class ReplicasDrawer:
    """Draws cells with replicas, which are started when the first cell lacks samples; see `ttscale.pipeline.contract.StreamDrawer`.

    Args:
        settings: Of the execution.
        found: Returns the replicas for a cell; they are the same for cells of one engine.
    """

    def __init__(self, settings: ExecutionSettings, found: Callable[[CellWork], Replicas]) -> None:
        self._settings = settings
        self._found = found

    def draw(self, work: CellWork, targets: Mapping[str, int]) -> int:
        """Draw what a cell lacks; return how many samples were drawn.

        Raises:
            SamplerError: The engines cannot start or serve a request, or died too often.
            StoreError: Samples cannot be written.
            RunMismatchError: Stored samples came from another engine.
        """
        part = Part(work, targets)
        n_drawn = self._drawn([part], lambda work: None)
        if part.failure is not None:
            raise part.failure
        if not n_drawn:
            work.tell_complete(sum(targets.values()))
        return n_drawn

    def streams(self, cell: Cell) -> bool:
        """Return True: an engine that has nothing left to draw of a cell begins the next one."""
        return True

    def draw_together(self, works: Sequence[CellWork], announce: Callable[[CellWork], None]) -> set[str]:
        """Draw cells of one engine; what fails among them is drawn alone later, and says why then."""
        parts = [Part(work, work.everything()) for work in works]
        try:
            self._drawn(parts, announce)
        except (StoreError, ConfigError):
            raise
        except TtscaleError:
            pass
        return {part.cell.name for part in parts if part.failure is None and not part.look()}

    def _drawn(self, parts: Sequence["Part"], announce: Callable[[CellWork], None]) -> int:
        """Draw until nothing is missing. What a dead replica was drawing is found missing in the next pass, as after any interruption."""
        n_drawn = 0
        while lacking := [part for part in parts if part.failure is None and part.look()]:
            work = lacking[0].work
            with _probe(work.store.path, self._settings) as probe:
                one_pass = Pass(lacking, self._found(work), self._settings, probe, announce)
                one_pass.draw(parts)
            if not one_pass.n_samples and not one_pass.n_deaths:
                raise SamplerError(
                    f"{work.cell.name}: the engines took every request and gave no sample; {len(lacking[0].missing)} problems "
                    "still lack some. A sampler must yield every sample that it is asked for."
                )
            n_drawn += one_pass.n_samples
        return n_drawn


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
