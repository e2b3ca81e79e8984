"""The report of runs that are still going: analyzed again when something new is stored."""

import threading
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ttscale.analysis.budget.runs import price_runs
from ttscale.analysis.reading.cell import RunReader
from ttscale.analysis.run.analyze import Depth, analyze_run, reach
from ttscale.analysis.run.samples import sample_groups
from ttscale.errors import StoreError, TtscaleError, TtscaleWarning
from ttscale.report.cells import page_cells
from ttscale.report.following import RunProgress, fingerprint, first_error, progress_of
from ttscale.report.html import render_html
from ttscale.report.page import LiveState
from ttscale.report.samples import columns_of, problem_samples
from ttscale.store.run import RunStore

_LEAST_PAUSE_S = 1.0
_PAUSE_PER_WORK = 3.0
"""Rest three times as long as the last analysis took: the run itself needs the machine."""


@dataclass(frozen=True, slots=True)
class _PageProblems:
    """The problems of a cell of the page, row by row."""

    store: RunStore
    cell: str
    problem_ids: tuple[str, ...]


class LiveReport:
    """The current page of some runs, and what makes the next one.

    Args:
        stores: The runs.
    """

    def __init__(self, stores: Sequence[RunStore]) -> None:
        self._stores = list(stores)
        self._lock = threading.Lock()
        self._seen: tuple[str, Depth] | None = None
        self._number = 0
        self._page = b""
        self._problems: dict[str, _PageProblems] = {}
        self._looking = threading.Lock()
        self._due = 0.0
        self._state: dict[str, Any] = {"token": "0", "phase": "going", "words": "Reading the run."}

    def page(self) -> bytes:
        """Return the page, UTF-8."""
        with self._lock:
            return self._page

    def state(self) -> dict[str, Any]:
        """Return the token of the page, the phase of the runs and how far they are, in words."""
        with self._lock:
            return dict(self._state)

    def samples(self, cell: str, row: int) -> list[list[Any]]:
        """Return the samples of a problem, in columns, by the ids of the page that is shown.

        Raises:
            StoreError: No such cell or row, or its samples cannot be read just now.
        """
        with self._lock:
            found = self._problems.get(cell)
        if found is None or not 0 <= row < len(found.problem_ids):
            raise StoreError(f"This page has no row {row} in '{cell}'.")
        reader = RunReader(found.store).cell(found.cell, verifiers=None)
        return columns_of(problem_samples(sample_groups(reader, [found.problem_ids[row]])))

    def look(self) -> None:
        """Refresh where it is time to; who asks meanwhile gets what is there, and waits only for the first page."""
        if not self._looking.acquire(blocking=not self._page):
            return
        try:
            if time.monotonic() >= self._due:
                started = time.monotonic()
                self.refresh()
                self._due = time.monotonic() + _pause_after(time.monotonic() - started)
        finally:
            self._looking.release()

    def refresh(self) -> bool:
        """Look at the runs; where something changed, make the page again.

        Forecasts and comparisons are made once nobody writes any more: they take seconds.

        Returns:
            Whether there is a new page.
        """
        try:
            progress = progress_of(self._stores)
            depth: Depth = "glance" if progress.phase == "going" else "full"
            seen = (fingerprint(self._stores), depth)
            if seen == self._seen:
                self._tell(progress)
                return False
            page, problems = self._made(progress, depth)
        except (TtscaleError, OSError) as error:  # the writer may move a file at this very moment
            with self._lock:
                self._state |= {"words": first_error(error)}
            return False
        with self._lock:
            self._page, self._problems, self._seen = page, problems, seen
        self._tell(progress)
        return True

    def _made(self, progress: RunProgress, depth: Depth) -> tuple[bytes, dict[str, "_PageProblems"]]:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", TtscaleWarning
            )  # a segment may be half renamed: the next look has it
            several = len(self._stores) > 1
            common = [k for store in self._stores for k in reach(store)] if several else []
            results = [
                analyze_run(store, depth=depth, allow_empty=True, also=common) for store in self._stores
            ]
            budget = price_runs([store.path for store in self._stores]) if depth == "full" else None
        self._number += 1
        state = LiveState(token=str(self._number), words=str(progress))
        problems = {
            one.id: _PageProblems(
                self._stores[one.run], one.result.cell, tuple(one.result.problems["problem_id"])
            )
            for one in page_cells(results)
        }
        return render_html(results, budget=budget, live=state).encode(), problems

    def _tell(self, progress: RunProgress) -> None:
        with self._lock:
            self._state = {"token": str(self._number), "phase": progress.phase, "words": str(progress)}


def follow(report: LiveReport, stop: threading.Event) -> None:
    """Refresh a report until told to stop."""
    while not stop.is_set():
        report.look()
        stop.wait(_LEAST_PAUSE_S)


def _pause_after(work_s: float) -> float:
    return max(_LEAST_PAUSE_S, _PAUSE_PER_WORK * work_s)
