"""A grid of cells from one file: what is in it, what it is called, and what a mistake says."""

from pathlib import Path

import pytest

from ttscale.config.cells import cells
from ttscale.config.loading import dump_config, load_config, parse_config
from ttscale.config.models import Cell, RunConfig
from ttscale.errors import ConfigError

BASE = """
task: {name: arithmetic, problems: 8}
sampling: {n: 8}
verifiers: exact
sweep:
"""


def load(tmp_path: Path, sweep: str, base: str = BASE) -> RunConfig:
    path = tmp_path / "grid.yaml"
    path.write_text(base + "".join(f"  {line}\n" for line in sweep.strip().splitlines()))
    return load_config(path)


def by_name(config: RunConfig) -> dict[str, Cell]:
    return {cell.name: cell for cell in cells(config)}


def test_axes_make_every_combination_and_the_first_model_stands_in_for_the_section(tmp_path: Path) -> None:
    config = load(tmp_path, "axes: {model: [demo-arithmetic, ./models/other], temperature: [0.6, 1.0]}")
    assert [(cell.name, cell.model.path, cell.sampling.temperature) for cell in cells(config)] == [
        ("demo-arithmetic-arithmetic-temperature-0.6", "demo-arithmetic", 0.6),
        ("demo-arithmetic-arithmetic-temperature-1.0", "demo-arithmetic", 1.0),
        ("other-arithmetic-temperature-0.6", "./models/other", 0.6),
        ("other-arithmetic-temperature-1.0", "./models/other", 1.0),
    ]
    assert config.model.path == "demo-arithmetic"


def test_a_named_axis_sets_several_keys_and_a_task_of_another_name_starts_afresh(tmp_path: Path) -> None:
    made = by_name(
        load(
            tmp_path,
            """
axes:
  model: {demo: {path: demo-arithmetic, dtype: float32}}
  task: {sums: arithmetic, school: {name: gsm8k}}
  effort:
    low: {max_tokens: 10, sampling.n: 4}
    high: {max_tokens: 20, verifiers: [exact, last-digit]}
exclude: [{task: school, effort: low}]
""",
        )
    )
    assert list(made) == [
        "demo-sums-low",
        "demo-sums-high",
        "demo-school-high",
    ]
    low, high, school = made.values()
    assert (low.sampling.n, low.sampling.max_tokens, high.sampling.n) == (4, 10, 8)
    assert [one.name for one in low.verifiers] == ["exact"]
    assert [one.name for one in high.verifiers] == ["exact", "last-digit"]
    assert low.task.options == {"problems": 8}
    assert school.task.options == {}
    assert low.model.dtype == "float32"


def test_included_cells_and_overrides(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        """
axes: {model: [demo-arithmetic], temperature: [0.6, 1.0]}
include: [{cell: greedy, temperature: 0, sampling.n: 1}]
overrides:
  - {where: {temperature: 1.0}, set: {n: 64}}
  - {where: {cell: "*-t0.6"}, set: {task.problems: 4}}
name: "{model}-t{temperature}"
""",
    )
    made = by_name(config)
    assert list(made) == ["demo-arithmetic-t0.6", "demo-arithmetic-t1.0", "greedy"]
    assert [cell.sampling.n for cell in made.values()] == [8, 64, 1]
    assert made["greedy"].sampling.temperature == 0
    assert [cell.task.options["problems"] for cell in made.values()] == [4, 8, 8]
    assert made["demo-arithmetic-t0.6"].labels == {"model": "demo-arithmetic", "temperature": "0.6"}


def test_the_stored_configuration_describes_the_same_cells(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "axes: {model: [demo-arithmetic], temperature: [0.6, 1.0], size: {small: {task.problems: 4}, all: {}}}",
    )
    again = parse_config(dump_config(config), out=config.out)
    assert [cell.model_dump() for cell in cells(again)] == [cell.model_dump() for cell in cells(config)]


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        (
            "axes: {model: [demo-arithmetic], temprature: [1]}",
            "'sweep.axes.temprature' is no setting.*Did you mean 'temperature'",
        ),
        ("axes: {model: [demo-arithmetic], temperature: []}", "'sweep.axes.temperature' has no values"),
        ("axes: {model: demo-arithmetic}", "an axis is a list of values or a mapping"),
        (
            "axes: {model: [demo-arithmetic], temperature: [1, 1]}",
            "two values of 'temperature' have the same name",
        ),
        (
            "axes: {model: [demo-arithmetic], temperature: [-1]}",
            "cell 'demo.*--1': 'sampling.temperature' is -1",
        ),
        (
            "axes: {model: [demo-arithmetic], size: {a: {tsk.n: 1}}}",
            "'sweep.axes.size' sets 'tsk.n'.*section.key",
        ),
        ("axes: {model: [a, a/]}", "have the same name"),
        (
            "{axes: {model: [demo-arithmetic]}, exclude: [{model: other}]}",
            "'other', which the axis does not have: demo",
        ),
        (
            "{axes: {model: [demo-arithmetic]}, exclude: [{mode: other}]}",
            "'mode', which is no axis. Did you mean 'model'",
        ),
        ("{axes: {model: [demo-arithmetic]}, exclude: [{model: demo-arithmetic}]}", "The sweep has no cells"),
        (
            "{axes: {model: [demo-arithmetic]}, overrides: [{where: {cell: x*}, set: {n: 2}}]}",
            "matches no cell: demo-arithmetic-arithmetic",
        ),
        ("{axes: {model: [demo-arithmetic]}, name: '{modl}'}", "cannot be filled in .*{model}"),
        ("{axes: {model: [demo-arithmetic], temperature: [0.5, 1]}, name: '{model}'}", "Two cells are named"),
        (
            "{axis: {model: [demo-arithmetic]}}",
            "'model' is missing|unknown key 'sweep.axis'. Did you mean 'axes'",
        ),
    ],
)
def test_a_mistake_in_a_sweep_is_one_line_that_names_it(tmp_path: Path, sweep: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load(tmp_path, sweep)
    assert "\n" not in str(caught.value)


def test_an_included_cell_that_names_no_strategy_has_none(tmp_path: Path) -> None:
    sweep = "axes: {strategy: {best: {name: rsa, steps: 2}, once: independent}}\ninclude: [{cell: plain, sampling.n: 1}]"
    found = by_name(load(tmp_path, sweep, f"model: demo-arithmetic{BASE}"))
    assert found["plain"].strategy is None
    assert [cell.strategy and cell.strategy.name for cell in found.values()] == ["rsa", "independent", None]
