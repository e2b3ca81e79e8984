"""An engine that draws so many samples at a time, some of them much longer than others, by a clock of its own."""

import heapq
import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import ClassVar

from scripted import ScriptedSampler, draw

from ttscale.samplers.contract import EngineInfo
from ttscale.types import Sample, SampleRequest

PLACES = 256


class PlacesSampler(ScriptedSampler):
    """Says how many places it has; a sample keeps one for as long as it is tokens."""

    busy: ClassVar[list[float]] = []
    """Share of its places that worked, for each time it was asked for samples."""

    def start(self) -> EngineInfo:
        return replace(super().start(), engine="places:PlacesSampler", detail={"max_num_seqs": PLACES})

    def sample(self, requests: Iterable[SampleRequest | None]) -> Iterator[list[Sample]]:
        now = worked = 0.0
        ends = [0.0] * PLACES
        given = (request for request in requests if request is not None)
        singles = chain.from_iterable(((request, j) for j in range(request.n)) for request in given)
        for request, j in singles:
            sample = draw(request.problem, request.first_index + j, request.seed + j)
            tokens = random.Random(sample.seed).expovariate(1.0)  # a few are much longer than most
            end = heapq.heappop(ends) + tokens
            heapq.heappush(ends, end)
            now, worked = max(now, end), worked + tokens
            yield [sample]
        if now:
            self.busy.append(worked / (now * PLACES))
