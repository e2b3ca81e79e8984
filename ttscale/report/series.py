"""The curves of a result in the order and colours that the page, the figures and the tables share."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ttscale.analysis.run.results import CellResult
from ttscale.arrays import IntArray
from ttscale.report.cells import PageCell
from ttscale.report.laws import usable_law
from ttscale.report.visible import visible_text
from ttscale.stats.counts.curve import Curve

_BEYOND = 10**0.5
"""Without a forecast the fitted law is drawn half a decade past the data: far enough to see where it goes."""

Kind = Literal["measured", "law", "forecast"]


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """A labelled curve.

    Attributes:
        label: What it is.
        curve: Its values.
        color: Position in the palette; law and forecast share coverage's.
        kind: Measured, fitted or forecast.
        dash: Position among the line styles of measured curves.
    """

    label: str
    curve: Curve
    color: int
    kind: Kind = "measured"
    dash: int = 0

    @property
    def is_measured(self) -> bool:
        """Whether it is neither fitted nor forecast."""
        return self.kind == "measured"


def measured_series(cell: CellResult) -> list[Series]:
    """Return what was measured in a cell: coverage first, then the selectors in their own order."""
    selectors = [
        Series(visible_text(label), curve, position)
        for position, (label, curve) in enumerate(cell.selectors.items(), start=1)
    ]
    return [Series("coverage", cell.coverage, 0), *selectors]


def cell_series(cell: CellResult) -> list[Series]:
    """Return a cell's measured curves, its fitted law and its forecast."""
    coverage, *selectors = measured_series(cell)
    return [coverage, *_law(cell), *_forecast(cell), *selectors]


def overlay_series(cells: Iterable[PageCell]) -> list[Series]:
    """Return the coverage of every cell under the cell's label and in its style."""
    return [Series(cell.label, cell.result.coverage, cell.color, dash=cell.dash) for cell in cells]


def measured_k(cell: CellResult) -> int:
    """Return the largest budget with data."""
    return int(cell.coverage.k[-1])


def _law(cell: CellResult) -> list[Series]:
    fit = usable_law(cell)
    if fit is None:
        return []
    ahead = cell.outlook.forecast if cell.outlook else None
    furthest = _BEYOND * measured_k(cell) if ahead is None else float(ahead.curve.k[-1])
    return [Series("fitted law", fit.predict(law_grid(cell.coverage.k, furthest)), 0, "law")]


def _forecast(cell: CellResult) -> list[Series]:
    if cell.outlook is None or cell.outlook.forecast is None:
        return []
    return [Series("forecast", cell.outlook.forecast.curve, 0, "forecast")]


def law_grid(measured: IntArray, furthest: float) -> IntArray:
    """Return the measured budgets and some beyond, so that law and data can be read off at the same k.

    >>> law_grid(np.array([1, 10, 1000]), 3162)[[0, 1, 2, -1]].tolist()
    [1, 10, 1000, 3162]
    """
    beyond = np.geomspace(int(measured[-1]), furthest, 16).round().astype(np.int64)
    return np.union1d(measured, beyond)
