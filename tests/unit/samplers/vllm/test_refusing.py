"""Calls that the engine cannot serve: answered among the others, and the loop goes on and ends."""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest

from ttscale.errors import SamplerError
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.samplers.vllm import VllmOptions, VllmSampler
from ttscale.types import CallSample, CallSettings, Problem, Sample, SampleRequest


class Served(VllmSampler):
    """With an engine that ends every request at the next step, and takes no prompt longer than four characters."""

    def __init__(self) -> None:
        super().__init__(ModelSettings(path="none"), SamplingSettings(n=1), VllmOptions())
        self._engine = self._cell = self._collector = self
        self._max_in_flight = 3
        self._waiting: list[SampleRequest] = []

    def encoded(self, request: SampleRequest) -> SampleRequest:
        if len(request.problem.prompt or "") > 4:
            raise SamplerError("too long for the context")
        return request

    def get_num_unfinished_requests(self) -> int:
        return len(self._waiting)

    def has_unfinished_requests(self) -> bool:
        return bool(self._waiting)

    def _add(self, flight: Any) -> None:
        self._waiting.append(flight)

    def _step(self) -> Any:
        ended, self._waiting = self._waiting, []
        return ended

    def _by_problem(self, ended: Any) -> Any:
        return [
            [
                Sample(
                    problem_id=request.problem.problem_id,
                    sample_index=0,
                    completion="x",
                    finish_reason="stop",
                    prompt_tokens=1,
                    completion_tokens=1,
                )
            ]
            for request in ended
        ]

    def _collecting(self, engine: Any) -> Any:
        return nullcontext()

    def _tell_preemptions(self) -> None:
        pass


def request(name: str, call: CallSettings | None) -> SampleRequest:
    return SampleRequest(problem=Problem(problem_id=name, prompt=name), first_index=0, n=1, seed=0, call=call)


@pytest.mark.parametrize(
    "names", [["a", "toolong1", "b"], ["toolong1"], ["toolong1", "toolong2"] * 4 + ["a"]]
)
def test_refused_calls_are_answered_and_what_comes_after_them_is_served(names: list[str]) -> None:
    under_way: set[int] = set()

    def asked() -> Iterator[SampleRequest | None]:
        """One after the other, as an attempt does: the next comes when the last is answered."""
        for number, name in enumerate(names):
            under_way.add(number)
            yield request(name, CallSettings())
            while number in under_way:
                yield None

    found: list[Sample] = []
    for samples in Served().sample(asked()):  # type: ignore[arg-type]
        found += samples
        under_way.clear()
    assert [sample.problem_id for sample in found] == names
    refused = [getattr(sample, "refused", None) for sample in found]
    assert [why is not None for why in refused] == [len(name) > 4 for name in names]
    assert all(isinstance(one, CallSample) and why for one, why in zip(found, refused, strict=True) if why)


def test_a_plain_prompt_that_is_too_long_ends_the_run() -> None:
    with pytest.raises(SamplerError, match="too long for the context"):
        list(Served().sample([request("toolong", None)]))
