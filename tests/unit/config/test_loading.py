from pathlib import Path

import pytest

from ttscale.config.cells import cells
from ttscale.config.loading import check_config, dump_config, load_config, parse_config
from ttscale.errors import ConfigError, UnknownPluginError
from ttscale.pipeline.building import cell_identity

GOOD = """
model: demo-arithmetic
task: arithmetic
sampling: {n: 8}
verifiers: exact
"""


def load(tmp_path: Path, text: str = GOOD, *overrides: str) -> object:
    path = tmp_path / "my-run.yaml"
    path.write_text(text)
    return load_config(path, overrides)


def test_shorthands_and_defaults_are_filled_in(tmp_path: Path) -> None:
    path = tmp_path / "my-run.yaml"
    path.write_text(GOOD)
    config = load_config(path)
    assert config.name == "my-run"
    assert config.out == Path("runs/my-run")
    assert config.model.path == "demo-arithmetic"
    assert config.task.name == "arithmetic"
    assert [verifier.name for verifier in config.verifiers] == ["exact"]
    assert [cell.name for cell in cells(config)] == ["demo-arithmetic-arithmetic"]


def test_overrides_open_shorthand_sections(tmp_path: Path) -> None:
    path = tmp_path / "my-run.yaml"
    path.write_text(GOOD)
    config = load_config(
        path,
        ["sampling.n=1000", "task.problems=3", "model.dtype=float32", "analysis.k=[1, 10]"],
        out=Path("/x"),
    )
    assert (config.sampling.n, config.task.options, config.model.path, config.model.dtype) == (
        1000,
        {"problems": 3},
        "demo-arithmetic",
        "float32",
    )
    assert config.analysis.k == (1, 10)
    assert config.out == Path("/x")


def test_the_resolved_configuration_reads_back_to_the_same(tmp_path: Path) -> None:
    path = tmp_path / "my-run.yaml"
    path.write_text(GOOD)
    config = load_config(path, ["task.problems=3", "sampling.stop=['\\n', é]"])
    assert parse_config(dump_config(config), out=config.out) == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            GOOD.replace("{n: 8}", "{n: 8, temprature: 1}"),
            r"'sampling.temprature'. Did you mean 'temperature'\?",
        ),
        (GOOD.replace("sampling", "samplin"), r"unknown key 'samplin'. Did you mean 'sampling'\?"),
        (GOOD.replace("n: 8", "n: 0"), r"'sampling.n' is 0, but should be greater than or equal to 1"),
        (GOOD.replace("n: 8", "n: many"), r"'sampling.n' is 'many', but should be a valid integer"),
        (
            GOOD.replace("n: 8", "n: 8, n: 9"),
            r"my-run.yaml:4:18: not valid YAML: the key 'n' stands here twice",
        ),
        (GOOD.replace("{n: 8}", "{n: 8"), r"my-run.yaml:5:10: not valid YAML"),
        ("", "holds nothing"),
        ("- a", "holds list"),
        (GOOD.replace("task: arithmetic", ""), "'task' is missing"),
        (GOOD + "analysis: {k: [0]}", "budgets are whole numbers"),
        (GOOD + "name: a/b", "'name' is 'a/b'"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load(tmp_path, text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("sampling.n", "not of the form"),
        ("=3", "not of the form"),
        ("sampling.n.x=3", "'n' is int, not a section"),
        ("sampling.tempratur=1", "Did you mean 'temperature'"),
        ("sampling.n=[1", "not a YAML value"),
    ],
)
def test_a_wrong_override_is_explained(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, GOOD, override)


def test_an_unknown_plugin_is_named_with_the_closest(tmp_path: Path) -> None:
    with pytest.raises(UnknownPluginError, match=r"Unknown verifier 'exat'. Did you mean 'exact'"):
        load(tmp_path, GOOD.replace("exact", "exat"))
    with pytest.raises(UnknownPluginError, match="Unknown task 'arithmetics'"):
        load(tmp_path, GOOD.replace("arithmetic\ns", "arithmetics\ns"))


def test_a_missing_file_suggests_a_nearby_one(tmp_path: Path) -> None:
    (tmp_path / "quickstart.yaml").write_text(GOOD)
    with pytest.raises(ConfigError, match=r"Did you mean 'quickstart.yaml'"):
        load_config(tmp_path / "quikstart.yaml")


def test_secrets_are_not_stored(tmp_path: Path) -> None:
    tree = {
        "name": "run",
        "out": str(tmp_path),
        "model": {"path": "m", "engine": "vllm", "engine_options": {"hf_token": "hf_s3cret"}},
        "task": "arithmetic",
        "sampling": {"n": 1},
        "sweep": {
            "include": [{"cell": "a", "model.engine_options.hf_token": "hf_s3cret"}],
            "overrides": [
                {"where": {"cell": "a"}, "set": {"model": {"engine_options": {"hf_token": "hf_s3cret"}}}}
            ],
        },
    }
    config = check_config(tree)
    assert cells(config)[0].model.engine_options["hf_token"] == "hf_s3cret"
    text = dump_config(config)
    assert "s3cret" not in text
    assert "s3cret" not in str(cell_identity(cells(config)[0]))
    assert parse_config(text, out=tmp_path).model.path == "m"
