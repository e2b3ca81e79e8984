"""An engine's stream: chunks in, samples sorted back into them, whatever happens."""

import threading
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from scripted import ScriptedSampler as Scripted

from ttscale.config.models import Cell
from ttscale.pipeline.replicas.chunks import Chunk
from ttscale.pipeline.replicas.stream import Draw, EngineStream
from ttscale.pipeline.requests import plan_requests
from ttscale.types import Problem, Sample, SampleRequest

PROBLEMS = [Problem(problem_id=f"p{i}", prompt=f"{i}+1=", answer=str(i + 1)) for i in range(7)]


def requests(n: int, size: int = 8) -> Iterator[SampleRequest]:
    missing = {problem.problem_id: [range(n)] for problem in PROBLEMS}
    return plan_requests(PROBLEMS, missing, run_seed=0, request_size=size)


def cell(**options: Any) -> Cell:
    model = {"path": "none", "engine": "scripted:ScriptedSampler", "engine_options": options}
    return Cell.model_validate({"name": "c", "model": model, "task": "arithmetic", "sampling": {"n": 4}})


class Backwards(Scripted):
    """Answers requests in reverse, and only when it has no more of them."""

    def sample(self, requests: Iterable[SampleRequest]) -> Iterator[list[Sample]]:
        yield from super().sample(reversed(list(requests)))


class Gated(Scripted):
    """Waits at its second request until it is let through."""

    gate = threading.Event()
    reached = threading.Event()

    def sample(self, requests: Iterable[SampleRequest]) -> Iterator[list[Sample]]:
        for count, samples in enumerate(super().sample(requests)):
            if count == 1:
                self.reached.set()
                self.gate.wait(30)
            yield samples


def stream_of(monkeypatch: pytest.MonkeyPatch, sampler: type[Scripted], **options: Any) -> EngineStream:
    monkeypatch.setattr("scripted.ScriptedSampler", sampler)
    stream = EngineStream()
    stream.start(cell(**options)).result(30)
    return stream


def test_samples_find_their_chunk_in_whatever_order_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = stream_of(monkeypatch, Backwards)
    wanted = list(requests(16))
    chunks = [Chunk(tuple(wanted[start : start + 3])) for start in range(0, len(wanted), 3)]
    for chunk, answer in [(chunk, stream.draw(chunk)) for chunk in chunks]:
        drawn = answer.result(30)
        assert drawn.error is None
        asked = {(r.problem.problem_id, r.first_index + j) for r in chunk.requests for j in range(r.n)}
        assert {(s.problem_id, s.sample_index) for s in drawn.samples} == asked
        assert len(drawn.samples) == chunk.n_samples


def test_an_engine_that_fails_answers_every_chunk_and_the_first_with_what_it_gave(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = stream_of(monkeypatch, Scripted, fail_after=2)
    wanted = list(requests(8))
    answers = [stream.draw(Chunk(tuple(wanted[:4]))), stream.draw(Chunk(tuple(wanted[4:])))]
    first, second = (answer.result(30) for answer in answers)
    assert "scripted failure" in str(first.error)
    assert len(first.samples) == 16
    assert second.samples == [] or second.error is None
    assert (
        stream.draw(Chunk(tuple(wanted))).result(30).samples == []
    )  # nothing runs until it is started again
    stream.start(cell()).result(30)
    assert len(stream.draw(Chunk(tuple(wanted))).result(30).samples) == 7 * 8


def test_stopping_answers_open_and_waiting_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    Gated.gate.clear()
    Gated.reached.clear()
    stream = stream_of(monkeypatch, Gated)
    wanted = list(requests(8))
    opened, waiting = stream.draw(Chunk(tuple(wanted[:4]))), stream.draw(Chunk(tuple(wanted[4:])))
    assert Gated.reached.wait(30)
    stream.stop()
    Gated.gate.set()
    first: Draw = opened.result(30)
    assert 0 < len(first.samples) < 32
    assert waiting.result(30).samples == []
