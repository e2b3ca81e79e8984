"""Coverage while sampling: a cheap oracle judges every segment, a slow one is left to the verify stage."""

import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest
from pydantic import BaseModel

from ttscale.config.models import Cell
from ttscale.pipeline.building import NamedVerifier
from ttscale.pipeline.contract import CellWork
from ttscale.pipeline.live import LiveCoverage
from ttscale.pipeline.progress import Progress
from ttscale.store.run import RunStore
from ttscale.store.verdicts import VerdictSetInfo
from ttscale.types import Outcome, Problem, Sample, Verdict
from ttscale.verifiers.contract import Candidate

PROBLEMS = [Problem(problem_id=name, prompt=name, answer="1") for name in "ab"]
INFO = VerdictSetInfo(verifier="oracle", version="1", options={}, sees_answer=True)


class Oracle:
    Options: ClassVar[type[BaseModel]] = BaseModel
    version: ClassVar[str] = "1"
    sees_answer: ClassVar[bool] = True
    deterministic: ClassVar[bool] = True

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.n_judged = 0
        self.clock = 0.0

    def verify(self, batch: Sequence[Candidate]) -> Sequence[Verdict]:
        self.n_judged += len(batch)
        self.clock += self.seconds * len(batch)
        return [
            Verdict(outcome=Outcome.CORRECT if c.sample.completion == c.problem.answer else Outcome.INCORRECT)
            for c in batch
        ]


class Seen(Progress):
    def __init__(self) -> None:
        self.told: list[tuple[int, int, float]] = []

    def solved(self, n_solved: int, n_problems: int, success_rate: float) -> None:
        self.told.append((n_solved, n_problems, success_rate))


def run(tmp_path: Path, oracle: Oracle) -> tuple[RunStore, Seen]:
    store, seen = RunStore(tmp_path), Seen()
    cell = Cell.model_validate({"name": "c", "model": "none", "task": "arithmetic", "sampling": {"n": 200}})
    work = CellWork(store=store, cell=cell, problems=PROBLEMS, progress=seen)
    live = LiveCoverage(work, NamedVerifier(oracle, INFO))
    writer = store.sample_writer("c", "s")
    for start in (0, 100):
        samples = [
            Sample(
                problem_id=name,
                sample_index=start + i,
                completion=str(i),
                finish_reason="stop",
                prompt_tokens=1,
                completion_tokens=1,
            )
            for name in "ab"
            for i in range(100 if name == "a" else 1)
        ]
        writer.add(samples)
        (stored,) = writer.flush()
        live.segment_written(stored.path)
    return store, seen


def test_a_cheap_oracle_tells_coverage_and_its_verdicts_are_kept(tmp_path: Path) -> None:
    store, seen = run(tmp_path, Oracle(0.0))
    assert seen.told == [(1, 2, 0.005), (1, 2, 0.005)]  # a: 1 of 100, then 2 of 200; b: none
    assert store.verdict_set(INFO).count("c") == 202


def test_a_slow_oracle_is_given_up_after_a_few_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    oracle = Oracle(10.0)
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + oracle.clock)
    monkeypatch.setattr("ttscale.pipeline.live.time", clock)
    store, seen = run(tmp_path, oracle)
    assert seen.told == []
    assert oracle.n_judged < 10
    assert store.verdict_set(INFO).count("c") == 0
