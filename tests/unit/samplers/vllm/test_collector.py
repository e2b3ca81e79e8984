"""What becomes of an engine's tokens, with outputs as an engine in this process gives them."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.samplers.vllm import VllmOptions, VllmSampler
from ttscale.samplers.vllm.collector import Collector, Kept


def output(name: str, *tokens: int, reason: str | None = None, **more: Any) -> Any:
    empty = {"new_logprobs": None, "events": None}
    return SimpleNamespace(request_id=name, new_token_ids=list(tokens), finish_reason=reason, **empty | more)


def logprobs(*rows: tuple[float, ...]) -> Any:
    return SimpleNamespace(logprobs=np.array(rows, np.float32))


def collector_of(kept: Kept, *names: str) -> Collector:
    collector = Collector()
    collector.expect("request", kept)
    for place, name in enumerate(names):
        collector.add_request(SimpleNamespace(request_id=name), None, None, place)
    return collector


def test_a_sample_comes_out_with_its_last_token_and_not_before() -> None:
    collector = collector_of(Kept(), "a", "b")
    assert collector.process_outputs([output("a", 1), output("b", 7)]).request_outputs == []
    (first,) = collector.process_outputs([output("a", 2), output("b", 8, reason="stop")]).request_outputs
    assert (first.owner, first.place, list(first.tokens), first.finish_reason) == (
        "request",
        1,
        [7, 8],
        "stop",
    )
    assert collector.under_way() == ["a"]
    assert collector.get_num_unfinished_requests() == 1


def test_log_probabilities_are_summed_and_kept_as_asked() -> None:
    rows = [(-0.5, -0.1, -0.2), (-1.5, -0.3, -0.4)]
    for kept in (Kept(sums=True), Kept(tokens=True), Kept(alternatives=2)):
        collector = collector_of(kept, "a")
        collector.process_outputs([output("a", 1, new_logprobs=logprobs(rows[0]))])
        outputs = [output("a", 2, reason="length", new_logprobs=logprobs(rows[1]))]
        (sample,) = collector.process_outputs(outputs).request_outputs
        assert sample.logprob == pytest.approx(-2.0)
        assert list(sample.token_logprobs) == ([-0.5, -1.5] if kept.tokens else [])
        if kept.alternatives:
            np.testing.assert_allclose(sample.top_logprobs(), [[-0.1, -0.2], [-0.3, -0.4]], atol=1e-7)


def test_outputs_of_aborted_samples_are_passed_over() -> None:
    collector = collector_of(Kept(), "a", "b")
    assert collector.abort_requests(["a", "never"]) == ["a"]
    assert collector.process_outputs([output("a", 1, reason="abort")]).request_outputs == []
    assert collector.has_unfinished_requests()


def test_samples_thrown_out_of_the_cache_are_counted_and_the_setting_is_named_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sampler = VllmSampler(ModelSettings(path="m"), SamplingSettings(n=1), VllmOptions())
    sampler._collector = collector = collector_of(Kept(), "a")
    sampler._preemptions_before, sampler._preemptions_told, sampler._max_in_flight = 0, 0, 512
    sampler._tell_preemptions()
    assert not caplog.records
    events = [SimpleNamespace(type=SimpleNamespace(name=name)) for name in ("QUEUED", "PREEMPTED")]
    collector.process_outputs([output("a", 1, events=events)])
    assert sampler.usage.preemptions == 1
    sampler._tell_preemptions()
    sampler._tell_preemptions()
    (told,) = caplog.messages
    assert "Raise engine_options.gpu_memory_utilization, or lower max_num_seqs (now 256)" in told
