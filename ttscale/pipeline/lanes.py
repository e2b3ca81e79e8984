"""Several cells in one stream of calls: while a cell's last attempts are under way, the next cell's fill the engine.

Alone, a cell ends with its longest samples, and most of the engine's places idle until the last of them is done; a sweep
would pay for that once a cell. No sample depends on its neighbors, so cells may follow each other without a gap.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace

from ttscale.pipeline.attempt_kinds import Attempts
from ttscale.pipeline.calls import drawn
from ttscale.samplers.contract import Sampler
from ttscale.types import Problem, Sample, SampleRequest

_MARK = "\x1f"
"""Stands between a lane's number and a problem's id: two cells may have the same problems. The first lane's have none."""


class Lane:
    """A cell's part of a stream.

    Args:
        attempts: Its attempts.
        select: Makes the engine serve this cell from now on.

    Attributes:
        mark: Stands before the ids of its problems.
        has_ended: Whether all of it was yielded.
    """

    def __init__(self, attempts: Attempts, select: Callable[[], object] = lambda: None) -> None:
        self.attempts = attempts
        self.select = select
        self._calls = attempts.calls()
        self.mark = ""
        self.has_ended = False
        self._n_flying = 0
        self._asks = True
        self._marked: tuple[Problem, Problem] | None = None

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to ask and all is answered."""
        return not self._asks and not self._n_flying

    @property
    def asks(self) -> bool:
        """Whether it may have calls yet."""
        return self._asks

    def next_call(self) -> SampleRequest | None:
        """Return its next call; None if there is none, or none now."""
        try:
            request = next(self._calls)
        except StopIteration:
            self._asks = False
            return None
        if request is None:
            return None
        self._n_flying += request.n
        return replace(request, problem=self._as_marked(request.problem)) if self.mark else request

    def take(self, answers: Sequence[Sample]) -> list[Sample]:
        """Take answers; return the samples that are finished."""
        self._n_flying -= len(answers)
        if self.mark:
            answers = [replace(answer, problem_id=_plain(answer.problem_id)) for answer in answers]
        return self.attempts.taken(answers)

    def _as_marked(self, problem: Problem) -> Problem:
        if self._marked is None or self._marked[0] is not problem:
            self._marked = problem, replace(problem, problem_id=f"{self.mark}{problem.problem_id}")
        return self._marked[1]


def streamed(
    sampler: Sampler, lanes: Iterator[Lane | None]
) -> Generator[tuple[Lane, list[Sample]], None, None]:
    """Draw lanes with one sampler; yield finished samples and whose they are, at a lane's end an empty list at least.

    Args:
        sampler: Runs. More than one lane needs one that serves "cells".
        lanes: In their order; one is asked for when all attempts of those before it have begun. None: none now.
    """
    yield from _Stream(sampler, lanes).samples()


class _Stream:
    def __init__(self, sampler: Sampler, lanes: Iterator[Lane | None]) -> None:
        self._sampler = sampler
        self._lanes = lanes
        self._by_mark: dict[str, Lane] = {}
        self._asking: list[Lane] = []
        self._n_lanes = self._n_flying = 0
        self._done: list[Lane] = []

    def samples(self) -> Iterator[tuple[Lane, list[Sample]]]:
        try:
            for answers in drawn(self._sampler, self._requests()):
                self._n_flying -= len(answers)
                lane = self._by_mark[_mark_of(answers[0].problem_id)]
                if ready := lane.take(answers):
                    yield lane, ready
                if lane.is_done:
                    self._done.append(lane)
                if self._done:
                    yield from self._ended()
            self._done += self._by_mark.values()  # a sampler may owe some
            yield from self._ended()
        finally:
            for lane in self._by_mark.values():
                lane.attempts.close()

    def _ended(self) -> Iterator[tuple[Lane, list[Sample]]]:
        while self._done:
            lane = self._done.pop()
            if self._by_mark.pop(lane.mark, None) is not None:
                try:
                    last = lane.attempts.ended()
                finally:
                    lane.attempts.close()
                lane.has_ended = True
                yield lane, last

    def _requests(self) -> Iterator[SampleRequest | None]:
        """Yield calls as the sampler asks for them; None when there is nothing now and something is under way."""
        while True:
            request = self._next_call()
            if request is not None:
                self._n_flying += request.n
                yield request
            elif self._begin_next():
                continue
            elif self._n_flying:
                if not self._asking:
                    return
                yield None
            elif self._asking:
                self._asking[0].attempts.wait()
            else:
                return

    def _next_call(self) -> SampleRequest | None:
        """Return the next call of the first lane that has one."""
        for lane in list(self._asking):
            request = lane.next_call()
            if request is not None:
                lane.select()
                return request
            if not lane.asks:
                self._asking.remove(lane)
                if lane.is_done:
                    self._done.append(lane)
        return None

    def _begin_next(self) -> bool:
        if not all(lane.attempts.begun for lane in self._asking):
            return False
        lane = next(self._lanes, None)
        if lane is None:
            return False
        mark = f"{self._n_lanes}{_MARK}" if self._n_lanes else ""
        self._n_lanes += 1
        lane.mark = mark
        self._by_mark[mark] = lane
        self._asking.append(lane)
        return True


def _mark_of(problem_id: str) -> str:
    before, mark, _ = problem_id.partition(_MARK)
    return f"{before}{mark}" if mark else ""


def _plain(problem_id: str) -> str:
    return problem_id.partition(_MARK)[2]
