"""The places for engines, who fills them now, and who takes over from the dead."""

import importlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ttscale.config.models import Cell
from ttscale.errors import EngineDiedError, TtscaleError
from ttscale.pipeline.progress import Progress
from ttscale.pipeline.replicas.processes import ActorGone
from ttscale.pipeline.replicas.replica import Prepared, Replica
from ttscale.pipeline.replicas.search_path import search_path
from ttscale.samplers.messages import one_line

_MOST_DEATHS = 3
"""Deaths in a row, without a sample between them, after which a place is given up."""
_FIRST_DEPTH = 2
"""Chunks a replica has at a time: one to draw and one waiting."""
_MOST_DEPTH = 64
_FAREWELL_S = 5.0


class Cluster(Protocol):
    """Who has room for replicas, starts them there and brings calls to them.

    Attributes:
        name: As in ``execution``.
        actors: Has Ray's verbs: `remote`, `wait`, `get`, `kill`.
    """

    name: str
    actors: Any

    def n_replicas(self) -> int:
        """Return how many engines the run wants at a time."""

    def replica_options(self, number: int) -> dict[str, Any]:
        """Return what the process of the replica with this number, counted from 1, is started with."""

    def wanted(self) -> str:
        """Say in words what one engine needs."""


@dataclass(eq=False, slots=True)
class Place:
    """Room for one engine.

    Attributes:
        number: Counted from 1.
        actor: The actor that has it now.
        node: The machine that it was put on, once it was.
        cell: The cell that the actor was last asked to prepare.
        prepared: What it answered.
        deaths: In a row, without a sample between them.
        depth: Chunks that it should have at a time.
    """

    number: int
    actor: Any = None
    node: str | None = None
    cell: str | None = None
    prepared: Prepared | None = None
    deaths: int = 0
    depth: int = _FIRST_DEPTH

    def deepen(self) -> None:
        """Let more chunks wait: the engine took all there were."""
        self.depth = min(2 * self.depth, _MOST_DEPTH)

    def told(self) -> str:
        """Name it for a person."""
        return f"replica {self.number}" + (f" on {self.node}" if self.node else "")


class Replicas:
    """The engines of a run, kept from cell to cell.

    Args:
        cluster: The connection.
        progress: Is told of deaths.
    """

    def __init__(self, cluster: Cluster, progress: Progress) -> None:
        self.cluster = cluster
        self._progress = progress
        self._places = [Place(number) for number in range(1, cluster.n_replicas() + 1)]
        self._actor_class = cluster.actors.remote(Replica)
        self._last_error: TtscaleError | None = None

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Place]:
        return iter(self._places)

    def fill(self, place: Place) -> Any:
        """Have an actor placed; return the reference to where that was."""
        options = self.cluster.replica_options(place.number)
        place.actor = self._actor_class.options(**options).remote(search_path())
        return place.actor.where.remote()

    def prepare(self, place: Place, cell: Cell, probe: Path | None) -> Any:
        """Ask the engine at a place to get ready for a cell; return the reference."""
        place.cell, place.prepared, place.depth = cell.name, None, _FIRST_DEPTH
        return place.actor.prepare.remote(cell, probe)

    def bury(self, place: Place, reason: str, error: TtscaleError | None = None) -> None:
        """Note that the engine at a place died.

        Raises:
            TtscaleError: It was the last place that was not given up.
        """
        place.deaths += 1
        self._last_error = error or EngineDiedError(f"The engine of {place.told()} died: {reason}")
        gives_up = place.deaths >= _MOST_DEATHS
        self._progress.note(
            f"{place.told()} died: {reason} "
            + ("It died too often and is given up." if gives_up else "Another takes its place.")
        )
        self.clear(place)
        if gives_up:
            self._places.remove(place)
        if not self._places:
            raise self._last_error

    def clear(self, place: Place) -> None:
        """End the actor at a place."""
        actor, place.actor = place.actor, None
        place.node = place.cell = place.prepared = None
        if actor is not None:
            self.cluster.actors.kill(actor)

    def close(self) -> None:
        """End all of them: engines have a little time to take with them what they put elsewhere."""
        ending = [place.actor.end.remote() for place in self._places if place.actor is not None]
        if ending:
            self.cluster.actors.wait(ending, num_returns=len(ending), timeout=_FAREWELL_S)
        for place in self._places:
            self.clear(place)


def is_death(error: BaseException) -> bool:
    """Tell whether a call failed because its actor, its node or its answer is gone."""
    if isinstance(error, ActorGone) or "ray" not in sys.modules:
        return isinstance(error, ActorGone)
    exceptions = importlib.import_module("ray.exceptions")
    return isinstance(error, exceptions.RayError) and not isinstance(
        error, exceptions.RayTaskError | exceptions.RuntimeEnvSetupError | exceptions.ActorUnschedulableError
    )


def reason_of(error: BaseException) -> str:
    """Return why an actor is gone, in one line: of a traceback its last one."""
    lines = [line.strip() for line in re.sub(r"\x1b\[\d*m", "", str(error)).splitlines() if line.strip()]
    has_traceback = any(line.startswith("File ") for line in lines)
    return lines[-1].rstrip(".") + "." if has_traceback else one_line(error)


def cause_of(error: BaseException) -> BaseException:
    """Return what a task raised, out of Ray's wrapping."""
    return getattr(error, "cause", None) or error
