"""Processes that share a cell: blocks are claimed, stored, let go of, and nobody draws what is in other hands.

Locks belong to a process, so the other one is played by a child that holds claims; tests/integration has real runs.
"""

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from drawing import Notes, cell_work, scripted_cell, stored_indices

from ttscale.errors import SamplerError
from ttscale.pipeline.contract import CellWork
from ttscale.pipeline.engines import Engines
from ttscale.pipeline.requests import round_of
from ttscale.pipeline.sampling import EngineDrawer
from ttscale.pipeline.sharing import SharedBlocks, SharedPortion

HOLDER = """
import sys
from pathlib import Path
from ttscale.store.claims import Claims
claims = Claims(Path(sys.argv[1]))
print([claims.claim(int(block)) for block in sys.argv[2:]], flush=True)
sys.stdin.read()
"""


def draw(work: CellWork) -> int:
    with Engines(work.progress) as engines:
        return EngineDrawer(engines, SharedPortion).draw(work, work.everything())


def notes(work: CellWork) -> list[str]:
    assert isinstance(work.progress, Notes)
    return work.progress.lines


class Other:
    """Another process that holds blocks until its `with` ends."""

    def __init__(self, work: CellWork, *blocks: int) -> None:
        with work.store.claims("c"):  # makes the file
            pass
        path = work.store.path / "claims" / "c.blocks"
        self._process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(path), *map(str, blocks)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Other":
        assert self._process.stdout is not None
        assert "False" not in self._process.stdout.readline()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate("")


def test_alone_it_draws_everything_once(tmp_path: Path) -> None:
    work = cell_work(tmp_path)
    assert draw(work) == 40
    assert stored_indices(work.store) == {f"p{i}": list(range(8)) for i in range(5)}
    assert notes(work)[-1] == "c: drew 40 samples; the cell is complete."


def test_what_another_process_holds_is_left_to_it_and_drawn_after_its_death(tmp_path: Path) -> None:
    work = cell_work(tmp_path)
    with Other(work, 1, 3):  # blocks of p1 and p3: one problem's samples of the first round
        assert draw(work) == 3 * 8
        assert notes(work)[-1] == "c: drew 24 samples; 16 are with other processes."
        assert {p for p, indices in stored_indices(work.store).items() if not indices} == {"p1", "p3"}
    assert draw(work) == 2 * 8
    assert stored_indices(work.store) == {f"p{i}": list(range(8)) for i in range(5)}


def test_blocks_cut_every_problem_at_the_same_rounds(tmp_path: Path) -> None:
    work = cell_work(tmp_path, scripted_cell(600, sampling={"request_size": 64}))
    with work.store.claims("c") as claims:
        blocks = SharedBlocks(
            work.store.samples_folder("c"), work.cell, work.problems, work.everything(), claims
        )
        asked = Counter()
        for request in blocks.requests():
            indices = range(request.first_index, request.first_index + request.n)
            assert round_of(indices[0]) == round_of(indices[-1])  # a request never crosses a round
            asked.update((request.problem.problem_id, index) for index in indices)
    assert set(asked.values()) == {1}
    assert len(asked) == 5 * 600


def test_a_failure_lets_go_of_what_was_claimed(tmp_path: Path) -> None:
    work = cell_work(tmp_path, scripted_cell(fail_after=1))
    with pytest.raises(SamplerError):
        draw(work)
    with Other(work, 0, 1, 2, 3, 4):  # all of them can be claimed
        pass
    again = replace(work, cell=scripted_cell())
    n_kept = sum(map(len, stored_indices(work.store).values()))
    assert draw(again) == 40 - n_kept
    assert stored_indices(work.store) == {f"p{i}": list(range(8)) for i in range(5)}


def test_a_block_that_is_known_to_be_stored_is_not_drawn_again(tmp_path: Path) -> None:
    work = cell_work(tmp_path)
    draw(work)
    more = replace(work, cell=scripted_cell(12))
    with more.store.claims("c") as claims:
        assert [claims.stored(block) for block in range(5) if claims.claim(block)] == [8] * 5
    assert draw(more) == 5 * 4
    assert stored_indices(more.store) == {f"p{i}": list(range(12)) for i in range(5)}
