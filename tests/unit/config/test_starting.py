"""The first configuration that `ttscale init` writes: valid for every task and engine, and what was asked for."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from ttscale.cli.main import run_cli
from ttscale.cli.starting import init_command
from ttscale.config.loading import load_config
from ttscale.config.starting import Start, starting_config
from ttscale.errors import ConfigError, UnknownPluginError
from ttscale.registry import plugins

TASKS = sorted(name for name in plugins("tasks") if name not in ("imported", "table", "reasoning-gym:NAME"))


@pytest.mark.parametrize("engine", ["auto", "vllm", "transformers", "openai", "replay"])
@pytest.mark.parametrize("task", TASKS)
def test_every_task_and_engine_gives_a_file_that_loads(tmp_path: Path, task: str, engine: str) -> None:
    path = tmp_path / "first.yaml"
    path.write_text(starting_config(Start(model="org/model-7B", task=task, engine=engine, n=7), "first.yaml"))
    config = load_config(path)
    assert (config.model.path, config.model.engine, config.task.name, config.sampling.n) == (
        "org/model-7B",
        engine,
        task,
        7,
    )
    assert config.verifiers == load_config(path).verifiers
    assert config.verifiers


@pytest.mark.parametrize(
    "model", ["123", "yes", "a: b", "with space", "ünï", "~", "1e5", "null", "#x", "a/b@c"]
)
def test_odd_names_are_read_back_as_they_are(tmp_path: Path, model: str) -> None:
    path = tmp_path / "first.yaml"
    path.write_text(starting_config(Start(model=model if model != "~" else "demo"), "first.yaml"))
    assert load_config(path).model.path == (model if model != "~" else "demo")


def test_a_file_of_problems_becomes_a_table(tmp_path: Path) -> None:
    problems = tmp_path / "mine.jsonl"
    problems.write_text('{"prompt": "1+1=", "answer": "2"}\n')
    path = tmp_path / "first.yaml"
    path.write_text(starting_config(Start(task=str(problems)), "first.yaml"))
    task = load_config(path).task
    assert task.name == "table"
    assert task.options["path"] == str(problems)


@pytest.mark.parametrize(
    ("start", "error", "says"),
    [
        (Start(task="gsm9k"), UnknownPluginError, "Unknown task 'gsm9k'"),
        (Start(task="none.csv"), ConfigError, "file of problems none.csv does not exist"),
        (Start(model="./none"), ConfigError, "model folder ./none does not exist"),
        (Start(engine="vlm"), UnknownPluginError, "Did you mean 'vllm'"),
    ],
)
def test_what_is_not_there_is_said(start: Start, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        starting_config(start, "first.yaml")


def test_the_command_writes_once_and_says_what_comes_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_cli(["init", "--n", "5"]) == 0
    assert "ttscale plan ttscale.yaml" in capsys.readouterr().err
    assert load_config("ttscale.yaml").sampling.n == 5
    assert run_cli(["init"]) == 1
    assert "exists already" in capsys.readouterr().err
    assert run_cli(["init", "--force", "--task", "gsm8k", "sub/other.yaml"]) == 0
    assert load_config("sub/other.yaml").task.name == "gsm8k"


def test_a_terminal_is_asked_three_questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ttscale.cli.starting._is_terminal", lambda: True)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(init_command, [], input="org/model\nmath-500\n\n")
    assert result.exit_code == 0, result.output
    config = load_config("ttscale.yaml")
    assert (config.model.path, config.task.name, config.model.engine) == ("org/model", "math-500", "auto")
    for asked in ("Model", "Task", "Engine"):
        assert asked in result.output
