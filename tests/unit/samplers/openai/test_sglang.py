"""SGLang's server, in answers of the shapes that its version 0.5.23 declares, written here: it does not run without a GPU.

Where they differ from others': errors are flat, a choice names the token that stopped it, log-probabilities may be null, what is
not counted is null, and choices of one request share its seed.
"""

from contextlib import closing
from typing import Any

import pytest
from engine_requests import drawn, samples
from openai_server import JSON, Reply, openai_server

from ttscale.errors import SamplerError
from ttscale.samplers.openai import OpenAIOptions, OpenAISampler
from ttscale.samplers.settings import ModelSettings, SamplingSettings

PAGES: dict[str, JSON] = {
    "/server_info": {"version": "0.5.23", "enable_deterministic_inference": True, "internal_states": [{}]}
}
NO_TEMPLATE = Reply(
    {
        "object": "error",
        "message": "Cannot use chat template functions because tokenizer.chat_template is not set",
        "type": "BadRequestError",
        "param": None,
        "code": 400,
    },
    400,
)


def answer(body: JSON, **choice: Any) -> JSON:
    text = f"<{body['seed']}>"
    tokens = {"tokens": ["<", "n", ">"], "token_logprobs": [None, -0.25, -0.5], "text_offset": [-1, -1, -1]}
    listed = [None, {"n": -0.25, "m": -1.5}, {">": -0.5, "?": -2.0}]
    return {
        "id": "7b0c", "object": "text_completion", "created": 1795000000, "model": body["model"],
        "choices": [
            {"index": 0, "text": text, "logprobs": tokens | {"top_logprobs": listed}, "finish_reason": "stop", "matched_stop": 2}
            | choice
        ],
        "usage": {
            "prompt_tokens": 6, "total_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": None, "reasoning_tokens": 0,
            "completion_tokens_details": None,
        },
        "metadata": {"weight_version": "default"},
    }  # fmt: skip


def completions(body: JSON, number: int) -> Reply:
    return NO_TEMPLATE if "messages" in body else Reply(answer(body))


def sampler_of(url: str, **sampling: Any) -> OpenAISampler:
    settings = SamplingSettings(**{"n": 1, "max_tokens": 8} | sampling)
    return OpenAISampler(ModelSettings(path="m"), settings, OpenAIOptions(base_url=url))


def test_a_base_model_is_drawn_from_sample_by_sample() -> None:
    with (
        openai_server(completions, owned_by="sglang", pages=PAGES) as server,
        closing(sampler_of(server.url)) as sampler,
    ):
        info = sampler.start()
        found = samples(sampler, n=3, size=3)
    assert (info.version, info.per_sample_seeds, info.chat_template) == ("0.5.23", True, False)
    assert {text for (prompt, _), text in drawn(found).items() if prompt == "345*6="} == {
        f"<{1000 + i}>" for i in range(3)
    }
    assert {(s.finish_reason, s.prompt_tokens, s.completion_tokens) for s in found} == {("stop", 6, 3)}
    assert {s.cumulative_logprob for s in found} == {None}  # one is unknown, and so is their sum
    assert all("n" not in body for body in server.seen)


def test_a_chat_models_reasoning_and_log_probabilities_are_read() -> None:
    def chats(body: JSON, number: int) -> Reply:
        token = {"token": "4", "bytes": [52], "logprob": -0.5}
        content = [token | {"top_logprobs": [token, {"token": "5", "bytes": [53], "logprob": -1.0}]}]
        message = {"role": "assistant", "content": "4", "reasoning_content": "two and two"}
        choice = {"message": message, "logprobs": {"content": content}, "matched_stop": "</s>"}
        return Reply(answer(body, **choice))

    with openai_server(chats, owned_by="sglang", pages=PAGES) as server:
        with closing(sampler_of(server.url, top_logprobs=2)) as sampler:
            sampler.start()
            (sample, *_) = samples(sampler, n=1, size=1)
        assert sample.completion == "<think>\ntwo and two\n</think>\n\n4"
        assert sample.cumulative_logprob == -0.5
        assert [list(at_token) for at_token in sample.top_logprobs] == [[-0.5, -1.0]]
        assert server.seen[0]["top_logprobs"] == 2


def test_an_aborted_choice_is_drawn_again() -> None:
    def aborts(body: JSON, number: int) -> Reply:
        if "messages" in body:
            return NO_TEMPLATE
        return Reply(answer(body, finish_reason="abort", text="") if number % 2 == 0 else answer(body))

    with (
        openai_server(aborts, owned_by="sglang", pages=PAGES) as server,
        closing(sampler_of(server.url)) as sampler,
    ):
        sampler.start()
        assert all(text.startswith("<") for text in drawn(samples(sampler, n=2, size=2)).values())


def test_a_flat_error_is_quoted() -> None:
    said = "The input (9000 tokens) is longer than the model's context length (8192 tokens)."

    def refuses(body: JSON, number: int) -> Reply:
        if number < 0 or "345" not in str(body):
            return completions(body, number)
        return Reply(
            {"object": "error", "message": said, "type": "BadRequestError", "param": None, "code": 400}, 400
        )

    with (
        openai_server(refuses, owned_by="sglang", pages=PAGES) as server,
        closing(sampler_of(server.url)) as sampler,
    ):
        sampler.start()
        with pytest.raises(SamplerError, match=r"345\*6=.*The input \(9000 tokens\) is longer"):
            samples(sampler, n=1, size=1)
