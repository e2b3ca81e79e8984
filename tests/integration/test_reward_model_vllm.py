"""A reward model behind vLLM's pooling server gives the rewards that transformers gives."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from tiny_reward_model import make_llama
from vllm_server import vllm_server

from ttscale.types import Problem, Sample
from ttscale.verifiers.contract import Candidate
from ttscale.verifiers.reward_model import RewardModelOptions, RewardModelVerifier

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vllm is not installed"),
]
TEXTS = ["4", "It is four. " * 9, "5\n\nNo: 4", "A\n\nB\n\nC", "x" * 300]


def scores(**options: Any) -> list[float | None]:
    problem = Problem(problem_id="p", prompt="What is 2+2?")
    samples = [
        Sample(
            problem_id="p",
            sample_index=index,
            completion=text,
            finish_reason="stop",
            prompt_tokens=1,
            completion_tokens=1,
        )
        for index, text in enumerate(TEXTS)
    ]
    verifier = RewardModelVerifier(RewardModelOptions(**options))
    found = verifier.verify([Candidate(problem, sample) for sample in samples])
    verifier.close()
    assert [verdict.detail for verdict in found if verdict.score is None] == []
    return [verdict.score for verdict in found]


def test_a_vllm_server_gives_the_rewards_of_transformers(tmp_path: Path) -> None:
    path = make_llama(tmp_path / "model", padding=True)
    here = [scores(path=str(path), rewards=rewards) for rewards in ("outcome", "steps")]
    arguments = [
        "--runner",
        "pooling",
        "--served-model-name",
        "rm",
        "--dtype",
        "float32",
        "--max-model-len",
        "512",
    ]
    with vllm_server(path, tmp_path / "log.txt", *arguments) as url:
        endpoint = {"base_url": url, "model": "rm"}
        there = [scores(endpoint=endpoint, rewards=rewards) for rewards in ("outcome", "steps")]
    for of_transformers, of_vllm in zip(here, there, strict=True):
        assert of_vllm == pytest.approx(of_transformers, abs=1e-3)
