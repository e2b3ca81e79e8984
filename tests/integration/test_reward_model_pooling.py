"""A reward model in vLLM's pooling runner, in a process of its own, gives the rewards that transformers gives."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from tiny_reward_model import make_llama

from ttscale.types import Problem, Sample, Verdict
from ttscale.verifiers.contract import Candidate
from ttscale.verifiers.reward_model import RewardModelOptions, RewardModelVerifier

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vllm is not installed"),
]
TEXTS = ["4", "It is four. " * 9, "5\n\nNo: 4", "A\n\nB\n\nC", " ", "x" * 900]


def verdicts(**options: Any) -> list[Verdict]:
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
    try:
        return list(verifier.verify([Candidate(problem, sample) for sample in samples]))
    finally:
        verifier.close()


def test_vllm_and_transformers_give_equal_rewards(tmp_path: Path) -> None:
    """At every step's end; that texts are pooled to the same reward is tested with vLLM's server."""
    path = make_llama(tmp_path / "model", labels=2, per_token=True)
    options = {"path": str(path), "rewards": "steps", "reduction": "mean"}
    here = verdicts(engine="transformers", **options)
    there = verdicts(engine="vllm", **options)
    assert [str(verdict.outcome) for verdict in there] == ["scored"] * 4 + ["no_answer", "error"]
    assert [verdict.outcome for verdict in there] == [verdict.outcome for verdict in here]
    assert there[-1].detail == here[-1].detail
    for ours, theirs in zip(here[:4], there[:4], strict=True):
        assert theirs.score == pytest.approx(ours.score, abs=1e-3)
