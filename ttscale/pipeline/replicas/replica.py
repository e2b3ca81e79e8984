"""One engine of several: what runs in its process. Knows nothing of who started that."""

import asyncio
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ttscale
from ttscale.config.models import Cell
from ttscale.errors import TtscaleError
from ttscale.pipeline.attempts import attempts_of
from ttscale.pipeline.recording import added, generated
from ttscale.pipeline.replicas.chunks import Chunk
from ttscale.pipeline.replicas.handover import Handover, hand_over
from ttscale.pipeline.replicas.search_path import extend_search_path
from ttscale.pipeline.replicas.stream import EngineStream
from ttscale.samplers.contract import EngineInfo
from ttscale.store.calls import CallRecord


@dataclass(frozen=True, slots=True)
class Placed:
    """Where there was room for a replica.

    Attributes:
        node: The machine's name.
        version: Its ttscale.
    """

    node: str
    version: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A replica that is ready to draw a cell.

    Attributes:
        info: What the engine says of itself.
        start_s: Seconds that starting it took; 0 for one that ran already.
        node: The machine's name.
        sees_run: Whether it can write into the run directory.
    """

    info: EngineInfo
    start_s: float
    node: str
    sees_run: bool


@dataclass(frozen=True, slots=True)
class Drawn:
    """What came of a chunk.

    Attributes:
        handover: The samples, as many as there are.
        n_samples: How many.
        completion_tokens: Tokens generated.
        error: What the engine failed with.
        ran_dry: Whether the engine could have taken more requests than it had.
        calls: Records of a strategy's calls, where the run directory cannot be seen.
        usage: What the engine used besides, since the answer before.
    """

    handover: Handover
    n_samples: int
    completion_tokens: int
    error: TtscaleError | None
    ran_dry: bool
    calls: Sequence[CallRecord] = ()
    usage: Mapping[str, Any] = field(default_factory=dict)


class Replica:
    """An engine that is handed chunks.

    Args:
        search_path: Folders of the driver's that modules are also looked for in, where they are there.
    """

    def __init__(self, search_path: Sequence[str]) -> None:
        extend_search_path(search_path)
        self._stream = EngineStream(attempts_of)
        self._used_before: Mapping[str, Any] = {}

    async def where(self) -> Placed:
        """Answer at once, also while the engine starts."""
        return Placed(socket.gethostname(), ttscale.__version__)

    async def prepare(self, cell: Cell, probe: Path | None) -> Prepared:
        """Get ready for a cell, with the engine that runs already where it can serve.

        Args:
            cell: The cell.
            probe: A file that the driver put into the run directory; None: do not look.

        Raises:
            TtscaleError: The engine cannot start.
        """
        running = await asyncio.wrap_future(self._stream.start(cell))
        if running.start_s:
            self._used_before = {}
        return Prepared(
            info=running.info,
            start_s=running.start_s,
            node=socket.gethostname(),
            sees_run=probe is not None and probe.exists() and os.access(probe.parent, os.W_OK),
        )

    async def draw(
        self, chunk: Chunk, cell: str, session: str, folder: Path | None, calls_folder: Path | None = None
    ) -> Drawn:
        """Draw a chunk and hand its samples over; several may be under way.

        Args:
            chunk: The requests.
            cell: The cell's name.
            session: Name of the session that the samples belong to.
            folder: Where to write them; None: return them.
            calls_folder: Where to write the calls of a strategy's attempts, likewise.

        Raises:
            StoreError: They cannot be written.
        """
        draw = await asyncio.wrap_future(self._stream.draw(chunk, session, calls_folder))
        handover = await asyncio.to_thread(hand_over, draw.samples, cell, session, folder)
        return Drawn(
            handover=handover,
            n_samples=len(draw.samples),
            completion_tokens=generated(draw.samples),
            error=draw.error,
            ran_dry=draw.ran_dry,
            calls=draw.calls,
            usage=self._used(),
        )

    def _used(self) -> Mapping[str, Any]:
        before, self._used_before = self._used_before, self._stream.usage()
        return added(self._used_before, before, sign=-1)

    async def stop(self) -> None:
        """Break off: open chunks are answered with what there is of them, and the engine is closed."""
        self._stream.stop()

    async def end(self) -> None:
        """Break off and close the engine, so that nothing of it is left behind when the process is killed."""
        await asyncio.to_thread(self._stream.close)
