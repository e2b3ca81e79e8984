"""Draw what cells still lack with an engine here, storing samples as they finish."""

from collections.abc import Callable, Mapping, Sequence

from ttscale.config.models import Cell
from ttscale.errors import EngineDiedError
from ttscale.pipeline.building import sampler_class
from ttscale.pipeline.contract import CellWork
from ttscale.pipeline.engines import Engines
from ttscale.pipeline.portions import Announce, Gaps, Portion, PortionDrawer
from ttscale.pipeline.together import CellStream
from ttscale.samplers.resolve import choose_engine

_MOST_RESTARTS = 3
"""Deaths of an engine in a row, without a sample between them, that end a cell."""


class EngineDrawer(PortionDrawer[Portion]):
    """Draws cells with one engine in this process; one that dies is started again and goes on with what is still missing.

    Args:
        engines: Where the engine comes from; it is kept for the next cell where it can serve that.
        portion: What of a cell is drawn here.
    """

    def __init__(
        self, engines: Engines, portion: Callable[[CellWork, Mapping[str, int]], Portion] = Gaps
    ) -> None:
        super().__init__(portion)
        self._engines = engines

    def streams(self, cell: Cell) -> bool:
        """Tell whether the engine may begin another cell while samples of this one are under way."""
        sampler = sampler_class(choose_engine(cell.model.engine)[0])
        return "cells" in getattr(sampler, "serves", ())

    def _drawn(self, portions: Sequence[Portion], announce: Announce) -> int:
        """Draw until nothing is lacking, with a new engine after one that died; return samples drawn."""
        n_drawn, deaths = 0, 0
        while True:
            stream = CellStream(portions, self._engines, announce)
            try:
                if not stream.draw():
                    return n_drawn
            except EngineDiedError as error:
                deaths = 0 if stream.n_samples else deaths + 1
                if deaths >= _MOST_RESTARTS:
                    raise
                work = portions[0].work
                work.progress.note(f"{work.cell.name}: {error} Starting it again.")
            n_drawn += stream.n_samples
