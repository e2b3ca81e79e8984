"""The journal of one stored cell, whose calls are fetched by attempt and path."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache

from ttscale.errors import SamplerError
from ttscale.samplers.replay_shelf import Shelf
from ttscale.store.calls import CallRecord, problem_calls
from ttscale.store.run import RunStore
from ttscale.types import CallSample, Problem, Sample, SampleRequest, shared

_OPEN_PROBLEMS = 64
_CALL = " call "
"""Between a problem's id and a call's path, in the id that a strategy's request carries."""
FIRST = "0"


class CallShelf:
    """Fetches the calls of a cell's attempts.

    Args:
        store: The run.
        cell: The cell.
        samples: Its samples: an attempt that was one call alone has no journal.
        where: What to call it in messages.
    """

    def __init__(self, store: RunStore, cell: str, samples: Shelf, where: str) -> None:
        self._where = where
        self._samples = samples
        self._problems = {problem.problem_id: problem for problem in store.problems(cell)}
        folder = store.calls_folder(cell)
        self._open = lru_cache(_OPEN_PROBLEMS)(lambda problem_id: problem_calls(folder, problem_id))

    def asks(self, request: SampleRequest) -> bool:
        """Tell whether a request is a call of an attempt."""
        name, found, _ = request.problem.problem_id.rpartition(_CALL)
        return bool(found) and request.problem.problem_id not in self._problems and name in self._problems

    def fetch(self, request: SampleRequest) -> list[Sample]:
        """Return the answers to a call of neighboring attempts.

        Raises:
            SamplerError: One of them was never recorded.
        """
        name, _, path = request.problem.problem_id.rpartition(_CALL)
        return list(self._answers(request, self._problems[name], path))

    def _answers(self, request: SampleRequest, problem: Problem, path: str) -> Iterator[Sample]:
        calls: Mapping[tuple[int, str], CallRecord] = self._open(problem.problem_id)
        for index in range(request.first_index, request.first_index + request.n):
            record = calls.get((index, path))
            if record is not None:
                yield _answer(record, request)
            elif path == FIRST and not any(own == index for own, _ in calls):
                yield self._whole(request, problem, index)
            else:
                raise SamplerError(
                    f"{self._where} holds no call {path} of attempt {index} at problem '{problem.problem_id}': it was not finished, "
                    "or asks for something else now. Extend that run first, or lower sampling.n."
                )

    def _whole(self, request: SampleRequest, problem: Problem, index: int) -> Sample:
        """Return an attempt that was one call, as the answer to that."""
        asked = replace(request, problem=problem, first_index=index, n=1, call=None)
        (sample,) = self._samples.fetch(asked)
        return replace(sample, problem_id=request.problem.problem_id)


def _answer(record: CallRecord, request: SampleRequest) -> Sample:
    own = {"problem_id": request.problem.problem_id, "finish_reason": record.finish_reason or "stop"}
    return CallSample(
        **shared(record, CallSample) | own,
        completion=record.text,
        token_logprobs=record.logprobs or None,
        prefix_text=record.prefix,
        token_ids=record.tokens or None,
    )
