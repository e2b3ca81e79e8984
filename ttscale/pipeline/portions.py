"""What of cells is to be drawn, and what all who draw them do alike."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

from ttscale.errors import ConfigError, SamplerError, StoreError, TtscaleError
from ttscale.pipeline.contract import CellWork
from ttscale.pipeline.recording import Recorder
from ttscale.pipeline.requests import plan_requests
from ttscale.types import SampleRequest

Announce = Callable[[CellWork], None]
"""Is told of a cell when its turn comes."""


class Portion(ABC):
    """What of a cell is to be drawn here.

    Args:
        work: The cell.
        targets: problem_id -> samples wanted.

    Attributes:
        work: The cell.
        total: Samples that it is to have.
        failure: Why no more of it is tried now.
    """

    def __init__(self, work: CellWork, targets: Mapping[str, int]) -> None:
        self.work = work
        self.total = sum(targets.values())
        self.failure: TtscaleError | None = None
        self._targets = targets

    @property
    @abstractmethod
    def is_complete(self) -> bool:
        """Whether nothing of it is left to draw here."""

    @abstractmethod
    def requests(self) -> Iterator[SampleRequest]:
        """Yield requests for what is lacking now."""

    @abstractmethod
    def n_stored(self) -> int:
        """Return how many samples there are."""

    @abstractmethod
    def recorder(self) -> Recorder:
        """Return what stores its samples."""

    @abstractmethod
    def tell(self, n_drawn: int) -> None:
        """Say what came of it."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what is not stored."""


class Gaps(Portion):
    """All that a cell lacks."""

    def __init__(self, work: CellWork, targets: Mapping[str, int]) -> None:
        super().__init__(work, targets)
        self._seen: Mapping[str, Sequence[range]] | None = None

    @property
    def is_complete(self) -> bool:
        """Whether all of it is stored."""
        return not self.missing()

    def look(self) -> bool:
        """See what is not stored; tell whether that is anything."""
        self._seen = self.missing()
        return bool(self._seen)

    def requests(self) -> Iterator[SampleRequest]:
        """Yield requests, those first whose samples were longest so far."""
        self.look()
        return self.seen_requests()

    def seen_requests(self) -> Iterator[SampleRequest]:
        """Yield requests for what was lacking at the last look."""
        if self._seen:
            sampling = self.work.cell.sampling
            yield from plan_requests(
                self.work.longest_first(),
                self._seen,
                run_seed=sampling.seed,
                request_size=sampling.request_size,
            )

    def n_stored(self) -> int:
        """Return how many of the samples wanted there are, as of the last look."""
        missing = self.missing() if self._seen is None else self._seen
        return self.total - sum(len(gap) for gaps in missing.values() for gap in gaps)

    def recorder(self) -> Recorder:
        """Return what stores its samples."""
        return Recorder(self.work)

    def tell(self, n_drawn: int) -> None:
        """Say that there was nothing to do, if so."""
        if not n_drawn:
            self.work.tell_complete(self.total)

    def close(self) -> None:
        """Look anew the next time."""
        self._seen = None

    def missing(self) -> dict[str, list[range]]:
        """Return what is not stored: problem_id -> ranges of sample indices."""
        return self.work.store.missing(self.work.cell.name, self._targets)


P = TypeVar("P", bound=Portion)


class PortionDrawer(ABC, Generic[P]):
    """Draws portions of cells, one alone or several together; see `ttscale.pipeline.contract.StreamDrawer`.

    Args:
        portion: What of a cell is drawn here.
    """

    def __init__(self, portion: Callable[[CellWork, Mapping[str, int]], P]) -> None:
        self._portion = portion

    def draw(self, work: CellWork, targets: Mapping[str, int]) -> int:
        """Draw what a cell lacks; return how many samples were drawn.

        Raises:
            SamplerError: The engines cannot start or serve a request, or died too often.
            StoreError: Samples cannot be written.
            RunMismatchError: Stored samples came from another engine.
        """
        portion = self._portion(work, targets)
        n_drawn = self._drawn([portion], lambda work: None)
        if portion.failure is not None:
            raise portion.failure
        portion.tell(n_drawn)
        return n_drawn

    def draw_together(self, works: Sequence[CellWork], announce: Announce) -> set[str]:
        """Draw cells of one engine; what fails among them is drawn alone later, and says why then."""
        portions = [self._portion(work, work.everything()) for work in works]
        try:
            self._drawn(portions, announce)
        except (StoreError, ConfigError):
            raise
        except TtscaleError:
            pass
        return {
            portion.work.cell.name for portion in portions if portion.failure is None and portion.is_complete
        }

    @abstractmethod
    def _drawn(self, portions: Sequence[P], announce: Announce) -> int:
        """Draw until nothing is lacking, also after deaths of engines; return how many samples were drawn."""


def nothing_drawn(cell: str, who: str, n_lacking: int) -> SamplerError:
    """Return the error that an engine took requests and answered none."""
    return SamplerError(
        f"{cell}: {who} took every request and gave no sample; {n_lacking} problems still lack some. A sampler must yield "
        "every sample that it is asked for."
    )
