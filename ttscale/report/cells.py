"""The cells of one or several runs on one page: their order, names, colours and line styles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from ttscale.analysis.run.results import CellResult, RunResult
from ttscale.report.visible import visible_text
from ttscale.samplers.settings import SamplingSettings

COLORS, DASHES = 7, 4
"""How many colours and line styles the page can tell apart."""

_MOST_DIFFERENCES = 70
"""Characters."""
_RUN, _MODEL, _TASK = "run", "model.path", "task.name"
_BARE = (_RUN, _MODEL, _TASK)
"""What needs no name in front of its value."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PageCell:
    """A cell as the page knows it.

    Attributes:
        id: Of its section, such as "cell-0".
        label: Its own name, as on the command line; of several runs, the run's and, where that has several cells, its own.
        differs: The settings in which it differs from other cells of the page, in words; may be empty.
        color: Position in the palette.
        dash: Position among the line styles; 0 is solid.
        run: Its run's position on the page.
        result: What was measured.
    """

    id: str
    label: str
    differs: str
    color: int
    dash: int
    run: int
    result: CellResult


def page_cells(runs: Sequence[RunResult]) -> list[PageCell]:
    """Arrange the cells of all runs, run by run."""
    owned = [(number, cell) for number, run in enumerate(runs) for cell in run.cells]
    names = _distinct([run.path.name for run in runs])
    identities = [_identity(cell, names[number] if len(runs) > 1 else "") for number, cell in owned]
    varying = _varying(identities)
    labels = _labels(runs, names)
    styles = _styles(identities, varying)
    return [
        PageCell(
            id=f"cell-{position}",
            label=visible_text(label),
            differs=visible_text(_differences(identity, varying)),
            color=color,
            dash=dash,
            run=number,
            result=cell,
        )
        for position, ((number, cell), label, identity, (color, dash)) in enumerate(
            zip(owned, labels, identities, styles, strict=True)
        )
    ]


def _identity(cell: CellResult, run: str) -> dict[str, str]:
    own = {key: _short(key, value) for key, value in cell.identity.items()}
    return {_RUN: run, _MODEL: _short(_MODEL, cell.model), _TASK: cell.task} | own


def _short(key: str, value: Any) -> str:
    return PurePath(str(value)).name if key == _MODEL else str(value)


def _varying(identities: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the settings in which the cells differ: model first, then task, run and the others."""
    keys = dict.fromkeys((_MODEL, _TASK, _RUN, *(key for one in identities for key in one)))
    return [key for key in keys if len({_value(one, key) for one in identities}) > 1]


def _value(identity: Mapping[str, str], key: str) -> str:
    """Return a setting, or its default, which identities leave out."""
    if key in identity:
        return identity[key]
    section, _, name = key.partition(".")
    field = SamplingSettings.model_fields.get(name) if section == "sampling" else None
    return "default" if field is None else str(field.default)


def _labels(runs: Sequence[RunResult], run_names: Sequence[str]) -> list[str]:
    """Name the cells of one run by themselves, those of several as `ttscale budget` does."""
    if len(runs) == 1:
        return [cell.cell for cell in runs[0].cells]
    return [
        name if len(run.cells) == 1 else f"{name}: {cell.cell}"
        for run, name in zip(runs, run_names, strict=True)
        for cell in run.cells
    ]


def _differences(identity: Mapping[str, str], varying: Sequence[str]) -> str:
    """Return what tells a cell apart, where that is short: a strategy's options and a template say less than a name."""
    words = ", ".join(_named(key, _value(identity, key)) for key in varying if key != _RUN)
    return words if len(words) <= _MOST_DIFFERENCES else ""


def _named(key: str, value: str) -> str:
    return value if key in _BARE else f"{key.rpartition('.')[2].replace('_', ' ')} {value}"


def _distinct(names: Sequence[str]) -> list[str]:
    """Number names that occur twice."""
    return [f"{name} ({i + 1})" if names.count(name) > 1 else name for i, name in enumerate(names)]


def _styles(identities: Sequence[Mapping[str, str]], varying: Sequence[str]) -> list[tuple[int, int]]:
    """Return (colour, line style) per cell: one says the first varying setting, the other the rest.

    Where neither way round fits into the palette, colours run through and line styles follow.
    """
    n_cells = len(identities)
    first = _numbered([_value(one, varying[0]) for one in identities]) if varying else [0] * n_cells
    rest = _numbered([tuple(_value(one, key) for key in varying[1:]) for one in identities])
    running = [(i % COLORS, i // COLORS % DASHES) for i in range(n_cells)]
    for pairs in (list(zip(first, rest, strict=True)), list(zip(rest, first, strict=True))):
        fits = all(color < COLORS and dash < DASHES for color, dash in pairs)
        if fits and len(set(pairs)) == n_cells:
            return pairs
    return running


def _numbered(values: Sequence[Any]) -> list[int]:
    order = {value: i for i, value in enumerate(dict.fromkeys(values))}
    return [order[value] for value in values]
