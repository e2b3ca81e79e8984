"""A configuration's cells."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import PurePath

from pydantic import ValidationError

from ttscale.config.explaining import explain
from ttscale.config.models import Cell, RunConfig
from ttscale.config.sweep import (
    SECTIONS,
    Point,
    SweepSettings,
    Tree,
    applied,
    is_setting,
    matches_override,
    points,
    spelt_out,
)
from ttscale.errors import ConfigError


def cells(config: RunConfig) -> tuple[Cell, ...]:
    """Return the cells that a configuration describes, in the order they are run.

    Raises:
        ConfigError: The sweep names what is not there, or a cell's settings are wrong.
    """
    base = config.model_dump(include=set(SECTIONS), exclude_unset=True)
    sweep = config.sweep
    if sweep is None:
        return (_cell(base, Point({}, {}), SweepSettings()),)
    described = points(sweep)
    if not described:
        raise ConfigError("The sweep has no cells: give sweep.axes or sweep.include, or exclude less.")
    made = tuple(_cell(base, point, sweep) for point in described)
    _refuse_equal_names(made)
    _refuse_idle_overrides(sweep, described, made)
    return made


def _cell(base: Tree, point: Point, sweep: SweepSettings) -> Cell:
    tree = applied(base, point.settings)
    name = _name(tree, point, sweep)
    for number, override in enumerate(sweep.overrides):
        where = f"sweep.overrides[{number}]"
        if matches_override(override, point, name, sweep, where):
            tree = applied(tree, spelt_out(override.set, f"{where}.set"))
    try:
        return Cell.model_validate({"name": name, "labels": point.labels, **tree})
    except ValidationError as error:
        raise ConfigError(f"cell '{name}': {explain(error, Cell)}") from error


def _name(tree: Tree, point: Point, sweep: SweepSettings) -> str:
    """Return a cell's name: its own, by the sweep's pattern, or model-task-parameter-value..."""
    if point.name is not None:
        return _slug(point.name)
    parts = {"model": PurePath(_text(tree, "model", "path")).name, "task": _text(tree, "task", "name")}
    parts |= point.labels
    if sweep.name is not None:
        return _slug(_formatted(sweep.name, parts))
    others = [
        f"{axis.rpartition('.')[2]}-{label}" if is_setting(axis) else label
        for axis, label in point.labels.items()
        if axis not in ("model", "task")
    ]
    return _slug("-".join([parts["model"], parts["task"], *others]))


def _text(tree: Tree, section: str, key: str) -> str:
    settings = tree.get(section)
    return str(settings.get(key)) if isinstance(settings, Mapping) else str(settings)


def _formatted(pattern: str, parts: Mapping[str, str]) -> str:
    dotless = {axis.rpartition(".")[2]: label for axis, label in parts.items()}
    try:
        return pattern.format(**dotless)
    except (KeyError, IndexError, ValueError) as error:
        raise ConfigError(
            f"'sweep.name' is '{pattern}', which cannot be filled in ({error}). It may use "
            + ", ".join(f"{{{name}}}" for name in dotless)
            + "."
        ) from None


def _refuse_equal_names(made: tuple[Cell, ...]) -> None:
    twice = [name for name, count in Counter(cell.name for cell in made).items() if count > 1]
    if twice:
        raise ConfigError(
            f"Two cells are named '{twice[0]}'. Name the values of an axis apart (label: value), give an included "
            "cell a name (cell: ...), or set sweep.name."
        )


def _refuse_idle_overrides(sweep: SweepSettings, described: list[Point], made: tuple[Cell, ...]) -> None:
    for number, override in enumerate(sweep.overrides):
        where = f"sweep.overrides[{number}]"
        if not any(
            matches_override(override, point, cell.name, sweep, where)
            for point, cell in zip(described, made, strict=True)
        ):
            raise ConfigError(
                f"'{where}.where' ({dict(override.where)}) matches no cell: {', '.join(cell.name for cell in made)}."
            )


def _slug(text: str) -> str:
    """Return the text as a file name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")
