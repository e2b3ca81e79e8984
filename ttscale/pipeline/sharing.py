"""Several processes on one run: each claims blocks of a cell, draws them, and lets go of them once they are stored.

A block is one problem's samples of one round (`ttscale.pipeline.requests`). A process that dies loses its claims with its life; the others,
or a later one, draw what it had not stored. Nobody is in charge and no clock is involved.
"""

import os
import random
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ttscale.config.models import Cell
from ttscale.pipeline.contract import CellWork
from ttscale.pipeline.portions import Portion
from ttscale.pipeline.recording import Recorder
from ttscale.pipeline.requests import plan_requests, round_of, round_range
from ttscale.store.claims import Claims
from ttscale.store.stored import StoredKeys
from ttscale.types import Problem, Sample, SampleRequest

_CLAIMED_AT_ONCE = 4
"""Blocks: enough to fill an engine, and few enough that the last ones are spread over the processes."""


class SharedPortion(Portion):
    """What of a cell no other process is drawing.

    Args:
        work: The cell.
        targets: problem_id -> samples wanted.
    """

    is_complete = False

    def __init__(self, work: CellWork, targets: Mapping[str, int]) -> None:
        super().__init__(work, targets)
        self._blocks: SharedBlocks | None = None
        self._claims: Claims | None = None

    def requests(self) -> Iterator[SampleRequest]:
        """Yield requests for blocks as they are claimed."""
        for request in self._opened().requests():
            self.is_complete = False
            yield request
        self.is_complete = True

    def n_stored(self) -> int:
        """Return how many of its samples are stored, by whomever."""
        return self._opened().n_stored

    def recorder(self) -> Recorder:
        """Return what stores its samples and lets go of blocks that are stored."""
        blocks = self._opened()
        return Recorder(replace(self.work, on_segment=blocks.segment_written), blocks.stored)

    def tell(self, n_drawn: int) -> None:
        """Say how many were drawn here and what is left to others."""
        self.work.progress.note(f"{self.work.cell.name}: drew {n_drawn:,} samples; {self._opened().told()}")
        self.close()

    def close(self) -> None:
        """Let go of everything that is not stored."""
        blocks, claims, self._blocks, self._claims = self._blocks, self._claims, None, None
        if blocks is not None and claims is not None:
            blocks.give_up()
            claims.__exit__(None, None, None)

    def _opened(self) -> "SharedBlocks":
        if self._blocks is None:
            store, cell = self.work.store, self.work.cell
            self._claims = store.claims(cell.name)
            folder = store.samples_folder(cell.name)
            self._blocks = SharedBlocks(folder, cell, self.work.problems, self._targets, self._claims)
        return self._blocks


class SharedBlocks:
    """A cell's blocks as one of several processes sees them.

    Args:
        folder: The cell's folder of segments.
        cell: The cell.
        problems: Its problems, in the same order in every process.
        targets: problem_id -> samples wanted.
        claims: This process's claims.
    """

    def __init__(
        self,
        folder: Path,
        cell: Cell,
        problems: Sequence[Problem],
        targets: Mapping[str, int],
        claims: Claims,
    ) -> None:
        self._cell = cell
        self._problems = problems
        self._targets = targets
        self._claims = claims
        self._keys = StoredKeys(folder)
        self._outstanding: dict[int, int] = {}
        self._block_of: dict[str, int] = {problem.problem_id: i for i, problem in enumerate(problems)}

    @property
    def n_stored(self) -> int:
        """Samples of the cell that are stored, by whomever, as of the last look."""
        return len(self._keys)

    def requests(self) -> Iterator[SampleRequest]:
        """Yield requests for blocks as they are claimed; ends when all are stored or in other hands.

        Claims of an earlier call are given up: its engine died.
        """
        self.give_up()
        waiting = self._wanted_blocks()
        while waiting:
            claimed = self._claim_some(waiting)
            self._keys.refresh()
            for block in claimed:
                yield from self._requests_of(block)

    def stored(self, samples: Sequence[Sample]) -> None:
        """Count samples that are stored now."""
        for sample in samples:
            self._outstanding[self._block(sample.problem_id, sample.sample_index)] -= 1

    def segment_written(self, path: Path) -> None:
        """Let go of the blocks whose samples are all stored now."""
        for block in [block for block, left in self._outstanding.items() if not left]:
            del self._outstanding[block]
            self._claims.release(block, stored=len(self._range(block)))

    def give_up(self) -> None:
        """Let go of everything that is not stored."""
        for block in self._outstanding:
            self._claims.release(block)
        self._outstanding.clear()

    def told(self) -> str:
        """Say what is left, in words."""
        self._keys.refresh()
        left = sum(self._targets.values()) - self._keys.count(self._targets)
        return f"{left:,} are with other processes." if left else "the cell is complete."

    def _wanted_blocks(self) -> deque[int]:
        """Return the blocks that lack samples, beginning anywhere: processes that begin apart meet late."""
        self._keys.refresh()
        n_rounds = round_of(max(self._targets.values()) - 1) + 1
        blocks = [block for block in range(n_rounds * len(self._problems)) if self._gaps(block)]
        start = random.Random(os.urandom(8)).randrange(len(self._problems)) if blocks else 0
        return deque(blocks[start:] + blocks[:start])

    def _claim_some(self, waiting: deque[int]) -> list[int]:
        """Claim the next few blocks that nobody has and that are not stored meanwhile."""
        claimed: list[int] = []
        while waiting and len(claimed) < _CLAIMED_AT_ONCE:
            block = waiting.popleft()
            if not self._claims.claim(block):
                continue
            if self._claims.stored(block) >= len(self._range(block)):
                self._claims.release(block)
            else:
                claimed.append(block)
        return claimed

    def _requests_of(self, block: int) -> Iterator[SampleRequest]:
        gaps = self._gaps(block)
        if not gaps:
            self._claims.release(block, stored=len(self._range(block)))
            return
        problem = self._problems[block % len(self._problems)]
        self._outstanding[block] = sum(map(len, gaps))
        yield from plan_requests(
            [problem],
            {problem.problem_id: gaps},
            run_seed=self._cell.sampling.seed,
            request_size=self._cell.sampling.request_size,
        )

    def _gaps(self, block: int) -> list[range]:
        return self._keys.gaps(self._problems[block % len(self._problems)].problem_id, self._range(block))

    def _range(self, block: int) -> range:
        """Return the sample indices of a block."""
        round_, position = divmod(block, len(self._problems))
        drawn, target = round_range(round_), self._targets[self._problems[position].problem_id]
        return range(drawn.start, max(drawn.start, min(drawn.stop, target)))

    def _block(self, problem_id: str, sample_index: int) -> int:
        return round_of(sample_index) * len(self._problems) + self._block_of[problem_id]
