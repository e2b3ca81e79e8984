"""The unit of work that a replica is given: some sampling requests, drawn and stored together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ttscale.store.calls import CallRecord
from ttscale.types import SampleRequest

FIRST_SAMPLES = 256
"""Samples of the first chunks, before anything is known of the replicas' speed."""
_MOST_SAMPLES = 20_000
_CHUNK_S = 5.0
"""Seconds of a replica's work that a chunk aims at: what a death may lose, and how often something is stored."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Requests of one cell, in the order they are to be drawn.

    Attributes:
        requests: For samples, or attempts of a strategy.
        recorded: What is recorded of those attempts that were interrupted, by (problem_id, sample_index).
    """

    requests: tuple[SampleRequest, ...]
    recorded: Mapping[tuple[str, int], Sequence[CallRecord]] = field(default_factory=dict)

    @property
    def keys(self) -> list[tuple[str, int]]:
        """The samples asked for, as (problem_id, sample_index)."""
        return [(r.problem.problem_id, r.first_index + j) for r in self.requests for j in range(r.n)]

    @property
    def n_samples(self) -> int:
        """How many samples are asked for."""
        return sum(request.n for request in self.requests)


class ChunkQueue:
    """Cuts a cell's requests into chunks as they are asked for.

    Neither the size of a chunk nor who draws it can change a sample: seeds belong to samples.

    Args:
        requests: Of everything that is missing.
        n_samples: How many samples those are.
        n_replicas: How many will share them.
    """

    def __init__(self, requests: Iterator[SampleRequest], n_samples: int, n_replicas: int) -> None:
        self._requests = requests
        self._n_replicas = n_replicas
        self.n_left = n_samples

    def __bool__(self) -> bool:
        return self.n_left > 0

    def take(self, samples_per_s: float | None) -> Chunk:
        """Return the next chunk for a replica that draws at this rate (None: not known yet).

        Chunks shrink towards the end, so that the replicas finish together.
        """
        fair = max(1, self.n_left // (4 * self._n_replicas))
        wanted = FIRST_SAMPLES if samples_per_s is None else round(_CHUNK_S * samples_per_s)
        size = min(max(1, wanted), fair, _MOST_SAMPLES)
        taken: list[SampleRequest] = []
        while self.n_left and size > 0:
            request = next(self._requests)
            taken.append(request)
            size -= request.n
            self.n_left -= request.n
        return Chunk(tuple(taken))
