"""The writer of samples: what it returned is on disk, and what it cannot write it says."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ttscale.errors import StoreError
from ttscale.store import writer as module
from ttscale.store.samples import scan_samples
from ttscale.store.segments import write_segment
from ttscale.store.writer import SampleWriter, Stored
from ttscale.types import Sample

LIMIT_S = 60.0


def made(*indices: int, top_logprobs: int = 0) -> list[Sample]:
    top = np.zeros((top_logprobs, 1), np.float32) if top_logprobs else None
    return [
        Sample(
            problem_id="p",
            sample_index=index,
            completion=str(index),
            finish_reason="stop",
            prompt_tokens=1,
            completion_tokens=1,
            top_logprobs=top,
        )
        for index in indices
    ]


def writer_of(folder: Path, *, flush_rows: int = 2, first_flush_s: float = 1e9) -> SampleWriter:
    return SampleWriter(folder, "c", "s", flush_rows=flush_rows, first_flush_s=first_flush_s)


def indices(stored: list[Stored]) -> list[list[int]]:
    """What the segments' files hold; it must be what they are said to hold."""
    found = [pl.read_parquet(one.path)["sample_index"].to_list() for one in stored]
    assert found == [[sample.sample_index for sample in one.rows] for one in stored]
    return found


class Gate:
    """Holds writing up until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()
        self.error: Exception | None = None

    def write_segment(self, *arguments: object, **keywords: object) -> None:
        self.reached.set()
        assert self.opened.wait(LIMIT_S)
        if self.error is not None:
            raise self.error
        write_segment(*arguments, **keywords)  # type: ignore[arg-type]  # passed on as they come


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate()
    monkeypatch.setattr(module, "write_segment", gate.write_segment)
    yield gate
    gate.opened.set()


def test_nothing_is_written_for_nothing(tmp_path: Path) -> None:
    assert writer_of(tmp_path).flush() == []
    assert scan_samples(tmp_path).collect().height == 0


def test_samples_gather_while_a_segment_is_written(tmp_path: Path, gate: Gate) -> None:
    writer = writer_of(tmp_path)
    assert writer.add(made(0)) == []
    assert writer.add(made(1)) == []  # two are enough: the thread has them
    assert gate.reached.wait(LIMIT_S)
    assert writer.add(made(2)) == []
    gate.opened.set()
    assert indices(writer.flush()) == [[0, 1], [2]]
    assert scan_samples(tmp_path).collect().height == 3


def test_when_the_next_segment_is_full_too_the_caller_waits(tmp_path: Path, gate: Gate) -> None:
    writer, stored = writer_of(tmp_path), []
    writer.add(made(0, 1))
    assert gate.reached.wait(LIMIT_S)
    caller = threading.Thread(target=lambda: stored.extend(writer.add(made(2, 3))))
    caller.start()
    assert not stored
    assert caller.is_alive()
    gate.opened.set()
    caller.join(LIMIT_S)
    assert indices(stored) == [[0, 1]]
    assert indices(writer.flush()) == [[2, 3]]


def test_what_cannot_be_written_is_said_at_the_next_call_and_again(tmp_path: Path, gate: Gate) -> None:
    writer = writer_of(tmp_path)
    writer.add(made(0, 1))
    gate.error = StoreError("the disk is full")
    gate.opened.set()
    with pytest.raises(StoreError, match="the disk is full"):
        writer.add(made(2, 3))
    with pytest.raises(StoreError, match="the disk is full"):
        writer.flush()
    assert not list(tmp_path.glob("*.parquet"))


def test_a_segment_is_due_after_a_while_however_few_there_are(tmp_path: Path) -> None:
    writer = writer_of(tmp_path, flush_rows=100, first_flush_s=0.0)
    writer.add(made(0))
    assert indices(writer.flush()) == [[0]]


@pytest.mark.parametrize("what", ["text", "token_logprobs"])
def test_long_samples_fill_a_segment_by_their_bytes(tmp_path: Path, what: str) -> None:
    writer = SampleWriter(tmp_path, "c", "s", flush_bytes=4000, first_flush_s=1e9)
    long = {"text": {"completion": "x" * 1000}, "token_logprobs": {"token_logprobs": (-1.0,) * 40}}[what]
    stored: list[Stored] = []
    for index in range(9):
        stored += writer.add([replace(made(index)[0], **long)])
    assert indices(stored + writer.flush()) == [[0, 1, 2, 3], [4, 5, 6, 7], [8]]


def test_many_log_probabilities_fill_a_segment(tmp_path: Path) -> None:
    writer = SampleWriter(tmp_path, "c", "s", flush_bytes=400, first_flush_s=1e9)
    stored = [*writer.add(made(0, top_logprobs=99)), *writer.add(made(1, top_logprobs=1))]
    stored += writer.add(made(2, top_logprobs=100)) + writer.flush()
    assert indices(stored) == [[0, 1], [2]]
