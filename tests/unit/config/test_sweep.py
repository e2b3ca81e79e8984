"""A grid of cells by enumeration, and a point's settings in the base that others share."""

import copy
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttscale.config.sweep import Override, Point, SweepSettings, applied, matches_override, points, spelt_out
from ttscale.errors import ConfigError

LABELS = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=3, unique=True)
AXES = st.dictionaries(st.sampled_from(["one", "two", "three"]), LABELS, min_size=1, max_size=3)


def grid(axes: dict[str, list[str]], **more: Any) -> SweepSettings:
    """Axes of the user's own, each value of which sets a key of the task."""
    values = {
        axis: {label: {f"task.{axis}": f"{axis}-{label}"} for label in labels}
        for axis, labels in axes.items()
    }
    return SweepSettings(axes=values, **more)


def crossed(axes: dict[str, list[str]]) -> list[dict[str, str]]:
    return [dict(zip(axes, one, strict=True)) for one in itertools.product(*axes.values())]


@given(AXES)
def test_every_combination_is_one_point_and_sets_what_its_labels_say(axes: dict[str, list[str]]) -> None:
    found = points(grid(axes))
    assert [dict(point.labels) for point in found] == crossed(axes)
    for point in found:
        assert point.settings == {f"task.{axis}": f"{axis}-{own}" for axis, own in point.labels.items()}


@given(AXES, st.data())
def test_an_exclusion_takes_out_exactly_what_it_names(
    axes: dict[str, list[str]], data: st.DataObject
) -> None:
    named = data.draw(st.lists(st.sampled_from(sorted(axes)), min_size=1, unique=True))
    pattern = {axis: data.draw(st.sampled_from(axes[axis])) for axis in named}
    found = [dict(point.labels) for point in points(grid(axes, exclude=(pattern,)))]
    assert found == [one for one in crossed(axes) if not pattern.items() <= one.items()]
    with pytest.raises(ConfigError, match=r"exclude\[1\].*matches no cell that is still there"):
        points(grid(axes, exclude=(pattern, pattern)))


def test_what_is_included_stands_after_the_grid_under_its_own_name() -> None:
    sweep = SweepSettings(
        axes={"temperature": [0.5, 1.0]},
        include=({"cell": "hot", "temperature": 1.0, "task.limit": 3}, {"temperature": 2.0}),
    )
    *_, hot, hotter = points(sweep)
    assert (hot.name, dict(hot.settings)) == ("hot", {"sampling.temperature": 1.0, "task.limit": 3})
    assert hot.labels == {"temperature": "1.0", "task.limit": "3"}
    assert (hotter.name, dict(hotter.settings)) == (None, {"sampling.temperature": 2.0})


BASE = {"model": {"path": "m", "dtype": "auto"}, "task": {"name": "gsm8k", "limit": 5}, "sampling": {"n": 4}}


@pytest.mark.parametrize(
    ("settings", "section", "expected"),
    [
        ({"model": "other"}, "model", {"path": "other", "dtype": "auto"}),
        ({"model.engine_options.seed": 1}, "model", BASE["model"] | {"engine_options": {"seed": 1}}),
        ({"task": {"limit": 9}}, "task", {"name": "gsm8k", "limit": 9}),
        ({"task": {"name": "aime"}}, "task", {"name": "aime"}),  # another task knows nothing of the limit
        ({"strategy": "beam"}, "strategy", {"name": "beam"}),
        ({"sampling.n": 8}, "sampling", {"n": 8}),
    ],
)
def test_settings_reach_their_section_and_leave_the_base_alone(
    settings: dict[str, Any], section: str, expected: dict[str, Any]
) -> None:
    base = copy.deepcopy(BASE)
    tree = applied(base, settings)
    assert tree[section] == expected
    assert {key: value for key, value in tree.items() if key != section} == {
        key: value for key, value in BASE.items() if key != section
    }
    assert base == BASE


@pytest.mark.parametrize(
    ("where", "matched"),
    [
        ({"cell": "smol-*"}, True),
        ({"cell": "big-*"}, False),
        ({"temperature": 0.5}, True),
        ({"temperature": "0.5", "cell": "*-x"}, True),
        ({"temperature": 1.0}, False),
    ],
)
def test_an_override_is_for_the_cells_that_have_all_it_names(where: dict[str, Any], matched: bool) -> None:
    sweep = SweepSettings(axes={"temperature": [0.5, 1.0]})
    override = Override(where=where, set={})
    point = Point({"temperature": "0.5"}, {})
    assert matches_override(override, point, "smol-x", sweep, "overrides[0]") is matched


def test_a_key_that_no_cell_has_is_refused_with_what_was_meant() -> None:
    assert spelt_out({"temperature": 1, "task.limit": 2}, "here") == {
        "sampling.temperature": 1,
        "task.limit": 2,
    }
    with pytest.raises(ConfigError, match=r"'here' sets 'temperatur'.*Did you mean 'temperature'"):
        spelt_out({"temperatur": 1}, "here")
    with pytest.raises(ConfigError, match=r"'a' is 3"):
        points(SweepSettings(axes={"mine": {"a": 3}}))
    with pytest.raises(ConfigError, match=r"'sweep.axes.seed' has no values"):
        points(SweepSettings(axes={"seed": []}))
