"""What a run asks of those who do its work: somebody who draws cells, and a place where that is done.

A new way to work (another cluster, another order of drawing) is a class for each of the two protocols here and a line
in `ttscale.pipeline.execution`; nothing above knows which one it has. Whoever draws, asks a sampler by
`ttscale.pipeline.lanes` alone, for what `ttscale.pipeline.attempts` says one attempt at a problem is.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from ttscale.config.models import Cell
from ttscale.pipeline.building import NamedVerifier
from ttscale.pipeline.progress import Progress
from ttscale.pipeline.requests import longest_first
from ttscale.store.run import RunStore
from ttscale.store.samples import mean_tokens
from ttscale.types import Problem

SegmentHook = Callable[[Path], None]
"""Called with every segment that was written."""


def ignore_segment(path: Path) -> None:
    """Do nothing with a segment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellWork:
    """A cell that is worked on.

    Attributes:
        store: The run, held for writing.
        cell: The cell.
        problems: Its problems, in the order they are sampled.
        progress: Is told how far it is.
        on_segment: Called with every segment of samples that was stored.
    """

    store: RunStore
    cell: Cell
    problems: Sequence[Problem]
    progress: Progress
    on_segment: SegmentHook = ignore_segment

    def everything(self) -> dict[str, int]:
        """Return ``sampling.n`` samples of every problem: what a cell without a rule is to have."""
        return {problem.problem_id: self.cell.sampling.n for problem in self.problems}

    def longest_first(self) -> list[Problem]:
        """Return its problems in the order in which they keep an engine full; see `longest_first`."""
        return longest_first(self.problems, mean_tokens(self.store.samples_folder(self.cell.name)))

    def tell_complete(self, total: int) -> None:
        """Say that nothing is left to draw."""
        self.progress.note(f"{self.cell.name}: all {total:,} samples are there; nothing to draw.")


class CellDrawer(Protocol):
    """Draws the samples of cells; keeps what it needs for that, such as an engine, from one call to the next."""

    def draw(self, work: CellWork, targets: Mapping[str, int]) -> int:
        """Draw and store the samples that a cell lacks; return how many were drawn here.

        What is stored stays stored whatever happens: an interrupted call is continued by the next one.

        Args:
            work: The cell.
            targets: problem_id -> samples wanted.

        Raises:
            SamplerError: The engine cannot start, serve a request, or died too often.
            StoreError: Samples cannot be written.
            RunMismatchError: Stored samples came from another engine.
        """


@runtime_checkable
class StreamDrawer(Protocol):
    """A drawer that may begin a cell while the last samples of another are under way."""

    def streams(self, cell: Cell) -> bool:
        """Tell whether that holds for a cell's engine."""

    def draw_together(self, works: Sequence[CellWork], announce: Callable[[CellWork], None]) -> set[str]:
        """Draw what cells of one engine lack; return the names of those that are complete by that.

        What could not be drawn is left to `CellDrawer.draw`, which says why.

        Args:
            works: The cells; see `ttscale.pipeline.together.neighbours`.
            announce: Is told of every cell when its turn comes.

        Raises:
            StoreError: Samples cannot be written.
        """


class Execution(Protocol):
    """A place where a run is worked on."""

    def drawing(self) -> AbstractContextManager[CellDrawer]:
        """Return who draws the cells; what it holds is freed with the context."""

    def verifying(self, verifier: NamedVerifier) -> NamedVerifier:
        """Return the verifier that does the work in a verifier's name."""
