"""A grid of cells: axes spelt out as points, and a point applied to the base configuration."""

import copy
import itertools
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import Any

from pydantic import Field, field_validator

from ttscale.errors import ConfigError, did_you_mean, listed
from ttscale.options import Settings
from ttscale.samplers.settings import SamplingSettings

SECTIONS = ("model", "task", "sampling", "strategy", "verifiers")
"""What may differ between cells."""

_NAMED_BY = {"model": "path", "task": "name", "strategy": "name"}
"""Sections that a bare string stands for, and the key that it sets."""

Tree = dict[str, Any]


class Override(Settings):
    """Settings for some of a sweep's cells."""

    where: Mapping[str, Any]
    """Axis -> label or value that a cell must have; ``cell`` -> a pattern for its name, such as ``smol-*``."""
    set: Mapping[str, Any]
    """``section.key`` -> value."""


class SweepSettings(Settings):
    """Which cells a run has, beside what the rest of the file says of all of them."""

    axes: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    """Axis -> label -> value; every combination is a cell. An axis is ``model``, ``task``, a sampling
    parameter such as ``temperature``, any ``section.key``, or a name of your own whose values are mappings of
    ``section.key`` to value. A plain list of values is labelled by the values."""
    exclude: tuple[Mapping[str, Any], ...] = ()
    """Combinations to leave out, each as axis -> label or value; axes not named match everything."""
    include: tuple[Mapping[str, Any], ...] = ()
    """Cells beside the grid: axis -> label, ``section.key`` -> value, and ``cell`` -> name."""
    overrides: tuple[Override, ...] = ()
    """Applied last, in their order."""
    name: str | None = None
    """Pattern of the cells' names, such as ``{model}-t{temperature}``."""

    @field_validator("axes", mode="before")
    @classmethod
    def _label(cls, axes: Any) -> Any:
        if not isinstance(axes, Mapping):
            return axes
        return {str(axis): _labelled(str(axis), values) for axis, values in axes.items()}


@dataclass(frozen=True, slots=True)
class Point:
    """One combination: its labels, what it sets, and its own name where it was given one."""

    labels: Mapping[str, str]
    settings: Mapping[str, Any]
    name: str | None = None


def points(sweep: SweepSettings) -> list[Point]:
    """Return the grid without what is excluded, then what is included.

    Raises:
        ConfigError: An axis has no values, or an exclusion names something that is not there.
    """
    grid = list(_grid(sweep))
    for number, pattern in enumerate(sweep.exclude):
        where = f"sweep.exclude[{number}]"
        kept = [point for point in grid if not _matches(point, pattern, sweep, where)]
        if len(kept) == len(grid):
            raise ConfigError(
                f"'{where}' ({dict(pattern)}) matches no cell that is still there. {_axes(sweep)}"
            )
        grid = kept
    return grid + [_included(entry, sweep) for entry in sweep.include]


def stand_ins(axes: Any) -> Tree:
    """Return sections `model` and `task` for a file that has only axes of that name: just what they are named by.

    Nothing else of an axis' first value goes into them, so that it does not reach the other cells.
    """
    base: Tree = {}
    for section in ("model", "task"):  # a run may do without a strategy
        key = _NAMED_BY[section]
        values = axes.get(section) if isinstance(axes, Mapping) else None
        if values and isinstance(values, Mapping | list | tuple):
            first = next(iter(values.values())) if isinstance(values, Mapping) else values[0]
            base[section] = {key: first[key]} if isinstance(first, Mapping) and key in first else first
    return base


def applied(base: Tree, settings: Mapping[str, Any]) -> Tree:
    """Return the base sections with ``section.key`` -> value set in them.

    A mapping given for a section changes the keys it names and leaves the others, except for a task of another
    name, whose options would be strangers to it.
    """
    tree = copy.deepcopy(base)
    for dotted, value in settings.items():
        section, *keys = dotted.split(".")
        if not keys:
            tree[section] = _section(section, tree.get(section), value)
            continue
        branch = tree.setdefault(section, {})
        for key in keys[:-1]:
            branch = branch.setdefault(key, {})
        branch[keys[-1]] = value
    return tree


def matches_override(override: Override, point: Point, name: str, sweep: SweepSettings, where: str) -> bool:
    """Tell whether an override is meant for a cell."""
    axes = {axis: value for axis, value in override.where.items() if axis != "cell"}
    return fnmatchcase(name, str(override.where.get("cell", "*"))) and _matches(point, axes, sweep, where)


def spelt_out(settings: Mapping[str, Any], where: str) -> Tree:
    """Return settings with every key as ``section...``; a bare sampling parameter gets its section."""
    return {_dotted(key, where): value for key, value in settings.items()}


def _grid(sweep: SweepSettings) -> Iterator[Point]:
    for axis, values in sweep.axes.items():
        if not values:
            raise ConfigError(f"'sweep.axes.{axis}' has no values.")
    for labels in itertools.product(*sweep.axes.values()) if sweep.axes else ():
        named = dict(zip(sweep.axes, labels, strict=True))
        yield Point(named, _settings_of(named, sweep))


def _settings_of(labels: Mapping[str, str], sweep: SweepSettings) -> Tree:
    settings: Tree = {}
    for axis, label in labels.items():
        value, where = sweep.axes[axis][label], f"sweep.axes.{axis}"
        if is_setting(axis):
            settings[_dotted(axis, where)] = value
        elif isinstance(value, Mapping):
            settings |= spelt_out(value, where)
        else:
            raise ConfigError(
                f"'{where}' is no setting, so each of its values must be a mapping of settings, but '{label}' is "
                f"{value!r}.{did_you_mean(axis, [*SECTIONS, *SamplingSettings.model_fields])}"
            )
    return settings


def _included(entry: Mapping[str, Any], sweep: SweepSettings) -> Point:
    labels: dict[str, str] = {}
    settings: Tree = {}
    for key, value in entry.items():
        if key == "cell":
            continue
        label = _label_of_value(sweep.axes[key], value) if key in sweep.axes else None
        if label is not None:
            labels[key] = label
            settings |= _settings_of({key: label}, sweep)
        else:
            labels[key] = _label(key, value)
            settings[_dotted(key, "sweep.include")] = value
    name = entry.get("cell")
    return Point(labels, settings, None if name is None else str(name))


def _matches(point: Point, pattern: Mapping[str, Any], sweep: SweepSettings, where: str) -> bool:
    for axis, value in pattern.items():
        if axis not in sweep.axes:
            raise ConfigError(
                f"'{where}' names '{axis}', which is no axis.{did_you_mean(axis, sweep.axes)} {_axes(sweep)}"
            )
        label = _label_of_value(sweep.axes[axis], value)
        if label is None:
            raise ConfigError(
                f"'{where}.{axis}' is {value!r}, which the axis does not have: {listed(sweep.axes[axis])}."
            )
        if point.labels.get(axis) != label:
            return False
    return True


def _label_of_value(axis: Mapping[str, Any], value: Any) -> str | None:
    """Return the label that is `value` or stands for it."""
    if str(value) in axis:
        return str(value)
    return next((label for label, one in axis.items() if one == value), None)


def _labelled(axis: str, values: Any) -> dict[str, Any]:
    if isinstance(values, Mapping):
        return {str(label): value for label, value in values.items()}
    if not isinstance(values, list | tuple):
        raise ValueError(
            f"an axis is a list of values or a mapping of names to values, but '{axis}' is {values!r}"
        )
    labelled = {_label(axis, value): value for value in values}
    if len(labelled) < len(values):
        raise ValueError(
            f"two values of '{axis}' have the same name; give names: {axis}: {{name: value, ...}}"
        )
    return labelled


def _label(axis: str, value: Any) -> str:
    """Return a short name of a value: of a model its folder, of a task its name."""
    key = _NAMED_BY.get(axis)
    if key and isinstance(value, Mapping) and key in value:
        value = value[key]
    if isinstance(value, Mapping | list | tuple):
        raise ValueError(f"a value of '{axis}' needs a name: {axis}: {{name: {value!r}}}")
    return PurePath(str(value)).name if axis == "model" else str(value)


def is_setting(key: str) -> bool:
    """Tell whether a key is a setting of a cell, not an axis of the user's own."""
    return key.split(".", maxsplit=1)[0] in SECTIONS or key in SamplingSettings.model_fields


def _dotted(key: str, where: str) -> str:
    if key in SamplingSettings.model_fields:
        return f"sampling.{key}"
    if not is_setting(key):
        raise ConfigError(
            f"'{where}' sets '{key}', but a cell has only {', '.join(SECTIONS)} and what is in them"
            f".{did_you_mean(key, [*SECTIONS, *SamplingSettings.model_fields])} Write section.key, such as task.limit."
        )
    return key


def _section(section: str, base: Any, value: Any) -> Any:
    """Merge a section's value into its base."""
    key = _NAMED_BY.get(section)
    if key and isinstance(value, str):
        value = {key: value}
    if not isinstance(value, Mapping) or not isinstance(base, MutableMapping):
        return value
    if section == "task" and value.get("name", base.get("name")) != base.get("name"):
        return dict(value)
    return {**base, **value}


def _axes(sweep: SweepSettings) -> str:
    return "Axes: " + "; ".join(f"{axis}: {', '.join(values)}" for axis, values in sweep.axes.items()) + "."
