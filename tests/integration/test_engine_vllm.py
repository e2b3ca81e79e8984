"""The vLLM sampler on a real engine: what it draws, and how it fails."""

import importlib.util
import json
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import engine_requests
import numpy as np
import pytest
from engine_requests import PROMPTS, drawn, samples
from hostile_model import hostile_model

from ttscale.errors import EngineDiedError, SamplerError
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.samplers.vllm import VllmOptions, VllmSampler
from ttscale.samplers.vllm.collector import Collector, Kept
from ttscale.samplers.vllm.wire import lightened
from ttscale.types import Message, Problem, Sample, SampleRequest

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vllm is not installed"),
]

SETTINGS: dict[str, Any] = {"n": 1, "max_tokens": 10, "temperature": 1.0}
MODEL = ModelSettings(
    path="demo-arithmetic", dtype="float32", engine_options={"kv_cache_memory_bytes": 1 << 28}
)
Make = Callable[..., VllmSampler]


def _sampler(**sampling: Any) -> VllmSampler:
    return VllmSampler(MODEL, SamplingSettings(**SETTINGS | sampling), VllmOptions())


@pytest.fixture(scope="module")
def engine() -> Iterator[Any]:
    """One running engine for the whole module: starting it takes seconds."""
    owner = _sampler()
    owner.start()
    yield owner.engine
    owner.close()


@pytest.fixture
def make(engine: Any) -> Make:
    """Makes samplers with other sampling settings on the one engine."""

    def make(**sampling: Any) -> VllmSampler:
        sampler = _sampler(**sampling)
        sampler.adopt(engine)
        return sampler

    return make


# ---- what is drawn ------------------------------------------------------------------------------------


def test_every_sample_comes_once_and_is_described(make: Make) -> None:
    found = samples(make(), n=20, size=8)
    assert set(drawn(found)) == {(prompt, i) for prompt in PROMPTS for i in range(20)}
    for sample in found:
        number = PROMPTS.index(sample.problem_id)
        assert sample.seed == 1000 * number + sample.sample_index
        assert sample.finish_reason in {"stop", "length"}
        assert sample.completion_tokens >= len(sample.completion) + (sample.finish_reason == "stop")
        assert sample.token_logprobs is None


def test_a_sample_does_not_depend_on_how_the_work_was_cut(make: Make) -> None:
    whole = drawn(samples(make(), n=8, size=8))
    assert drawn(samples(make(), n=8, size=4)) == whole
    assert drawn(samples(make(), n=8, size=1)) == whole
    assert len(set(whole.values())) > len(whole) // 4  # and they are not all alike


def test_a_sample_does_not_depend_on_its_neighbours(make: Make) -> None:
    together = drawn(samples(make(), n=8, size=8))
    alone = drawn(samples(make(), n=8, size=8, prompts=PROMPTS[:1]))
    assert alone.items() <= together.items()


_IN_NEW_PROCESS = """
import json, signal, sys
sys.path.insert(0, {support!r})
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are started without
from engine_requests import drawn, requests, samples
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.samplers.vllm import VllmOptions, VllmSampler
for path, limits in {limits!r}:
    options = {{"kv_cache_memory_bytes": 1 << 28}} | limits
    model = ModelSettings(path=path, dtype="float32", engine_options=options)
    sampler = VllmSampler(model, SamplingSettings(**{settings!r}), VllmOptions())
    sampler.start()
    print(json.dumps(list(drawn(samples(sampler, n=8, size=2)).items())), flush=True)
    if (path, limits) != {limits!r}[-1]:
        sampler.close()
try:
    for i, batch in enumerate(sampler.sample(requests(10**9, 8))):
        if i == 3:
            print("sampling", flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
finally:
    sampler.close()
    sampler.close()
print("closed", flush=True)
"""
LIMITS = [
    {"max_num_seqs": 3},
    # Fewer tokens at a time than the waiting prompts have: none may be prefilled in pieces.
    {"max_num_seqs": 48, "max_num_batched_tokens": 64},
]


@dataclass
class Child:
    """A process of its own that drew with one engine after another and was then interrupted in the middle."""

    pid: int
    lines: list[str]
    errors: str
    exit_code: int


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> Child:
    support = str(Path(engine_requests.__file__).parent)
    hostile = str(hostile_model(tmp_path_factory.mktemp("models") / "hostile"))
    engines = list(zip(("demo-arithmetic", hostile), LIMITS, strict=True))
    code = _IN_NEW_PROCESS.format(support=support, settings=SETTINGS, limits=engines)
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    assert process.stdout is not None
    lines = list(takewhile(lambda line: line != "sampling\n", process.stdout))
    process.send_signal(signal.SIGINT)
    try:
        rest, errors = process.communicate(timeout=300)
    finally:
        process.kill()
    return Child(process.pid, [*lines, *rest.splitlines()], errors, process.returncode)


@pytest.mark.parametrize(
    "number", range(len(LIMITS)), ids=["few sequences", "few tokens and a generation config"]
)
def test_a_new_process_with_another_batch_size_and_generation_config_draws_the_same(
    make: Make, child: Child, number: int
) -> None:
    there = {(prompt, index): completion for (prompt, index), completion in json.loads(child.lines[number])}
    assert there == drawn(samples(make(), n=8, size=8))


def test_ctrl_c_in_the_middle_ends_cleanly_with_no_process_left_and_nothing_else_printed(
    child: Child,
) -> None:
    assert child.lines[len(LIMITS) :] == ["interrupted", "closed"]
    assert "Traceback" not in child.errors
    assert child.exit_code == 0
    with pytest.raises(ProcessLookupError):
        os.killpg(child.pid, 0)


def test_log_probabilities_agree_with_a_forward_pass(make: Make) -> None:
    from teacher_forcing import TeacherForcing

    teacher = TeacherForcing()
    for sample in samples(make(token_logprobs=True, temperature=0.7, top_p=0.9), n=4, size=4):
        expected = teacher.token_logprobs(sample.problem_id, sample)
        assert sample.token_logprobs == pytest.approx(expected, abs=1e-3)
        assert sample.cumulative_logprob == pytest.approx(sum(expected), abs=1e-3)


@pytest.mark.parametrize("k", [3, 1000], ids=["a few", "more than the vocabulary"])
def test_the_most_probable_tokens_log_probabilities_agree_with_a_forward_pass(make: Make, k: int) -> None:
    from teacher_forcing import TeacherForcing

    teacher = TeacherForcing()
    for sample in samples(make(top_logprobs=k, temperature=0.7, top_p=0.9), n=4, size=4):
        expected = teacher.top_logprobs(sample.problem_id, sample, k)
        assert sample.top_logprobs == pytest.approx(np.array(expected), abs=1e-3)


def test_without_log_probabilities_the_samples_are_the_same(make: Make) -> None:
    bare = samples(make(logprobs=False), n=4, size=4)
    assert all(sample.cumulative_logprob is None for sample in bare)
    assert drawn(bare) == drawn(samples(make(), n=4, size=4))


def test_decoding_here_and_in_the_engine_give_the_same_text(make: Make) -> None:
    here, engine = make(), make(stop=("never said",))
    assert drawn(samples(here, n=8, size=8)) == drawn(samples(engine, n=8, size=8))


def test_two_cells_share_the_batch_and_each_draws_as_it_would_alone(make: Make) -> None:
    """The second begins while the first's last samples are under way; it has other settings of every kind."""
    first, second = {"temperature": 0.4}, {"stop": ["1"], "logprobs": False, "top_k": 5, "temperature": 1.3}
    alone = {
        name: drawn(samples(make(**cell), n=24, size=24)) for name, cell in (("a", first), ("b", second))
    }
    sampler = make(**first)
    order: list[str] = []

    def both() -> Iterator[SampleRequest]:
        for name in "ab":
            if name == "b":
                sampler.reuse(MODEL, SamplingSettings(**SETTINGS | second))
            for request in engine_requests.requests(24, 24):
                marked = f"{name}{request.problem.problem_id}"
                yield replace(request, problem=replace(request.problem, problem_id=marked))
            order.append(f"all of {name} asked")

    found: dict[str, list[Sample]] = {"a": [], "b": []}
    for batch in sampler.sample(both()):
        name = batch[0].problem_id[0]
        order.append(name)
        found[name] += [replace(sample, problem_id=sample.problem_id[1:]) for sample in batch]
    assert {name: drawn(some) for name, some in found.items()} == alone
    assert "a" in order[order.index("all of b asked") :]
    assert {sample.cumulative_logprob is None for sample in found["a"]} == {False}
    assert {sample.cumulative_logprob for sample in found["b"]} == {None}


def test_a_sample_is_handed_out_when_it_ends_not_when_its_request_does(make: Make) -> None:
    stream = make(stop=("never said",)).sample(engine_requests.requests(64, 64, PROMPTS[:1]))
    batches = list(stream)
    assert len(batches) > 1
    lengths = [sample.completion_tokens for batch in batches for sample in batch]
    assert lengths == sorted(lengths)  # all began together
    assert len(lengths) == 64


@pytest.mark.parametrize("tokens", [1, 3], ids=["one token", "several tokens at a time"])
@pytest.mark.parametrize("k", [0, 5, 100], ids=["sums", "alternatives", "arrays in frames of their own"])
def test_packed_records_are_read_as_vllm_reads_them(k: int, tokens: int) -> None:
    """Random records through vLLM's own packing: sums, tokens' and alternatives' values are NumPy's."""
    from types import SimpleNamespace

    from vllm.v1.engine import EngineCoreOutput, EngineCoreOutputs, FinishReason
    from vllm.v1.outputs import LogprobsLists
    from vllm.v1.serial_utils import MsgpackDecoder, MsgpackEncoder

    rng = np.random.default_rng(k)
    values = -rng.random((4 * tokens, 1 + k), dtype=np.float32)
    ids = rng.integers(0, 99, values.shape).astype(np.int32)
    records = LogprobsLists(ids, values, np.ones(len(values), np.int32), list(range(0, 4 * tokens, tokens)))
    steps = [
        EngineCoreOutput(
            request_id="a",
            new_token_ids=[7] * tokens,
            new_logprobs=records.slice_request(step, tokens),
            finish_reason=FinishReason.LENGTH if step == 3 else None,
        )
        for step in range(4)
    ]
    client = SimpleNamespace(decoder=MsgpackDecoder(EngineCoreOutputs))
    collector = Collector()
    collector.expect(None, Kept(sums=True, tokens=True, alternatives=k))
    collector.add_request(SimpleNamespace(request_id="a"), None)
    ended: list[Any] = []
    encoder = MsgpackEncoder()
    with lightened(client):
        for step in steps:
            message = client.decoder.decode(list(encoder.encode(EngineCoreOutputs(outputs=[step]))))
            ended += collector.process_outputs(message.outputs).request_outputs
    (sample,) = ended
    assert list(sample.tokens) == [7] * 4 * tokens
    np.testing.assert_array_equal(np.array(sample.token_logprobs), values[:, 0])
    assert sample.logprob == pytest.approx(float(values[:, 0].sum(dtype=np.float64)), abs=1e-12)
    np.testing.assert_array_equal(sample.top_logprobs(), values[:, 1:])
    heavy = client.decoder.decode(list(encoder.encode(EngineCoreOutputs(outputs=steps[:1]))))
    np.testing.assert_array_equal(heavy.outputs[0].new_logprobs.logprobs, values[:tokens])


def test_vllms_own_parameters_pass_through_by_name(make: Make) -> None:
    long = samples(make(extra={"min_tokens": 9}), n=16, size=16)
    assert min(s.completion_tokens or 0 for s in long) >= 9
    shaped = samples(make(extra={"structured_outputs": {"regex": "[0-9]{3}"}}), n=4, size=4)
    assert {s.completion.isdigit() and len(s.completion) == 3 for s in shaped} == {True}
    stopped = samples(make(extra={"stop_token_ids": list(range(3, 16))}), n=4, size=4)
    assert {s.completion_tokens for s in stopped} == {1}
    assert {s.finish_reason for s in stopped} == {"stop"}
    with pytest.raises(SamplerError, match=r"vLLM refuses the request .*out-of-vocab"):
        samples(make(extra={"stop_token_ids": [99]}), n=1, size=1)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (
            {"min_token": 3},
            r"'min_token', which vLLM's SamplingParams does not have\. Did you mean 'min_tokens'",
        ),
        ({"temperature": 3}, "'temperature', which is set by sampling.temperature"),
        ({"min_tokens": 99}, "vLLM refuses sampling.extra .*min_tokens"),
        ({"structured_outputs": {"shape": 1}}, "vLLM refuses sampling.extra"),
        (
            {"thinking_token_budget": 2},
            r"what begins and ends a thought\. Set engine_options\.reasoning_config",
        ),
    ],
)
def test_wrong_parameters_are_said_before_anything_is_drawn(
    make: Make, extra: dict[str, Any], message: str
) -> None:
    with pytest.raises(SamplerError, match=message):
        make(extra=extra)


def test_more_alternatives_than_an_engine_was_started_for_are_refused(
    make: Make, monkeypatch: pytest.MonkeyPatch, engine: Any
) -> None:
    monkeypatch.setattr(engine.vllm_config.model_config, "max_logprobs", 5)
    with pytest.raises(SamplerError, match="started for 5 at most"):
        make(top_logprobs=6)


def test_greedy_samples_are_all_alike(make: Make) -> None:
    for prompt in PROMPTS:
        completions = drawn(samples(make(temperature=0), n=3, size=3, prompts=[prompt])).values()
        assert len(set(completions)) == 1


def test_a_stop_string_ends_a_completion_and_is_left_out(make: Make) -> None:
    free = samples(make(), n=8, size=8)
    stopped = {(s.problem_id, s.sample_index): s for s in samples(make(stop=("1",)), n=8, size=8)}
    assert any("1" in sample.completion for sample in free)
    for sample in free:
        cut = stopped[sample.problem_id, sample.sample_index]
        assert cut.completion == sample.completion.split("1")[0]
        assert cut.finish_reason == ("stop" if "1" in sample.completion else sample.finish_reason)


def test_max_tokens_truncates_and_says_so(make: Make) -> None:
    found = samples(make(max_tokens=1), n=4, size=4)
    assert {sample.completion_tokens for sample in found} == {1}
    assert {sample.finish_reason for sample in found} >= {"length"}


def test_without_per_sample_seeds_none_is_recorded(engine: Any) -> None:
    sampler = _sampler(per_sample_seeds=False)
    assert sampler.adopt(engine).per_sample_seeds is False
    assert {sample.seed for sample in samples(sampler, n=4, size=4)} == {None}


def test_without_per_sample_seeds_every_engine_gets_its_own_seed() -> None:
    unseeded = [_sampler(per_sample_seeds=False).engine_arguments("m")["seed"] for _ in range(3)]
    assert len(set(unseeded)) == 3  # an extension in a new engine must not repeat the first one's samples
    assert "seed" not in _sampler().engine_arguments("m")


def test_the_manifest_is_told_what_runs(engine: Any) -> None:
    info = _sampler().adopt(engine)
    assert (info.engine, info.dtype, info.chat_template) == ("vllm", "float32", False)
    assert info.per_sample_seeds is (info.device == "cpu")
    json.dumps(info.detail)


# ---- streaming ----------------------------------------------------------------------------------------


def test_requests_are_taken_only_as_fast_as_the_engine_works(make: Make, engine: Any) -> None:
    taken = 0

    def counted() -> Iterator[SampleRequest]:
        nonlocal taken
        for request in engine_requests.requests(4000, 8, PROMPTS[:1]):
            taken += 1
            yield request

    stream = make().sample(counted())
    next(stream)
    assert taken * 8 <= 3 * engine.vllm_config.scheduler_config.max_num_seqs + 8
    stream.close()


def test_an_abandoned_stream_leaves_the_engine_ready(make: Make, engine: Any) -> None:
    stream = make().sample(engine_requests.requests(64, 8))
    next(stream)
    stream.close()
    assert engine.get_num_unfinished_requests() == 0
    assert len(samples(make(), n=2, size=2)) == 2 * len(PROMPTS)


def test_no_requests_give_no_samples(make: Make) -> None:
    assert list(make().sample([])) == []


# ---- failures -----------------------------------------------------------------------------------------


def test_a_prompt_longer_than_the_context_is_named(make: Make) -> None:
    with pytest.raises(SamplerError, match=r"problem '1{40}' has 4\d tokens.*context is 32"):
        samples(make(), n=1, size=1, prompts=["1" * 40])


def test_a_conversation_without_a_template_is_refused(make: Make) -> None:
    chat = Problem(problem_id="c", messages=(Message("user", "1+1="),))
    with pytest.raises(SamplerError, match="no chat template"):
        list(make().sample([SampleRequest(problem=chat, first_index=0, n=1, seed=0)]))


def test_an_engine_that_dies_is_one_clear_error(
    make: Make, monkeypatch: pytest.MonkeyPatch, engine: Any
) -> None:
    def die() -> None:
        raise RuntimeError("out of\n  luck")

    monkeypatch.setattr(engine, "step", die)
    with pytest.raises(SamplerError, match="The vLLM engine stopped: out of luck"):
        samples(make(), n=1, size=1)


def test_an_engine_that_dies_while_a_request_is_added_is_one_that_died(
    make: Make, monkeypatch: pytest.MonkeyPatch, engine: Any
) -> None:
    def die(*arguments: Any, **more: Any) -> None:
        raise RuntimeError("gone")

    monkeypatch.setattr(engine, "add_request", die)
    with pytest.raises(EngineDiedError, match="The vLLM engine stopped: gone"):
        samples(make(), n=1, size=1)


def _adapter(folder: Path) -> str:
    """Write a LoRA adapter of the demo model's queries with weights large enough to change what it says."""
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    config = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"], "bias": "none"}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    weights = {
        f"base_model.model.model.layers.{layer}.self_attn.q_proj.lora_{side}.weight": torch.randn(*shape)
        for layer in range(4)
        for side, shape in (("A", (4, 192)), ("B", (192, 4)))
    }
    save_file(weights, folder / "adapter_model.safetensors")
    return str(folder)


def test_a_lora_adapter_changes_what_is_drawn(make: Make, tmp_path: Path) -> None:
    base = drawn(samples(make(), n=8, size=8))
    options = {"kv_cache_memory_bytes": 1 << 28}
    model = ModelSettings(
        path="demo-arithmetic", dtype="float32", engine_options=options, lora=_adapter(tmp_path)
    )
    adapted = VllmSampler(model, SamplingSettings(**SETTINGS), VllmOptions())
    adapted.start()
    try:
        changed = drawn(samples(adapted, n=8, size=8))
    finally:
        adapted.close()
    assert changed.keys() == base.keys()
    assert changed != base


def test_a_folder_without_an_adapter_is_refused_before_the_engine_starts(tmp_path: Path) -> None:
    model = ModelSettings(path="demo-arithmetic", lora=str(tmp_path))
    with pytest.raises(SamplerError, match=r"gives no rank 'r'.*save_pretrained"):
        VllmSampler(model, SamplingSettings(**SETTINGS), VllmOptions()).start()


def test_sampling_before_start_is_an_error() -> None:
    with pytest.raises(SamplerError, match="call start"):
        next(_sampler().sample([]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_num_seq": 8}, r"no engine option 'max_num_seq'\. Did you mean 'max_num_seqs'"),
        ({"data_parallel_size": 2}, r"data_parallel_size is 2.*set 'execution: \{gpus: N\}'"),
        ({"kv_cache_memory_bytes": 1 << 50}, "too little memory"),
        ({"max_model_len": 64}, r"cannot start model.*max_model_len"),
        ({"block_size": "many"}, "cannot start model"),
    ],
)
def test_an_engine_that_cannot_start_says_why(options: dict[str, Any], message: str) -> None:
    model = ModelSettings(path="demo-arithmetic", engine_options=options)
    sampler = VllmSampler(model, SamplingSettings(n=1), VllmOptions())
    with pytest.raises(SamplerError, match=message) as caught:
        sampler.start()
    assert "\n" not in str(caught.value)
    sampler.close()


def test_a_missing_model_folder_fails_before_anything_is_loaded() -> None:
    sampler = VllmSampler(ModelSettings(path="./no-such-model"), SamplingSettings(n=1), VllmOptions())
    with pytest.raises(SamplerError, match="does not exist"):
        sampler.start()


def test_the_engine_starts_no_process_on_a_cpu(engine: Any) -> None:
    if _sampler().adopt(engine).device == "cpu":
        assert multiprocessing.active_children() == []
