"""The stored samples of one cell, fetched by problem and index without holding them all.

Requests of a run come in about the order in which samples were stored, so that a few open segments serve most.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import polars as pl

from ttscale.errors import SamplerError, did_you_mean
from ttscale.store.run import RunStore
from ttscale.store.samples import SAMPLE_FIELDS, SAMPLE_SCHEMA, samples_columns
from ttscale.store.segments import collect, scan, segments
from ttscale.types import Message, Problem, Sample, SampleRequest

_OPEN_SEGMENTS = 4
"""Each holds up to 100,000 samples."""

_Span = tuple[Path, int, int]
"""A segment with the lowest and the highest index that it holds of a problem."""


class Shelf:
    """Fetches a cell's samples.

    Args:
        store: The run.
        cell: The cell.
        where: What to call it in messages.
    """

    def __init__(self, store: RunStore, cell: str, where: str) -> None:
        self._where = where
        self._folder = store.samples_folder(cell)
        self._problems = {problem.problem_id: problem for problem in store.problems(cell)}
        self._counts = store.counts(cell)
        self._spans = _spans(self._folder)
        self._open = lru_cache(_OPEN_SEGMENTS)(self._read)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many samples each problem has."""
        return self._counts

    def fetch(self, request: SampleRequest) -> list[Sample]:
        """Return the samples that a request asks for.

        Raises:
            SamplerError: The problem is not there or has another prompt, or some of the samples are missing.
        """
        self._check_problem(request.problem)
        problem_id, stop = request.problem.problem_id, request.first_index + request.n
        frames = [
            self._open(path)[problem_id].filter(
                pl.col("sample_index").is_between(request.first_index, stop, closed="left")
            )
            for path, low, high in self._spans[problem_id]
            if low < stop and request.first_index <= high
        ]
        samples = [sample for frame in frames for sample in _samples(frame)]
        if len(samples) < request.n:
            raise SamplerError(
                f"{self._where} holds {self._counts[problem_id]} samples of problem '{problem_id}', but "
                f"[{request.first_index}, {stop}) are asked for. Lower sampling.n, or extend that run first."
            )
        return samples

    def _check_problem(self, problem: Problem) -> None:
        stored = self._problems.get(problem.problem_id)
        if stored is None or problem.problem_id not in self._spans:
            raise SamplerError(
                f"{self._where} holds no samples of problem '{problem.problem_id}', but of "
                f"{len(self._spans)} others.{did_you_mean(problem.problem_id, self._spans)} "
                "Replay it with the task and options that it was sampled with."
            )
        if _prompt(stored) != _prompt(problem):
            raise SamplerError(
                f"{self._where} holds samples of a problem '{problem.problem_id}' with another prompt. "
                "Replay it with the task and options that it was sampled with."
            )

    def _read(self, path: Path) -> dict[str, pl.DataFrame]:
        frame = collect(scan([path], SAMPLE_SCHEMA).select(SAMPLE_FIELDS), self._folder)
        return {str(key[0]): part for key, part in frame.partition_by("problem_id", as_dict=True).items()}


def _spans(folder: Path) -> dict[str, list[_Span]]:
    """Return where each problem's samples lie."""
    found: dict[str, list[_Span]] = {}
    for path in segments(folder):
        index = pl.col("sample_index")
        keys = (
            scan([path], SAMPLE_SCHEMA)
            .group_by("problem_id")
            .agg(index.min().alias("low"), index.max().alias("high"))
        )
        for problem_id, low, high in collect(keys, folder).iter_rows():
            found.setdefault(problem_id, []).append((path, low, high))
    return found


def _prompt(problem: Problem) -> tuple[str | None, tuple[Message, ...] | None]:
    return problem.prompt, problem.messages


def _samples(rows: pl.DataFrame) -> list[Sample]:
    columns = samples_columns(rows)
    return [Sample(**dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]
