"""A run read as a whole: which of its files are damaged, and what the next run draws and judges again because of them."""

import warnings
from collections.abc import Callable

from ttscale.config.cells import cells
from ttscale.config.loading import parse_config
from ttscale.errors import TornSegmentWarning, TtscaleError
from ttscale.pipeline.importing import is_imported
from ttscale.result import Row
from ttscale.store.checking import Checked, checked
from ttscale.store.pending import blocks_without
from ttscale.store.run import RunStore
from ttscale.store.samples import SAMPLE_KEY
from ttscale.store.verdicts import VerdictSet

_OF_IMPORTS = ("samples", "problems", "verdicts")
_IMPORT = "cannot make it again: import it into a new directory"


def check_rows(store: RunStore, seen: Callable[[Checked], object] = lambda file: None) -> list[Row]:
    """Read every file of a run; return a row for each that is not as it was written, then one for each cell that lacks rows for it.

    Args:
        store: The run.
        seen: Is told of every file that was read.

    Returns:
        Nothing where all is whole.

    Raises:
        StoreError: No run is here, or a folder cannot be looked into.
    """
    rows: list[Row] = []
    drawn_here = not is_imported(store)
    for file in checked(store):
        seen(file)
        if file.flaw is not None:
            then = file.then if drawn_here or file.path.parts[0] not in _OF_IMPORTS else _IMPORT
            rows.append({"what": str(file.path), "flaw": file.flaw, "next_run": then})
    return rows + (_lacking(store) if rows else [])


def _lacking(store: RunStore) -> list[Row]:
    """Return what each cell lacks without its damaged files."""
    rows: list[Row] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TornSegmentWarning)  # each was told by name
        try:
            config = parse_config(store.config_yaml(), out=store.path)
            asked = {cell.name: cell.sampling.n for cell in cells(config)}
            sets = store.verdict_sets()
        except TtscaleError:  # what says so is damaged, and was told
            return []
        for cell in store.cells():
            draw = _to_draw(store, cell, asked.get(cell))
            judge = {one.info.verifier: _to_judge(store, cell, one) + (draw or 0) for one in sets}
            if draw or any(judge.values()):
                said = ", ".join(f"judges {n:,} by {name}" for name, n in judge.items() if n)
                told = "; ".join(part for part in (f"draws {draw:,} samples" if draw else "", said) if part)
                rows.append(
                    {"what": cell, "flaw": "rows are missing", "next_run": told, "draw": draw, "judge": judge}
                )
    return rows


def _to_draw(store: RunStore, cell: str, n: int | None) -> int | None:
    """Return how many samples of a cell are not there; None where the run does not say how many there were."""
    counts = store.counts(cell)
    try:
        problem_ids = [problem.problem_id for problem in store.problems(cell)]
    except TtscaleError:
        problem_ids = list(counts)
    if n is None:
        return None
    return sum(
        len(gap) for gaps in store.missing(cell, dict.fromkeys(problem_ids, n)).values() for gap in gaps
    )


def _to_judge(store: RunStore, cell: str, verdicts: VerdictSet) -> int:
    """Return how many stored samples have no verdict."""
    done = verdicts.verified(cell)
    return sum(block.height for block in blocks_without(store.samples_folder(cell), done, SAMPLE_KEY))
