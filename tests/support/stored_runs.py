"""Run directories made by hand: arithmetic answered by a simulated model, cell by cell, without an engine."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ttscale.config.loading import check_config, dump_config
from ttscale.store.run import RunStore, Session
from ttscale.store.verdicts import VerdictSetInfo
from ttscale.types import Problem, Sample

ORACLE = VerdictSetInfo(verifier="exact", version="1", options={}, sees_answer=True)
DEPLOYABLE = VerdictSetInfo(verifier="last-digit", version="1", options={}, sees_answer=False)


def stored_config(name: str, n: int) -> dict[str, Any]:
    return {
        "name": name,
        "out": "unused",
        "model": "demo-arithmetic",
        "task": "arithmetic",
        "sampling": {"n": n},
        "verifiers": ["exact", "last-digit"],
    }


def make_run(
    path: Path,
    *,
    cells: Mapping[str, Mapping[str, Any]] | None = None,
    n_problems: int = 12,
    n: int = 16,
    asked: int | None = None,
    verified: bool = True,
) -> RunStore:
    """Write a run whose cells have n samples of each problem; `asked` is what its configuration asks for."""
    store = RunStore(path)
    chosen = cells or {"demo-arithmetic-arithmetic": {}}
    identities = {
        name: {"model.path": "demo-arithmetic", "task.name": "arithmetic", **own}
        for name, own in chosen.items()
    }
    config = check_config(stored_config(path.name, asked or n))
    with store.writing():
        store.begin(name=path.name, version="0", config_yaml=dump_config(config), cells=identities)
    for cell in identities:
        with store.writing():
            store.keep_problems(cell, problems(n_problems))
        draw(store, cell, range(n), verified=verified)
    return store


def problems(count: int) -> list[Problem]:
    return [Problem(problem_id=f"{i:04d}", prompt=f"{i}+{i}=", answer=str(2 * i)) for i in range(count)]


def draw(store: RunStore, cell: str, indices: range, *, verified: bool = True) -> None:
    """Store more samples of every problem of a cell, and both verifiers' verdicts."""
    rng = np.random.default_rng([store.cells().index(cell), indices.start])
    drawn = problems(len(store.problems(cell)))
    chance = np.linspace(0.0, 0.9, len(drawn)) ** 2
    right = rng.random((len(drawn), len(indices))) < chance[:, None]
    name = f"20260101T0000{indices.start:04d}-aaaaaa"
    with store.writing():
        writer = store.sample_writer(cell, name)
        for problem, row in zip(drawn, right, strict=True):
            writer.add([_sample(problem, index, bool(ok)) for index, ok in zip(indices, row, strict=True)])
        writer.flush()
        store.write_session(
            Session(
                session=name,
                cell=cell,
                started_at="2026-01-01T00:00:00+00:00",
                seconds=2.0,
                n_samples=right.size,
                completion_tokens=3 * right.size,
                engine={"engine": "vllm", "version": "0.32.0", "device": "cpu"},
            )
        )
        if verified:
            for info in (ORACLE, DEPLOYABLE):
                frame = _verdicts(info, cell, drawn, indices, right)
                store.verdict_set(info).write(cell, frame, name)


def _sample(problem: Problem, index: int, right: bool) -> Sample:
    return Sample(
        problem_id=problem.problem_id,
        sample_index=index,
        completion=str(problem.answer) if right else f"{index}?",
        finish_reason="stop",
        prompt_tokens=5,
        completion_tokens=3,
        cumulative_logprob=-1.0 - index % 3,
    )


def _verdicts(
    info: VerdictSetInfo, cell: str, drawn: list[Problem], indices: range, right: np.ndarray
) -> pl.DataFrame:
    rows = [
        {
            "cell": cell,
            "problem_id": problem.problem_id,
            "sample_index": index,
            "outcome": "correct" if ok or (info is DEPLOYABLE and index % 5 == 0) else "incorrect",
            "score": None,
            "answer": str(problem.answer) if ok else f"{index}?",
            "answer_class": str(problem.answer) if ok else f"{index % 4}?",
            "seconds": 0.001,
            "detail": None,
        }
        for problem, row in zip(drawn, right, strict=True)
        for index, ok in zip(indices, row, strict=True)
    ]
    return pl.DataFrame(rows, infer_schema_length=None).cast({"seconds": pl.Float32})
