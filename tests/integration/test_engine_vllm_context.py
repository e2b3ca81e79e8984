"""A context longer than the memory allows is cut to what one sample can have, in an engine of its own."""

import importlib.util
import logging
import shutil
from contextlib import closing
from pathlib import Path

import pytest
from engine_requests import samples

from ttscale.execution.masking import mask_broken
from ttscale.samplers.locate import locate_model
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.samplers.vllm import VllmOptions, VllmSampler

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vllm is not installed"),
]

OWN, CACHE_BYTES, TOKEN_BYTES = 65536, 2 << 20, 2 * 2 * 2 * 32 * 4


def long_model(folder: Path) -> Path:
    """Write a model of noise with the demo's tokenizer: 2 layers, 2 heads of 32, 1 kB of cache a token."""
    mask_broken()
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    demo = locate_model("demo-arithmetic")
    shutil.copytree(
        demo, folder, ignore=shutil.ignore_patterns("*.safetensors", "*.md", "generation_config.json")
    )
    tokenizer = AutoTokenizer.from_pretrained(demo)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=OWN,
        eos_token_id=tokenizer.eos_token_id, bos_token_id=tokenizer.bos_token_id,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(str(folder))
    return folder


def test_a_context_is_cut_to_what_the_cache_holds_and_that_is_recorded_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = ModelSettings(
        path=str(long_model(tmp_path / "long")),
        dtype="float32",
        engine_options={"kv_cache_memory_bytes": CACHE_BYTES},
    )
    with closing(VllmSampler(model, SamplingSettings(n=1, max_tokens=OWN), VllmOptions())) as sampler:
        with caplog.at_level(logging.WARNING):
            context = sampler.start().detail["max_model_len"]
        assert CACHE_BYTES / TOKEN_BYTES / 2 < context <= CACHE_BYTES / TOKEN_BYTES
        assert any(f"context is {context} tokens of the model's {OWN}" in told for told in caplog.messages)
        found = samples(sampler, n=1, size=1)
        assert all(sample.prompt_tokens + sample.completion_tokens <= context for sample in found)
