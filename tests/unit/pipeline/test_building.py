"""From settings to plugins: what is refused, and what a flag changes."""

import json
import os
from pathlib import Path

import pytest

from ttscale.config.models import Cell, PluginSettings
from ttscale.errors import BrokenPluginError, ConfigError, InvalidInputError, RunMismatchError, TaskError
from ttscale.exchange.counts import read_counts
from ttscale.pipeline.building import (
    build_verifier,
    cell_identity,
    free_settings,
    read_problems,
    sampling_of,
    without_sandbox,
)
from ttscale.pipeline.engines import engine_key
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.store.run import RunStore
from ttscale.store.samples import samples_frame
from ttscale.store.segments import write_segment


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


def vllm_cell(sampling: dict[str, object] | None = None, **engine_options: object) -> Cell:
    model = ModelSettings(path="m", engine="vllm", engine_options=engine_options)
    settings_ = SamplingSettings.model_validate({"n": 1} | (sampling or {}))
    return Cell(name="c", model=model, task=settings("arithmetic"), sampling=settings_)


@pytest.mark.parametrize(
    "other",
    [
        vllm_cell(tensor_parallel_size=8, gpu_memory_utilization=0.5),
        vllm_cell(enforce_eager=True, max_num_batched_tokens=4096, max_model_len=9000),
        vllm_cell(download_dir="/elsewhere", hf_token="hf_secret"),
        vllm_cell({"logprobs": False}),
        vllm_cell({"token_logprobs": True, "top_logprobs": 20, "per_sample_seeds": True}),
    ],
)
def test_what_changes_no_distribution_ties_no_run_whatever_an_earlier_version_stored(
    other: Cell, tmp_path: Path
) -> None:
    assert cell_identity(other) == cell_identity(vllm_cell())
    store = RunStore(tmp_path)
    earlier = cell_identity(vllm_cell()) | {
        "sampling.logprobs": False,
        "model.engine_options": {"tensor_parallel_size": 2},
    }
    with store.writing():
        store.begin(name="r", version="0", config_yaml="", cells={"c": earlier})
        write_segment(store.samples_folder("c") / "s-0.parquet", samples_frame([], "c"))
        store.check({"c": cell_identity(other)}, free=free_settings([other]))
        for tied in (vllm_cell(quantization="fp8"), vllm_cell({"extra": {"min_tokens": 5}})):
            with pytest.raises(RunMismatchError):
                store.check({"c": cell_identity(tied)}, free=free_settings([tied]))


@pytest.mark.parametrize("engine", ["vllm", "transformers", "openai", "scripted:ScriptedSampler"])
def test_no_token_reaches_what_is_stored_of_a_run_whatever_the_engine(engine: str) -> None:
    cells = [
        vllm_cell().model_copy(
            update={"model": ModelSettings(path="m", engine=engine, engine_options=options)}
        )
        for options in ({}, {"hf_token": "hf_secret", "api_key": "k_secret"})
    ]
    assert cell_identity(cells[1]) == cell_identity(cells[0])
    deep = ModelSettings(path="m", engine=engine, engine_options={"loader": {"auth_token": "deep_secret"}})
    assert "secret" not in str(cell_identity(cells[0].model_copy(update={"model": deep})))
    assert "secret" not in str(cell_identity(cells[1]))


def test_cells_share_an_engine_that_was_started_for_both() -> None:
    def key(**sampling: object) -> object:
        return engine_key(vllm_cell(sampling))

    assert key() == key(top_logprobs=5, logprobs=False, extra={"min_tokens": 5}, temperature=0.2)
    assert key(top_logprobs=50) != key(top_logprobs=5)


def test_log_probabilities_are_kept_where_a_verifier_reads_them() -> None:
    cell = vllm_cell()
    assert sampling_of(cell).logprobs == "auto"
    reading = cell.model_copy(update={"verifiers": (settings("exact"), settings("confidence"))})
    assert sampling_of(reading).logprobs is True
    off = vllm_cell({"logprobs": False}).model_copy(update={"verifiers": reading.verifiers})
    assert sampling_of(off).logprobs is False


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


@pytest.mark.parametrize(
    ("name", "line", "said"),
    [
        (
            "humaneval",
            '{"task_id": ["a"], "prompt": "def f():", "test": "", "entry_point": "f", "canonical_solution": ""}',
            "problem_id",
        ),
        ("mbpp", '{"task_id": "x", "text": "f", "code": "", "test_list": []}', "ValueError"),
        ("gsm8k", "[" * 100_000, "nested too deeply"),
        (
            "math",
            json.dumps({"problem": "p", "solution": 3, "answer": "9" * 9000, "z": "y" * 9000}),
            "data.jsonl",
        ),
    ],
)
def test_data_that_no_task_expected_is_one_line(tmp_path: Path, name: str, line: str, said: str) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(f"{line}\n", encoding="utf-8")
    with pytest.raises(TaskError, match=said) as caught:
        read_problems(PluginSettings.model_validate({"name": name, "path": str(path)}))
    assert len(str(caught.value)) < 3000
    assert "\n" not in str(caught.value)


def test_a_pipe_in_the_place_of_data_is_not_waited_for(tmp_path: Path) -> None:
    for name in ("data.parquet", "data.csv"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(TaskError, match="is a pipe, where a plain file is needed"):
            read_problems(PluginSettings.model_validate({"name": "gsm8k", "path": str(tmp_path / name)}))
        with pytest.raises(InvalidInputError, match="is a pipe, where a plain file is needed"):
            read_counts(tmp_path / name)
