"""The sampler `openai` against servers on this machine that misbehave in every way a server can."""

import itertools
import random
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from engine_requests import PROMPTS, drawn, requests, samples
from openai_server import JSON, FakeServer, Reply, openai_server, text_of

from ttscale.errors import MissingExtraError, SamplerError
from ttscale.execution.http import pausing
from ttscale.samplers.openai import OpenAIOptions, OpenAISampler
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.types import Message, Problem, Sample, SampleRequest


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pausing, "FIRST_PAUSE_S", 0.002)
    monkeypatch.setattr(pausing, "LONGEST_PAUSE_S", 0.02)


def sampler_of(
    *servers: FakeServer, sampling: JSON | None = None, model: JSON | None = None, **options: Any
) -> OpenAISampler:
    return OpenAISampler(
        ModelSettings(**{"path": "m"} | (model or {})),
        SamplingSettings(**{"n": 1} | (sampling or {})),
        OpenAIOptions(base_urls=tuple(server.url for server in servers), **options),
    )


def draw(
    *servers: FakeServer, n: int = 20, size: int = 8, sampling: JSON | None = None, **options: Any
) -> list[Sample]:
    with closing(sampler_of(*servers, sampling=sampling, **options)) as sampler:
        sampler.start()
        return samples(sampler, n=n, size=size)


def expected(n: int) -> dict[tuple[str, int], str]:
    return {(prompt, i): text_of(prompt, 1000 * k + i) for k, prompt in enumerate(PROMPTS) for i in range(n)}


# ---- well-behaved servers -----------------------------------------------------------------------------


def test_every_sample_comes_once_with_its_own_seed_and_is_described() -> None:
    with openai_server() as server:
        found = draw(server, n=50, size=16, sampling={"token_logprobs": True})
    assert drawn(found) == expected(50)
    for sample in found:
        size = len(sample.completion)
        assert sample.seed == 1000 * PROMPTS.index(sample.problem_id) + sample.sample_index
        assert (sample.prompt_tokens, sample.completion_tokens) == (len(sample.problem_id), size)
        assert sample.token_logprobs == (-0.5,) * size
        assert sample.cumulative_logprob == -0.5 * size


@pytest.mark.parametrize("chat", [True, False])
@pytest.mark.parametrize("owned_by", ["vllm", None])
def test_the_most_probable_tokens_are_kept_whether_or_not_the_drawn_one_is_among_them(
    owned_by: str | None, *, chat: bool
) -> None:
    """The stand-in lists the drawn token first, at -0.5 or -9; the most probable ones have -0.1, -0.2, ..."""
    with openai_server(owned_by=owned_by, chat=chat, drawn_logprobs=(-0.5, -9.0)) as server:
        found = draw(server, n=4, size=4, sampling={"top_logprobs": 3})
        asked = {body.get("top_logprobs", body["logprobs"]) for body in server.seen}
    assert asked == {4 if owned_by == "vllm" else 3}
    assert drawn(found).keys() == expected(4).keys()
    for sample in found:
        assert sample.token_logprobs is None
        most_probable = np.tile([-0.1, -0.2, -0.3], (len(sample.completion), 1))
        assert sample.top_logprobs == pytest.approx(most_probable, abs=1e-6)


def test_at_the_servers_limit_the_drawn_token_may_stand_last() -> None:
    def misbehave(body: JSON, number: int) -> Reply | None:
        return Reply({"error": "logprobs of 4 > 3"}, 400) if body.get("top_logprobs", 0) > 3 else None

    with openai_server(misbehave, drawn_logprobs=(-9.0,)) as server:
        for sample in draw(server, n=4, size=4, sampling={"top_logprobs": 3}):
            assert sample.top_logprobs is not None
            assert sample.top_logprobs[0].tolist() == pytest.approx([-0.1, -0.2, -9.0])


def test_rows_that_a_server_leaves_short_end_in_nan() -> None:
    with openai_server(owned_by=None, most_listed=2) as server:
        for sample in draw(server, n=4, size=4, sampling={"top_logprobs": 3}):
            assert sample.top_logprobs is not None
            np.testing.assert_allclose(sample.top_logprobs[0], [-0.1, -0.2, np.nan], atol=1e-6)


@pytest.mark.parametrize("wish", [{"token_logprobs": True}, {"top_logprobs": 3}])
def test_a_server_that_passes_over_the_wish_for_log_probabilities_is_refused(wish: JSON) -> None:
    with openai_server(logprobs=False) as server:
        said = start_error(server, sampling=wish)
    assert "log-probabilities" in said
    assert "its answer holds none" in said


@pytest.mark.parametrize(
    ("owned_by", "wanted", "per_sample_seeds", "seeded", "several"),
    [
        ("vllm", "auto", True, True, True),
        ("vllm", False, False, False, True),
        ("llamacpp", "auto", True, True, False),
        ("sglang", "auto", False, True, False),  # deterministic in one of its modes alone
        ("openai", "auto", False, False, True),
        ("openai", True, False, True, False),  # sent because wanted, promised by nobody
        (None, "auto", False, False, True),
    ],
)
def test_seeds_and_n_are_sent_as_the_kind_of_server_allows(
    owned_by: str | None, wanted: bool | str, per_sample_seeds: bool, seeded: bool, several: bool
) -> None:
    with openai_server(owned_by=owned_by) as server:
        sampler = sampler_of(server, sampling={"per_sample_seeds": wanted})
        with closing(sampler):
            assert sampler.start().per_sample_seeds == per_sample_seeds
            found = samples(sampler, n=10, size=5)
    assert set(drawn(found)) == set(expected(10))
    assert len(set(drawn(found).values())) == len(found)
    assert {"seed" in body for body in server.seen} == {seeded}
    assert {body.get("n", 1) for body in server.seen} == {5 if several else 1}
    if seeded:
        assert drawn(found) == expected(10)


def test_seeds_of_servers_with_short_ones_are_shortened_and_recorded() -> None:
    request = SampleRequest(
        problem=Problem(problem_id="p", prompt="p"), first_index=0, n=1, seed=(1 << 61) + 7
    )
    for owned_by, seed in (("llamacpp", 7), ("vllm", (1 << 61) + 7)):
        with openai_server(owned_by=owned_by) as server, closing(sampler_of(server)) as sampler:
            sampler.start()
            ((sample,),) = sampler.sample([request])
        assert (sample.seed, server.seen[0]["seed"]) == (seed, seed)


def test_greedy_samples_are_drawn_one_by_one() -> None:
    with openai_server() as server:
        draw(server, n=4, size=4, sampling={"temperature": 0})
    assert all("n" not in body for body in server.seen)


ALL_NEUTRAL = {
    "top_p": 1.0,
    "top_k": -1,
    "min_p": 0.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "repetition_penalty": 1.0,
}
OPENAIS = {name: ALL_NEUTRAL[name] for name in ("top_p", "presence_penalty", "frequency_penalty")}
LLAMA_CPPS = {name: value for name, value in ALL_NEUTRAL.items() if name != "repetition_penalty"} | {
    "repeat_penalty": 1.0,
    "repeat_last_n": 1 << 20,
    "mirostat": 0,
    "dynatemp_range": 0.0,
    "samplers": ["penalties", "temperature", "min_p", "top_k", "top_p"],
}


def said(body: JSON) -> JSON:
    """What a request says of how to sample, besides what other tests look at."""
    others = ("messages", "prompt", "seed", "n", "model", "logprobs", "return_token_ids")
    return {key: value for key, value in body.items() if key not in others}


@pytest.mark.parametrize(
    ("owned_by", "neutral", "left"),
    [
        ("vllm", ALL_NEUTRAL, []),
        ("sglang", ALL_NEUTRAL, []),
        ("llamacpp", LLAMA_CPPS, []),
        ("library", OPENAIS, ["top_k", "min_p", "repetition_penalty"]),
        (None, OPENAIS, ["top_k", "min_p", "repetition_penalty"]),
    ],
)
def test_every_parameter_that_the_server_takes_is_said_and_recorded_and_the_rest_warned_of(
    owned_by: str | None, neutral: JSON, left: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with openai_server(owned_by=owned_by) as server, closing(sampler_of(server)) as sampler:
        info = sampler.start()
        samples(sampler, n=2, size=2)
    expected = {"temperature": 1.0, "max_tokens": 512} | neutral
    assert all(said(body) == expected for body in server.seen)
    assert said(info.detail["request"]) == expected
    assert info.detail["left_to_server"] == left
    assert [record for record in caplog.records if ", ".join(left) in record.getMessage()] == caplog.records
    assert len(caplog.records) == bool(left)


def test_settings_reach_every_kind_of_server_and_extra_body_has_the_last_word() -> None:
    sampling = {"temperature": 0.5, "top_k": 5, "stop": ["x"], "max_tokens": 77, "repetition_penalty": 1.2}
    for owned_by, neutral, name in (
        ("vllm", ALL_NEUTRAL, "repetition_penalty"),
        ("llamacpp", LLAMA_CPPS, "repeat_penalty"),
        (None, OPENAIS, "repetition_penalty"),
    ):
        extra = {"max_tokens": None, "max_completion_tokens": 99, "a": 1, "top_p": 0.5}
        with openai_server(owned_by=owned_by) as server:
            draw(server, n=1, sampling=sampling, extra_body=extra)
        asked = {"temperature": 0.5, "top_k": 5, name: 1.2, "stop": ["x"]}
        assert said(server.seen[0]) == neutral | asked | {"max_completion_tokens": 99, "a": 1, "top_p": 0.5}


def test_a_neutral_value_that_a_server_refuses_by_name_is_left_to_it_and_a_wish_is_not() -> None:
    def misbehave(body: JSON, number: int) -> Reply | None:
        refused = next((name for name in ("top_p", "presence_penalty") if name in body), None)
        return refused and Reply({"error": {"message": f"Unsupported parameter: '{refused}'."}}, 400)

    with openai_server(misbehave, owned_by=None) as server:
        with closing(sampler_of(server)) as sampler:
            left = sampler.start().detail["left_to_server"]
            assert set(drawn(samples(sampler, n=4, size=4))) == set(expected(4))
        assert left == ["top_p", "top_k", "min_p", "presence_penalty", "repetition_penalty"]
        assert "Unsupported parameter: 'top_p'" in start_error(server, sampling={"top_p": 0.9})


def test_of_two_servers_each_is_told_only_what_both_take_under_one_name() -> None:
    with (
        openai_server(owned_by="vllm") as one,
        openai_server(owned_by="llamacpp") as other,
        closing(sampler_of(one, other)) as sampler,
    ):
        assert sampler.start().detail["left_to_server"] == ["repetition_penalty"]
        samples(sampler, n=10, size=5)
    shared = {name: value for name, value in LLAMA_CPPS.items() if name != "repeat_penalty"}
    for body in (*one.seen, *other.seen):
        assert said(body) == {"temperature": 1.0, "max_tokens": 512} | shared


@pytest.mark.parametrize(
    ("chat", "endpoint", "template", "used"),
    [
        (True, "auto", "auto", "chat"),
        (True, "auto", False, "completions"),
        (True, "completions", "auto", "completions"),
        (False, "auto", "auto", "completions"),
    ],
)
def test_the_endpoint_follows_settings_and_server(
    chat: bool, endpoint: str, template: bool | str, used: str
) -> None:
    with openai_server(chat=chat) as server:
        sampler = sampler_of(server, model={"chat_template": template}, endpoint=endpoint)
        with closing(sampler):
            assert sampler.start().chat_template == (used == "chat")
            found = samples(sampler, n=2, size=2)
    assert drawn(found) == expected(2)
    assert all(("messages" in body) == (used == "chat") for body in server.seen)
    assert all(sample.cumulative_logprob is not None for sample in found)


def test_a_conversation_needs_the_chat_endpoint() -> None:
    problem = Problem(problem_id="p", messages=(Message("system", "s"), Message("user", "u")))
    request = SampleRequest(problem=problem, first_index=0, n=1, seed=0)
    with openai_server() as server:
        with closing(sampler_of(server)) as sampler:
            sampler.start()
            assert [s.completion for batch in sampler.sample([request]) for s in batch] == [text_of("u", 0)]
        assert server.seen[0]["messages"][0] == {"role": "system", "content": "s"}
        with closing(sampler_of(server, endpoint="completions")) as sampler:
            sampler.start()
            with pytest.raises(SamplerError, match=r"'p' is a conversation.*endpoint to chat"):
                list(sampler.sample([request]))


def test_requests_are_read_in_the_callers_thread_and_only_as_the_work_proceeds() -> None:
    asked = []

    def planned() -> Iterator[SampleRequest]:
        for request in requests(1000, 10):
            asked.append(threading.get_ident())
            yield request

    with openai_server() as server, closing(sampler_of(server)) as sampler:
        sampler.start()
        found = sampler.sample(planned())
        next(found)
        assert set(asked) == {threading.get_ident()}
        assert len(asked) <= 2 * 64  # of 600: at most twice what the limit can have grown to
        found.close()  # type: ignore[attr-defined]
        assert drawn(samples(sampler, n=3, size=3)) == expected(3)  # and the sampler goes on


def test_concurrency_stays_below_what_is_set() -> None:
    with openai_server(owned_by="llamacpp") as server:
        draw(server, n=40, sampling={"max_concurrent": 3})
    assert server.most_at_once <= 3


# ---- what servers do to single requests ---------------------------------------------------------------


def _of(reply: JSON, **changes: Any) -> Reply:
    return Reply(reply | changes)


GOOD: JSON = {"choices": [{"index": 0, "message": {"content": "x" * 3000}, "finish_reason": "stop"}]}
FAILURES = {
    "429": Reply({"error": "slow down"}, 429),
    "429 with Retry-After": Reply({"error": "slow down"}, 429, {"Retry-After": "0.01"}),
    "429 until a date": Reply({}, 429, {"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"}),
    "500": Reply(b"<html>oops", 500),
    "502": Reply(b"", 502),
    "503": Reply({}, 503),
    "529": Reply({}, 529),
    "408": Reply({}, 408),
    "truncated": Reply(GOOD, deed="truncate"),
    "JSON cut by the server itself": Reply(b'{"choices": [{"mess'),
    "no choices": Reply({"choices": []}),
    "another JSON": Reply([1, 2]),
    "null": Reply(None),
    "content of parts": Reply({"choices": [{"message": {"content": [1]}}]}),
    "an error inside a success": Reply({"error": {"message": "upstream", "code": 502}}),
    "aborted": Reply({"choices": [{"message": {"content": "par"}, "finish_reason": "abort"}]}),
    "garbage": Reply(b"\x00\xff\x1b[2J"),
    "dropped": Reply(deed="drop"),
    "never answers": Reply(deed="hang"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_what_fails_now_and_then_costs_no_sample_and_doubles_none(name: str) -> None:
    dice = random.Random(0)
    lock = threading.Lock()

    def misbehave(body: JSON, number: int) -> Reply | None:
        with lock:
            return FAILURES[name] if number >= 0 and dice.random() < 0.3 else None

    with openai_server(misbehave) as server:
        timeout_s = 0.2 if name == "never answers" else 20
        found = draw(server, n=24, size=4, timeout_s=timeout_s, max_retries=30)
    assert drawn(found) == expected(24)
    assert len(server.seen) > len(PROMPTS) * 6


@pytest.mark.parametrize("owned_by", ["vllm", None])
def test_missing_choices_are_asked_for_again(owned_by: str | None) -> None:
    dice = random.Random(1)

    def misbehave(body: JSON, number: int) -> Reply | None:
        if number < 0:
            return None
        reply = server.answer("/v1/chat/completions", body)
        keep = dice.randint(1, body.get("n", 1))
        reply.body["choices"] = dice.sample(reply.body["choices"], keep)  # out of order, with gaps
        return reply

    with openai_server(misbehave, owned_by=owned_by) as server:
        found = draw(server, n=40, size=16)
    assert set(drawn(found)) == set(expected(40))
    assert len(set(drawn(found).values())) == 240
    if owned_by == "vllm":
        assert drawn(found) == expected(40)


def test_one_short_answer_does_not_make_all_later_requests_small() -> None:
    def misbehave(body: JSON, number: int) -> Reply | None:
        if number != 3:
            return None
        reply = server.answer("/v1/chat/completions", body)
        del reply.body["choices"][1:]
        return reply

    with openai_server(misbehave) as server:
        found = draw(server, n=400, size=16)
    assert drawn(found) == expected(400)
    assert sorted(body["n"] for body in server.seen)[:2] == [15, 16]  # what was missing; all others as before


def test_a_server_that_ignores_n_is_asked_one_by_one() -> None:
    with openai_server(owned_by=None, honors_n=1) as server:
        found = draw(server, n=10, size=10, sampling={"n": 10})
    assert set(drawn(found)) == set(expected(10))
    assert all("n" not in body for body in server.seen)  # the first question told


@pytest.mark.parametrize("most", [1, 5])
def test_a_server_that_refuses_many_choices_is_asked_for_as_many_as_it_gives(most: int) -> None:
    def misbehave(body: JSON, number: int) -> Reply | None:
        return Reply({"error": f"n must be at most {most}"}, 400) if body.get("n", 1) > most else None

    with openai_server(misbehave, owned_by=None) as server:
        found = draw(server, n=20, size=20, sampling={"n": 20, "request_size": 20})
    assert set(drawn(found)) == set(expected(20))
    assert {body.get("n", 1) for body in server.seen} == {most}  # 20 was halved to 10 and to 5


@pytest.mark.parametrize(("owned_by", "tells"), [(None, True), ("vllm", False)])
def test_indices_that_say_nothing_matter_only_where_seeds_were_sent(
    owned_by: str | None, tells: bool
) -> None:
    def misbehave(body: JSON, number: int) -> Reply | None:
        reply = server.answer("/v1/chat/completions", body)
        for choice in reply.body["choices"]:
            choice["index"] = 0
        return reply

    with openai_server(misbehave, owned_by=owned_by) as server:
        if tells:
            assert len(set(drawn(draw(server, n=6, size=3)).values())) == 36
        else:
            with pytest.raises(SamplerError, match=r"the choices' indices are \[0, 0, 0\]"):
                draw(server, n=6, size=3, max_retries=0)


def test_more_choices_than_asked_for_are_left_out() -> None:
    def misbehave(body: JSON, number: int) -> Reply | None:
        return server.answer("/v1/chat/completions", body | {"n": body.get("n", 1) + 3})

    with openai_server(misbehave) as server:
        assert drawn(draw(server, n=6, size=3)) == expected(6)


def test_without_a_count_tokens_come_from_the_log_probabilities_or_the_length() -> None:
    with openai_server(counts=False) as server:
        for sample in draw(server, n=4, size=4):
            assert sample.completion_tokens == len(sample.completion)
            assert sample.prompt_tokens is None
        for sample in draw(server, n=4, size=4, sampling={"logprobs": False}):
            assert sample.completion_tokens == -(-len(sample.completion) // 4)


def test_a_total_is_shared_out_among_choices() -> None:
    with openai_server() as server:
        found = draw(server, n=16, size=16, sampling={"logprobs": False})
    for prompt in PROMPTS:
        texts = [sample for sample in found if sample.problem_id == prompt]
        assert sum(sample.completion_tokens for sample in texts) == sum(len(s.completion) for s in texts)


@pytest.mark.parametrize(
    ("message", "reason", "text"),
    [
        ({"content": "4", "reasoning": "2+2"}, "stop", "<think>\n2+2\n</think>\n\n4"),
        ({"content": "4", "reasoning_content": "2+2"}, "stop", "<think>\n2+2\n</think>\n\n4"),
        ({"content": None, "reasoning": "2+"}, "length", "<think>\n2+"),
        ({"content": None}, "stop", ""),
    ],
)
def test_a_reasoning_given_apart_is_kept(message: JSON, reason: str, text: str) -> None:
    reply = Reply(
        {"choices": [{"message": message, "finish_reason": reason}], "usage": {"completion_tokens": 9}}
    )
    with openai_server(lambda *_: reply) as server:
        first, *_ = draw(server, n=1)
        assert (first.completion, first.finish_reason, first.completion_tokens) == (text, reason, 9)
        assert draw(server, n=1, keep_reasoning=False)[0].completion == (message["content"] or "")


# ---- what cannot be had -------------------------------------------------------------------------------


def test_a_problem_beyond_the_context_is_named_after_all_others_were_drawn() -> None:
    def misbehave(body: JSON, number: int) -> Reply | None:
        too_long = body["messages"][0]["content"] in PROMPTS[:2]
        said = {"error": {"message": "This model's maximum context length is 32 tokens."}}
        return Reply(said, 400) if too_long else None

    found: list[Sample] = []
    with openai_server(misbehave) as server, closing(sampler_of(server)) as sampler:
        sampler.start()
        with pytest.raises(SamplerError) as raised:
            for batch in sampler.sample(requests(20, 10)):
                found += batch
    assert drawn(found) == {key: text for key, text in expected(20).items() if key[0] not in PROMPTS[:2]}
    for part in (
        "40 samples of 2 problems (12+7=, 345*6=)",
        "maximum context length is 32",
        "lower",
        "same command",
    ):
        assert part in str(raised.value)


def test_what_never_answers_is_given_up_alone() -> None:
    def misbehave(body: JSON, number: int) -> Reply | None:
        return Reply({}, 500) if body["messages"][0]["content"] == PROMPTS[0] else None

    found: list[Sample] = []
    with openai_server(misbehave) as server, closing(sampler_of(server, max_retries=2)) as sampler:
        sampler.start()
        with pytest.raises(
            SamplerError, match=r"20 samples of 1 problems.*no answer after 3 attempts.*status 500"
        ):
            for batch in sampler.sample(requests(20, 20)):
                found += batch
    assert len(drawn(found)) == 100
    assert sum(body["messages"][0]["content"] == PROMPTS[0] for body in server.seen) == 3


def test_a_server_that_breaks_for_good_ends_the_run_soon() -> None:
    with (
        openai_server(lambda _, number: Reply({}, 500) if number > 10 else None, owned_by="sglang") as server,
        pytest.raises(SamplerError, match=r"the last 16 requests all failed.*status 500.*same command"),
    ):
        draw(server, n=1000, max_retries=1)
    assert len(server.seen) < 1000  # of 6,000


@pytest.mark.parametrize(
    ("status", "words"), [(401, "401"), (404, "404"), (429, "no server has answered for")]
)
def test_a_server_that_turns_away_ends_the_run_with_all_that_is_finished(status: int, words: str) -> None:
    found: list[Sample] = []

    def misbehave(body: JSON, number: int) -> Reply | None:
        return Reply({"error": "no more"}, status) if number >= 20 else None

    with openai_server(misbehave) as server, closing(sampler_of(server, patience_s=0.1)) as sampler:
        sampler.start()
        with pytest.raises(SamplerError, match=rf"do not serve this run any more: .*{words}.*same command"):
            for batch in sampler.sample(requests(200, 10)):
                found += batch
    assert len(drawn(found)) == 20 * 10


def test_a_server_that_dies_ends_the_run_when_patience_does() -> None:
    with openai_server() as server:
        sampler = sampler_of(server, patience_s=0.1)
        sampler.start()
        found = sampler.sample(requests(1000, 1))
        next(found)
    with closing(sampler), pytest.raises(SamplerError, match="no server has answered for"):
        list(found)


def test_a_server_that_comes_back_goes_on() -> None:
    url = f"http://127.0.0.1:{(port := _free_port())}/v1"
    sampler = OpenAISampler(ModelSettings(path="m"), SamplingSettings(n=1), OpenAIOptions(base_url=url))
    got: list[Sample] = []
    with openai_server(port=port):
        sampler.start()
        found = sampler.sample(requests(50, 1))
        got += next(found)
    with openai_server(port=port) as second, closing(sampler):
        got += itertools.chain.from_iterable(found)
    assert drawn(got) == expected(50)
    assert second.seen


# ---- several servers ----------------------------------------------------------------------------------


def test_work_is_shared_and_a_dead_server_is_set_aside_and_tried_again() -> None:
    is_broken = True

    def misbehave(body: JSON, number: int) -> Reply | None:
        nonlocal is_broken
        is_broken = is_broken and number < 30
        return Reply(deed="drop") if is_broken and number >= 0 else None

    with openai_server(misbehave) as lame, openai_server() as sound:
        found = draw(lame, sound, n=400, size=2, max_retries=50)
    assert drawn(found) == expected(400)
    assert len(lame.seen) > 60
    assert len(sound.seen) > 100


def test_a_problems_requests_go_to_one_server_where_its_prompt_is_cached() -> None:
    prompts = [f"{number}+1=" for number in range(40)]
    with openai_server() as one, openai_server() as two:
        with closing(sampler_of(one, two, n_per_request=2)) as sampler:
            sampler.start()
            found = samples(sampler, n=16, size=4, prompts=prompts)
        asked = [[body["messages"][0]["content"] for body in server.seen] for server in (one, two)]
    assert len(drawn(found)) == 40 * 16
    homes = [max(contents.count(prompt) for contents in asked) for prompt in prompts]
    assert sum(homes) > 0.8 * 40 * 8  # of its 8 requests; the others went where less was under way
    assert min(map(len, asked)) > 0.1 * 40 * 8  # addresses decide whose home is where: no even split


def test_a_server_that_is_away_at_the_start_is_done_without() -> None:
    away = FakeServer(f"http://127.0.0.1:{_free_port()}/v1", None, lambda *_: None)
    with openai_server() as server, closing(sampler_of(away, server)) as sampler:
        assert sampler.start().detail["servers_away"] == 1
        assert drawn(samples(sampler, n=10, size=5)) == expected(10)


def test_servers_of_two_kinds_are_asked_as_the_weaker_one_allows() -> None:
    with openai_server(owned_by="vllm") as one, openai_server(owned_by="llamacpp") as other:
        found = draw(one, other, n=10, size=5)
    assert drawn(found) == expected(10)
    assert {"n" in body for body in [*one.seen, *other.seen]} == {False}


def test_two_servers_with_every_fault_at_once_still_give_every_sample_once() -> None:
    dice = random.Random(3)
    faults = [reply for name, reply in FAILURES.items() if name != "never answers"]

    def misbehave(body: JSON, number: int) -> Reply | None:
        if number < 0 or dice.random() < 0.6:
            return None
        if dice.random() < 0.3:
            short = servers[0].answer("/v1/chat/completions", body)
            short.body["choices"] = dice.sample(short.body["choices"], dice.randint(1, body.get("n", 1)))
            return short
        return dice.choice(faults)

    with openai_server(misbehave) as one, openai_server(misbehave) as two:
        servers = (one, two)
        found = draw(one, two, n=100, size=10, max_retries=100, patience_s=60)
    assert drawn(found) == expected(100)
    assert one.seen
    assert two.seen


# ---- at the start -------------------------------------------------------------------------------------


def start_error(server: FakeServer, **settings: Any) -> str:
    with closing(sampler_of(server, **settings)) as sampler, pytest.raises(SamplerError) as raised:
        sampler.start()
    return str(raised.value)


def test_nobody_listening_is_said_with_the_fix() -> None:
    url = f"http://127.0.0.1:{_free_port()}/v1"
    said = start_error(FakeServer(url, None, lambda *_: None))
    assert f"{url} cannot be reached" in said
    assert "Start the server" in said


def test_a_wrong_model_is_answered_with_those_that_are_served() -> None:
    for owned_by in ("vllm", "openai"):
        with openai_server(model="SmolLM2-135M", owned_by=owned_by) as server:
            said = start_error(server, model={"path": "SmolLM2-135m"})
        assert "does not serve 'SmolLM2-135m'. Did you mean 'SmolLM2-135M'? It serves: SmolLM2-135M." in said
    with openai_server(model="SmolLM2-135M", owned_by=None) as server:
        assert "knows no such path or model 'x'" in start_error(server, served_model="x")


def test_a_provider_may_serve_more_than_it_lists() -> None:
    with openai_server(owned_by="openai") as server:
        assert server.models is not None
        server.models[0]["id"] = "another"
        assert set(drawn(draw(server, n=2))) == set(expected(2))


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_said_without_the_key(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-very-secret")
    reply = Reply({"error": {"message": "bad key sk-very-secret"}}, status)
    with openai_server(lambda *_: reply) as server:
        said = start_error(server, api_key_env="MY_KEY")
        assert {headers.get("Authorization") for headers in server.headers} == {"Bearer sk-very-secret"}
        assert "Check the key in $MY_KEY" in said
        assert "bad key [key]" in said
        assert "secret" not in said
        assert "api_key_env" in start_error(server)


def test_a_key_shows_in_no_error_traceback_or_description(monkeypatch: pytest.MonkeyPatch) -> None:
    import traceback

    monkeypatch.setenv("MY_KEY", "sk-very-secret")
    with openai_server() as server:
        sampler = sampler_of(server, api_key_env="MY_KEY", patience_s=0.05)
        info = sampler.start()
        found = sampler.sample(requests(100, 1))
        next(found)
    with closing(sampler), pytest.raises(SamplerError) as raised:
        list(found)
    shown = traceback.TracebackException.from_exception(raised.value, capture_locals=True)
    ours = [frame for frame in shown.stack if "/ttscale/" in frame.filename]
    assert len(ours) > 0
    assert "secret" not in str([frame.locals for frame in ours])
    assert "secret" not in f"{info}{vars(sampler)}{sampler.Options.model_validate({'api_key_env': 'MY_KEY'})}"


def test_a_missing_key_is_said_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    with openai_server() as server:
        assert "'MY_KEY' (engine_options.api_key_env) is not set" in start_error(server, api_key_env="MY_KEY")
        assert server.headers == []


def test_without_aiohttp_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    sampler = OpenAISampler(ModelSettings(path="m"), SamplingSettings(n=1), OpenAIOptions())
    with pytest.raises(MissingExtraError, match=r"Sampler 'openai' needs the 'openai' extra: pip install"):
        sampler.start()
    sampler.close()


def test_what_a_server_can_do_without_is_given_up_in_silence_or_not() -> None:
    def misbehave(body: JSON, number: int) -> Reply | None:
        if "max_tokens" in body:
            return Reply({"error": "Use 'max_completion_tokens' instead of 'max_tokens'."}, 400)
        return Reply({"error": {"message": "logprobs is not supported"}}, 400) if "logprobs" in body else None

    with openai_server(misbehave, owned_by=None) as server:
        found = draw(server, n=4, size=4)
        assert set(drawn(found)) == set(expected(4))
        assert {sample.cumulative_logprob for sample in found} == {None}
        said = start_error(server, sampling={"token_logprobs": True})
        assert "serves no log-probabilities (status 400: logprobs is not supported)" in said
        said = start_error(server, sampling={"top_logprobs": 5})
        assert "does not serve the log-probabilities of the 5 most probable tokens (status 400" in said


def test_settings_that_the_server_refuses_are_said_at_the_start() -> None:
    def misbehave(body: JSON, number: int) -> Reply | None:
        return Reply({"error": {"message": "Unknown parameter: 'top_k'"}}, 400) if "top_k" in body else None

    with openai_server(misbehave) as server:
        said = start_error(server, sampling={"top_k": 5})
    assert "refuses a request with this run's settings (status 400: Unknown parameter: 'top_k')" in said


def test_a_server_that_moved_is_said_with_its_new_place() -> None:
    moved = Reply({}, 308, {"Location": "https://elsewhere.example/v1"})
    with openai_server(lambda *_: moved, owned_by=None) as server:
        said = start_error(server)
    assert "not where the server is (status 308: it moved to https://elsewhere.example/v1)" in said


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = {"http://model.invalid/v1/models": {"data": [{"id": "m", "owned_by": "vllm"}]}}
    with openai_server(pages=pages) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/v1"))
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        behind = FakeServer("http://model.invalid/v1", None, lambda *_: None)
        assert drawn(draw(behind, n=3)) == expected(3)
        assert len(proxy.seen) == len(PROMPTS)


def test_more_tokens_than_the_context_are_refused_at_the_start() -> None:
    with openai_server() as server:
        assert server.models is not None
        server.models[0]["max_model_len"] = 512
        assert "max_tokens is 512" in start_error(server)


def test_a_server_that_is_busy_at_the_start_is_waited_for() -> None:
    replies, looks = iter([Reply({}, 503)] * 3), iter([Reply({"error": "Loading model"}, 503)] * 3)
    with openai_server(lambda *_: next(replies, None), busy=lambda: next(looks, None)) as server:
        assert drawn(draw(server, n=2)) == expected(2)


def test_a_first_question_is_short_whatever_the_run_asks_for() -> None:
    first: list[JSON] = []

    def misbehave(body: JSON, number: int) -> Reply | None:
        return first.append(body) if number < 0 else None

    with openai_server(misbehave) as server:
        draw(server, n=1, extra_body={"max_tokens": None, "max_completion_tokens": 9999})
    assert first[0]["max_completion_tokens"] == 16


@pytest.mark.parametrize(
    ("tokens", "template", "chat"),
    [([1, 2, 3], "auto", False), ([5], "auto", True), ([1, 2, 3], True, True), ([5], False, False)],
)
def test_a_chat_template_that_llama_cpp_made_up_is_not_used(
    tokens: list[int], template: bool | str, chat: bool
) -> None:
    """Its ChatML stands in for a missing template; a model that was trained on ChatML has a token for its words."""

    def misbehave(body: JSON, number: int) -> Reply | None:
        return Reply({"tokens": tokens}) if body.get("content") == "<|im_start|>" else None

    pages = {"/props": {"chat_template": "{{- '<|im_start|>' + message.role }}", "build_info": "b7777-abc"}}
    with (
        openai_server(misbehave, owned_by="llamacpp", pages=pages) as server,
        closing(sampler_of(server, model={"chat_template": template})) as sampler,
    ):
        info = sampler.start()
    assert (info.chat_template, info.version) == (chat, "b7777-abc")


def test_sglang_draws_again_from_a_seed_in_its_deterministic_mode_alone() -> None:
    for mode in (True, False):
        pages = {"/get_server_info": {"enable_deterministic_inference": mode}, "/version": {"version": "1.2"}}
        with openai_server(owned_by="sglang", pages=pages) as server, closing(sampler_of(server)) as sampler:
            info = sampler.start()
        assert (info.per_sample_seeds, info.version, info.detail["servers"]) == (mode, "1.2", ["sglang"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": {"dtype": "float32"}}, "the server decides that"),
        ({"model": {"revision": "main"}}, "the server decides that"),
        ({"model": {"lora": "adapter"}}, "the server decides that.*served_model"),
        ({"model": {"engine_options": {"max_model_len": 5}}}, "no option 'max_model_len'.*extra_body"),
    ],
)
def test_settings_that_a_server_cannot_have_are_refused(settings: JSON, message: str) -> None:
    with (
        openai_server() as server,
        closing(sampler_of(server, **settings)) as sampler,
        pytest.raises(SamplerError, match=message),
    ):
        sampler.start()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base_url": "localhost:8000"}, "should be a URL"),
        ({"base_url": "http://me:key@host/v1"}, "api_key_env"),
        ({"base_url": "http://a/v1", "base_urls": ["http://b/v1"]}, "not both"),
        ({"base_urls": ["http://a/v1", "http://a/v1"]}, "twice"),
        ({"extra_body": {"n": 3}}, "n_per_request"),
        ({"n_per_request": 0}, "1 or more"),
    ],
)
def test_wrong_options_are_refused(options: JSON, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OpenAIOptions(**options)


# ---- what it cost -------------------------------------------------------------------------------------


def test_usage_and_cost_are_added_up() -> None:
    price = {"prompt_usd_per_million": 2.0, "completion_usd_per_million": 8.0, "cached_usd_per_million": 0.5}
    with openai_server() as server, closing(sampler_of(server, price=price)) as sampler:
        sampler.start()
        found = samples(sampler, n=20, size=10)
        usage = sampler.usage
    prompt = sum(2 * len(text) for text in PROMPTS)
    cached = sum(2 * (len(text) // 2) for text in PROMPTS)
    completion = sum(len(sample.completion) for sample in found)
    assert (usage.requests, usage.prompt_tokens, usage.cached_tokens) == (12, prompt, cached)
    assert usage.completion_tokens == completion
    assert usage.usd == pytest.approx(1e-6 * (2 * (prompt - cached) + 0.5 * cached + 8 * completion))


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def test_a_problem_that_cannot_be_read_stops_no_other() -> None:
    def misbehave(body: JSON, number: int) -> Reply | None:
        unreadable = {"choices": [{"index": 0, "message": {"content": 7}, "finish_reason": "stop"}]}
        return Reply(unreadable) if body["messages"][0]["content"] == PROMPTS[0] else None

    found: list[Sample] = []
    with (
        openai_server(misbehave, owned_by="sglang") as server,
        closing(sampler_of(server, max_retries=0)) as sampler,
    ):
        sampler.start()
        with pytest.raises(SamplerError, match=r"40 samples of 1 problems.*a text is int"):
            for batch in sampler.sample(requests(40, 1)):
                found += batch
    assert {sample.problem_id for sample in found} == set(PROMPTS[1:])
    assert len(found) == 40 * (len(PROMPTS) - 1)


def test_a_server_that_asks_to_wait_for_years_is_not_waited_for_beyond_patience(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def misbehave(body: JSON, number: int) -> Reply | None:
        return Reply({"error": "slow down"}, 429, {"Retry-After": "1000000000"})

    with openai_server(misbehave) as server, closing(sampler_of(server, patience_s=0.2)) as sampler:
        sampler.start()
        with pytest.raises(SamplerError, match=r"no server has answered for.*Retry-After: 1000000000"):
            list(sampler.sample(requests(4, 4)))
    assert "asks to be left alone for long" in caplog.text
    assert "of which 600 s are heeded" in caplog.text
