"""The engine `openai` against vLLM's own server with the demo model, alone and through a whole run."""

import importlib.util
import os
import re
import shlex
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine_requests import PROMPTS, drawn, samples
from hostile_model import HOSTILE, hostile_model
from tests_paths import ROOT
from vllm_server import SERVER, vllm_server

from ttscale.cli.main import run_cli
from ttscale.config.loading import check_config
from ttscale.errors import SamplerError
from ttscale.models import built_in_model
from ttscale.pipeline.run import sample_run
from ttscale.samplers.openai import OpenAIOptions, OpenAISampler
from ttscale.samplers.openai.dialect import TRUNCATING
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.samplers.vllm import VllmOptions, VllmSampler
from ttscale.store.run import RunStore
from ttscale.types import Problem, Sample, SampleRequest

MODEL = "demo-arithmetic"
PAGE = (ROOT / "docs" / "engines-openai.md").read_text(encoding="utf-8")
WITH_PYTHON = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vllm is not installed"),
]


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server that the documentation's command starts; its model comes with a hostile generation config."""
    start = rf"^python -m {re.escape(' '.join(SERVER))} --host 127\.0\.0\.1 --model "
    found = re.search(start + r"(\"\$\(.*\)\") (.*)$", PAGE, re.MULTILINE)
    assert found is not None
    named = subprocess.run(
        ["bash", "-c", f"echo {found[1]}"],
        capture_output=True,
        text=True,
        check=True,
        env=WITH_PYTHON,
        cwd=tmp_path_factory.mktemp("elsewhere"),  # not here, where the source tree hides what is installed
    )
    assert named.stdout.strip() == str(built_in_model(MODEL))
    folder = hostile_model(tmp_path_factory.mktemp("models") / "hostile")
    arguments = found[2].replace("--port 8000 ", "").split()
    log = tmp_path_factory.mktemp("server") / "log.txt"
    with vllm_server(folder, log, *arguments) as url:
        yield url


def draw(
    base_url: str, *, n: int, size: int, sampling: dict[str, Any] | None = None, **options: Any
) -> list[Sample]:
    settings = SamplingSettings(**{"n": 1, "max_tokens": 10} | (sampling or {}))
    sampler = OpenAISampler(ModelSettings(path=MODEL), settings, OpenAIOptions(base_url=base_url, **options))
    with closing(sampler):
        assert sampler.start().per_sample_seeds is True
        return samples(sampler, n=n, size=size)


def test_a_sample_depends_on_its_own_seed_alone(base_url: str) -> None:
    whole = drawn(draw(base_url, n=24, size=24))
    assert set(whole) == {(prompt, i) for prompt in PROMPTS for i in range(24)}
    assert drawn(draw(base_url, n=24, size=7)) == whole
    assert drawn(draw(base_url, n=24, size=24, n_per_request=1)) == whole
    assert len(set(whole.values())) > len(whole) // 4  # and they are not all alike


def test_a_generation_config_changes_nothing_unless_it_is_let(base_url: str) -> None:
    """The same seeds draw the same texts in an engine of the clean folder; with its defaults let in they do not."""
    here = VllmSampler(
        ModelSettings(path=MODEL, dtype="float32", engine_options={"kv_cache_memory_bytes": 1 << 28}),
        SamplingSettings(n=1, max_tokens=10),
        VllmOptions(own_process=False),
    )
    with closing(here):
        here.start()
        expected = drawn(samples(here, n=24, size=24))
    assert drawn(draw(base_url, n=24, size=24)) == expected
    let = {name: None for name in HOSTILE if name in TRUNCATING}
    assert drawn(draw(base_url, n=24, size=24, extra_body=let)) != expected


def test_tokens_and_log_probabilities_agree_with_a_forward_pass(base_url: str) -> None:
    from teacher_forcing import TeacherForcing

    teacher = TeacherForcing()
    sampling = {"token_logprobs": True, "top_logprobs": 4, "temperature": 0.7}
    for sample in draw(base_url, n=4, size=4, sampling=sampling):
        expected = teacher.token_logprobs(sample.problem_id, sample)  # checks the number of tokens, too
        assert sample.token_logprobs == pytest.approx(expected, abs=1e-3)
        assert sample.cumulative_logprob == pytest.approx(sum(expected), abs=1e-3)
        assert sample.prompt_tokens == len(sample.problem_id) + 1
        most_probable = np.array(teacher.top_logprobs(sample.problem_id, sample, 4))
        assert sample.top_logprobs == pytest.approx(most_probable, abs=1e-3)


def test_without_log_probabilities_tokens_are_still_counted_one_by_one(base_url: str) -> None:
    with_them = {(s.problem_id, s.sample_index): s.completion_tokens for s in draw(base_url, n=8, size=8)}
    without = draw(base_url, n=8, size=8, sampling={"logprobs": False})
    assert {(s.problem_id, s.sample_index): s.completion_tokens for s in without} == with_them
    assert {s.cumulative_logprob for s in without} == {None}


def test_greedy_samples_are_all_alike(base_url: str) -> None:
    found = drawn(draw(base_url, n=3, size=3, sampling={"temperature": 0}))
    assert all(len({found[prompt, i] for i in range(3)}) == 1 for prompt in PROMPTS)


def test_a_prompt_beyond_the_context_is_named_and_the_others_are_drawn(base_url: str) -> None:
    sampler = OpenAISampler(
        ModelSettings(path=MODEL), SamplingSettings(n=1, max_tokens=10), OpenAIOptions(base_url=base_url)
    )
    problems = [
        Problem(problem_id="long", prompt="1" * 40 + "+1="),
        Problem(problem_id="short", prompt="1+1="),
    ]
    requests = [SampleRequest(problem=problem, first_index=0, n=4, seed=0) for problem in problems]
    found: list[Sample] = []
    with closing(sampler):
        sampler.start()
        with pytest.raises(
            SamplerError, match=r"4 samples of 1 problems \(long\).*context.*shorten the prompt"
        ):
            for batch in sampler.sample(requests):
                found += batch
    assert set(drawn(found)) == {("short", i) for i in range(4)}


@pytest.mark.parametrize(
    ("model", "max_tokens", "extra_body", "message"),
    [
        ("demo-arithmetik", 8, {}, "Did you mean 'demo-arithmetic'"),
        (MODEL, 32, {}, "context of 32 tokens"),
        (MODEL, 8, {"top_p": 7}, "refuses a request with this run's settings .*top_p"),
    ],
)
def test_what_cannot_work_is_said_at_the_start(
    base_url: str, model: str, max_tokens: int, extra_body: dict[str, Any], message: str
) -> None:
    options = OpenAIOptions(base_url=base_url, extra_body=extra_body)
    sampler = OpenAISampler(ModelSettings(path=model), SamplingSettings(n=1, max_tokens=max_tokens), options)
    with closing(sampler), pytest.raises(SamplerError, match=message):
        sampler.start()


def test_a_run_extended_equals_a_run_in_one_go(base_url: str, tmp_path: Path) -> None:
    def run(name: str, n: int) -> dict[tuple[str, int], str]:
        tree = {
            "name": "served",
            "out": str(tmp_path / name),
            "model": {"path": MODEL, "engine": "openai", "engine_options": {"base_url": base_url}},
            "task": {"name": "arithmetic", "problems": 8},
            "sampling": {"n": n, "max_tokens": 10, "request_size": 8},
            "verifiers": ["exact"],
        }
        frame = sample_run(check_config(tree)).samples("demo-arithmetic-arithmetic").collect()
        found = {
            (row["problem_id"], row["sample_index"]): row["completion"] for row in frame.iter_rows(named=True)
        }
        assert len(found) == frame.height == 8 * n
        return found

    first = run("grown", 6)
    assert first.items() <= (grown := run("grown", 20)).items()
    assert grown == run("at once", 20)


def test_the_documentations_command_runs(
    base_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    found = re.search(r"^ttscale run .*$", PAGE, re.MULTILINE)
    assert found is not None
    command = (
        found[0].replace("http://127.0.0.1:8000/v1", base_url).replace("runs/served", str(tmp_path / "run"))
    )
    monkeypatch.setattr("ttscale.cli.runs._report", lambda *_, **__: None)  # it has tests of its own
    monkeypatch.setattr("warnings.showwarning", warnings.showwarning)
    monkeypatch.chdir(ROOT)
    kept = signal.getsignal(signal.SIGTERM)
    try:
        code = run_cli([*shlex.split(command)[1:], "--set", "sampling.n=2", "--set", "task.problems=16"])
    finally:
        signal.signal(signal.SIGTERM, kept)
    assert code == 0, capfd.readouterr().err
    assert sum(RunStore(tmp_path / "run").counts("demo-arithmetic-arithmetic").values()) == 32
