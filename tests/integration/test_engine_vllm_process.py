"""A vLLM engine in a process of its own: the same samples, no trace on the terminal, and the cause when it fails."""

import importlib.util
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from engine_requests import PROMPTS, drawn, requests, samples
from hostile_model import hostile_model

from ttscale.errors import EngineDiedError, SamplerError
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.samplers.vllm import VllmOptions, VllmSampler

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vllm is not installed"),
]


def sampler_of(path: str, *, own_process: bool, sampling: dict[str, Any] | None = None) -> VllmSampler:
    model = ModelSettings(path=path, dtype="float32", engine_options={"kv_cache_memory_bytes": 1 << 28})
    settings = SamplingSettings(**{"n": 1, "max_tokens": 10} | (sampling or {}))
    return VllmSampler(model, settings, VllmOptions(own_process=own_process))


@pytest.fixture(autouse=True)
def own_temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder in which nothing may be left; its path is short enough for sockets, so pytest's is made before."""
    with tempfile.TemporaryDirectory(prefix="t") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)
        assert {path.name.partition("_")[0] for path in Path(folder).iterdir()} <= {"torchinductor"}


def test_it_draws_the_same_keeps_sums_where_asked_and_its_death_is_one_clear_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with closing(sampler_of("demo-arithmetic", own_process=False, sampling={"top_logprobs": 3})) as here:
        here.start()
        expected = {(s.problem_id, s.sample_index): s for s in samples(here, n=16, size=16)}
    with closing(sampler_of("demo-arithmetic", own_process=True)) as apart:
        info = apart.start()
        assert info.detail["logprobs"] is False  # auto: they would cost the driver its speed
        bare = samples(apart, n=16, size=16)
        assert drawn(bare) == {key: sample.completion for key, sample in expected.items()}
        assert {sample.cumulative_logprob for sample in bare} == {None}

        kept = sampler_of("demo-arithmetic", own_process=True, sampling={"top_logprobs": 3})
        kept.adopt(apart.engine)
        for sample in samples(kept, n=16, size=16):
            twin = expected[sample.problem_id, sample.sample_index]
            assert sample.cumulative_logprob == pytest.approx(twin.cumulative_logprob, abs=1e-3)
            assert sample.top_logprobs == pytest.approx(twin.top_logprobs, abs=1e-3)

        stream = apart.sample(requests(10_000, 64, PROMPTS[:1]))
        next(stream)
        (core,) = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()[-1:]
        os.kill(int(core), signal.SIGKILL)
        with pytest.raises(EngineDiedError, match="The vLLM engine stopped: "):
            for _ in stream:
                pass
    out, err = capfd.readouterr()
    assert "Traceback" not in out + err


def test_a_start_that_fails_says_why_in_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    broken = hostile_model(tmp_path / "broken")
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100_000])
    with closing(sampler_of(str(broken), own_process=True)) as sampler, pytest.raises(SamplerError) as raised:
        sampler.start()
    said = str(raised.value)
    assert "root cause" not in said.lower()
    assert "SafetensorError" in said
    assert "\n" not in said
    out, err = capfd.readouterr()
    assert "Traceback" not in out + err
