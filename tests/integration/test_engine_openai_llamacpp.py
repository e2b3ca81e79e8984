"""The engine `openai` against llama.cpp's own server with the demo model."""

import importlib.util
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine_requests import PROMPTS, Drawn, drawn, samples
from llamacpp_server import llamacpp_server
from teacher_forcing import TeacherForcing

from ttscale.config.loading import check_config
from ttscale.errors import SamplerError
from ttscale.pipeline.run import sample_run
from ttscale.samplers.contract import EngineInfo
from ttscale.samplers.openai import OpenAIOptions, OpenAISampler
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.types import Sample

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(importlib.util.find_spec("xllamacpp") is None, reason="xllamacpp is not installed"),
    pytest.mark.skipif(importlib.util.find_spec("gguf") is None, reason="gguf is not installed"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("llamacpp")


@pytest.fixture(scope="module")
def base_url(folder: Path) -> Iterator[str]:
    with llamacpp_server(folder) as url:
        yield url


def draw(
    base_url: str, *, n: int, size: int = 24, sampling: dict[str, Any] | None = None, **options: Any
) -> tuple[EngineInfo, list[Sample]]:
    settings = SamplingSettings(**{"n": 1, "max_tokens": 10} | (sampling or {}))
    sampler = OpenAISampler(ModelSettings(path="demo"), settings, OpenAIOptions(base_url=base_url, **options))
    with closing(sampler):
        return sampler.start(), samples(sampler, n=n, size=size)


@pytest.fixture(scope="module")
def plain(base_url: str) -> Drawn:
    return drawn(draw(base_url, n=24)[1])


def test_a_sample_depends_on_its_own_seed_alone(base_url: str, plain: Drawn) -> None:
    assert set(plain) == {(prompt, i) for prompt in PROMPTS for i in range(24)}
    assert drawn(draw(base_url, n=24, size=7)[1]) == plain
    assert drawn(draw(base_url, n=24, max_concurrent=1)[1]) == plain
    assert len(set(plain.values())) > len(plain) // 4  # and they are not all alike


def test_what_it_says_of_itself_is_recorded(base_url: str) -> None:
    info, _ = draw(base_url, n=1)
    assert (info.version, info.dtype) == ("b0-unknown", "(guessed) all F32")  # as this package was built
    assert info.per_sample_seeds
    assert info.detail["left_to_server"] == []
    assert info.detail["endpoint"] == "completions"  # the demo model has no chat template


@pytest.mark.parametrize(
    "defaults",
    [
        {"temp": 0.2, "top_k": 2, "top_p": 0.5, "min_p": 0.3, "penalty_repeat": 1.7, "penalty_freq": 1.0},
        {"xtc_probability": 0.5, "xtc_threshold": 0.01, "typ_p": 0.5, "dry_multiplier": 2.0},
        {"dynatemp_range": 0.9},
        {"mirostat": 2},
    ],
)
def test_the_servers_own_defaults_change_nothing(
    folder: Path, plain: Drawn, defaults: dict[str, Any]
) -> None:
    with llamacpp_server(folder, **defaults) as url:
        assert drawn(draw(url, n=24)[1]) == plain
        let = {"samplers", "mirostat", "dynatemp_range", "temperature", "top_p", "top_k", "min_p"}
        believed = draw(url, n=24, extra_body=dict.fromkeys(let | {"repeat_penalty", "frequency_penalty"}))[1]
    assert drawn(believed) != plain  # so they were there


def test_tokens_and_log_probabilities_agree_with_a_forward_pass(base_url: str) -> None:
    teacher = TeacherForcing()
    sampling = {"token_logprobs": True, "top_logprobs": 4, "temperature": 0.7}
    for sample in draw(base_url, n=4, sampling=sampling)[1]:
        expected = teacher.token_logprobs(sample.problem_id, sample)  # checks the number of tokens, too
        assert sample.token_logprobs == pytest.approx(expected, abs=0.03)  # its cache is of half precision
        assert sample.prompt_tokens == len(sample.problem_id) + 1
        most_probable = np.array(teacher.top_logprobs(sample.problem_id, sample, 4))
        assert sample.top_logprobs == pytest.approx(most_probable, abs=0.05)


def test_truncation_comes_in_the_order_of_the_other_engines(base_url: str) -> None:
    """Temperature, then min_p, top_k and top_p: of 600 first tokens the rarest is the last that this leaves."""
    truncation = {"temperature": 3.0, "min_p": 0.05, "top_k": 8, "top_p": 0.95}
    sampling = truncation | {"max_tokens": 1, "token_logprobs": True}
    found = draw(base_url, n=600, size=600, sampling=sampling)[1]
    one = next(sample for sample in found if sample.completion)
    teacher = TeacherForcing()
    for prompt in PROMPTS[:3]:
        logprobs = np.array(teacher.top_logprobs(prompt, one, 16)[0])
        rarest = min(sample.token_logprobs[0] for sample in found if sample.problem_id == prompt)
        assert rarest == pytest.approx(_last_left(logprobs, logprobs / 3.0, **truncation), abs=0.03)
        assert rarest < _last_left(logprobs, logprobs, **truncation) - 0.1  # the order shows


def _last_left(logprobs: Any, heated: Any, *, min_p: float, top_k: int, top_p: float, **_: Any) -> float:
    """Return the log-probability of the rarest token that truncation of a distribution leaves."""
    p = np.exp(heated) / np.exp(heated).sum()
    p = p[p >= min_p * p[0]][:top_k]
    return float(logprobs[np.searchsorted(np.cumsum(p) / p.sum(), top_p)])


def test_greedy_samples_are_all_alike(base_url: str) -> None:
    found = drawn(draw(base_url, n=3, sampling={"temperature": 0})[1])
    assert all(len({found[prompt, i] for i in range(3)}) == 1 for prompt in PROMPTS)


def test_stop_strings_and_max_tokens_end_a_completion(base_url: str, plain: Drawn) -> None:
    stopped = draw(base_url, n=24, sampling={"stop": ["1"]})[1]
    assert drawn(stopped) == {key: text.partition("1")[0] for key, text in plain.items()}
    cut = draw(base_url, n=24, sampling={"max_tokens": 2})[1]
    assert all(plain[key].startswith(text) for key, text in drawn(cut).items())
    assert {sample.completion_tokens for sample in cut if sample.finish_reason == "length"} == {2}


def test_a_penalty_looks_back_over_everything(folder: Path, base_url: str, plain: Drawn) -> None:
    sampling = {"presence_penalty": 2.0}
    penalized = drawn(draw(base_url, n=24, sampling=sampling)[1])
    assert penalized != plain
    with llamacpp_server(folder, penalty_last_n=1) as url:
        assert drawn(draw(url, n=24, sampling=sampling)[1]) == penalized


def test_a_context_that_is_too_short_is_said_at_the_start(base_url: str) -> None:
    with pytest.raises(
        SamplerError, match=r"max_tokens is 32, but .* serves 'demo' with a context of 32 tokens"
    ):
        draw(base_url, n=1, sampling={"max_tokens": 32})


def test_a_run_extended_equals_a_run_in_one_go(base_url: str, tmp_path: Path) -> None:
    def texts(name: str, *sizes: int) -> Any:
        for n in sizes:
            store = sample_run(
                check_config(
                    {
                        "name": name,
                        "out": str(tmp_path / name),
                        "model": {
                            "path": "demo",
                            "engine": "openai",
                            "engine_options": {"base_url": base_url},
                        },
                        "task": {"name": "arithmetic", "problems": 6},
                        "sampling": {"n": n, "max_tokens": 10},
                        "verifiers": ["exact"],
                    }
                )
            )
        rows = store.samples(store.cells()[0]).sort("problem_id", "sample_index")
        return rows.select("problem_id", "sample_index", "completion", "seed").collect()

    assert texts("extended", 5, 16).equals(texts("whole", 16))
