"""The report: one self-contained HTML page, its figures, and the data behind each figure."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ttscale.analysis.budget.runs import RunsBudget
from ttscale.analysis.run.results import RunResult
from ttscale.errors import InvalidInputError, StoreError
from ttscale.plots import save_figure
from ttscale.report.budget import cost_figures
from ttscale.report.cells import PageCell, page_cells
from ttscale.report.embed import Drawing, Drawings, svg_data_uri
from ttscale.report.figures import (
    ReportFigure,
    csv_bytes,
    curves_figure,
    figure_prefixes,
    is_ours,
    overlay_figure,
    success_rates_figure,
)
from ttscale.report.page import LiveState, render_page
from ttscale.report.strategies import StrategySection, strategy_figures, strategy_sections
from ttscale.store.files import beside


@dataclass(frozen=True, slots=True)
class ReportPaths:
    """What `write_report` wrote.

    Attributes:
        page: report.html.
        figures: Every figure, PNG and SVG.
        data: The CSV table beside each figure.
    """

    page: Path
    figures: tuple[Path, ...]
    data: tuple[Path, ...]


def write_report(
    results: RunResult | Sequence[RunResult], out: Path | str, *, budget: RunsBudget | None = None
) -> ReportPaths:
    """Write one or several runs as ``report.html`` with ``figures/*.png``, ``*.svg`` and ``*.csv``.

    The page needs nothing beside it and no network: it can be sent as one file. Each file appears whole or not at
    all, the page last; an earlier report in the same folder is replaced, and its figures of cells that are no
    longer there go away.

    Args:
        results: What was measured: a run, or several side by side.
        out: A folder, made if absent.
        budget: What the cells cost, from `ttscale.analysis.budget.runs.price_runs`; None leaves costs out.

    Returns:
        The files written.

    Raises:
        InvalidInputError: No run.
        StoreError: The folder cannot be written.
    """
    runs, out = _listed(results), Path(out)
    cells = page_cells(runs)
    strategies = strategy_sections(runs)
    drawn = _draw(cells, runs, budget, strategies)
    figures, data = [], []
    with writing_to(out):
        folder = out / "figures"
        folder.mkdir(parents=True, exist_ok=True)
        for one in drawn.figures:
            for suffix, content in ((".png", one.png), (".svg", one.svg)):
                figures.append(replace_file(folder / f"{one.source.name}{suffix}", content))
            data.append(replace_file(folder / f"{one.source.name}.csv", csv_bytes(one.source.rows)))
        html = render_page(runs, cells, drawn.drawings, budget=budget, strategies=strategies)
        page = replace_file(out / "report.html", html.encode())
        _remove_stale(folder, {path.name for path in (*figures, *data)})
    return ReportPaths(page, tuple(figures), tuple(data))


def render_html(
    results: RunResult | Sequence[RunResult],
    *,
    budget: RunsBudget | None = None,
    live: LiveState | None = None,
) -> str:
    """Return the page alone; a live one has no figures for print, which take longest to draw."""
    runs = _listed(results)
    cells = page_cells(runs)
    strategies = [] if live else strategy_sections(runs)  # a live page asks for news too often for that
    drawings = None if live else _draw(cells, runs, budget, strategies).drawings
    return render_page(runs, cells, drawings, budget=budget, strategies=strategies, live=live)


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """A figure as files."""

    source: ReportFigure
    png: bytes
    svg: bytes

    @property
    def drawing(self) -> Drawing:
        return Drawing(svg_data_uri(self.svg), self.source.alt)


@dataclass(frozen=True, slots=True, eq=False)
class _DrawnReport:
    """All figures: of the cells, by id, and of all together where there are several."""

    curves: dict[str, _Drawn]
    rates: dict[str, _Drawn]
    overlay: _Drawn | None
    costs: dict[str, _Drawn]
    strategies: dict[str, _Drawn]

    @property
    def figures(self) -> list[_Drawn]:
        overlay = [self.overlay] if self.overlay else []
        return [
            *overlay,
            *self.costs.values(),
            *self.strategies.values(),
            *self.curves.values(),
            *self.rates.values(),
        ]

    @property
    def drawings(self) -> Drawings:
        return Drawings(
            curves={name: one.drawing for name, one in self.curves.items()},
            rates={name: one.drawing for name, one in self.rates.items()},
            overlay=self.overlay.drawing if self.overlay else None,
            costs={name: one.drawing for name, one in self.costs.items()},
            strategies={name: one.drawing for name, one in self.strategies.items()},
        )


def _listed(results: RunResult | Sequence[RunResult]) -> list[RunResult]:
    runs = [results] if isinstance(results, RunResult) else list(results)
    if not runs:
        raise InvalidInputError("A report needs at least one run.")
    return runs


def _draw(
    cells: Sequence[PageCell],
    runs: Sequence[RunResult],
    budget: RunsBudget | None,
    strategies: Sequence[StrategySection],
) -> _DrawnReport:
    pairs = list(zip(cells, figure_prefixes(cells), strict=True))
    names = ", ".join(run.name for run in runs)
    return _DrawnReport(
        curves={cell.id: _as_files(curves_figure(cell.result, prefix)) for cell, prefix in pairs},
        rates={cell.id: _as_files(success_rates_figure(cell.result, prefix)) for cell, prefix in pairs},
        overlay=_as_files(overlay_figure(cells, names)) if len(cells) > 1 else None,
        costs={name: _as_files(figure) for name, figure in cost_figures(budget or RunsBudget()).items()},
        strategies={name: _as_files(figure) for name, figure in strategy_figures(strategies).items()},
    )


def _as_files(figure: ReportFigure) -> _Drawn:
    png, svg = io.BytesIO(), io.BytesIO()
    save_figure(figure.figure, png, suffix=".png")
    save_figure(figure.figure, svg, suffix=".svg")
    return _Drawn(figure, png.getvalue(), svg.getvalue())


def _remove_stale(folder: Path, written: set[str]) -> None:
    """Remove the figures of an earlier report that this one does not have; nobody else's files."""
    for path in folder.iterdir():
        if path.name not in written and is_ours(path.name):
            path.unlink(missing_ok=True)


@contextmanager
def writing_to(out: Path) -> Iterator[None]:
    """Name the folder where writing fails."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"The report cannot be written to {out}: {error.strerror or error}. "
            "Give a folder that you may write to, with space left."
        ) from error


def replace_file(path: Path, content: bytes) -> Path:
    """Write a file whole: under a temporary name first, then renamed over the old one."""
    temporary = beside(path)
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path
