"""The transformers sampler on the built-in model: the same semantics as vLLM."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import engine_requests
import numpy as np
import pytest
from engine_requests import PROMPTS, drawn, samples
from hostile_model import hostile_model

from ttscale.errors import SamplerError
from ttscale.models import built_in_model
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.samplers.transformers import TransformersOptions, TransformersSampler
from ttscale.types import SampleRequest

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(
        importlib.util.find_spec("transformers") is None or importlib.util.find_spec("torch") is None,
        reason="transformers or torch is not installed",
    ),
]


def _sampler(path: str = "demo-arithmetic", **sampling: Any) -> TransformersSampler:
    model = ModelSettings(path=path, dtype="float32")
    settings = SamplingSettings(**{"n": 1, "max_tokens": 10} | sampling)
    sampler = TransformersSampler(model, settings, TransformersOptions())
    sampler.start()
    return sampler


def test_every_sample_comes_once_and_is_described() -> None:
    found = samples(_sampler(), n=20, size=8)
    assert set(drawn(found)) == {(prompt, i) for prompt in PROMPTS for i in range(20)}
    for sample in found:
        assert sample.seed == 1000 * PROMPTS.index(sample.problem_id) + sample.sample_index
        assert sample.completion_tokens >= len(sample.completion) + (sample.finish_reason == "stop")
        assert sample.token_logprobs is None


def test_on_this_model_a_sample_does_not_depend_on_how_the_work_was_cut() -> None:
    whole = drawn(samples(_sampler(), n=8, size=8))
    assert drawn(samples(_sampler(max_concurrent=5), n=8, size=1)) == whole
    assert len(set(whole.values())) > len(whole) // 4


def test_a_generation_config_changes_nothing(tmp_path: Path) -> None:
    hostile = _sampler(str(hostile_model(tmp_path / "hostile")))
    assert drawn(samples(hostile, n=16, size=16)) == drawn(samples(_sampler(), n=16, size=16))


_FROM_THE_HUB = """
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.samplers.transformers import TransformersOptions, TransformersSampler
for revision in (None, "tagged"):
    model = ModelSettings(path="someone/demo", revision=revision, dtype="float32")
    sampler = TransformersSampler(model, SamplingSettings(n=1), TransformersOptions())
    print(sampler.start().detail["commit"])
"""


def test_the_commit_of_a_model_from_the_hub_is_recorded_whatever_it_was_called(tmp_path: Path) -> None:
    """A hub's cache as it lies on the disk: two commits, one of which `main` points to and one a tag."""
    repository = tmp_path / "models--someone--demo"
    commits = {"main": "a" * 40, "tagged": "b" * 40}
    for name, commit in commits.items():
        shutil.copytree(str(built_in_model("demo-arithmetic")), repository / "snapshots" / commit)
        (repository / "refs").mkdir(exist_ok=True)
        (repository / "refs" / name).write_text(commit)
    there = os.environ | {"HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", _FROM_THE_HUB]
    done = subprocess.run(command, env=there, capture_output=True, text=True, check=False)
    assert done.stdout.split() == [commits["main"], commits["tagged"]], done.stderr


def test_log_probabilities_agree_with_a_forward_pass() -> None:
    from teacher_forcing import TeacherForcing

    teacher = TeacherForcing()
    sampler = _sampler(token_logprobs=True, top_logprobs=3, temperature=0.7, top_p=0.9, top_k=5, min_p=0.01)
    for sample in samples(sampler, n=4, size=4):
        expected = teacher.token_logprobs(sample.problem_id, sample)
        assert sample.token_logprobs == pytest.approx(expected, abs=1e-3)
        assert sample.cumulative_logprob == pytest.approx(sum(expected), abs=1e-3)
        most_probable = np.array(teacher.top_logprobs(sample.problem_id, sample, 3))
        assert sample.top_logprobs == pytest.approx(most_probable, abs=1e-3)


def test_first_characters_follow_the_models_distribution() -> None:
    """Pearson's chi-squared over 4,000 first characters; false alarm 1e-6, seeds fixed."""
    from scipy.stats import chisquare

    found = samples(_sampler(max_tokens=1, max_concurrent=500), n=4000, size=500, prompts=["71*38="])
    counts = Counter(sample.completion for sample in found)
    probability = {s.completion: 2.718281828459045 ** (s.cumulative_logprob or 0.0) for s in found}
    frequent = [text for text, p in probability.items() if p * len(found) >= 5]
    observed = [counts[text] for text in frequent]
    expected = [probability[text] * len(found) for text in frequent]
    rest = len(found) - sum(observed), len(found) - sum(expected)
    assert chisquare([*observed, rest[0]], [*expected, rest[1]]).pvalue > 1e-6


def test_greedy_is_the_teachers_most_probable_path_whatever_the_batch() -> None:
    together = samples(_sampler(temperature=0), n=2, size=2)
    alone = [
        sample
        for prompt in PROMPTS
        for sample in samples(_sampler(temperature=0), n=2, size=1, prompts=[prompt])
    ]
    assert drawn(together) == drawn(alone)


def test_a_stop_string_ends_a_completion_and_is_left_out() -> None:
    free = samples(_sampler(), n=8, size=8)
    stopped = {(s.problem_id, s.sample_index): s for s in samples(_sampler(stop=("1",)), n=8, size=8)}
    assert any("1" in sample.completion for sample in free)
    for sample in free:
        cut = stopped[sample.problem_id, sample.sample_index]
        assert cut.completion == sample.completion.split("1")[0]
        assert cut.finish_reason == ("stop" if "1" in sample.completion else sample.finish_reason)


def test_a_presence_penalty_forbids_repeats_when_it_dominates() -> None:
    free = samples(_sampler(), n=16, size=16)
    penalized = samples(
        _sampler(presence_penalty=2.0, frequency_penalty=2.0, temperature=0.05), n=16, size=16
    )

    def repeats(found: list[Any]) -> float:
        return sum(len(s.completion) - len(set(s.completion)) for s in found) / len(found)

    assert repeats(penalized) < repeats(free)


def test_requests_are_taken_only_eight_batches_ahead() -> None:
    taken = 0

    def counted() -> Iterator[SampleRequest]:
        nonlocal taken
        for request in engine_requests.requests(400, 8, PROMPTS[:1]):
            taken += 1
            yield request

    next(_sampler(max_concurrent=16).sample(counted()))
    assert taken == 8 * 16 // 8


def test_prompts_of_one_length_share_a_batch() -> None:
    prompts = ["37*52=", "1234+5678=", "38*52=", "1234+5679="]
    sampler = _sampler(max_concurrent=4)
    order = [sample.problem_id for sample in samples(sampler, n=2, size=2, prompts=prompts)]
    lengths = [len(problem_id) for problem_id in order]
    assert lengths == sorted(lengths)
    assert len(order) == 8


def test_without_per_sample_seeds_none_is_recorded() -> None:
    sampler = _sampler(per_sample_seeds=False)
    assert {sample.seed for sample in samples(sampler, n=4, size=4)} == {None}


def test_the_manifest_is_told_what_runs() -> None:
    info = _sampler().start()
    assert (info.engine, info.dtype, info.per_sample_seeds) == ("transformers", "float32", True)
    assert info.detail["batch_invariant"] is False
    json.dumps(info.detail)


def test_closing_twice_is_safe_and_sampling_afterwards_an_error() -> None:
    sampler = _sampler()
    sampler.close()
    sampler.close()
    with pytest.raises(SamplerError, match="call start"):
        samples(sampler, n=1, size=1)


def test_an_option_that_the_model_does_not_know_is_one_clear_error() -> None:
    model = ModelSettings(path="demo-arithmetic", engine_options={"no_such_option": 1})
    with pytest.raises(SamplerError, match=r"cannot load model.*no_such_option") as caught:
        TransformersSampler(model, SamplingSettings(n=1), TransformersOptions()).start()
    assert "\n" not in str(caught.value)
