"""A budget for thinking, in an engine of its own: two in one process would close each other."""

import importlib.util
from contextlib import closing

import pytest
from engine_requests import drawn, samples

from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.samplers.vllm import VllmOptions, VllmSampler

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vllm is not installed"),
]

SETTINGS = {"n": 1, "max_tokens": 10, "temperature": 1.0}
MODEL = ModelSettings(
    path="demo-arithmetic", dtype="float32", engine_options={"kv_cache_memory_bytes": 1 << 28}
)


def test_a_budget_for_thinking_ends_every_thought() -> None:
    """The prompts open a thought with their last character; two tokens later the engine writes what closes it."""
    engine_options = MODEL.engine_options | {
        "reasoning_config": {"reasoning_start_str": "=", "reasoning_end_str": "+"}
    }
    with closing(
        VllmSampler(
            MODEL.model_copy(update={"engine_options": engine_options}),
            SamplingSettings(**SETTINGS | {"extra": {"thinking_token_budget": 2}}),
            VllmOptions(),
        )
    ) as sampler:
        sampler.start()
        found = drawn(samples(sampler, n=16, size=16))
        assert {text[2] for text in found.values()} == {"+"}
        sampler.reuse(MODEL, SamplingSettings(**SETTINGS))
        assert {text[2:3] for text in drawn(samples(sampler, n=16, size=16)).values()} != {"+"}
