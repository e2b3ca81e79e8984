"""The curves of a result in the order and colours that the page, the figures and the tables share."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ttscale.analysis.results import CellResult
from ttscale.report.laws import usable_law
from ttscale.report.visible import visible_text
from ttscale.stats.curve import Curve, IntArray

_BEYOND = 10**0.5
"""The fitted law is drawn half a decade past the data: far enough to see where it goes, not to lean on it."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """A labelled curve.

    Attributes:
        label: What it is.
        curve: Its values.
        color: Position in the palette; the law shares coverage's.
        is_law: Fitted, not measured.
    """

    label: str
    curve: Curve
    color: int
    is_law: bool = False


def measured_series(cell: CellResult) -> list[Series]:
    """Return what was measured in a cell: coverage first, then the selectors in their own order."""
    selectors = [
        Series(visible_text(label), curve, position)
        for position, (label, curve) in enumerate(cell.selectors.items(), start=1)
    ]
    return [Series("coverage", cell.coverage, 0), *selectors]


def cell_series(cell: CellResult) -> list[Series]:
    """Return a cell's measured curves and its fitted law."""
    coverage, *selectors = measured_series(cell)
    return [coverage, *_law(cell), *selectors]


def overlay_series(cells: Iterable[CellResult]) -> list[Series]:
    """Return the coverage of every cell under the cell's name."""
    return [Series(visible_text(cell.cell), cell.coverage, position) for position, cell in enumerate(cells)]


def measured_k(cell: CellResult) -> int:
    """Return the largest budget with data."""
    return int(cell.coverage.k[-1])


def _law(cell: CellResult) -> list[Series]:
    fit = usable_law(cell)
    if fit is None:
        return []
    curve = fit.predict(law_grid(cell.coverage.k))
    return [Series("fitted law", curve, 0, is_law=True)]


def law_grid(measured: IntArray) -> IntArray:
    """Return the measured budgets and some beyond, so that law and data can be read off at the same k.

    >>> law_grid(np.array([1, 10, 1000]))[[0, 1, 2, -1]].tolist()
    [1, 10, 1000, 3162]
    """
    k_max = int(measured[-1])
    beyond = np.geomspace(k_max, _BEYOND * k_max, 16).round().astype(np.int64)
    return np.union1d(measured, beyond)
