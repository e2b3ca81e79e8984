"""Cells and drawers for tests of the pipeline: the scripted engine, a store of its own, and what was noted."""

from pathlib import Path
from typing import Any

from ttscale.config.models import Cell
from ttscale.pipeline.contract import CellWork
from ttscale.pipeline.progress import Progress
from ttscale.store.run import RunStore
from ttscale.store.samples import scan_samples
from ttscale.types import Problem

PROBLEMS = [Problem(problem_id=f"p{i}", prompt=f"{i}+1=", answer=str(i + 1)) for i in range(5)]


class Notes(Progress):
    """Keeps what is said, and how much was begun with."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.begun: list[tuple[int, int]] = []

    def note(self, text: str) -> None:
        self.lines.append(text)

    def begin(self, stage: str, *, total: int, done: int = 0) -> None:
        self.begun.append((total, done))


def scripted_cell(n: int = 8, *, engine: str = "scripted:ScriptedSampler", **options: Any) -> Cell:
    sampling = {"n": n, "request_size": 4} | options.pop("sampling", {})
    model = {"path": "none", "engine": engine, "engine_options": options}
    return Cell.model_validate({"name": "c", "model": model, "task": "arithmetic", "sampling": sampling})


def cell_work(folder: Path, cell: Cell | None = None) -> CellWork:
    return CellWork(store=RunStore(folder), cell=cell or scripted_cell(), problems=PROBLEMS, progress=Notes())


def stored_indices(store: RunStore) -> dict[str, list[int]]:
    """Return the stored indices of every problem, in ascending order, doubled ones twice."""
    rows = scan_samples(store.samples_folder("c")).select("problem_id", "sample_index").collect()
    return {
        problem.problem_id: sorted(rows.filter(problem_id=problem.problem_id)["sample_index"].to_list())
        for problem in PROBLEMS
    }
