"""The judge against vLLM's own OpenAI server with a small real model."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
from vllm_server import vllm_server

from ttscale.errors import VerifierError
from ttscale.types import Outcome, Problem, Sample
from ttscale.verifiers.contract import Candidate
from ttscale.verifiers.judge import JudgeOptions, JudgeVerifier

MODEL = Path(__file__).parents[2] / "models" / "smollm2-135m"
pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vllm is not installed"),
    pytest.mark.skipif(not MODEL.is_dir(), reason=f"no model folder {MODEL}"),
]


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("server") / "log.txt"
    with vllm_server(MODEL, log, "--served-model-name", "smol", "--max-model-len", "2048") as url:
        yield url


def candidates() -> list[Candidate]:
    problem = Problem(problem_id="p", prompt="What is 2+2?")
    texts = ["4", "5", "The answer is 4.", "x\x00\ud800 y " * 50, "lorem ipsum " * 80_000]
    return [
        Candidate(
            problem,
            Sample(
                problem_id="p",
                sample_index=index,
                completion=text,
                finish_reason="stop",
                prompt_tokens=1,
                completion_tokens=1,
            ),
        )
        for index, text in enumerate(texts)
    ]


def test_a_real_server_is_asked_and_its_replies_are_read_or_refused(base_url: str) -> None:
    options = JudgeOptions(
        base_url=base_url,
        model="smol",
        votes=3,
        temperature=0.7,
        max_tokens=40,
        max_characters=1500,
        request_options={"seed": None},  # vLLM 0.32 on a CPU dies of a seed where it cuts a prompt in chunks
    )
    found = JudgeVerifier(options).verify(candidates())
    assert len(found) == 5
    for (
        verdict
    ) in found:  # a model of 135 million parameters seldom judges well; what it says must be read right
        if verdict.outcome is Outcome.ERROR:
            assert "holds no single grade" in (verdict.detail or "")
        else:
            assert verdict.outcome in {Outcome.CORRECT, Outcome.INCORRECT}
            assert verdict.score is not None


def test_a_completion_beyond_the_context_is_that_candidates_error(base_url: str) -> None:
    options = JudgeOptions(base_url=base_url, model="smol", max_tokens=8, max_characters=1_000_000)
    *_, long = JudgeVerifier(options).verify(candidates())
    assert long.outcome is Outcome.ERROR
    assert "400" in (long.detail or "")


def test_an_unknown_model_is_one_clear_error(base_url: str) -> None:
    with pytest.raises(VerifierError, match="no such path or model 'smoll'"):
        JudgeVerifier(JudgeOptions(base_url=base_url, model="smoll")).verify(candidates()[:1])
