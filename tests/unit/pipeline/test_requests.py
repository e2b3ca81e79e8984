"""The order of the work: problems with long samples begin, so that none of them is last and alone."""

from pathlib import Path

from ttscale.config.models import Cell
from ttscale.pipeline.contract import CellWork
from ttscale.pipeline.progress import Progress
from ttscale.pipeline.requests import longest_first
from ttscale.store.run import RunStore
from ttscale.store.samples import samples_frame
from ttscale.store.segments import write_segment
from ttscale.types import Problem, Sample

PROBLEMS = [Problem(problem_id=name, prompt=name) for name in ("short", "new", "long", "newer")]


def test_unknown_problems_begin_then_the_longest() -> None:
    ordered = longest_first(PROBLEMS, {"short": 5.0, "long": 900.0})
    assert [problem.problem_id for problem in ordered] == ["new", "newer", "long", "short"]
    assert longest_first(PROBLEMS, {}) == PROBLEMS


def test_lengths_are_the_stored_samples(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    counts = [("short", 3), ("short", 7), ("long", 900), ("newer", None)]  # a server may not count
    samples = [
        Sample(
            problem_id=name,
            sample_index=index,
            completion="x",
            finish_reason="stop",
            prompt_tokens=1,
            completion_tokens=tokens,
        )
        for index, (name, tokens) in enumerate(counts)
    ]
    write_segment(store.samples_folder("c") / "s-0.parquet", samples_frame(samples, "c"))
    cell = Cell.model_validate({"name": "c", "model": "m", "task": "arithmetic", "sampling": {"n": 9}})
    work = CellWork(store=store, cell=cell, problems=PROBLEMS, progress=Progress())
    assert [problem.problem_id for problem in work.longest_first()] == ["new", "newer", "long", "short"]
