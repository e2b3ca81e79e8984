"""All runs below a folder: found, listed, and each shown when somebody opens it; or written as a site of many pages."""

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ttscale.analysis.budget.runs import price_runs
from ttscale.analysis.run.analyze import analyze_run
from ttscale.analysis.run.results import CellResult
from ttscale.errors import InvalidInputError, StoreError, TtscaleError, listed
from ttscale.plain_files import real_path
from ttscale.report.cells import page_cells
from ttscale.report.following import progress_of
from ttscale.report.html import replace_file, write_report, writing_to
from ttscale.report.live import LiveReport
from ttscale.report.opening import answer, shared_k
from ttscale.report.page import IndexRow, render_index
from ttscale.showing.numbers import count
from ttscale.store.run import RunStore

_DEEPEST = 5
"""Levels of folders below the one given."""
_ADDRESS = re.compile(r"/run/(\d+)/(.*)")


@dataclass(frozen=True, slots=True)
class Bundle:
    """What `write_bundle` wrote.

    Attributes:
        index: index.html.
        pages: The report of every run, in the order of the index.
        failed: Run -> why it has no report.
    """

    index: Path
    pages: tuple[Path, ...]
    failed: dict[Path, str]


def is_run(folder: Path) -> bool:
    """Tell whether a folder is a run directory."""
    return (folder / "manifest.json").is_file()


def runs_below(folders: Iterable[Path]) -> list[Path]:
    """Return the runs among folders and below them, each once, by path.

    Raises:
        StoreError: There is none.
    """
    folders = list(folders)
    found = dict.fromkeys(run for folder in folders for run in _found(folder, _DEEPEST))
    if not found:
        raise StoreError(
            f"{listed(map(str, folders))} is not a run directory, and none is below it. A run is a folder with a "
            "manifest.json."
        )
    return list(found)


def _found(folder: Path, depth: int) -> list[Path]:
    if is_run(folder):
        return [folder]
    if depth == 0 or not folder.is_dir() or folder.is_symlink():
        return []
    below = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    return [run for path in below for run in _found(path, depth - 1)]


class RunsBelow:
    """A site of all runs below a folder; new ones appear when the list is asked for again.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._runs: list[Path] = []
        self._reports: dict[int, LiveReport] = {}

    def index(self) -> bytes:
        """Return the list of runs, found anew."""
        with self._lock:
            self._runs += [run for run in _found(self._folder, _DEEPEST) if run not in self._runs]
            numbered = list(enumerate(self._runs))
        rows = [
            IndexRow(href=f"run/{number}/", name=_name(run, self._folder), words=_progress(run))
            for number, run in numbered
        ]
        return render_index(f"Runs in {real_path(self._folder).name}", rows).encode()

    def report_at(self, path: str) -> tuple[LiveReport, str] | None:
        """Return the report of the run whose number is in an address; it is looked at while somebody asks."""
        match = _ADDRESS.fullmatch(path)
        if match is None:
            return None
        number, rest = int(match[1]), match[2]
        with self._lock:
            if number >= len(self._runs):
                return None
            report = self._reports.setdefault(number, LiveReport([RunStore(self._runs[number])]))
        if rest in ("", "state"):
            report.look()
        return report, rest


def write_bundle(
    runs: Sequence[Path], out: Path | str, *, tell: Callable[[str], None] = lambda _: None
) -> Bundle:
    """Write a site: a page for every run, and index.html that leads to them; files only, nothing to be served by.

    Args:
        runs: Run directories.
        out: A folder, made if absent.
        tell: Is told of every run as its turn comes.

    Raises:
        InvalidInputError: No runs.
        StoreError: No run can be reported, or the folder cannot be written.
    """
    if not runs:
        raise InvalidInputError("A bundle needs at least one run.")
    out = Path(out)
    rows, pages, failed = [], [], {}
    for number, (run, name) in enumerate(zip(runs, _folder_names(runs), strict=True), start=1):
        tell(f"{run} ({number} of {len(runs)})")
        try:
            result = analyze_run(run, depth="full")
            pages.append(write_report(result, out / name, budget=price_runs([run])).page)
        except TtscaleError as error:
            failed[run] = str(error)
            rows.append(IndexRow(href="", name=name, words=str(error)))
            continue
        cells = page_cells([result])
        found = answer(cells, shared_k(cells))
        rows.append(IndexRow(href=f"{name}/report.html", name=name, words=found, about=_about(result.cells)))
    if not pages:
        raise StoreError(f"No run can be reported. {next(iter(failed.values()))}")
    with writing_to(out):
        index = replace_file(out / "index.html", render_index("Reports", rows).encode())
    return Bundle(index, tuple(pages), failed)


def _about(cells: Sequence[CellResult]) -> str:
    models, tasks = sorted({cell.model for cell in cells}), sorted({cell.task for cell in cells})
    return f"{listed(models)} on {listed(tasks)}, {count(len(cells), 'cell')}"


def _folder_names(runs: Sequence[Path]) -> list[str]:
    """Name a folder for each run after its own; what is taken gets a number."""
    names: list[str] = []
    for run in runs:
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", real_path(run).name).strip("-.") or "run"
        taken = {name.lower() for name in names}
        names.append(next(name for name in _numbered(plain) if name.lower() not in taken))
    return names


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def _name(run: Path, folder: Path) -> str:
    return run.name if run == folder else str(run.relative_to(folder))


def _progress(run: Path) -> str:
    try:
        return str(progress_of([RunStore(run)]))
    except (TtscaleError, OSError) as error:
        return str(error)
