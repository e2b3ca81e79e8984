"""From settings to plugins: what is refused, and what a flag changes."""

import pytest

from ttscale.config.models import Cell, PluginSettings
from ttscale.errors import BrokenPluginError, ConfigError, TaskError
from ttscale.pipeline.building import build_verifier, cell_identity, read_problems, without_sandbox
from ttscale.samplers.settings import ModelSettings, SamplingSettings


def settings(name: str, **options: object) -> PluginSettings:
    return PluginSettings.model_validate({"name": name, **options})


def test_unsafe_switches_the_sandbox_off_where_there_is_one_and_makes_another_verdict_set() -> None:
    code = settings("code", timeout_s=3)
    unsafe = without_sandbox(code)
    assert unsafe.options == {"timeout_s": 3, "unsafe_no_sandbox": True}
    assert build_verifier(unsafe).info.label != build_verifier(code).info.label
    assert without_sandbox(settings("exact")) == settings("exact")


def test_the_identity_of_a_cell_leaves_out_amounts_and_defaults() -> None:
    def identity(n: int, temperature: float, problems: int) -> dict[str, object]:
        return cell_identity(
            Cell(
                name="c",
                model=ModelSettings(path="m"),
                task=settings("arithmetic", problems=problems),
                sampling=SamplingSettings(n=n, temperature=temperature, request_size=n),
            )
        )

    assert identity(1, 1.0, 128) == identity(9, 1.0, 128) == {"task.name": "arithmetic", "model.path": "m"}
    assert identity(1, 0.5, 3) == identity(1, 1.0, 128) | {"sampling.temperature": 0.5, "task.problems": 3}


def test_an_unknown_option_of_a_plugin_is_named_with_the_closest() -> None:
    with pytest.raises(ConfigError, match=r"'verifiers.exact.ignore_cases'. Did you mean 'ignore_case'"):
        build_verifier(settings("exact", ignore_cases=True))


def test_a_plugin_that_is_no_verifier_says_what_it_lacks() -> None:
    with pytest.raises(BrokenPluginError, match="lacks"):
        build_verifier(settings("ttscale.types:Problem"))


class Twins:
    from ttscale.tasks.arithmetic import ArithmeticOptions as Options

    def __init__(self, options: object) -> None:
        pass

    def problems(self) -> list[object]:
        from ttscale.types import Problem

        return [Problem(problem_id="a", prompt="x"), Problem(problem_id="a", prompt="y")]


def test_duplicate_problem_ids_are_refused() -> None:
    with pytest.raises(TaskError, match="two problems with the id 'a'"):
        read_problems(settings(f"{__name__}:Twins"))
