"""The sampler `openai` against servers on this machine that misbehave in every way a server can."""

from typing import Any

from engine_requests import PROMPTS, drawn, samples
from openai_server import FakeServer, openai_server, text_of

from ttscale.samplers.openai import OpenAIOptions, OpenAISampler
from ttscale.samplers.settings import ModelSettings, SamplingSettings


def sampler_of(
    server: FakeServer, *, sampling: dict[str, Any] | None = None, **options: Any
) -> OpenAISampler:
    settings = SamplingSettings(**{"n": 1} | (sampling or {}))
    return OpenAISampler(ModelSettings(path="m"), settings, OpenAIOptions(base_url=server.url, **options))


def test_every_sample_comes_once_with_its_own_seed() -> None:
    with openai_server() as server:
        sampler = sampler_of(server)
        assert sampler.start().per_sample_seeds
        found = samples(sampler, n=50, size=16)
        sampler.close()
    assert drawn(found) == {
        (prompt, i): text_of(prompt, 1000 * number + i)
        for number, prompt in enumerate(PROMPTS)
        for i in range(50)
    }
    assert all(sample.cumulative_logprob == -0.5 * sample.completion_tokens for sample in found)
